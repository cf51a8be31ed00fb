"""One process of the engine: the real application on the shared database, killed and started again at will."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy.engine import Connection, Engine

from events.log import EventLog
from services.app import Application, assemble, build
from services.batch import Batch
from services.clock import Moment
from services.committer import Answers
from services.config import Config
from tests.simulation.mortal import Fate, endanger
from tests.simulation.unruly import UnrulyLog


class TwoHands:
    """The clock of the world. Wall time creeps; business time is ahead of it by whatever it was moved."""

    def __init__(self, wall: datetime):
        self.wall, self.ahead = wall, timedelta(0)

    @property
    def now(self) -> datetime:
        return self.wall + self.ahead

    def ask(self, conn: Connection) -> Callable[[], Moment]:
        moment = self.read(conn)
        return lambda: moment

    def read(self, conn: Connection) -> Moment:
        return Moment(self.now, self.wall)

    def timers_may_fire(self, conn: Connection, writer: Engine) -> bool:
        return True

    def move(self, conn: Connection, by: timedelta) -> None:
        self.ahead += by


#: Tuesday 3 March 2026, 09:00 in Maluku Utara.
DAWN = datetime(2026, 3, 3, 0, 0, tzinfo=UTC)


class Instance:
    """A process that may die. `meanwhile` is called between what a step has read and what it commits."""

    def __init__(self, config: Config, clock: TwoHands, meanwhile: Callable[[Instance], None]):
        self.config, self.clock, self.meanwhile = config, clock, meanwhile
        self.log: UnrulyLog
        self.fate = Fate()
        self.app: Application = build(config, clock)

    def begin(self, seed: int, rate: float) -> None:
        """Start anew on the same database, over a log with faults of its own; whatever was in memory is gone."""
        self.end()

        def around(log: EventLog) -> EventLog:
            self.log = UnrulyLog(log, seed, rate)
            return self.log

        self.app, self.fate = assemble(self.config, self.clock, through=around), Fate()
        for engine in (self.app.databases.writer("audit"), self.app.databases.reader("audit")):
            endanger(engine, self.fate)
        commit = self.app.committer.offer

        def offer(service: str, batch: Batch) -> Answers:
            self.meanwhile(self)
            return commit(service, batch)

        self.app.committer.offer = offer  # type: ignore[method-assign]

    def end(self) -> None:
        """Close the files; open transactions are rolled back."""
        self.app.committer.close()
        self.app.databases.close()
