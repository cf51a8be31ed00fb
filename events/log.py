"""The log that carries events between services, and its form on a database.

A log has topics, a topic has partitions whose number never changes, and a partition is an ordered sequence of records.
Readers keep their own positions; the log keeps everything. Besides events it carries watermarks: a quiet topic and a
dead relay look alike, so the relay of a watched topic says now and then that the topic is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import bulk, ids
from events.catalog import TOPICS


class Outgoing(NamedTuple):
    """An event on its way into the log."""

    topic: str
    part: int
    subject: str
    event_id: str
    body: bytes


class Record(NamedTuple):
    """What stands at one place of the log: an event, or a watermark, which has an id and a time but no body."""

    topic: str
    part: int
    offset: int
    event_id: str
    body: bytes
    #: All that was recorded for the topic until then stands before this place.
    watermark: datetime | None = None


class Position(NamedTuple):
    """Where a consumer goes on: the next offset, and the id of the record before it, proof that the log is whole."""

    offset: int = 0
    last_id: str | None = None
    #: The newest watermark before this place: how fresh the consumer's knowledge is.
    fresh_at: datetime | None = None

    def after(self, record: Record) -> Position:
        return Position(record.offset + 1, record.event_id, record.watermark or self.fresh_at)


Place = tuple[str, int]


class LogCut(Exception):
    """The log lost what this consumer has applied; stop the services, `imbang republish TOPIC`, start them"""


class EventLost(LogCut):
    """The log names an event that its store lost; stop the services, restore the store from a backup, start them"""


#: Tells a reader where its consumer stands, read from the consumer's database.
Positions = Callable[[], Mapping[Place, Position]]


class Reader(Protocol):
    """One consumer's view of some topics. Used by one thread."""

    def read(self, limit: int) -> list[Record]:
        """The next records, in order in each partition; may wait a moment when there are none. Raises LogCut."""

    def rewind(self) -> None:
        """The last batch was not applied: go on from the stored positions."""

    def close(self) -> None: ...


class EventLog(Protocol):
    """What the kernel needs of a log."""

    max_bytes: int

    def partitions(self, topic: str) -> int: ...

    def append(self, conn: Connection, service: str, events: Sequence[Outgoing]) -> list[bool]:
        """Append in order; says of each whether it is in the log. After a failure its subject's later ones fail."""

    def reader(self, consumer: str, topics: Sequence[str], positions: Positions) -> Reader: ...

    def ends(self, topic: str) -> dict[int, int]:
        """The next offset of each partition; nothing while the log is out of reach."""

    def beat(self, conn: Connection, service: str, topic: str, at: datetime) -> bool:
        """Append a watermark: everything recorded for this topic until `at` is in it. False when it did not arrive."""

    def close(self) -> None: ...


