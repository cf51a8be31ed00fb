"""The crank of a process: relay, read, fire, retry, work. Every mode turns the same steps.

Tests and tools call `drain()` in their own thread. On SQLite one thread turns everything in turn; on PostgreSQL each
step has a thread, and many processes may run the same service.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from events import inbox, outbox
from events.log import EventLog, LogCut, Place, Position, Reader
from services import clock as clocks
from services import jobs, timers
from services.apart import Apart, Children, here
from services.batch import Batch
from services.clock import Clock
from services.committer import BATCH, Committer
from services.db import Databases
from services.incoming import ConsumerStopped
from services.service import Firing, Retry, Service

log = structlog.get_logger(__name__)

POLL = 1.0
#: A quiet topic says this often that it is complete, so that its readers can tell quiet from dead.
BEAT = timedelta(seconds=20)
#: A running job's lease is renewed so often that three renewals may fail before it is lost.
RENEW = jobs.LEASE / 4


class Runtime:
    """The steps of some services on one committer."""

    def __init__(
        self, databases: Databases, services: Sequence[Service], event_log: EventLog, clock: Clock, committer: Committer
    ):
        self.databases, self.services, self.event_log = databases, list(services), event_log
        self.clock, self.committer = clock, committer
        self.stopped: dict[str, str] = {}
        self.stopping = threading.Event()
        self._stopped = threading.Event()
        self._crank: threading.Thread | None = None
        self._committing: threading.Thread | None = None
        self._readers: dict[str, Reader] = {}
        self._beaten: dict[str, datetime] = {}
        self._proven: dict[str, datetime] = {}
        self._threads: list[threading.Thread] = []
        self._wakes: dict[str, list[threading.Event]] = defaultdict(list)
        self._running: set[jobs.Job] = set()
        self._children = Children()
        self.apart: Apart = here
        committer.committed = lambda: self._wake("relay", "work")

    # -- one turn ----------------------------------------------------------------------------------------------------

    def tick(self) -> int:
        """Every step of every service once; returns how much was done."""
        return self._turn(self.relay, self.read, self.fire, self.retry, self.work)

    def _turn(self, *steps: Callable[[Service], int]) -> int:
        done = 0
        for step in steps:
            for service in self.services:
                done += step(service)
                if self.committer.threaded:
                    done += self.committer.step()
        return done

    def drain(self, turns: int = 10_000) -> int:
        """Turn until nothing is left to do; returns how much was done. Raises RuntimeError when it never ends."""
        total = 0
        for _ in range(turns):
            done = self.tick()
            total += done
            if not done and not any(map(self._behind, self.services)):
                return total
        raise RuntimeError(f"still busy after {turns} turns")

    def relay(self, service: Service) -> int:
        """Hand one batch of recorded events to the log, or, when there is none, now and then a watermark."""
        with self.committer.noting(service.name), self.databases.writer(service.name).begin() as conn:
            done = outbox.relay(conn, service.outbox, self.event_log, BATCH) or self._beat(service, conn)
            proof = self._prove(service, conn, done)
        if proof:
            self._proven[service.name] = proof
            self.committer.failing.pop(service.name, None)
        if done:
            self._wake("read")
        return done

    def _prove(self, service: Service, conn: Connection, done: int) -> datetime | None:
        """Write something all the same when nothing was written for a while: only so it shows that a disk is full."""
        at, name = self.clock.read(conn).wall, service.name
        if done:
            return at
        if name in self.committer.failing or at - self._proven.get(name, at - BEAT) >= BEAT:
            clocks.touch(conn)
            return at
        return None

    def _beat(self, service: Service, conn: Connection) -> int:
        if not service.beats:
            return 0
        at = self.clock.read(conn).wall
        due = [t for t in service.beats if at - self._beaten.get(t, at - BEAT) >= BEAT]
        complete = [t for t in due if outbox.idle(conn, service.outbox, t)]
        beaten = [t for t in complete if self.event_log.beat(conn, service.name, t, at)]
        self._beaten |= dict.fromkeys(beaten, at)
        return len(beaten)

    def read(self, service: Service) -> int:
        """Apply the next records of the log. A consumer whose log was cut or that parks too much stops and says so."""
        if not service.topics or service.name in self.stopped:
            return 0
        reader = self._reader(service)
        try:
            records = reader.read(BATCH)
            self._offer(service.name, Batch(records=records))
        except (LogCut, ConsumerStopped) as error:
            self.stopped[service.name] = f"{type(error).__doc__}: {error}"
            log.critical("consumer stopped", service=service.name, error=str(error))
            return 0
        except Exception:
            reader.rewind()
            raise
        if records:
            self._wake("retry")
        return len(records)

    def fire(self, service: Service) -> int:
        """Fire due timers."""
        with self.databases.reader(service.name).connect() as conn:
            if not service.timers or not self.clock.timers_may_fire(conn, self.databases.writer(service.name)):
                return 0
            due = timers.due(conn, service.timer, self.clock.read(conn).now, BATCH)
        if not due:
            return 0
        firings = [Firing(subject, name, arming, at) for subject, name, arming, at in due]
        self._offer(service.name, Batch(firings=firings))
        return len(firings)

    def retry(self, service: Service) -> int:
        """Try again what waits."""
        if not service.topics:
            return 0
        with self.databases.reader(service.name).connect() as conn:
            subjects = inbox.due(conn, service.inbox, self.clock.read(conn).wall, BATCH)
        self._offer(service.name, Batch(due=subjects))
        return len(subjects)

    def work(self, service: Service) -> int:
        """Lease one due job, run it outside any transaction, hand its result to the committer."""
        leased = self._lease(service)
        for job in leased:
            self._run_job(service, job)
        return len(leased)

    def _lease(self, service: Service) -> list[jobs.Job]:
        if not service.jobs:
            return []
        with self.databases.writer(service.name).begin() as conn:
            moment = self.clock.read(conn)
            return jobs.lease(conn, service.job, service.name, moment.now, moment.wall, 1)

    def renew(self) -> int:
        """Keep the leases of the jobs that run here: however long one takes, nobody else begins it as well."""
        running = list(self._running)
        for job in running:
            with self.databases.writer(job.service).begin() as conn:
                table = self.committer.services[job.service].job
                jobs.renew(conn, table, job, self.clock.read(conn).wall)
        return len(running)

    def _run_job(self, service: Service, job: jobs.Job) -> None:
        self._running.add(job)
        read = jobs.Read(self.databases.reader(service.name).connect, self.databases.config, self.apart)
        try:
            result = service.jobs[job.kind](job, read)
        except Exception as error:
            after = error.after if isinstance(error, Retry) else None
            log.warning("job failed", service=service.name, kind=job.kind, key=job.key, error=repr(error))
            with self.databases.writer(service.name).begin() as conn:
                jobs.fail(conn, service.job, job, repr(error), self.clock.read(conn).wall, after)
        else:
            self._offer(service.name, Batch(results=[(job, result)]))
        finally:
            self._running.discard(job)

    def _offer(self, service: str, batch: Batch) -> None:
        """Commit background work: on the crank's own thread at once, from any other when its turn comes."""
        if not len(batch):
            return
        if threading.current_thread() is self._crank:
            self.committer.run(self.committer.services[service], batch)
        else:
            self.committer.offer(service, batch)

    def _reader(self, service: Service) -> Reader:
        if service.name not in self._readers:
            engine, box = self.databases.reader(service.name), service.inbox

            def positions() -> dict[Place, Position]:
                with engine.connect() as conn:
                    return inbox.positions(conn, box)

            self._readers[service.name] = self.event_log.reader(service.name, service.topics, positions)
        return self._readers[service.name]

    # -- threads -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Turn by itself until `stop`: one thread on SQLite, which has one writer, else one a step; and the workers."""
        self.committer.threaded = True
        self.apart = self._children
        for service in self.services:
            if service.jobs:
                self._employ(service)
        self._thread("renew", self._renew_on)
        if self._single_writer():
            self._committing = self._thread("crank", self._turn_on)
            return
        self._committing = self._thread("committer", self._commit)
        for service in self.services:
            for step in (self.relay, self.read, self.fire, self.retry):
                if step == self.relay or self._has(service, step):
                    self._thread(f"{service.name}-{step.__name__}", self._loop(step, service))

    def _single_writer(self) -> bool:
        return all(self.databases.config.url(s.name).startswith("sqlite") for s in self.services)

    def _has(self, service: Service, step: Callable[[Service], int]) -> bool:
        needs = {"read": service.topics, "retry": service.topics, "fire": service.timers}
        return bool(needs[step.__name__])

    def _thread(self, name: str, body: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._guarded, args=(name, body), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _guarded(self, name: str, body: Callable[[], None]) -> None:
        """A dead step must not leave a half-alive process: nobody waits for it, and the supervisor starts it anew."""
        try:
            body()
        except BaseException as error:
            if self._stopped.is_set():
                return  # what did not end in time is let go of
            log.critical("thread died", thread=name, error=repr(error), exc_info=True)
            self.committer.fail_all(RuntimeError("the committer died; the outcome of this command is unknown"))
            os._exit(70)

    def _turn_on(self) -> None:
        self._crank = threading.current_thread()
        while not self.stopping.is_set():
            if not self._patiently(lambda: self._turn(self.relay, self.read, self.fire, self.retry)):
                self.committer.wait(POLL)
        self._commit()

    def _commit(self) -> None:
        """Goes on until all others have ended, so that what they were doing is not lost."""
        while not self._stopped.is_set():
            if not self.committer.step():
                self.committer.wait(POLL)

    def _employ(self, service: Service) -> None:
        """The workers of a service, one job each: a slow one holds up no other. One at a time looks for work."""
        looking, wake = threading.Lock(), threading.Event()
        self._wakes["work"].append(wake)

        def work() -> int:
            with looking:
                if self.stopping.is_set():
                    return 0
                wake.clear()
                leased = self._lease(service)
                if not leased:
                    wake.wait(POLL)
            for job in leased:
                self._run_job(service, job)
            return len(leased)

        def body() -> None:
            while not self.stopping.is_set():
                self._patiently(work)

        for n in range(service.workers):
            self._thread(f"{service.name}-worker-{n}", body)

    def _renew_on(self) -> None:
        while not self.stopping.wait(RENEW.total_seconds()):
            self._patiently(self.renew)

    def _loop(self, step: Callable[[Service], int], service: Service) -> Callable[[], None]:
        wake = threading.Event()
        self._wakes[step.__name__].append(wake)

        def run() -> None:
            while not self.stopping.is_set():
                wake.clear()
                began = time.monotonic()
                if not self._patiently(lambda: step(service)):
                    # What has waited by itself, as a reader of Kafka does, need not wait again.
                    wake.wait(max(0.0, POLL - (time.monotonic() - began)))

        return run

    def _patiently(self, step: Callable[[], int]) -> int:
        """A database or broker that is away is waited for, not died of."""
        try:
            return step()
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError, OSError) as error:
            if self.stopping.is_set():
                return 0
            log.warning("the world is slow", error=str(error)[:300])
            self.stopping.wait(POLL)
            return 0

    def _wake(self, *steps: str) -> None:
        """There may be work for these steps; the others look by themselves every second."""
        for step in steps:
            for wake in self._wakes[step]:
                wake.set()

    def stop(self, timeout: float = 10.0) -> None:
        """Finish the running step and let go of everything."""
        deadline = time.monotonic() + timeout
        self._children.close()
        others = [t for t in self._threads if t is not self._committing]
        for flag, threads in ((self.stopping, others), (self._stopped, self._threads)):
            flag.set()
            self._wake(*self._wakes)
            with self.committer.arrived:
                self.committer.arrived.notify_all()
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        for reader in self._readers.values():
            reader.close()
        self.committer.close()
        self.event_log.close()
        self.databases.close()

    def _behind(self, service: Service) -> bool:
        """Whether records are on their way: a reader of Kafka may come back empty-handed before they arrive."""
        if not service.topics or service.name in self.stopped:
            return False
        with self.databases.reader(service.name).connect() as conn:
            return any(self.lag(service, conn).values())

    def lag(self, service: Service, conn: Connection) -> dict[str, int]:
        """How many events of each topic this consumer has not applied yet, where the log can tell."""
        positions = inbox.positions(conn, service.inbox)
        return {
            topic: sum(end - positions.get((topic, part), Position()).offset for part, end in ends.items())
            for topic in service.topics
            if (ends := self.event_log.ends(topic))
        }
