"""The two clocks: business time moves deadlines and effective dates, wall time moves leases, retries and sessions.

Business time is the database's clock plus an offset that is zero in production; only the demo moves it. A jump of more
than an hour between two looks stops the timers, because a wrong clock must not return people or expire cases. They
stand still, in every process and after every restart, until an operator confirms the clock (`imbang clock --confirm`)
or it is put back to before the jump.

A running process measures what should have passed by a clock that nobody can set. While none ran there is no such
witness: a server that was off over the weekend finds Monday, which is no jump, so of that time only what the offset
gained beside the wall clock counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine

from events import bulk

log = structlog.get_logger(__name__)

JUMP = timedelta(hours=1)
#: How often the time that was seen is written down, and how far a clock that is merely corrected goes back at most.
MINUTE = timedelta(minutes=1)
#: Seconds that nobody can set; on Linux they pass in sleep too.
_TICKING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

metadata = sa.MetaData()
business_clock = sa.Table(
    "business_clock",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("offset_seconds", sa.BigInteger, nullable=False),
    #: Business time of the last jump that was meant, and who said so; nobody is named for the demo's.
    sa.Column("confirmed", bulk.Instant, nullable=False),
    sa.Column("confirmed_by", sa.String(80)),
    #: The last look at the clock that was written down: business time, and wall time.
    sa.Column("seen", bulk.Instant),
    sa.Column("seen_wall", bulk.Instant),
    #: Business time to which the clock jumped, while timers stand still.
    sa.Column("stopped", bulk.Instant),
)


_OFFSET = f"SELECT offset_seconds FROM {business_clock.name} WHERE id = 1"


class Moment(NamedTuple):
    """Business time and wall time of one instant, both aware, in UTC."""

    now: datetime
    wall: datetime


class Kept(NamedTuple):
    """The clock as a database keeps it; the columns of `business_clock`."""

    offset_seconds: int
    confirmed: datetime
    confirmed_by: str | None
    seen: datetime | None
    seen_wall: datetime | None
    stopped: datetime | None


class Clock(Protocol):
    def ask(self, conn: Connection) -> Callable[[], Moment]:
        """Ask for the moment; what is returned tells it. Both may travel together with other questions."""

    def read(self, conn: Connection) -> Moment: ...

    def timers_may_fire(self, conn: Connection, writer: Engine) -> bool:
        """Whether no jump stands unconfirmed; what must outlive the process is written down by `writer`."""

    def move(self, conn: Connection, by: timedelta) -> None:
        """Move business time ahead on purpose, in the database of `conn`: the demo's "next working day"."""


class _Look(NamedTuple):
    """What a process saw when it last looked; `ticks` in seconds."""

    now: datetime
    ticks: float
    confirmed: datetime
    standing: bool


class DatabaseClock:
    """The clock of the database, so that all instances agree; shifted by the offset stored there."""

    def __init__(self) -> None:
        self._last: dict[sa.URL, _Look] = {}

    def ask(self, conn: Connection) -> Callable[[], Moment]:
        if conn.dialect.name == "postgresql":
            found = bulk.ask(conn, f"SELECT clock_timestamp(), ({_OFFSET})")
        else:
            found = bulk.ask(conn, f"SELECT NULL, ({_OFFSET})")

        def told() -> Moment:
            ((at, seconds),) = found
            wall = at.astimezone(UTC) if at else datetime.now(UTC)
            return Moment(wall + timedelta(seconds=seconds or 0), wall)

        return told

    def read(self, conn: Connection) -> Moment:
        with bulk.together(conn):  # with the BEGIN, if this is the first statement
            told = self.ask(conn)
        return told()

    def timers_may_fire(self, conn: Connection, writer: Engine) -> bool:
        row, wall, ticks = kept(conn), self.read(conn).wall, time.clock_gettime(_TICKING)
        now, last = wall + timedelta(seconds=row.offset_seconds), self._last.get(writer.url)
        if last is not None and last.confirmed == row.confirmed:
            expected = last.now + timedelta(seconds=ticks - last.ticks)
        elif row.seen is not None and row.seen_wall is not None:
            expected = row.seen + (wall - row.seen_wall)
        else:
            expected = now
        stopped = row.stopped
        if stopped is None and now - expected > JUMP:
            stopped = now
        elif stopped is not None and now < stopped - MINUTE:
            stopped = None
        if stopped is not None and (last is None or not last.standing):
            log.warning("timers stand still", jumped_to=stopped, expected=expected, remedy="imbang clock --confirm")
        self._last[writer.url] = _Look(now, ticks, row.confirmed, stopped is not None)
        fresh = row.seen is not None and abs(now - row.seen) < MINUTE
        if stopped != row.stopped or (stopped is None and not fresh):
            seen = {} if stopped else {"seen": now, "seen_wall": wall}
            # Not over a confirmation that came between: what was seen before it is out of date.
            here = (business_clock.c.id == 1) & (business_clock.c.confirmed == row.confirmed)
            with writer.begin() as writing:
                writing.execute(business_clock.update().where(here).values(stopped=stopped, **seen))
        return stopped is None

    def move(self, conn: Connection, by: timedelta) -> None:
        offset = kept(conn, lock=True).offset_seconds + round(by.total_seconds())
        _confirm(conn, self.read(conn).wall, offset, None)

    def confirm(self, conn: Connection, by: str) -> None:
        """The clock is right, says an operator of this name (at most 80 characters): timers go on from now."""
        _confirm(conn, self.read(conn).wall, kept(conn, lock=True).offset_seconds, by)
        log.warning("clock confirmed", by=by)


class SetClock:
    """A clock that stands still until it is moved: for tests and the headless demo. `real_wall`: wall time runs on."""

    def __init__(self, now: datetime, *, real_wall: bool = False):
        self.now, self.real_wall = now.astimezone(UTC), real_wall

    def ask(self, conn: Connection) -> Callable[[], Moment]:
        return lambda: self.read(conn)

    def read(self, conn: Connection) -> Moment:
        return Moment(self.now, datetime.now(UTC) if self.real_wall else self.now)

    def timers_may_fire(self, conn: Connection, writer: Engine) -> bool:
        return True

    def move(self, conn: Connection, by: timedelta) -> None:
        self.now += by

    def advance(self, by: timedelta) -> None:
        self.now += by


def create(conn: Connection) -> None:
    """The clock's row; run once, at migration."""
    row = (1, 0, datetime.now(UTC))
    bulk.claim(conn, business_clock, ("id", "offset_seconds", "confirmed"), [row])


def kept(conn: Connection, *, lock: bool = False) -> Kept:
    """What the database of `conn` says of its clock."""
    row = sa.select(*(business_clock.c[name] for name in Kept._fields)).where(business_clock.c.id == 1)
    return Kept(*conn.execute(row.with_for_update() if lock else row).one())


def touch(conn: Connection) -> None:
    """Write the row as it is: whether anything can be written shows only when it is."""
    conn.execute(business_clock.update().where(business_clock.c.id == 1).values(id=1))


def _confirm(conn: Connection, wall: datetime, offset: int, by: str | None) -> None:
    now = wall + timedelta(seconds=offset)
    changed: dict[str, Any] = {"offset_seconds": offset, "confirmed": now, "confirmed_by": by, "stopped": None}
    conn.execute(business_clock.update().values(changed | {"seen": now, "seen_wall": wall}))
