"""Yardstick (e), the bare bound: what the database takes when a batch of messages leaves the least rows that could do.

A message leaves one state row and one event row, each of as many bytes as the engine's, one claim and one position, its
place in the outgoing order. Nothing is judged but the order of steps; claims and states are looked up once a batch; all
is written by one upsert and three COPYs in one transaction. On SQLite the same rows by executemany.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg import sql

from events import ids
from tests.bench.flow import PARTIES

NEXT = {
    ("new", "draft"): "proposed",
    ("proposed", "submit"): "consulted",
    ("consulted", "answer"): "consulted",
    ("consulted", "release"): "consulted",
    ("consulted", "receive"): "consulted",
    ("consulted", "sign"): "placed",
}
TABLES = {
    "bound_state": "id {id} PRIMARY KEY, state text NOT NULL, agreed text NOT NULL, version integer NOT NULL, "
    "body {bytes} NOT NULL",
    "bound_event": "event_id {id} PRIMARY KEY, subject text NOT NULL, version integer NOT NULL, type text NOT NULL, "
    "time {moment} NOT NULL, correlation text NOT NULL, causation text NOT NULL, body {bytes} NOT NULL, "
    "hash {bytes} NOT NULL, UNIQUE (subject, version)",
    "bound_claim": "message {id} PRIMARY KEY, fingerprint {bytes} NOT NULL",
    "bound_position": "seq {serial}, event_id {id} NOT NULL",
}
COLUMNS = {
    "bound_state": ("id", "state", "agreed", "version", "body"),
    "bound_event": ("event_id", "subject", "version", "type", "time", "correlation", "causation", "body", "hash"),
    "bound_claim": ("message", "fingerprint"),
    "bound_position": ("event_id",),
}
OVERWRITE = "ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in COLUMNS["bound_state"][1:])

Row = tuple[Any, ...]
State = tuple[str, str, int]


class Sizes(NamedTuple):
    """Bytes of the stored bodies, as the engine has them."""

    event: int
    state: int


class Bodies:
    """Bytes in place of stored bodies; no two alike, or the database's log would leave out what did not change."""

    def __init__(self, sizes: Sizes):
        self.sizes, self._noise, self._at = sizes, os.urandom(1 << 16), 0

    def event(self) -> bytes:
        return self._some(self.sizes.event)

    def state(self) -> bytes:
        return self._some(self.sizes.state)

    def _some(self, size: int) -> bytes:
        self._at = (self._at + 61) % (len(self._noise) - size)
        return self._noise[self._at : self._at + size]


class Written(NamedTuple):
    """The rows of a batch; of the states what is judged, without the body."""

    states: dict[str, State]
    events: list[Row]
    claims: list[Row]
    positions: list[Row]


def plan(batch: Sequence[dict[str, Any]], seen: set[str], states: dict[str, State], bodies: Bodies) -> Written:
    """What a batch leaves, a later message building on an earlier one of its case."""
    written, now = Written({}, [], [], []), datetime.now(UTC).isoformat()
    for message in batch:
        if message["id"] in seen:
            continue
        seen.add(message["id"])
        command = message["command"]
        case, step = command["mutation"], command["command"]
        state, agreed, version = states.get(case, ("new", "", 0))
        if step == "sign" and agreed.count(",") < len(PARTIES):
            raise AssertionError(f"{case} is not agreed")
        agreed += f"{step}," if step in ("answer", "release", "receive") else ""
        states[case] = written.states[case] = (NEXT[state, step], agreed, version + 1)
        event, subject, body = ids.new(), f"mutations/mutation/{case}", bodies.event()
        written.events.append(
            (event, subject, version + 1, step, now, message["correlation"], message["id"], body, body[:32])
        )
        written.claims.append((message["id"], body[:32]))
        written.positions.append((event,))
    return written


