"""Slow work outside transactions: solve, deliver, render.

A job is a row leased to one worker at a time, who renews the lease while the work lasts. Each lease has a *fence* of
its own that never comes again, not even for work asked for anew; a result that comes with another one is dropped, so a
worker that was frozen and wakes up changes nothing. One row for a (kind, key): asking again while it waits replaces the
payload, asking while it runs makes it run once more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import bulk, ids
from services.apart import Apart, here
from services.config import Config

#: Who dies without a word is succeeded after so long.
LEASE = timedelta(minutes=2)
#: Waiting times after failures; the last repeats.
BACKOFF = (timedelta(seconds=1), timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10))


@dataclass(frozen=True)
class Read:
    """What a runner may look at: called, a connection that reads the service's database; and the process's settings.
    Heavy pure work it does `apart`: in production that is a process of its own.
    """

    connect: Callable[[], Connection]
    config: Config
    apart: Apart = here

    def __call__(self) -> Connection:
        return self.connect()


@dataclass(frozen=True)
class Job:
    """A leased piece of work."""

    service: str
    kind: str
    key: str
    payload: bytes
    fence: str
    generation: int
    attempts: int
    now: datetime
    wall: datetime


Runner = Callable[[Job, Read], msgspec.Struct | None]


def table(metadata: sa.MetaData, service: str) -> sa.Table:
    return sa.Table(
        f"{service}_job",
        metadata,
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("key", sa.String(120), primary_key=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("run_at", bulk.Instant, nullable=False, index=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("fence", sa.String(36)),
        sa.Column("lease_until", bulk.Instant),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
    )


def enqueue(conn: Connection, job: sa.Table, kind: str, key: str, payload: bytes, run_at: datetime) -> None:
    """Ask for work. A waiting job of this kind and key takes the new payload and time."""
    here = (job.c.kind == kind) & (job.c.key == key)
    again = {"payload": payload, "run_at": run_at, "generation": job.c.generation + 1, "attempts": 0}
    first = (kind, key, payload, run_at, 1, 0)
    while not bulk.claim(conn, job, ("kind", "key", "payload", "run_at", "generation", "attempts"), [first]):
        if conn.execute(job.update().where(here).values(again)).rowcount:
            return  # else another instance finished it in between


def lease(conn: Connection, job: sa.Table, service: str, now: datetime, wall: datetime, limit: int) -> list[Job]:
    """Take due jobs that nobody works on. Jobs live by wall time; the runner is told business time, too."""
    free = job.c.lease_until.is_(None) | (job.c.lease_until < wall)
    rows = conn.execute(
        sa.select(job)
        .where(job.c.run_at <= wall, free)
        .order_by(job.c.run_at, job.c.kind, job.c.key)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    leased = []
    for row in rows:
        here = (job.c.kind == row.kind) & (job.c.key == row.key)
        fence = ids.new()
        conn.execute(job.update().where(here).values(lease_until=wall + LEASE, fence=fence))
        leased.append(Job(service, row.kind, row.key, row.payload, fence, row.generation, row.attempts, now, wall))
    return leased


def finish(conn: Connection, job: sa.Table, done: Job) -> bool:
    """Close a lease; False when it is no longer ours. A job asked for again meanwhile stays and runs once more."""
    here = (job.c.kind == done.kind) & (job.c.key == done.key) & (job.c.fence == done.fence)
    row = conn.execute(sa.select(job.c.generation).where(here).with_for_update()).first()
    if row is None:
        return False
    if row.generation == done.generation:
        conn.execute(job.delete().where(here))
    else:
        conn.execute(job.update().where(here).values(lease_until=None, error=None))
    return True


def renew(conn: Connection, job: sa.Table, running: Job, wall: datetime) -> None:
    """Put off the end of a lease that is still ours; one that was lost or given back stays so."""
    held = (job.c.kind == running.kind) & (job.c.key == running.key) & (job.c.fence == running.fence)
    conn.execute(job.update().where(held, job.c.lease_until.is_not(None)).values(lease_until=wall + LEASE))


def fail(conn: Connection, job: sa.Table, failed: Job, error: str, wall: datetime, after: timedelta | None) -> None:
    """Give the lease back after a failure at `wall`; tried again later, for ever, with the error on show."""
    wait = after if after is not None else BACKOFF[min(failed.attempts, len(BACKOFF) - 1)]
    here = (job.c.kind == failed.kind) & (job.c.key == failed.key) & (job.c.fence == failed.fence)
    conn.execute(
        job.update().where(here).values(lease_until=None, attempts=failed.attempts + 1, error=error, run_at=wall + wait)
    )
