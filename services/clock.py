"""The two clocks: business time moves deadlines and effective dates, wall time moves leases, retries and sessions.

Business time is the database's clock plus an offset that is zero in production; only the demo moves it. A jump of more
than an hour that nobody confirmed stops the timers, because a wrong clock must not return people or expire cases.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import bulk

JUMP = timedelta(hours=1)

metadata = sa.MetaData()
business_clock = sa.Table(
    "business_clock",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("offset_seconds", sa.BigInteger, nullable=False),
    sa.Column("confirmed", bulk.Instant, nullable=False),
)


_OFFSET = f"SELECT offset_seconds FROM {business_clock.name} WHERE id = 1"


class Moment(NamedTuple):
    """Business time and wall time of one instant, both aware, in UTC."""

    now: datetime
    wall: datetime


class Clock(Protocol):
    def read(self, conn: Connection) -> Moment: ...

    def timers_may_fire(self, conn: Connection) -> bool: ...

    def move(self, conn: Connection, by: timedelta) -> None:
        """Move business time ahead on purpose, in the database of `conn`: the demo's "next working day"."""


class DatabaseClock:
    """The clock of the database, so that all instances agree; shifted by the offset stored there."""

    def __init__(self) -> None:
        self.last: tuple[datetime, float] | None = None

    def read(self, conn: Connection) -> Moment:
        if conn.dialect.name == "postgresql":
            with bulk.together(conn):  # with the BEGIN, if this is the first statement
                found = bulk.ask(conn, f"SELECT clock_timestamp(), ({_OFFSET})")
            ((wall, seconds),) = found
            wall = wall.astimezone(UTC)
        else:
            wall, seconds = datetime.now(UTC), next(iter(bulk.ask(conn, _OFFSET)), (0,))[0]
        return Moment(wall + timedelta(seconds=seconds or 0), wall)

    def timers_may_fire(self, conn: Connection) -> bool:
        """False after an unconfirmed jump ahead; `confirm` or a clock that is right again ends it."""
        now, ticks = self.read(conn).now, time.monotonic()
        if self.last is not None:
            expected = self.last[0] + timedelta(seconds=ticks - self.last[1])
            confirmed = conn.scalar(sa.select(business_clock.c.confirmed).where(business_clock.c.id == 1))
            if now - expected > JUMP and (confirmed is None or now - confirmed > JUMP):
                return False
        self.last = (now, ticks)
        return True

    def move(self, conn: Connection, by: timedelta) -> None:
        row = conn.execute(sa.select(business_clock).where(business_clock.c.id == 1).with_for_update()).one()
        seconds = row.offset_seconds + round(by.total_seconds())
        now = datetime.now(UTC) + timedelta(seconds=seconds)
        conn.execute(business_clock.update().values(offset_seconds=seconds, confirmed=now))


class SetClock:
    """A clock that stands still until it is moved: for tests and the headless demo. `real_wall`: wall time runs on."""

    def __init__(self, now: datetime, *, real_wall: bool = False):
        self.now, self.real_wall = now.astimezone(UTC), real_wall

    def read(self, conn: Connection) -> Moment:
        return Moment(self.now, datetime.now(UTC) if self.real_wall else self.now)

    def timers_may_fire(self, conn: Connection) -> bool:
        return True

    def move(self, conn: Connection, by: timedelta) -> None:
        self.now += by

    def advance(self, by: timedelta) -> None:
        self.now += by


def create(conn: Connection) -> None:
    """The clock's row; run once, at migration."""
    row = (1, 0, datetime.now(UTC))
    bulk.claim(conn, business_clock, ("id", "offset_seconds", "confirmed"), [row])
