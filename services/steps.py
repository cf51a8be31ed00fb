"""The steps of a process: relay, read, fire, retry, work. Every mode turns the same; `runtime` turns them by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection

from events import inbox, outbox
from events.log import EventLog, LogCut, Place, Position, Reader
from services import clock as clocks
from services import jobs, timers
from services.apart import Apart, here
from services.batch import Batch
from services.clock import Clock
from services.committer import BATCH, Committer
from services.db import Databases
from services.incoming import ConsumerStopped
from services.service import Firing, Retry, Service

log = structlog.get_logger(__name__)

#: A quiet topic says this often that it is complete, so that its readers can tell quiet from dead.
BEAT = timedelta(seconds=20)


class Steps:
    """The steps of some services on one committer, each of which does what there is to do once."""

    #: The log could not be asked yet whether it holds more than the database.
    unproven = False

    def __init__(
        self, databases: Databases, services: Sequence[Service], event_log: EventLog, clock: Clock, committer: Committer
    ):
        self.databases, self.services, self.event_log = databases, list(services), event_log
        self.clock, self.committer = clock, committer
        self.stopped: dict[str, str] = {}
        self.apart: Apart = here
        self._crank: threading.Thread | None = None
        self._readers: dict[str, Reader] = {}
        self._beaten: dict[str, datetime] = {}
        self._proven: dict[str, datetime] = {}
        self._running: set[jobs.Job] = set()

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
            done = 0 if self.unproven else self._send(service, conn)
            proof = self._prove(service, conn, done)
        if proof:
            self._proven[service.name] = proof
            self.committer.failing.pop(service.name, None)
        if done:
            self._wake("read")
        return done

    def _send(self, service: Service, conn: Connection) -> int:
        return outbox.relay(conn, service.outbox, self.event_log, BATCH) or self._beat(service, conn)

    def _prove(self, service: Service, conn: Connection, done: int) -> datetime | None:
        """Write something all the same when nothing was written for a while: only so it shows that a disk is full."""
        at, name = self.clock.read(conn).wall, service.name
        if done:
            return at
        if name in self.committer.failing or abs(at - self._proven.get(name, at - BEAT)) >= BEAT:
            clocks.touch(conn)
            return at
        return None

    def _beat(self, service: Service, conn: Connection) -> int:
        if not service.beats:
            return 0
        at = self.clock.read(conn).wall
        # A clock that was put back must not silence it until the time comes again.
        due = [t for t in service.beats if abs(at - self._beaten.get(t, at - BEAT)) >= BEAT]
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
            records = reader.read(self.committer.portion())
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

    def _wake(self, *steps: str) -> None:
        """There may be work for these steps; the others look by themselves every other second."""
