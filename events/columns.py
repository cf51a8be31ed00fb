"""What columns hold: types of our own, and what values are to each driver."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect

Row = tuple[Any, ...]
#: Places in a row whose values the driver has in another form, each with its conversion.
Conversions = Sequence[tuple[int, Callable[[Any], Any]]]

#: A UUID in text form; native on PostgreSQL.
Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


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
        return value.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        return value.astimezone(UTC)  # type: ignore[no-any-return]


@cache
def kinds_of(table: sa.Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, ...]:
    """Types for casts. Text has no length there: a cast would cut what is too long, where an insert refuses it."""
    compiled = (table.c[n].type.compile(dialect=dialect) for n in names)
    return tuple("text" if t.startswith(("VARCHAR", "TEXT")) else t for t in compiled)


@cache
def conversions_of(table: sa.Table, names: tuple[str, ...], dialect: Dialect, direction: str) -> Conversions:
    """What SQLAlchemy's types do to values on their way to the driver, or back."""
    found = []
    for i, name in enumerate(names):
        of = table.c[name].type.dialect_impl(dialect)
        if isinstance(of, sa.Float | sa.LargeBinary):
            continue  # floats and bytes to every driver
        convert = of.bind_processor(dialect) if direction == "bind_processor" else of.result_processor(dialect, None)
        if convert is not None:
            found.append((i, convert))
    return found


def for_driver(table: sa.Table, names: tuple[str, ...], dialect: Dialect, rows: Collection[Row]) -> Collection[Row]:
    """Rows as SQLite's driver wants them."""
    return converted(rows, conversions_of(table, names, dialect, "bind_processor"))


def converted(rows: Collection[Row], conversions: Conversions) -> Collection[Row]:
    if not conversions:
        return rows
    converted = []
    for row in rows:
        values = list(row)
        for i, convert in conversions:
            values[i] = convert(values[i])
        converted.append(tuple(values))
    return converted
