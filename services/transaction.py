"""What handlers write through: the transaction of one batch of one service, item by item.

An item that fails leaves nothing behind; the others of its batch go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult, NestedTransaction

from events import bulk, ids, outbox
from events.log import EventLog
from events.statements import primary_key
from services import jobs, timers
from services.clock import Moment
from services.service import Service

Row = dict[str, Any]
#: A row by its table and primary key.
Place = tuple[sa.Table, tuple[Any, ...]]


class _Item:
    """What one item has written so far."""

    def __init__(self, causation: str, correlation: str):
        self.causation, self.correlation = causation, correlation
        self.events: list[outbox.Recorded] = []
        self.rows: dict[sa.Table, dict[tuple[Any, ...], Row | None]] = {}
        self.timers: dict[tuple[str, str], tuple[str, datetime] | None] = {}
        self.jobs: list[tuple[str, str, bytes, datetime]] = []
        self.undo: list[Callable[[], object]] = []
        self.savepoint: NestedTransaction | None = None


class _Within:
    """The life of an item. A context of its own, since a generator's costs a microsecond more."""

    __slots__ = ("_tx",)

    def __init__(self, tx: Tx):
        self._tx = tx

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._tx._end(self._tx._item, error is not None)


class Tx:
    """What handlers write through. `memo` is free for the service's `prepare`, handlers and `finish`."""

    def __init__(self, service: Service, conn: Connection, told: Callable[[], Moment]):
        self.service, self._told = service, told
        self._moment: Moment | None = None
        self.memo: dict[Any, Any] = {}
        self.known: dict[str, outbox.Head] = {}
        self.projecting = False
        self._conn = conn
        self._done = _Item("", "")
        self._item: _Item = self._done
        self._read: dict[Place, Row | None] = {}
        self._wrote = False
        #: What the service knew before this batch and still holds, for `get` to find.
        self.remembered: Mapping[Place, Row | None] = {}

    # -- for handlers ------------------------------------------------------------------------------------------------

    @property
    def moment(self) -> Moment:
        """Business time and wall time, the same for the whole batch. The first look waits for the answer."""
        if self._moment is None:
            self._moment = self._told()
        return self._moment

    @property
    def now(self) -> datetime:
        return self.moment.now

    @property
    def wall(self) -> datetime:
        return self.moment.wall

    @property
    def cause(self) -> str:
        """The id of the command, event or firing that is being handled."""
        return self._item.causation

    def record(self, subject: str, data: msgspec.Struct, *, correlation: str | None = None) -> str:
        """Append an event to a subject of this service; returns its id. Its version is the subject's next."""
        self._no_effects("record")
        if not subject.startswith(f"{self.service.name}/"):
            raise ValueError(f"{self.service.name} does not write {subject}")
        event_id = ids.new()
        item = self._item
        item.events.append(outbox.Recorded(event_id, subject, data, correlation or item.correlation, item.causation))
        return event_id

    def get(self, table: sa.Table, *key: Any) -> Row | None:
        """One row by primary key as this transaction sees it, buffered writes included."""
        for item in (self._item, self._done):
            if item.rows:
                rows = item.rows.get(table)
                if rows is not None and key in rows:
                    return rows[key]
        place = (table, key)
        if place in self._read:
            return self._read[place]
        if place in self.remembered:
            return self.remembered[place]
        match = sa.and_(*(c == v for c, v in zip(table.primary_key.columns, key, strict=True)))
        row = self._conn.execute(sa.select(table).where(match)).mappings().first()
        self._read[place] = dict(row) if row is not None else None
        return self._read[place]

    @property
    def wrote_rows(self) -> bool:
        """Whether rows were written in this transaction, so that what the service remembers may be out of date."""
        return self._wrote or bool(self._item.rows) or bool(self._done.rows)

    def preload(self, table: sa.Table, rows: Sequence[Row], keys: Sequence[tuple[Any, ...]] = ()) -> None:
        """Tell `get` in advance what these keys hold: the rows, and nothing for the other keys."""
        names = primary_key(table)
        self._read |= {(table, key): None for key in keys}
        self._read |= {(table, tuple(row[n] for n in names)): row for row in rows}

    def upsert(self, table: sa.Table, row: Row) -> None:
        """Insert or overwrite a row; `row` has all columns that may not be null."""
        key = tuple(row[n] for n in primary_key(table))
        self._item.rows.setdefault(table, {})[key] = row

    def delete(self, table: sa.Table, *key: Any) -> None:
        """Delete a row by primary key, if it exists."""
        self._item.rows.setdefault(table, {})[key] = None

    def read(self, statement: sa.Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a query after writing what is buffered, so that it sees this transaction's own writes."""
        self._write_rows(self._done)
        if self._item is not self._done and self._item.rows:
            self._open_savepoint()
            self._write_rows(self._item)
        return self._conn.execute(statement, parameters)

    def execute(self, statement: sa.Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement that writes, for what upsert and delete cannot say."""
        if self._item is not self._done:
            self._open_savepoint()
        result = self.read(statement, parameters)
        self._wrote = True
        self._read.clear()
        self.remembered = {}
        return result

    def arm(self, subject: str, name: str, due: datetime) -> None:
        """Set a durable timer; it replaces an earlier one of this name."""
        self._no_effects("arm")
        self._item.timers[subject, name] = (self._item.causation, due)

    def disarm(self, subject: str, name: str) -> None:
        self._no_effects("disarm")
        self._item.timers[subject, name] = None

    def enqueue(self, kind: str, key: str, payload: msgspec.Struct | bytes, after: timedelta = timedelta(0)) -> None:
        """Ask for slow work outside transactions. One waiting job for a (kind, key); the newest payload counts."""
        self._no_effects("enqueue")
        raw = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        self._item.jobs.append((kind, key, raw, self.wall + after))

    def undo(self, action: Callable[[], object]) -> None:
        """Run this if the item fails: whoever changes `memo` says how to change it back."""
        self._item.undo.append(action)

    # -- for the batch -----------------------------------------------------------------------------------------------

    def has_set(self, subject: str, name: str) -> bool:
        """Whether an earlier item of this batch set or stopped this timer."""
        return (subject, name) in self._done.timers

    def _no_effects(self, what: str) -> None:
        if self.projecting:
            raise TypeError(f"a projection may not {what}: it is replayed on a rebuild")

    def item(self, causation: str, correlation: str) -> _Within:
        """All that is written inside takes effect together, or, after an exception, not at all."""
        self._item = _Item(causation, correlation or causation)
        return _Within(self)

    def _end(self, item: _Item, failed: bool) -> None:
        try:
            if failed:
                if item.savepoint is not None and item.savepoint.is_active:
                    item.savepoint.rollback()
                    self._read.clear()
                    self.remembered = {}  # earlier items may have changed these rows; now only the database says so
                for action in reversed(item.undo):
                    action()
                return
            if item.savepoint is not None:
                item.savepoint.commit()
            done = self._done
            done.events += item.events
            done.timers |= item.timers
            done.jobs += item.jobs
            for table, rows in item.rows.items():
                done.rows.setdefault(table, {}).update(rows)
        finally:
            self._item = self._done
            self.projecting = False

    def _open_savepoint(self) -> None:
        if self._item.savepoint is None:
            self._write_rows(self._done)
            self._item.savepoint = self._conn.begin_nested()

    def _write_rows(self, item: _Item) -> None:
        for table in sorted(item.rows, key=lambda t: t.name):
            rows, names = item.rows[table], primary_key(table)
            bulk.delete(self._conn, table, names, sorted(k for k, row in rows.items() if row is None))
            shapes: dict[tuple[str, ...], list[bulk.Row]] = {}
            for _, row in sorted((k, row) for k, row in rows.items() if row is not None):
                shapes.setdefault(tuple(row), []).append(tuple(row.values()))
            for shape, values in shapes.items():
                bulk.upsert(self._conn, table, shape, values)
            self._read |= {(table, key): row for key, row in rows.items()}
            self._wrote = True
        item.rows = {}

    def flush(self, event_log: EventLog) -> None:
        """Write what is still buffered, by statements that need no answer."""
        done, conn, service = self._done, self._conn, self.service
        outbox.record(conn, service.outbox, event_log, done.events, self.known, self.now)
        self._write_rows(done)
        gone = sorted(k for k, timer in done.timers.items() if timer is None)
        bulk.delete(conn, service.timer, ("subject", "name"), gone)
        armed = sorted((*k, *timer) for k, timer in done.timers.items() if timer is not None)
        bulk.upsert(conn, service.timer, timers.COLUMNS, armed)

    def employ(self) -> None:
        """Enqueue the jobs that were asked for."""
        for kind, key, payload, run_at in sorted(self._done.jobs):
            jobs.enqueue(self._conn, self.service.job, kind, key, payload, run_at)
