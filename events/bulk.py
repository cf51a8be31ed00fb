"""Rows in bulk, by arrays on PostgreSQL and executemany on SQLite. The only file that knows the drivers.

Everything here works on a SQLAlchemy connection inside its open transaction, takes tables as SQLAlchemy tables and rows
as tuples in the order of the named columns. No ORM and no compilation on the way: a statement has one text for any
number of rows, so it is prepared once. Arrays go in binary: Python spends less on them than on a COPY in text and the
server no more, and unlike a COPY they travel together with other statements.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from events import binary, statements
from events.columns import Conversions, Row, conversions_of, converted, for_driver, kinds_of
from events.columns import Id as Id
from events.columns import Instant as Instant
from events.wire import Reply, Wire

#: A statement with one parameter, a list; the type of its values; and how to read the rows it finds.
Question = tuple[str, str, Conversions]

#: The wire last used through a connection of SQLAlchemy.
_wires: WeakKeyDictionary[Connection, Wire] = WeakKeyDictionary()


class Found:
    """The rows that a statement returns, fetched when first looked at."""

    def __init__(self, conn: Connection, fetch: Callable[[], Collection[Row]], conversions: Conversions = ()):
        self._conn, self._fetch, self._conversions = conn, fetch, conversions
        self._rows: list[Row] | None = None

    def __iter__(self) -> Iterator[Row]:
        return iter(self._fetched())

    def __len__(self) -> int:
        return len(self._fetched())

    def _fetched(self) -> list[Row]:
        if self._rows is None:
            with _translated(self._conn):
                self._rows = list(converted(self._fetch(), self._conversions))
        return self._rows


class _Held(threading.local):
    """The connection on which this thread keeps back statements, and its wire."""

    conn: Connection | None = None
    wire: Wire | None = None


_held = _Held()


class together:
    """On PostgreSQL, what is asked and written inside travels at once, and is waited for at the first look or the end.

    Inside, only functions of this file may use the connection.
    """

    __slots__ = ("_conn", "_wire")

    def __init__(self, conn: Connection):
        self._conn = conn
        self._wire: Wire | None = None

    def __enter__(self) -> None:
        if self._conn.dialect.name == "postgresql" and not (wire := _wire(self._conn)).held:
            self._wire, wire.held = wire, True
            _held.conn, _held.wire = self._conn, wire

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if (wire := self._wire) is None:
            return
        try:
            if error is None:
                with _translated(self._conn):
                    wire.send()
        finally:
            wire.held = False
            wire.forget()
            _held.conn = _held.wire = None


def commit(conn: Connection) -> None:
    """On PostgreSQL, commit together with what was written last; on SQLite the transaction's owner does it anyway."""
    if conn.dialect.name == "postgresql":
        _put(conn, "COMMIT")


def insert(conn: Connection, table: sa.Table, columns: Sequence[str], rows: Collection[Row]) -> None:
    """Insert rows. A conflict raises IntegrityError."""
    if rows:
        _insert(conn, table, tuple(columns), rows, "")


def upsert(conn: Connection, table: sa.Table, columns: Sequence[str], rows: Collection[Row]) -> None:
    """Insert rows, or overwrite the named columns of those whose primary key exists. Rows have distinct keys."""
    if rows:
        _insert(conn, table, tuple(columns), rows, statements.overwrite(table, tuple(columns)))


def claim(conn: Connection, table: sa.Table, columns: Sequence[str], rows: Collection[Row]) -> Found:
    """Insert rows whose key is new; finds the first column of these. The heart of doing a thing once."""
    if not rows:
        return Found(conn, tuple)
    names, dialect = tuple(columns), conn.dialect
    conflict = f' ON CONFLICT DO NOTHING RETURNING "{names[0]}"'
    conversions = conversions_of(table, names[:1], dialect, "result_processor")
    if dialect.name == "postgresql":
        return Found(conn, _insert_arrays(conn, table, names, rows, conflict).rows, conversions)
    statement, bound = (
        statements.insert_values(table, names) + conflict,
        for_driver(table, names, dialect, rows),
    )
    with _translated(conn):
        new = [key for row in bound for key in _driver(conn).execute(statement, row).fetchall()]
    return Found(conn, lambda: new, conversions)


