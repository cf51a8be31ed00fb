"""The texts of bulk statements: for PostgreSQL with numbered, typed parameters, for SQLite with question marks.

A text does not depend on how many rows there are, so each is made once and prepared once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import sqlalchemy as sa


@cache
def primary_key(table: sa.Table) -> tuple[str, ...]:
    return tuple(c.name for c in table.primary_key.columns)


@cache
def overwrite(table: sa.Table, names: tuple[str, ...]) -> str:
    keys = primary_key(table)
    changed = [c for c in names if c not in keys]
    action = "UPDATE SET " + ", ".join(f'"{c}" = excluded."{c}"' for c in changed) if changed else "NOTHING"
    return f" ON CONFLICT ({quoted(keys)}) DO {action}"


@cache
def insert_arrays(table: sa.Table, names: tuple[str, ...], kinds: tuple[str, ...]) -> str:
    return f'INSERT INTO "{table.name}" ({quoted(names)}) SELECT * FROM unnest({places(kinds, "[]")})'


@cache
def insert_row(table: sa.Table, names: tuple[str, ...], kinds: tuple[str, ...]) -> str:
    return f'INSERT INTO "{table.name}" ({quoted(names)}) VALUES ({places(kinds)})'


@cache
def delete_arrays(table: sa.Table, names: tuple[str, ...], kinds: tuple[str, ...]) -> str:
    arrays = places(kinds, "[]")
    aliases = ", ".join(f"k{i}" for i in range(len(names)))
    match = " AND ".join(f't."{c}" = x.k{i}' for i, c in enumerate(names))
    return f'DELETE FROM "{table.name}" t USING unnest({arrays}) AS x({aliases}) WHERE {match}'


@cache
def insert_values(table: sa.Table, names: tuple[str, ...]) -> str:
    return f'INSERT INTO "{table.name}" ({quoted(names)}) VALUES ({", ".join("?" * len(names))})'


def places(kinds: Iterable[str], of: str = "") -> str:
    """Numbered parameters, each with its type: $1::uuid, $2::text"""
    return ", ".join(f"${i}::{kind}{of}" for i, kind in enumerate(kinds, 1))


def quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)
