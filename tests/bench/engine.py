"""The engine under measurement: the service `mutations` as it is, on the benchmark definition, nothing switched off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from services.app import build
from services.batch import Batch
from services.committer import Committer
from services.db import table
from services.mutations import SERVICE
from services.mutations.models import Asked, Case, Reservation
from tests.bench import flow, town
from tests.bench.reference_e import Sizes
from tests.bench.stage import settings, settle

#: What a finished case leaves no row in.
PASSING = (table(Asked), table(Reservation), SERVICE.timer)
#: Hands over one message and returns when it is committed, as a request does.
Give = Callable[[bytes], object]


class Engine:
    """One process of the service on a database that it migrates and settles; without `people`, on one that is."""

    def __init__(self, url: str, people: int = 0):
        flow.register()
        self.config = settings(url)
        if people:
            settle(self.config, [SERVICE], people)
        self.app = build(self.config, services=[SERVICE])

    def refresh(self) -> None:
        """Make its knowledge of offices fresh, for the minute in which it may judge by it."""
        with self.app.databases.writer(SERVICE.name).begin() as conn:
            town.refresh(conn, self.app.clock.read(conn).wall)

    def take(self, batch: Sequence[bytes]) -> None:
        """Commit a batch of messages. Raises the first refusal: here every step is lawful."""
        answers = self.app.committer.run(SERVICE, Batch(commands=[flow.command(raw) for raw in batch]))
        for answer in answers.values():
            if isinstance(answer, Exception):
                raise answer

    @contextmanager
    def committing(self) -> Iterator[Give]:
        """The committer on a thread of its own: those who wait at the same time are committed together."""
        committer, ended = self.app.committer, threading.Event()

        def commit() -> None:
            while not ended.is_set():
                if not committer.step():
                    committer.wait(0.1)

        committer.threaded = True
        thread = threading.Thread(target=commit)
        thread.start()
        try:
            yield _giving(committer)
        finally:
            ended.set()
            thread.join()
            committer.threaded = False

    @contextmanager
    def serving(self) -> Iterator[Give]:
        """A whole process beside: committer, relay, readers and timers, each on its thread."""
        app = build(self.config, services=[SERVICE])
        app.runtime.start()
        try:
            yield _giving(app.committer)
        finally:
            app.runtime.stop()

    def check(self) -> None:
        """Every case went all the way, with one event a step, and left nothing to ask or to wait for."""
        with self.app.databases.reader(SERVICE.name).connect() as conn:
            case, event = table(Case), SERVICE.outbox.event
            open_ = sa.or_(case.c.state != "PLACED", case.c.version != flow.STEPS)
            unfinished = _count(conn, case, open_)
            missing = flow.STEPS * _count(conn, case) - _count(conn, event)
            left = {of.name: _count(conn, of) for of in PASSING}
        if unfinished or missing or any(left.values()):
            raise AssertionError(f"{unfinished} cases unfinished, {missing} events missing, left over: {left}")

    def sizes(self) -> Sizes:
        """The mean sizes of what is stored."""
        with self.app.databases.reader(SERVICE.name).connect() as conn:
            return Sizes(_mean_size(conn, SERVICE.outbox.event), _mean_size(conn, table(Case)))

    def close(self) -> None:
        self.app.runtime.stop()


def _count(conn: sa.Connection, of: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return conn.scalar(sa.select(sa.func.count()).select_from(of).where(*where)) or 0


def _mean_size(conn: sa.Connection, of: sa.Table) -> int:
    return round(conn.scalar(sa.select(sa.func.avg(sa.func.length(of.c.body)))) or 0)


def _giving(committer: Committer) -> Give:
    return lambda raw: committer.submit(SERVICE.name, flow.command(raw))