def delete(conn: Connection, table: sa.Table, columns: Sequence[str], rows: Collection[Row]) -> None:
    """Delete the rows in which the named columns have these values."""
    if not rows:
        return
    names, dialect = tuple(columns), conn.dialect
    if dialect.name == "postgresql":
        kinds = kinds_of(table, names, dialect)
        _put(conn, statements.delete_arrays(table, names, kinds), kinds, zip(*rows, strict=True))
    else:
        match = " AND ".join(f'"{c}" = ?' for c in names)
        with _translated(conn):
            bound = for_driver(table, names, dialect, rows)
            _driver(conn).executemany(f'DELETE FROM "{table.name}" WHERE {match}', bound)


def lookup(
    conn: Connection,
    table: sa.Table,
    key: str,
    values: Iterable[Any],
    columns: Sequence[str],
    *,
    lock: bool = False,
    via: sa.Column[Any] | None = None,
) -> Found:
    """The rows whose column `key` is among `values`, sorted by it; locked in that order if `lock` (PostgreSQL).

    With `via`, a column of another table, the values are primary keys there, and that column holds the key here.
    """
    return _ask(conn, *_looking_up(table, key, tuple(columns), conn.dialect, lock, via), values)


def newest(
    conn: Connection, table: sa.Table, key: str, order: str, values: Iterable[Any], columns: Sequence[str]
) -> Found:
    """For each of the values that `key` has at all, the row with the greatest `order`: a step into an index on both."""
    return _ask(conn, *_looking_for_newest(table, key, order, tuple(columns), conn.dialect), values)


def ask(conn: Connection, statement: str) -> Found:
    """What a statement without parameters finds, as the driver gives it."""
    if conn.dialect.name == "postgresql":
        return Found(conn, _put(conn, statement).rows)
    with _translated(conn):
        return Found(conn, _driver(conn).execute(statement).fetchall)


def count(conn: Connection, table: sa.Table, key: str, values: Iterable[Any]) -> Found:
    """For each of the values that the column `key` has at all: the value, and in how many rows."""
    return _ask(conn, *_among(table, key, f'"{key}", count(*)', f' GROUP BY "{key}"', conn.dialect), (), values)


def lock(conn: Connection, names: Collection[str]) -> None:
    """Lock what these names stand for until the transaction ends, in their order. SQLite has one writer anyway."""
    if conn.dialect.name == "postgresql" and names:
        statement = "SELECT count(pg_advisory_xact_lock(hashtextextended(name, 0))) FROM unnest($1::text[]) AS name"
        _put(conn, statement, ("text",), (list(names),))


def _insert(conn: Connection, table: sa.Table, names: tuple[str, ...], rows: Collection[Row], tail: str) -> None:
    dialect = conn.dialect
    if dialect.name == "postgresql":
        _insert_arrays(conn, table, names, rows, tail)
    else:
        with _translated(conn):
            _driver(conn).executemany(
                statements.insert_values(table, names) + tail, for_driver(table, names, dialect, rows)
            )


def _insert_arrays(
    conn: Connection, table: sa.Table, names: tuple[str, ...], rows: Collection[Row], tail: str
) -> Reply:
    kinds = kinds_of(table, names, conn.dialect)
    if len(rows) == 1:  # a row by itself costs half of arrays of one
        (row,) = rows
        return _put(conn, statements.insert_row(table, names, kinds) + tail, kinds, row, binary.value)
    return _put(conn, statements.insert_arrays(table, names, kinds) + tail, kinds, zip(*rows, strict=True))


@cache
def _looking_up(
    table: sa.Table, key: str, names: tuple[str, ...], dialect: Dialect, lock: bool, via: sa.Column[Any] | None
) -> Question:
    tail = f' ORDER BY "{key}"' + (" FOR UPDATE" if lock and dialect.name == "postgresql" else "")
    statement, kind = _among(table, key, statements.quoted(names), tail, dialect, via)
    return statement, kind, conversions_of(table, names, dialect, "result_processor")