class Bound:
    """The bound on PostgreSQL."""

    def __init__(self, url: str, sizes: Sizes):
        self.bodies = Bodies(sizes)
        self.conn = psycopg.connect(url)
        serial = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
        types = {"id": "uuid", "bytes": "bytea", "moment": "timestamptz", "serial": serial}
        for name, columns in TABLES.items():
            self.conn.execute(f"CREATE TABLE {name} ({columns.format_map(types)})".encode())
        self.conn.commit()

    def take(self, batch: Sequence[bytes]) -> None:
        messages = [msgspec.json.decode(raw) for raw in batch]
        cursor = self.conn.cursor()
        sent = [m["id"] for m in messages]
        cursor.execute("SELECT message::text FROM bound_claim WHERE message = ANY(%s::uuid[])", (sent,))
        seen = {row[0] for row in cursor}
        cases = sorted({m["command"]["mutation"] for m in messages})
        read = "SELECT id::text, state, agreed, version FROM bound_state WHERE id = ANY(%s::uuid[])"
        cursor.execute(f"{read} ORDER BY id FOR UPDATE", (cases,))
        written = plan(messages, seen, {row[0]: row[1:] for row in cursor}, self.bodies)
        if written.claims:
            self._write(written)
        self.conn.commit()

    def _write(self, written: Written) -> None:
        states = [(case, *state, self.bodies.state()) for case, state in sorted(written.states.items())]
        arrays = "unnest(%b::uuid[], %b::text[], %b::text[], %b::int[], %b::bytea[])"
        upsert = f"INSERT INTO bound_state SELECT * FROM {arrays} {OVERWRITE}"
        self.conn.execute(upsert, [list(column) for column in zip(*states, strict=True)])
        self._copy("bound_event", written.events)
        self._copy("bound_claim", written.claims)
        self._copy("bound_position", written.positions)

    def _copy(self, table: str, rows: Iterable[Row]) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS[table]))
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
        with self.conn.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def finished(self) -> int:
        row = self.conn.execute("SELECT count(*) FROM bound_state WHERE state = 'placed'").fetchone()
        assert row is not None
        self.conn.commit()
        return int(row[0])

    def close(self) -> None:
        self.conn.close()


class BoundFile:
    """The bound on one SQLite file, with `synchronous=FULL`."""

    def __init__(self, path: Path, sizes: Sizes):
        self.bodies = Bodies(sizes)
        self.conn = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self.conn.execute(f"PRAGMA {pragma}")
        types = {"id": "text", "bytes": "blob", "moment": "text", "serial": "integer PRIMARY KEY AUTOINCREMENT"}
        for name, columns in TABLES.items():
            self.conn.execute(f"CREATE TABLE {name} ({columns.format_map(types)})")

    def take(self, batch: Sequence[bytes]) -> None:
        messages = [msgspec.json.decode(raw) for raw in batch]
        self.conn.execute("BEGIN IMMEDIATE")
        sent, cases = [m["id"] for m in messages], sorted({m["command"]["mutation"] for m in messages})
        seen = {row[0] for row in self._among("bound_claim", "message", sent)}
        states = {row[0]: row[1:] for row in self._among("bound_state", "id, state, agreed, version", cases)}
        written = plan(messages, seen, states, self.bodies)
        rows = [(case, *state, self.bodies.state()) for case, state in written.states.items()]
        self._insert("bound_state", rows, OVERWRITE)
        self._insert("bound_event", written.events)
        self._insert("bound_claim", written.claims)
        self._insert("bound_position", written.positions)
        self.conn.execute("COMMIT")

    def _among(self, table: str, columns: str, keys: list[str]) -> Iterable[Row]:
        key = columns.partition(",")[0]
        wanted = f"SELECT {columns} FROM {table} WHERE {key} IN (SELECT value FROM json_each(?))"
        return self.conn.execute(wanted, (json.dumps(keys),))

    def _insert(self, table: str, rows: list[Row], conflict: str = "") -> None:
        columns = COLUMNS[table]
        values = ", ".join("?" * len(columns))
        self.conn.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) {conflict}", rows)

    def finished(self) -> int:
        return int(self.conn.execute("SELECT count(*) FROM bound_state WHERE state = 'placed'").fetchone()[0])

    def close(self) -> None:
        self.conn.close()