metadata = sa.MetaData()
log_head = sa.Table(
    "log_head",
    metadata,
    sa.Column("topic", sa.String(40), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("next", sa.BigInteger, nullable=False),
)
log_entry = sa.Table(
    "log_entry",
    metadata,
    sa.Column("topic", sa.String(40), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("service", sa.String(40), nullable=False),
    sa.Column("event_id", bulk.Id, nullable=False),
    sa.Column("watermark", bulk.Instant),
)
ENTRY_COLUMNS = ("topic", "part", "n", "service", "event_id", "watermark")


def create_topics(conn: Connection, parts: int) -> list[str]:
    """Create the missing topics, at migration; an existing topic keeps its partitions. Returns the new ones."""
    have = {t for (t,) in conn.execute(sa.select(log_head.c.topic).distinct())}
    missing = sorted(TOPICS.keys() - have)
    rows = [(t, p, 0) for t in missing for p in range(1 if t == "authority" else parts)]
    bulk.insert(conn, log_head, ("topic", "part", "next"), rows)
    return missing


class DatabaseLog:
    """The log as a table beside the event stores, which hold the bytes.

    An entry's number is the last of its partition + 1, taken under the row lock of `log_head`, so numbers become
    visible in order (a sequence handed out before commit loses events).
    """

    max_bytes = 1_000_000

    def __init__(self, engine: sa.Engine):
        self.engine = engine
        with engine.connect() as conn:
            rows = conn.execute(sa.select(log_head.c.topic, sa.func.count().label("n")).group_by(log_head.c.topic))
            self._parts: dict[str, int] = {row.topic: row.n for row in rows}
        if missing := TOPICS.keys() - self._parts.keys():
            raise LogCut(f"topics {sorted(missing)} do not exist in the log; run `imbang migrate`")

    def partitions(self, topic: str) -> int:
        return self._parts[topic]

    def append(self, conn: Connection, service: str, events: Sequence[Outgoing]) -> list[bool]:
        self._enter(conn, service, [(e.topic, e.part, e.event_id, None) for e in events])
        return [True] * len(events)

    def beat(self, conn: Connection, service: str, topic: str, at: datetime) -> bool:
        self._enter(conn, service, [(topic, part, ids.new(), at) for part in range(self._parts[topic])])
        return True

    def _enter(self, conn: Connection, service: str, records: Sequence[tuple[str, int, str, datetime | None]]) -> None:
        """Give each record (topic, part, id, watermark) the next number of its partition."""
        places = sorted({(topic, part) for topic, part, _, _ in records})
        if not places:
            return
        here = sa.tuple_(log_head.c.topic, log_head.c.part).in_(places)
        locked = sa.select(log_head.c.topic, log_head.c.part, log_head.c.next).where(here)
        heads = conn.execute(locked.order_by(log_head.c.topic, log_head.c.part).with_for_update())
        following = {(topic, part): n for topic, part, n in heads}
        entries = []
        for topic, part, record_id, watermark in records:
            entries.append((topic, part, following[topic, part], service, record_id, watermark))
            following[topic, part] += 1
        bulk.insert(conn, log_entry, ENTRY_COLUMNS, entries)
        bulk.upsert(conn, log_head, ("topic", "part", "next"), [(*place, following[place]) for place in places])

    def reader(self, consumer: str, topics: Sequence[str], positions: Positions) -> Reader:
        return _DatabaseReader(self.engine, [(t, p) for t in topics for p in range(self._parts[t])], positions)

    def ends(self, topic: str) -> dict[int, int]:
        with self.engine.connect() as conn:
            rows = conn.execute(sa.select(log_head.c.part, log_head.c.next).where(log_head.c.topic == topic))
            return {row.part: row.next for row in rows}

    def close(self) -> None:
        pass


@cache
def _stored(service: str) -> sa.Table:
    """What is read of the event store of a service."""
    columns = (sa.Column("event_id", bulk.Id, primary_key=True), sa.Column("body", sa.LargeBinary))
    return sa.Table(f"{service}_event", sa.MetaData(), *columns)


class _DatabaseReader:
    def __init__(self, engine: sa.Engine, places: list[Place], positions: Positions):
        self.engine, self.places, self.positions = engine, places, positions

    def read(self, limit: int) -> list[Record]:
        positions = self.positions()
        records: list[Record] = []
        with self.engine.connect() as conn:
            ends = {
                (t, p): n for t, p, n in conn.execute(sa.select(log_head.c.topic, log_head.c.part, log_head.c.next))
            }
            for place in self.places:
                start = positions.get(place, Position())
                if start.offset > ends[place]:
                    raise LogCut(f"{place[0]}/{place[1]} ends at {ends[place]}, this consumer is at {start.offset}")
                if start.offset < ends[place] and len(records) < limit:
                    records += self._slice(conn, place, start, limit - len(records))
        return records

    def _slice(self, conn: Connection, place: Place, start: Position, limit: int) -> list[Record]:
        first = start.offset - 1 if start.last_id else start.offset
        rows = conn.execute(
            sa.select(log_entry.c.n, log_entry.c.service, log_entry.c.event_id, log_entry.c.watermark)
            .where(log_entry.c.topic == place[0], log_entry.c.part == place[1], log_entry.c.n >= first)
            .order_by(log_entry.c.n)
            .limit(limit + 1)
        ).all()
        if start.last_id:
            if not rows or rows[0][2] != start.last_id:
                raise LogCut(f"{place[0]}/{place[1]} at {first} is not the record this consumer passed there")
            rows = rows[1:]
        bodies: dict[str, bytes] = {r.event_id: b"" for r in rows if r.watermark}
        for service in {r.service for r in rows}:
            wanted = [r.event_id for r in rows if r.service == service and not r.watermark]
            bodies |= bulk.lookup(conn, _stored(service), "event_id", wanted, ("event_id", "body"))
        records: list[Record] = []
        for r in rows:
            if r.event_id not in bodies:
                if records:
                    break  # what comes before it is told first
                raise EventLost(f"{place[0]}/{place[1]} at {r.n}: {r.event_id} is not in {r.service}_event")
            records.append(Record(*place, r.n, r.event_id, bodies[r.event_id], r.watermark))
        return records

    def rewind(self) -> None:
        """Nothing to do: positions are read anew each time."""

    def close(self) -> None:
        pass
