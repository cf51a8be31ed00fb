"""Statements over libpq: all or nothing, in order, and nothing is left of a conversation that broke off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from events import binary, bulk, ids
from events.wire import Wire
from services.config import driver

pytestmark = pytest.mark.postgres


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url) as connection:
        yield connection


@pytest.fixture
def wire(connection: psycopg.Connection[Any]) -> Wire:
    return Wire(connection)


def text(given: str) -> bytes | None:
    return binary.value("text", given)


def test_answers_come_in_the_order_of_the_questions(wire: Wire) -> None:
    wire.held = True
    replies = [wire.ask("SELECT $1::text", [text(word)]) for word in ("one", "two", "three")]
    assert [reply.rows() for reply in replies] == [[("one",)], [("two",)], [("three",)]]


def test_the_first_error_is_told_and_what_comes_after_it_is_not_run(wire: Wire) -> None:
    wire.ask("CREATE TEMP TABLE told (word text)")
    wire.held = True
    wire.ask("INSERT INTO told VALUES ('before')")
    wire.ask("SELECT 1 / 0")
    wire.ask("COMMIT")
    with pytest.raises(psycopg.errors.DivisionByZero):
        wire.send()


def test_a_connection_goes_on_after_a_statement_that_failed(wire: Wire, connection: psycopg.Connection[Any]) -> None:
    for _ in range(2):
        with pytest.raises(psycopg.errors.UndefinedTable):
            wire.ask("SELECT * FROM nowhere")
        connection.rollback()
    connection.execute("CREATE TABLE nowhere (word text)")
    assert wire.ask("SELECT * FROM nowhere").rows() == []
    connection.rollback()


def test_what_no_socket_holds_goes_both_ways(wire: Wire) -> None:
    long = "x" * 20_000_000
    wire.held = True
    replies = [wire.ask("SELECT $1::text", [text(long)]) for _ in range(3)]
    assert all(reply.rows() == [(long,)] for reply in replies)


def test_a_connection_that_is_cut_is_closed(wire: Wire, connection: psycopg.Connection[Any], postgres_url: str) -> None:
    wire.ask("SELECT 1")
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,))
    with pytest.raises(psycopg.OperationalError):
        wire.ask("SELECT 1")
    assert connection.closed


def test_a_commit_travels_with_what_it_commits(postgres_url: str) -> None:
    engine = sa.create_engine(driver(postgres_url))
    metadata = sa.MetaData()
    told = sa.Table("told_once", metadata, sa.Column("id", bulk.Id, primary_key=True))
    metadata.create_all(engine)
    try:
        with engine.connect() as conn:
            with conn.begin():
                with bulk.together(conn):
                    bulk.insert(conn, told, ("id",), [(ids.new(),)])
                    bulk.commit(conn)
                with engine.connect() as other:
                    assert other.scalar(sa.select(sa.func.count()).select_from(told)) == 1
            with conn.begin():
                bulk.insert(conn, told, ("id",), [(ids.new(),)])
            assert conn.scalar(sa.select(sa.func.count()).select_from(told)) == 2
    finally:
        metadata.drop_all(engine)
        engine.dispose()


VALUES = {
    "BIGINT": [0, -1, 2**63 - 1],
    "BOOLEAN": [True, False],
    "BYTEA": [b"", b"\x00\xff"],
    "DATE": [date(1, 1, 1), date(2000, 1, 1), date(9999, 12, 31)],
    "DOUBLE PRECISION": [0.1, -1e300],
    "INTEGER": [0, -(2**31), 2**31 - 1],
    "TIMESTAMP WITH TIME ZONE": [datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC), datetime(2026, 2, 28, tzinfo=UTC)],
    "text": ["", "Ternate", "مالوكو", "a\\b{,}\"'"],
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_arrive_as_they_were_alone_and_in_arrays(wire: Wire, kind: str) -> None:
    values = [*VALUES[kind], None]
    alone = [wire.ask(f"SELECT $1::{kind}", [binary.value(kind, value)]).rows()[0][0] for value in values]
    (together,) = zip(*wire.ask(f"SELECT unnest($1::{kind}[])", [binary.array(kind, values)]).rows(), strict=True)
    assert (alone, list(together)) == (values, values)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("INTEGER", 2**31), ("INTEGER", "one"), ("UUID", "no id"), ("UUID", "00"), ("DATE", "2026-01-01"), ("text", 5)],
)
def test_a_value_of_another_type_is_a_data_error(kind: str, value: Any, wire: Wire) -> None:
    with pytest.raises(psycopg.DataError):
        wire.ask(f"SELECT $1::{kind}", [binary.value(kind, value)])