@cache
def _looking_for_newest(table: sa.Table, key: str, order: str, names: tuple[str, ...], dialect: Dialect) -> Question:
    (kind,) = kinds_of(table, (key,), dialect)
    wanted = f"unnest($1::{kind}[]) wanted(value)" if dialect.name == "postgresql" else "json_each(?) wanted"
    greatest = f'SELECT max("{order}") FROM "{table.name}" WHERE "{key}" = wanted.value'
    statement = (
        f'SELECT {statements.quoted(names)} FROM {wanted} JOIN "{table.name}" t '
        f'ON t."{key}" = wanted.value AND t."{order}" = ({greatest})'
    )
    return statement, kind, conversions_of(table, names, dialect, "result_processor")


@cache
def _among(
    table: sa.Table, key: str, what: str, tail: str, dialect: Dialect, via: sa.Column[Any] | None = None
) -> tuple[str, str]:
    """The text of a question about the rows whose `key` is among some values, and the type of these."""
    given, name = (table, key) if via is None else (via.table, statements.primary_key(via.table)[0])
    (kind,) = kinds_of(given, (name,), dialect)
    among = f"= ANY($1::{kind}[])" if dialect.name == "postgresql" else "IN (SELECT value FROM json_each(?))"
    if via is not None:
        among = f'IN (SELECT "{via.name}" FROM "{given.name}" WHERE "{name}" {among})'
    return f'SELECT {what} FROM "{table.name}" WHERE "{key}" {among}{tail}', kind


def _ask(conn: Connection, statement: str, kind: str, conversions: Conversions, values: Iterable[Any]) -> Found:
    """What a statement finds for these values, its one parameter; nothing for none."""
    wanted = sorted(set(values))
    if not wanted:
        return Found(conn, tuple)
    if conn.dialect.name == "postgresql":
        return Found(conn, _put(conn, statement, (kind,), (wanted,)).rows, conversions)
    with _translated(conn):
        return Found(conn, _driver(conn).execute(statement, (json.dumps(wanted),)).fetchall, conversions)


def _put(
    conn: Connection,
    statement: str,
    kinds: Sequence[str] = (),
    parameters: Iterable[Any] = (),
    encode: Callable[[str, Any], bytes | None] = binary.array,
) -> Reply:
    """Give a statement to PostgreSQL, with parameters of these types."""
    with _translated(conn):
        return _wire(conn).ask(statement, list(map(encode, kinds, parameters)))


def _wire(conn: Connection) -> Wire:
    """The wire of the driver's connection, in SQLAlchemy's transaction."""
    if _held.conn is conn and _held.wire is not None:
        return _held.wire
    wire = _wires.get(conn)
    if wire is None or wire.closed or not conn.in_transaction():
        driver = _driver(conn)
        kept = conn.connection.info  # stays with the driver's connection in the pool, as its prepared statements do
        wire = _wires[conn] = kept.get(Wire) or kept.setdefault(Wire, Wire(driver))
    return wire


def _driver(conn: Connection) -> Any:
    """The driver's own connection, in SQLAlchemy's transaction."""
    if not conn.in_transaction():
        conn.begin()
    return conn.connection.driver_connection


class _translated:
    """The driver's errors as SQLAlchemy's; a connection that is lost is given up."""

    __slots__ = ("_conn",)

    def __init__(self, conn: Connection):
        self._conn = conn

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        dialect = self._conn.dialect
        errors = dialect.loaded_dbapi.Error
        if isinstance(error, errors):
            lost = dialect.is_disconnect(error, self._conn.connection, None)
            if lost:
                self._conn.invalidate(error)
            raise sa.exc.DBAPIError.instance(
                None, None, error, errors, hide_parameters=True, connection_invalidated=lost, dialect=dialect
            ) from error
