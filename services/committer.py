"""All writing of a process, on one thread: what is queued is decided and committed together (group commit).

Two lanes. The interactive one holds commands whose senders wait; it is bounded, and full means 429. The background lane
holds consumed events, timers and job results; their readers simply wait their turn. There is no timer: a batch is what
is there.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from events.log import EventLog, LogCut
from services.batch import Batch, Reused, apply
from services.clock import Clock
from services.db import Databases
from services.incoming import ConsumerStopped
from services.service import Answer, Command, Retry, Service

log = structlog.get_logger(__name__)

BATCH = 500
CAPACITY = 1024
ATTEMPTS = 5
#: So many events are taken at once while people wait for commands between them, for so many seconds after the last.
SHARED, AFTER = 50, 1.0
#: Seconds that a batch waits at most for the next commands of those who were just answered.
GATHER = 0.002

Answers = dict[str, Answer | Exception]


class Busy(Exception):
    """The server takes no more requests for the moment"""


class OutcomeUnknown(Exception):
    """The command was not answered in time; send it again with the same key to learn its outcome"""


class Waiter:
    """A command and its sender, who sleeps on a lock of its own: a Future would cost both more, while others wait."""

    __slots__ = ("_answered", "answer", "command", "service")

    def __init__(self, service: str, command: Command):
        self.service, self.command = service, command
        self.answer: Answer | Exception = OutcomeUnknown("not answered yet")
        self._answered = threading.Lock()
        self._answered.acquire()

    def give(self, answer: Answer | Exception) -> None:
        """Wake the sender. Once only."""
        self.answer = answer
        self._answered.release()

    def wait(self, timeout: float) -> Answer:
        """The answer; raises it if it is an exception, and OutcomeUnknown when there is none in time."""
        if not self._answered.acquire(timeout=timeout):
            raise OutcomeUnknown(f"no answer within {timeout:g} s")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Committer:
    """Runs batches. Without `start`, `submit` runs its command in the caller's thread (tests, tools)."""

    def __init__(self, databases: Databases, services: Mapping[str, Service], event_log: EventLog, clock: Clock):
        self.databases, self.services, self.event_log, self.clock = databases, services, event_log, clock
        self.committed: Callable[[], None] = lambda: None
        self.arrived = threading.Condition()
        self.threaded = False
        self._interactive: deque[Waiter] = deque()
        self._background: deque[tuple[str, Batch, Future[Answers]]] = deque()
        self._connections: dict[str, Connection] = {}
        self._running = threading.RLock()
        #: Service -> since when (wall time) and why nothing can be written for it; ended by the relay's next write.
        self.failing: dict[str, str] = {}
        self._expected = self._awaited = 0
        self._commanded = -AFTER

    def submit(self, service: str, command: Command, timeout: float = 10.0) -> Answer:
        """Commit a command and return its answer; raises what its handler raised, Busy or OutcomeUnknown."""
        if not self.threaded:
            answer = self.run(self.services[service], Batch(commands=[command]))[command.id]
            if isinstance(answer, Exception):
                raise answer
            return answer
        waiter = Waiter(service, command)
        with self.arrived:
            if len(self._interactive) >= CAPACITY:
                raise Busy(f"{CAPACITY} commands are waiting")
            self._interactive.append(waiter)
            if len(self._interactive) >= self._awaited:
                self.arrived.notify()
        return waiter.wait(timeout)

    def offer(self, service: str, batch: Batch) -> Answers:
        """Commit background work; waits for it. Raises when nothing of it was committed."""
        if not self.threaded:
            return self.run(self.services[service], batch)
        future: Future[Answers] = Future()
        with self.arrived:
            self._background.append((service, batch, future))
            self.arrived.notify()
        return future.result()

    def step(self) -> int:
        """Commit what is queued: waiting commands first, then one background batch. Returns the number of items."""
        with self.arrived:
            self._gather()
            taken = [self._interactive.popleft() for _ in range(min(BATCH, len(self._interactive)))]
            behind = self._background.popleft() if self._background else None
        waiting: dict[str, list[Waiter]] = {}
        for waiter in taken:
            waiting.setdefault(waiter.service, []).append(waiter)
        for name, waiters in waiting.items():
            self._answer(name, waiters)
        if behind is not None:
            name, batch, result = behind
            try:
                result.set_result(self.run(self.services[name], batch))
            except Exception as error:
                result.set_exception(error)
        if taken:
            self._expected = len(taken) + len(self._interactive)
            self._commanded = time.monotonic()
        return len(taken) + (len(behind[1]) if behind else 0)

    def portion(self) -> int:
        """How many events a batch may have: who gives a command waits for the batch before it."""
        return SHARED if time.monotonic() - self._commanded < AFTER else BATCH

    def _gather(self) -> None:
        """Let those come back who were answered at the last step, if others wait already."""
        self._awaited = min(self._expected, BATCH)
        if self._interactive and not self._background:
            self.arrived.wait_for(lambda: len(self._interactive) >= self._awaited, GATHER)
        self._awaited = 0

    def _answer(self, name: str, waiters: list[Waiter]) -> None:
        """One batch for the commands that wait; two of the same id share the first one's answer if alike."""
        commands = {waiter.command.id: waiter.command for waiter in reversed(waiters)}
        try:
            answers = self.run(self.services[name], Batch(commands=list(reversed(commands.values()))))
        except Exception as error:
            log.exception("batch failed", service=name)
            answers = dict.fromkeys(commands, error)
        for waiter in waiters:
            command = waiter.command
            alike = command.fingerprint == commands[command.id].fingerprint
            waiter.give(answers[command.id] if alike else Reused(f"command {command.id}"))

    def fail_all(self, error: Exception) -> None:
        """The thread is dying: nobody is left waiting."""
        with self.arrived:
            for waiter in self._interactive:
                waiter.give(error)
            for _, _, result in self._background:
                result.set_exception(error)
            self._interactive.clear()
            self._background.clear()

    def run(self, service: Service, batch: Batch) -> Answers:
        """Commit a batch, again where the world was slow, item by item where one of them is bad.

        Raises LogCut and ConsumerStopped, and a database error when the database stays away; then nothing was lost.
        """
        if not len(batch):
            return {}
        failure: Exception | None = None
        for attempt in range(ATTEMPTS if len(batch) == 1 else 2):
            try:
                return self._commit(service, batch, None)
            except (LogCut, ConsumerStopped):
                raise
            except (
                sa.exc.OperationalError,
                sa.exc.InterfaceError,
                sa.exc.InternalError,
                sa.exc.IntegrityError,
                Retry,
            ) as error:
                failure = error
                log.warning(
                    "batch retried", service=service.name, size=len(batch), attempt=attempt, error=str(error)[:300]
                )
                threading.Event().wait(0.02 * 2**attempt)
            except Exception as error:
                failure = error
                break
        assert failure is not None
        if len(batch) > 1:
            answers: Answers = {}
            for single in batch.alone():
                answers |= self.run(service, single)
            return answers
        if isinstance(failure, (sa.exc.OperationalError, sa.exc.InterfaceError)):
            with self.noting(service.name):
                raise failure
        return self._commit(service, batch, failure)

    @contextmanager
    def noting(self, service: str) -> Iterator[None]:
        """Remember that the database of a service refuses what is written."""
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError) as error:
            self.failing.setdefault(service, f"nothing can be written since {datetime.now(UTC):%FT%TZ}: {error.orig}")
            raise

    def _commit(self, service: Service, batch: Batch, verdict: Exception | None) -> Answers:
        with self._running:
            conn = self._connection(service)
            try:
                with conn.begin():
                    answers = apply(service, conn, self.event_log, self.clock.ask, batch, verdict, commit=True)
            except Exception:
                # After a COMMIT that failed the driver may still hold the transaction, and its lock; the pool lets go.
                self._connections.pop(service.name).close()
                raise
        self.committed()
        return answers

    def _connection(self, service: Service) -> Connection:
        conn = self._connections.get(service.name)
        if conn is None:
            conn = self._connections[service.name] = self.databases.writer(service.name).connect()
        return conn

    def wait(self, timeout: float) -> None:
        """Sleep until work arrives."""
        with self.arrived:
            if not self._interactive and not self._background:
                self.arrived.wait(timeout)

    def close(self) -> None:
        self.fail_all(OutcomeUnknown("the server is stopping"))
        for conn in self._connections.values():
            conn.close()
        self._connections.clear()
