"""Values in the binary form of PostgreSQL's types: one value, or a column of values as an array.

The driver finds the form of each value anew and takes over a microsecond for it; a column has one type, so here a value
of it takes a fifth of that. Format: PostgreSQL's manual, "Frontend/Backend Protocol"; each type's `*_recv`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

_length = struct.Struct("!i").pack
_array = struct.Struct("!iIIii").pack
_NULL = _length(-1)
#: Where PostgreSQL counts days and microseconds from.
_DAY, _MOMENT = date(2000, 1, 1).toordinal(), datetime(2000, 1, 1, tzinfo=UTC)


class Form(NamedTuple):
    """How a type looks: its OID, for the head of an array, and its values."""

    oid: int
    encode: Callable[[Any], bytes]


def _uuid(value: str | UUID) -> bytes:
    encoded = value.bytes if isinstance(value, UUID) else bytes.fromhex(value.replace("-", ""))
    if len(encoded) != 16:
        raise ValueError(value)
    return encoded


def _moment(value: datetime) -> bytes:
    since = value - _MOMENT
    return _bigint((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _day(value: date) -> bytes:
    return _integer(value.toordinal() - _DAY)


_integer, _bigint, _double = struct.Struct("!i").pack, struct.Struct("!q").pack, struct.Struct("!d").pack
_boolean = struct.Struct("!?").pack

#: Types as SQLAlchemy names them; every text is `text`.
FORMS = {
    "BIGINT": Form(20, _bigint),
    "BOOLEAN": Form(16, _boolean),
    "BYTEA": Form(17, bytes),
    "DATE": Form(1082, _day),
    "DOUBLE PRECISION": Form(701, _double),
    "FLOAT": Form(701, _double),
    "INTEGER": Form(23, _integer),
    "TIMESTAMP WITH TIME ZONE": Form(1184, _moment),
    "UUID": Form(2950, _uuid),
    "text": Form(25, str.encode),
}


def value(kind: str, given: Any) -> bytes | None:
    """One value. Raises psycopg.DataError for what is none of the type."""
    try:
        return None if given is None else FORMS[kind].encode(given)
    except (AttributeError, TypeError, ValueError, struct.error) as error:
        raise psycopg.DataError(f"no {kind}: {error}") from error


def array(kind: str, column: Sequence[Any]) -> bytes:
    """A column of values as an array. Raises psycopg.DataError for what is none of the type."""
    oid, encode = FORMS[kind]
    gaps = None in column
    try:
        if gaps:
            values = [_NULL if given is None else _sized(encode(given)) for given in column]
        else:
            encoded = list(map(encode, column))
            values = list(chain.from_iterable(zip(map(_length, map(len, encoded)), encoded, strict=True)))
    except (AttributeError, TypeError, ValueError, struct.error) as error:
        raise psycopg.DataError(f"no {kind}: {error}") from error
    return _array(1, gaps, oid, len(column), 1) + b"".join(values)


def _sized(encoded: bytes) -> bytes:
    return _length(len(encoded)) + encoded
