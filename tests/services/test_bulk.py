"""Rows in bulk mean the same on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from events import bulk, ids
from services.config import driver
from services.db import WRITER, prepared

metadata = sa.MetaData()
town = sa.Table(
    "town",
    metadata,
    sa.Column("id", bulk.Id, primary_key=True),
    sa.Column("name", sa.String(8), nullable=False),
    sa.Column("people", sa.Integer),
    sa.Column("area", sa.Float),
    sa.Column("founded", bulk.Instant),
    sa.Column("seal", sa.LargeBinary),
    sa.Column("capital", sa.Boolean),
)
history = sa.Table(
    "history",
    metadata,
    sa.Column("subject", sa.String(8)),
    sa.Column("version", sa.Integer),
    sa.Column("what", sa.Text),
)
COLUMNS = ("id", "name", "people", "area", "founded", "seal", "capital")
SOFIFI, TERNATE, TIDORE = sorted(ids.new() for _ in range(3))
FOUNDED = datetime(1999, 10, 4, 1, 2, 3, 4, tzinfo=UTC)
ROWS = [
    (SOFIFI, "Sofifi", 36_000, 1.5, FOUNDED, b"\x00\xff", True),
    (TERNATE, "Ternate", None, None, None, None, False),
    (TIDORE, "Tidore", 70_000, 0.25, FOUNDED, b"", None),
]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Connection]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'bulk.db'}" if sqlite else driver(request.getfixturevalue("postgres_url"))
    engine = sa.create_engine(url)
    if sqlite:  # on PostgreSQL the role would have no right to a table that no migration made
        prepared(engine, WRITER)
    metadata.create_all(engine)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def everything(conn: sa.Connection) -> list[bulk.Row]:
    return list(bulk.lookup(conn, town, "id", [SOFIFI, TERNATE, TIDORE], COLUMNS))


def test_rows_come_back_as_they_went_in(conn: sa.Connection) -> None:
    bulk.insert(conn, town, COLUMNS, ROWS)
    assert everything(conn) == ROWS


def test_one_row_is_written_as_many_are(conn: sa.Connection) -> None:
    for row in ROWS:
        bulk.insert(conn, town, COLUMNS, [row])
    assert everything(conn) == ROWS


def test_an_upsert_overwrites_the_named_columns_only(conn: sa.Connection) -> None:
    bulk.insert(conn, town, COLUMNS, ROWS)
    bulk.upsert(conn, town, ("id", "name"), [(SOFIFI, "Guraping"), (TIDORE, "Soasio")])
    assert [row[1:3] for row in everything(conn)] == [("Guraping", 36_000), ("Ternate", None), ("Soasio", 70_000)]


def test_a_claim_finds_what_was_new(conn: sa.Connection) -> None:
    assert list(bulk.claim(conn, town, ("id", "name"), [(SOFIFI, "Sofifi")])) == [(SOFIFI,)]
    again = bulk.claim(conn, town, ("id", "name"), [(SOFIFI, "other"), (TIDORE, "Tidore")])
    assert list(again) == [(TIDORE,)]
    assert [row[1] for row in everything(conn)] == ["Sofifi", "Tidore"]


def test_a_conflict_is_an_integrity_error_wherever_it_shows(conn: sa.Connection) -> None:
    bulk.insert(conn, town, COLUMNS, ROWS)
    with pytest.raises(sa.exc.IntegrityError):
        insert_and_look(conn)


def insert_and_look(conn: sa.Connection) -> None:
    with bulk.together(conn):
        bulk.insert(conn, town, COLUMNS, ROWS)
        bulk.lookup(conn, town, "id", [SOFIFI], ("name",))


def test_what_travels_together_takes_effect_in_order(conn: sa.Connection) -> None:
    with bulk.together(conn):
        bulk.insert(conn, town, COLUMNS, ROWS)
        before = bulk.lookup(conn, town, "id", [SOFIFI], ("people",))
        with bulk.together(conn):
            bulk.upsert(conn, town, ("id", "name", "people"), [(SOFIFI, "Sofifi", 1)])
        bulk.delete(conn, town, ("id",), [(TIDORE,), (TERNATE,)])
        after = bulk.lookup(conn, town, "id", [SOFIFI, TIDORE], ("people",))
    assert (list(before), list(after)) == ([(36_000,)], [(1,)])


def test_what_is_found_can_be_looked_at_again(conn: sa.Connection) -> None:
    bulk.insert(conn, town, COLUMNS, ROWS)
    found = bulk.lookup(conn, town, "name", ["Sofifi", "Tidore"], ("name",))
    assert (len(found), list(found), list(found)) == (2, [("Sofifi",), ("Tidore",)], [("Sofifi",), ("Tidore",)])


def test_no_value_finds_nothing(conn: sa.Connection) -> None:
    bulk.insert(conn, town, COLUMNS, ROWS)
    assert not bulk.lookup(conn, town, "id", [], COLUMNS)
    assert not bulk.claim(conn, town, ("id", "name"), [])


def test_the_newest_of_each_is_found_and_nothing_of_others(conn: sa.Connection) -> None:
    rows = [("a", 1, "first"), ("a", 2, "second"), ("b", 1, "only"), ("c", 1, "not asked")]
    bulk.insert(conn, history, ("subject", "version", "what"), rows)
    newest = bulk.newest(conn, history, "subject", "version", ["a", "b", "unknown"], ("subject", "what"))
    assert sorted(newest) == [("a", "second"), ("b", "only")]
    assert sorted(bulk.count(conn, history, "subject", ["a", "b", "unknown"])) == [("a", 2), ("b", 1)]


def test_a_row_is_found_by_way_of_another_table(conn: sa.Connection) -> None:
    bulk.insert(conn, town, COLUMNS, ROWS)
    assert list(bulk.lookup(conn, town, "name", [TIDORE], ("people",), via=town.c.name)) == [(70_000,)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_text_that_is_too_long_is_refused_not_cut(count: int, postgres_url: str) -> None:
    engine = sa.create_engine(driver(postgres_url))
    metadata.create_all(engine)
    long = [(ids.new(), "longer than eight") for _ in range(count)]
    with pytest.raises(sa.exc.DataError), engine.begin() as conn:
        bulk.insert(conn, town, ("id", "name"), long)
    engine.dispose()


@pytest.mark.postgres
def test_a_connection_goes_on_after_a_savepoint_that_was_taken_back(postgres_url: str) -> None:
    engine = prepared(sa.create_engine(driver(postgres_url)), WRITER)
    with engine.begin() as conn:
        assert list(bulk.ask(conn, "SELECT 1")) == [(1,)]
        for _ in range(8):  # as often as it takes the driver to prepare a statement by itself
            conn.execute(sa.text("SELECT 2"))
        conn.begin_nested().rollback()  # then it would forget all that is prepared here
        conn.execute(sa.text("SELECT 2"))
        assert list(bulk.ask(conn, "SELECT 1")) == [(1,)]
    engine.dispose()
