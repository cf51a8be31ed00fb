"""The event store of a service and its relay.

`event` is append-only; `UNIQUE(subject, subject_version)` makes each subject one ordered history. `unpublished` names
what the log has not acknowledged: written with the event, deleted by the relay. Nothing is updated in place.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import bulk, catalog, envelope
from events.log import EventLog, Outgoing


class Outbox(NamedTuple):
    """The two tables of one service."""

    service: str
    event: sa.Table
    unpublished: sa.Table


def tables(metadata: sa.MetaData, service: str) -> Outbox:
    event = sa.Table(
        f"{service}_event",
        metadata,
        sa.Column("event_id", bulk.Id, primary_key=True),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("subject_version", sa.Integer, nullable=False),
        sa.Column("type", sa.String(80), nullable=False),
        sa.Column("time", bulk.Instant, nullable=False),
        sa.Column("correlation", sa.String(36), nullable=False),
        sa.Column("causation", sa.String(36), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("subject", "subject_version"),
    )
    unpublished = sa.Table(
        f"{service}_unpublished",
        metadata,
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(always=False), primary_key=True
        ),
        sa.Column("event_id", bulk.Id, nullable=False),
        sa.Column("topic", sa.String(40), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    return Outbox(service, event, unpublished)


class Recorded(NamedTuple):
    """An event that is to be stored; its version and bytes are fixed when the batch is written."""

    event_id: str
    subject: str
    data: msgspec.Struct
    correlation: str
    causation: str


class Head(NamedTuple):
    """The newest event of a subject."""

    version: int
    time: datetime


class TooLarge(Exception):
    """The event is larger than the log carries"""


EVENT_COLUMNS = ("event_id", "subject", "subject_version", "type", "time", "correlation", "causation", "body", "hash")


def heads(conn: Connection, outbox: Outbox, subjects: Sequence[str]) -> dict[str, Head]:
    """The newest event of each subject that has any."""
    columns = ("subject", "subject_version", "time")
    found = bulk.newest(conn, outbox.event, "subject", "subject_version", subjects, columns)
    return {subject: Head(version, time) for subject, version, time in found}


def record(
    conn: Connection,
    outbox: Outbox,
    log: EventLog,
    events: Sequence[Recorded],
    known: Mapping[str, Head],
    now: datetime,
) -> None:
    """Store events in their order. Each gets the next version of its subject and a time not before its predecessor's.

    Raises TooLarge before anything is written; IntegrityError when another process wrote the same version.
    """
    if not events:
        return
    missing = sorted({e.subject for e in events} - known.keys())
    newest = dict(known) | heads(conn, outbox, missing)
    rows, unpublished = [], []
    for e in events:
        last = newest.get(e.subject)
        version, time = (last.version + 1, max(now, last.time)) if last else (1, now)
        newest[e.subject] = Head(version, time)
        kind = catalog.entry(e.data)
        body = envelope.encode(
            e.data,
            id=e.event_id,
            service=outbox.service,
            subject=e.subject,
            version=version,
            time=time,
            correlation=e.correlation,
            causation=e.causation,
        )
        if len(body) > log.max_bytes:
            raise TooLarge(f"{kind.type} of {e.subject}: {len(body)} bytes, the log carries {log.max_bytes}")
        rows.append(
            (e.event_id, e.subject, version, kind.type, time, e.correlation, e.causation, body, envelope.digest(body))
        )
        unpublished.append((e.event_id, kind.topic, shard(e.subject, log.partitions(kind.topic))))
    bulk.insert(conn, outbox.event, EVENT_COLUMNS, rows)
    bulk.insert(conn, outbox.unpublished, ("event_id", "topic", "shard"), unpublished)


def shard(subject: str, partitions: int) -> int:
    """The partition of a subject; the same in the outbox and in the log, for ever."""
    return zlib.crc32(subject.encode()) % partitions


def stream(conn: Connection, outbox: Outbox, subject: str) -> Iterator[bytes]:
    """The history of a subject, oldest first, as the stored bytes."""
    event = outbox.event
    rows = conn.execute(sa.select(event.c.body).where(event.c.subject == subject).order_by(event.c.subject_version))
    return (body for (body,) in rows)


def relay(conn: Connection, outbox: Outbox, log: EventLog, limit: int = 500) -> int:
    """Hand unpublished events to the log, in the order in which they were recorded, and forget what it acknowledged.

    Runs inside an open transaction. Several relays may run: each takes the shards whose lock it gets, for the length of
    the transaction, so that a subject's events never overtake each other. Returns how many the log acknowledged.
    """
    unpublished, event = outbox.unpublished, outbox.event
    waiting = sa.select(unpublished.c.topic, unpublished.c.shard).distinct()
    owned = _locked(conn, outbox.service, [(t, s) for t, s in conn.execute(waiting)])
    if not owned:
        return 0
    mine = sa.tuple_(unpublished.c.topic, unpublished.c.shard).in_(owned)
    rows = conn.execute(
        sa.select(
            unpublished.c.seq, unpublished.c.topic, unpublished.c.shard, event.c.subject, event.c.event_id, event.c.body
        )
        .join(event, event.c.event_id == unpublished.c.event_id)
        .where(mine)
        .order_by(unpublished.c.seq)
        .limit(limit)
    ).all()
    outgoing = [Outgoing(topic, part, subject, event_id, body) for _, topic, part, subject, event_id, body in rows]
    acknowledged = log.append(conn, outbox.service, outgoing)
    bulk.delete(conn, unpublished, ("seq",), [(row[0],) for row, done in zip(rows, acknowledged, strict=True) if done])
    return sum(acknowledged)


def idle(conn: Connection, outbox: Outbox, topic: str) -> bool:
    """Whether the log has acknowledged every committed event of this topic."""
    waiting = sa.exists().where(outbox.unpublished.c.topic == topic)
    return not conn.scalar(sa.select(waiting))


#: Those of some shards whose lock is free, locked until the transaction ends. A volatile condition is asked once a row.
_LOCK = sa.text(
    "SELECT topic, part FROM unnest(CAST(:topics AS text[]), CAST(:parts AS int[]), CAST(:keys AS int[])) "
    "AS wanted (topic, part, key) WHERE pg_try_advisory_xact_lock(key, part)"
)


def _locked(conn: Connection, service: str, shards: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The shards that no other relay holds. SQLite has one writer anyway."""
    if conn.dialect.name != "postgresql" or not shards:
        return shards
    topics, parts = map(list, zip(*shards, strict=True))
    keys = [zlib.crc32(f"{service}/{topic}".encode()) - 2**31 for topic in topics]
    return [(t, part) for t, part in conn.execute(_LOCK, {"topics": topics, "parts": parts, "keys": keys})]
