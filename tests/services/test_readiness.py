"""Databases that refuse: a process that cannot write is not ready, and what was answered already stays answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services import mutations
from services.auth import open_door
from services.db import db
from services.steps import BEAT
from tests.services.test_mutations import HASH, give, populate, propose
from tests.worlds import World
from workflow import commands as cmd


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'imbang.db'}" if sqlite else request.getfixturevalue("postgres_url")
    made = World(url, [mutations.SERVICE], ["personnel", "workload", "optimizer"])
    populate(made)
    yield made
    made.close()


def set_read_only(world: World, on: bool) -> None:
    """From now on everything can be read and nothing written, as on a disk that is full; or written again."""
    writer = world.app.databases.writer("mutations")
    world.app.committer.close()
    writer.dispose()
    if writer.dialect.name == "postgresql":
        name = sa.make_url(world.app.config.database_url).database
        with writer.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("RESET ROLE")
            conn.exec_driver_sql("SET default_transaction_read_only = off")
            conn.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {"on" if on else "off"}')
        writer.dispose()
    elif on:
        sa.event.listen(writer, "checkout", _only_read)
    else:
        sa.event.remove(writer, "checkout", _only_read)


def _only_read(dbapi: Any, *_: object) -> None:
    dbapi.execute("PRAGMA query_only=ON")


def ready(world: World) -> tuple[int, dict[str, str]]:
    answer = world.app.web.test_client().get("/readyz")
    return answer.status_code, answer.get_json()["faults"]


def relay(world: World) -> None:
    """What the process does by itself, on a database that may be away."""
    for service in world.app.services:
        world.app.runtime._patiently(lambda service=service: world.app.runtime.relay(service))


def test_a_process_that_can_read_but_not_write_is_not_ready_though_nobody_writes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.runtime.POLL", 0.0)
    relay(world)
    assert ready(world) == (200, {})
    set_read_only(world, True)
    world.clock.advance(BEAT)
    relay(world)
    status, faults = ready(world)
    assert status == 503
    assert "nothing can be written since 20" in faults["database mutations"]
    assert "read" in faults["database mutations"]
    set_read_only(world, False)
    relay(world)
    assert ready(world) == (200, {})


def test_a_command_that_could_not_be_written_tells_it_at_once(tmp_path: Path) -> None:
    world = World(f"sqlite:///{tmp_path / 'imbang.db'}", [mutations.SERVICE], ["personnel", "workload", "optimizer"])
    populate(world)
    m = propose(world)
    set_read_only(world, True)
    with pytest.raises(sa.exc.OperationalError):
        give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH}))
    assert ready(world)[0] == 503
    set_read_only(world, False)
    relay(world)
    assert ready(world) == (200, {})
    assert give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH})) == "PROPOSED.SCREENING"
    world.close()


def test_a_busy_process_writes_nothing_only_to_show_that_it_can(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[object] = []
    monkeypatch.setattr("services.clock.touch", touched.append)
    world.drain()
    world.clock.advance(BEAT - timedelta(seconds=1))
    world.drain()
    assert touched == []


@pytest.mark.parametrize("world", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_an_answer_outlives_the_database_that_it_was_read_from(world: World) -> None:
    @world.app.web.get("/read-and-lost")
    @open_door
    def read_and_lost() -> str:
        pid = db.session.execute(sa.text("SELECT pg_backend_pid()")).scalar()
        other = sa.create_engine(world.app.config.database_url, poolclass=sa.NullPool)
        with other.connect() as conn:
            conn.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        return "read"

    client = world.app.web.test_client()
    assert [client.get("/read-and-lost").text for _ in range(2)] == ["read", "read"]
