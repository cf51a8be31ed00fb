"""Turns the steps of a process by itself, until it is stopped.

On SQLite one thread turns everything in turn; on PostgreSQL each step has a thread, and many processes may run the same
service. Tests and tools call `drain()` in their own thread instead.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import sqlalchemy as sa
import structlog

from events.log import EventLog
from services import jobs
from services.apart import Children
from services.clock import Clock
from services.committer import Committer
from services.db import Databases
from services.service import Service
from services.steps import Steps
from services.whole import Unproven, require_whole

log = structlog.get_logger(__name__)

#: Seconds until what failed is tried again and others' events are looked for; and until any other step looks by itself
#: whether there is work, since what arises in this process wakes it at once.
POLL, LOOK = 1.0, 2.0
#: New containers before the collector of cycles looks, and how many looks before it looks further back.
PACE = (50_000, 20, 100)
#: A running job's lease is renewed so often that three renewals may fail before it is lost.
RENEW = jobs.LEASE / 4


def long_lived() -> None:
    """Tell the collector of cycles that the process has been built and goes to work.

    What there is now lives as long as the process. What a batch makes is freed by its counts of references; at
    Python's own pace the collector would look at it several hundred times, for a fifteenth of the batch's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*PACE)


class Runtime(Steps):
    """The steps with their threads."""

    def __init__(
        self, databases: Databases, services: Sequence[Service], event_log: EventLog, clock: Clock, committer: Committer
    ):
        super().__init__(databases, services, event_log, clock, committer)
        #: The process has been told to end, and still answers.
        self.leaving = False
        self.stopping = threading.Event()
        self._stopped = threading.Event()
        self._committing: threading.Thread | None = None
        self._threads: list[threading.Thread] = []
        self._wakes: dict[str, list[threading.Event]] = defaultdict(list)
        self._children = Children()
        committer.committed = lambda: self._wake("relay", "work")

    def start(self) -> None:
        """Turn by itself until `stop`: one thread on SQLite, which has one writer, else one a step; and the workers.

        Raises NotReconciled where the log holds more than a database that was restored. A log that is away keeps nobody
        from working; until it has told, nothing is sent to it.
        """
        self.unproven = not self._whole()
        self.committer.threaded = True
        if self.unproven:
            self._thread("whole", self._ask_the_log)
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

    def _whole(self) -> bool:
        """Whether the log has told that it holds nothing more; raises NotReconciled when it does."""
        try:
            require_whole(self.databases, self.services)
        except Unproven as error:
            log.warning("nobody can tell yet whether the log holds more than the database", error=str(error))
            return False
        return True

    def _ask_the_log(self) -> None:
        while not self.stopping.wait(POLL) and self.unproven:
            self.unproven = not self._whole()

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
                self.committer.wait(LOOK)
        self._commit()

    def _commit(self) -> None:
        """Goes on until all others have ended, so that what they were doing is not lost."""
        while not self._stopped.is_set():
            if not self.committer.step():
                self.committer.wait(LOOK)

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
                    wake.wait(LOOK)
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
        pause = POLL if step == self.read else LOOK  # what others send wakes nobody here

        def run() -> None:
            while not self.stopping.is_set():
                wake.clear()
                began = time.monotonic()
                if not self._patiently(lambda: step(service)):
                    # What has waited by itself, as a reader of Kafka does, need not wait again.
                    wake.wait(max(0.0, pause - (time.monotonic() - began)))

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
