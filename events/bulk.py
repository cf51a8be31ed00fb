"""Rows in bulk: COPY and unnest on PostgreSQL, executemany on SQLite. The only file that knows the drivers.

Everything here works on a SQLAlchemy connection inside its open transaction, takes tables as SQLAlchemy tables and rows
as tuples in the order of the named columns. No ORM and no statement compilation on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from psycopg import sql as _sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Dialect

Row = tuple[Any, ...]

#: From this many rows on COPY beats one unnest statement on PostgreSQL; below it a round trip costs more.
COPY_FROM = 16

#: A UUID in text form; native on PostgreSQL.
Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")

_ISO = "%Y-%m-%dT%H:%M:%S.%fZ"


class Instant(sa.types.TypeDecorator[datetime]):
    """A moment, always aware and in UTC: timestamptz on PostgreSQL, sortable ISO text on SQLite."""

    impl = sa.String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).strftime(_ISO)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.strptime(value, _ISO).replace(tzinfo=UTC)
        return value.astimezone(UTC)  # type: ignore[no-any-return]


def insert(conn: Connection, table: sa.Table, columns: Sequence[str], rows: Collection[Row]) -> None:
    """Insert rows. A conflict raises IntegrityError."""
    if not rows:
        return
    names = tuple(columns)
    if conn.dialect.name == "postgresql" and len(rows) >= COPY_FROM:
        _copy(conn, table, names, _bound(conn, table, names, rows))
    else:
        _run(conn, table, names, rows, "")


def upsert(conn: Connection, table: sa.Table, columns: Sequence[str], rows: Collection[Row]) -> None:
    """Insert rows, or overwrite the named columns of those whose primary key exists. Rows have distinct keys."""
    if not rows:
        return
    names, keys = tuple(columns), primary_key(table)
    changed = [c for c in names if c not in keys]
    action = "UPDATE SET " + ", ".join(f'"{c}" = excluded."{c}"' for c in changed) if changed else "NOTHING"
    _run(conn, table, names, rows, f" ON CONFLICT ({_quoted(keys)}) DO {action}")


def claim(conn: Connection, table: sa.Table, columns: Sequence[str], rows: Collection[Row]) -> set[Any]:
    """Insert rows whose key (the first column) is new; returns the new keys. The heart of doing a thing once."""
    if not rows:
        return set()
    names = tuple(columns)
    conflict = f' ON CONFLICT DO NOTHING RETURNING "{names[0]}"'
    bound = _bound(conn, table, names, rows)
    if conn.dialect.name == "postgresql":
        return {r[0] for r in conn.exec_driver_sql(_unnest(table, names, conn.dialect) + conflict, _transposed(bound))}
    statement = _values(table, names) + conflict
    return {r[0] for row in bound for r in conn.exec_driver_sql(statement, row).fetchall()}


def delete(conn: Connection, table: sa.Table, columns: Sequence[str], rows: Collection[Row]) -> None:
    """Delete the rows in which the named columns have these values."""
    if not rows:
        return
    names = tuple(columns)
    bound = _bound(conn, table, names, rows)
    if conn.dialect.name == "postgresql":
        types = _types(table, names, conn.dialect)
        arrays = ", ".join(f"%s::{t}[]" for t in types)
        aliases = ", ".join(f"k{i}" for i in range(len(names)))
        match = " AND ".join(f't."{c}" = x.k{i}' for i, c in enumerate(names))
        conn.exec_driver_sql(
            f'DELETE FROM "{table.name}" t USING unnest({arrays}) AS x({aliases}) WHERE {match}', _transposed(bound)
        )
    else:
        match = " AND ".join(f'"{c}" = ?' for c in names)
        conn.exec_driver_sql(f'DELETE FROM "{table.name}" WHERE {match}', list(bound))


def lookup(
    conn: Connection, table: sa.Table, key: str, values: Iterable[Any], columns: Sequence[str], *, lock: bool = False
) -> Sequence[Row]:
    """The rows whose column `key` is among `values`, sorted by it; locked in that order if `lock` (PostgreSQL)."""
    wanted = sorted(set(values))
    if not wanted:
        return []
    found: list[Row] = []
    chosen = [table.c[c] for c in columns]
    # SQLite allows 32,766 parameters a statement; chunks keep any batch below it.
    for start in range(0, len(wanted), 5000):
        statement = sa.select(*chosen).where(table.c[key].in_(wanted[start : start + 5000])).order_by(table.c[key])
        found += [tuple(r) for r in conn.execute(statement.with_for_update() if lock else statement)]
    return found


def primary_key(table: sa.Table) -> tuple[str, ...]:
    return tuple(c.name for c in table.primary_key.columns)


def _run(conn: Connection, table: sa.Table, names: tuple[str, ...], rows: Collection[Row], tail: str) -> None:
    bound = _bound(conn, table, names, rows)
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(_unnest(table, names, conn.dialect) + tail, _transposed(bound))
    else:
        conn.exec_driver_sql(_values(table, names) + tail, list(bound))


def _copy(conn: Connection, table: sa.Table, names: tuple[str, ...], rows: Iterable[Row]) -> None:
    driver = conn.connection.driver_connection
    assert driver is not None
    statement = _sql.SQL("COPY {} ({}) FROM STDIN").format(
        _sql.Identifier(table.name), _sql.SQL(", ").join(map(_sql.Identifier, names))
    )
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


@cache
def _unnest(table: sa.Table, names: tuple[str, ...], dialect: Dialect) -> str:
    arrays = ", ".join(f"%s::{t}[]" for t in _types(table, names, dialect))
    return f'INSERT INTO "{table.name}" ({_quoted(names)}) SELECT * FROM unnest({arrays})'


@cache
def _values(table: sa.Table, names: tuple[str, ...]) -> str:
    return f'INSERT INTO "{table.name}" ({_quoted(names)}) VALUES ({", ".join("?" * len(names))})'


@cache
def _types(table: sa.Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, ...]:
    return tuple(table.c[n].type.compile(dialect=dialect) for n in names)


@cache
def _processors(table: sa.Table, names: tuple[str, ...], dialect: Dialect) -> list[tuple[int, Callable[[Any], Any]]]:
    found: list[tuple[int, Callable[[Any], Any]]] = []
    for i, name in enumerate(names):
        processor = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        if processor is not None:
            found.append((i, processor))
    return found


def _bound(conn: Connection, table: sa.Table, names: tuple[str, ...], rows: Collection[Row]) -> Collection[Row]:
    """Rows as the driver wants them."""
    processors = _processors(table, names, conn.dialect)
    if not processors:
        return rows
    bound = []
    for row in rows:
        values = list(row)
        for i, processor in processors:
            values[i] = processor(values[i])
        bound.append(tuple(values))
    return bound


def _transposed(rows: Collection[Row]) -> tuple[list[Any], ...]:
    return tuple(map(list, zip(*rows, strict=True)))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)
