"""The engine under measurement: the service `mutations` as it is, on the benchmark definition, nothing switched off."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from services.app import build
from services.batch import Batch
from services.committer import Committer
from services.config import Config, driver
from services.db import Databases, table
from services.migrate import migrate
from services.mutations import SERVICE
from services.mutations.models import Case
from tests.bench import flow, town


class Engine:
    """One process of the service on a database of its own, migrated and settled."""

    def __init__(self, url: str, people: int):
        flow.register()
        config = Config(database_url=driver(url), secret_key="for the benchmark only")
        databases = Databases(config)
        migrate(databases, [SERVICE])
        with databases.writer(SERVICE.name).begin() as conn:
            town.settle(conn, people)
        databases.close()
        self.app = build(config, services=[SERVICE])
        self.committer: Committer = self.app.committer

    def refresh(self) -> None:
        """Make its knowledge of offices fresh, for the minute in which it may judge by it."""
        with self.app.databases.writer(SERVICE.name).begin() as conn:
            town.refresh(conn, self.app.clock.read(conn).wall)

    def take(self, batch: Sequence[bytes]) -> None:
        """Commit a batch of messages. Raises the first refusal: here every step is lawful."""
        answers = self.committer.run(SERVICE, Batch(commands=[flow.command(raw) for raw in batch]))
        for answer in answers.values():
            if isinstance(answer, Exception):
                raise answer

    def give(self, raw: bytes) -> None:
        """Hand over one message and wait until it is committed, as a request does."""
        self.committer.submit(SERVICE.name, flow.command(raw))

    @contextmanager
    def committing(self) -> Iterator[None]:
        """The committer on a thread of its own, so that those who wait are committed together."""
        ended = threading.Event()

        def commit() -> None:
            while not ended.is_set():
                self.committer.step() or self.committer.wait(0.1)

        self.committer.threaded = True
        thread = threading.Thread(target=commit)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.committer.threaded = False

    def finished(self) -> int:
        """How many cases went all the way, with one event a step and nothing left to ask or to wait for."""
        with self.app.databases.reader(SERVICE.name).connect() as conn:
            case, event = table(Case), SERVICE.outbox.event
            placed = sa.select(sa.func.count()).where(case.c.state == "PLACED", case.c.version == flow.STEPS)
            done: int = conn.scalar(placed) or 0
            events = conn.scalar(sa.select(sa.func.count()).select_from(event))
            left = [conn.scalar(sa.select(sa.func.count()).select_from(t)) for t in self._passing()]
        if events != done * flow.STEPS or any(left):
            raise AssertionError(f"{done} cases placed, {events} events, left over {left}")
        return done

    def event_bytes(self) -> int:
        """The mean size of a stored event."""
        with self.app.databases.reader(SERVICE.name).connect() as conn:
            return round(conn.scalar(sa.select(sa.func.avg(sa.func.length(SERVICE.outbox.event.c.body)))) or 0)

    def _passing(self) -> list[sa.Table]:
        from services.mutations.models import Asked, Reservation

        return [table(Asked), table(Reservation), SERVICE.timer]

    def close(self) -> None:
        self.app.runtime.stop()
