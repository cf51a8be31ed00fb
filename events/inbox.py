"""What a service has already taken in: claims of commands, positions in the log, versions applied, events that wait.

Nothing takes effect twice: a command's id is *claimed*, a consumed event is compared with the version of its subject
that was *applied* last. A known version is a copy; a gap waits. Both are written in the transaction of the effects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import bulk
from events.log import Place, Position

#: Why an event waits: its predecessor is missing, another subject is, the world is slow, a handler failed, or an
#: earlier event of its subject waits.
GAP, NOT_YET, RETRY, FAILED, BEHIND = "gap", "not_yet", "retry", "failed", "behind"


class Inbox(NamedTuple):
    """The five tables of one service."""

    service: str
    claim: sa.Table
    position: sa.Table
    applied: sa.Table
    waiting: sa.Table
    dismissed: sa.Table


class Waiting(NamedTuple):
    """An event that could not be applied yet. `awaits`: the subject it needs. No `retry_at`: until someone acts."""

    subject: str
    version: int
    event_id: str
    body: bytes
    reason: str
    awaits: str | None
    detail: str
    since: datetime
    retry_at: datetime | None
    attempts: int


def tables(metadata: sa.MetaData, service: str) -> Inbox:
    claim = sa.Table(
        f"{service}_claim",
        metadata,
        sa.Column("command_id", bulk.Id, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("at", bulk.Instant, nullable=False),
    )
    position = sa.Table(
        f"{service}_log_position",
        metadata,
        sa.Column("topic", sa.String(40), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next", sa.BigInteger, nullable=False),
        sa.Column("last_id", bulk.Id),
        sa.Column("fresh_at", bulk.Instant),
    )
    applied = sa.Table(
        f"{service}_applied",
        metadata,
        sa.Column("subject", sa.String(120), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
    )
    waiting = sa.Table(
        f"{service}_waiting",
        metadata,
        sa.Column("subject", sa.String(120), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("event_id", bulk.Id, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.String(10), nullable=False),
        sa.Column("awaits", sa.String(120)),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("since", bulk.Instant, nullable=False),
        sa.Column("retry_at", bulk.Instant),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    dismissed = sa.Table(
        f"{service}_dismissed",
        metadata,
        sa.Column("subject", sa.String(120), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("event_id", bulk.Id, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("account", sa.String(80), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", bulk.Instant, nullable=False),
    )
    return Inbox(service, claim, position, applied, waiting, dismissed)


def positions(conn: Connection, inbox: Inbox, *, lock: Iterable[Place] = ()) -> dict[Place, Position]:
    """Where this consumer goes on, for all places or, locked in order, for some."""
    p = inbox.position
    columns = (p.c.topic, p.c.part, p.c.next, p.c.last_id, p.c.fresh_at)
    statement = sa.select(*columns).order_by(p.c.topic, p.c.part)
    if wanted := sorted(lock):
        statement = statement.where(sa.tuple_(p.c.topic, p.c.part).in_(wanted)).with_for_update()
    return {(topic, part): Position(*rest) for topic, part, *rest in conn.execute(statement)}


def move(conn: Connection, inbox: Inbox, to: Mapping[Place, Position]) -> None:
    rows = [(*place, *position) for place, position in sorted(to.items())]
    bulk.upsert(conn, inbox.position, ("topic", "part", "next", "last_id", "fresh_at"), rows)


def ensure_positions(conn: Connection, inbox: Inbox, places: Iterable[Place]) -> None:
    """A row for each place, so that FOR UPDATE has something to lock."""
    bulk.claim(conn, inbox.position, ("topic", "part", "next"), [(*place, 0) for place in sorted(places)])


def applied(conn: Connection, inbox: Inbox, subjects: Iterable[str]) -> dict[str, int]:
    """The last version of each subject that took effect here, locked."""
    return dict(bulk.lookup(conn, inbox.applied, "subject", subjects, ("subject", "version"), lock=True))


def waiting(conn: Connection, inbox: Inbox, subjects: Iterable[str]) -> dict[str, list[Waiting]]:
    """The events of these subjects that wait, in order."""
    found: dict[str, list[Waiting]] = {}
    for row in bulk.lookup(conn, inbox.waiting, "subject", subjects, Waiting._fields, lock=True):
        found.setdefault(row[0], []).append(Waiting(*row))
    for rows in found.values():
        rows.sort(key=lambda w: w.version)
    return found


def due(conn: Connection, inbox: Inbox, now: datetime, limit: int) -> list[str]:
    """Subjects whose first waiting event may be tried again; what waits behind it does not call for it."""
    w, earlier = inbox.waiting, inbox.waiting.alias()
    first = ~sa.exists().where(earlier.c.subject == w.c.subject, earlier.c.version < w.c.version)
    rows = conn.execute(sa.select(w.c.subject).where(w.c.retry_at <= now, first).limit(limit))
    return [subject for (subject,) in rows]


def wake(conn: Connection, inbox: Inbox, subjects: Sequence[str], now: datetime) -> None:
    """What waited for one of these subjects is tried again."""
    if subjects:
        w = inbox.waiting
        awaiting = w.c.awaits.in_(subjects) & (w.c.reason == NOT_YET)
        conn.execute(w.update().where(awaiting).values(retry_at=now))


def waits(conn: Connection, inbox: Inbox, beginnings: Iterable[str]) -> bulk.Found:
    """One row: how many events wait, and how many of those are of subjects that begin in one of these ways.

    May travel together with other questions; in health the table that it counts is empty.
    """
    chosen = " OR ".join(f"subject LIKE '{beginning}%'" for beginning in beginnings)
    return bulk.ask(conn, f'SELECT count(*), count(CASE WHEN {chosen} THEN 1 END) FROM "{inbox.waiting.name}"')


def parked(conn: Connection, inbox: Inbox) -> int:
    """How many subjects are stopped by a failed handler."""
    w = inbox.waiting
    return conn.scalar(sa.select(sa.func.count()).where(w.c.reason == FAILED)) or 0
