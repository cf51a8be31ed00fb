"""The drill: backed up under load, lost, restored in a new place, verified, and the work goes on."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from deploy.daemon import wait_until
from deploy.native import Postgres
from services.audit.export import verify_all
from services.whole import NotReconciled
from tests.scenarios import proofs
from tests.scenarios.drill import (
    Place,
    draft,
    recorded,
    settled,
    state,
    timers,
    under_load,
    walk,
)

NewDatabase = Callable[[], str]
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def new_database(request: pytest.FixtureRequest) -> Iterator[NewDatabase]:
    """Makes fresh PostgreSQL databases, dropped after the test."""
    server: Postgres
    admin: psycopg.Connection
    server, admin = request.getfixturevalue("postgres_admin")
    made: list[str] = []

    def make() -> str:
        made.append(f"test_{uuid.uuid4().hex}")
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(made[-1])))
        return server.url(made[-1])

    yield make
    for name in made:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, Place]:
    """Where the system lives, and where it will; the log is in the database."""
    homes = (tmp_path / "old", tmp_path / "new")
    if request.param == "sqlite":
        return Place(homes[0], f"sqlite:///{homes[0]}/imbang.db"), Place(homes[1], f"sqlite:///{homes[1]}/imbang.db")
    new_database: NewDatabase = request.getfixturevalue("new_database")
    return Place(homes[0], new_database()), Place(homes[1], new_database())


@pytest.fixture
def shared_log(new_database: NewDatabase, kafka_address: str, topic_prefix: str, tmp_path: Path) -> tuple[Place, Place]:
    """The same with PostgreSQL and a log that outlives the database."""
    log = f"kafka://{kafka_address}/{topic_prefix}"
    return Place(tmp_path / "old", new_database(), log), Place(tmp_path / "new", new_database(), log)


def hand_over_keys(old: Place, new: Place) -> None:
    """Keys are kept apart from the backup."""
    new.home.mkdir()
    (new.home / "audit-key.pem").write_bytes((old.home / "audit-key.pem").read_bytes())


def test_what_was_backed_up_under_load_works_on_in_a_new_place(
    places: tuple[Place, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = places
    backup = str(tmp_path / "backup")
    with old.town(new=True) as world:
        mutation = str(draft(world, "ana").json["mutation"])
        walk(world, mutation, slice(0, 4))
        with under_load(world) as load:
            before = dict(load.promised)
            assert old.command(monkeypatch, "backup", backup) == 0
    hand_over_keys(old, new)
    assert new.command(monkeypatch, "restore", backup) == 0
    with new.town(new=False) as back:
        assert proofs.replayed(back.app) == proofs.cases(back.app)
        assert set(before.values()) <= {case.id for case in proofs.cases(back.app)}
        back.drain()
        walk(back, mutation, slice(4, None))
        back.drain()
        assert next(case.state for case in proofs.cases(back.app) if case.id == mutation) == "TEMP.ACTIVE"
        verdict = verify_all(back.app)
        assert (verdict["faults"], verdict["pending"]) == ([], 0)


@pytest.mark.postgres
@pytest.mark.kafka
def test_a_log_that_is_ahead_of_the_backup_gives_back_what_was_done_since(
    shared_log: tuple[Place, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = shared_log
    backup = str(tmp_path / "backup")
    with old.town(new=True) as world:
        mutation = str(draft(world, "ana").json["mutation"])
        walk(world, mutation, slice(0, 4))
        with under_load(world) as load:
            assert old.command(monkeypatch, "backup", backup) == 0
            walk(world, mutation, slice(4, None))
        assert wait_until(lambda: settled(world), 60)
        lost, clocks, now = state(world), timers(world), world.clock.now

    hand_over_keys(old, new)
    assert new.command(monkeypatch, "restore", backup) == 0
    with new.town(new=False) as back, pytest.raises(NotReconciled, match="imbang restore --reconcile"):
        back.app.runtime.start()
    assert new.command(monkeypatch, "restore", "--reconcile") == 0
    with new.town(new=False) as back:
        back.clock.now = now
        assert state(back) == lost
        assert timers(back) == clocks
        for key, case in load.promised.items():
            reply = draft(back, "budi", key)
            assert (reply.status_code, reply.json["mutation"]) == (201, case)
        back.app.runtime.start()
        assert wait_until(lambda: settled(back), 60)
        assert state(back) == lost
        verdict = verify_all(back.app)
        assert (verdict["faults"], verdict["pending"]) == ([], 0)
        events = recorded(back)

    assert new.command(monkeypatch, "restore", "--reconcile") == 0, "once more is harmless"
    with new.town(new=False) as back:
        assert recorded(back) == events
        assert proofs.replayed(back.app) == proofs.cases(back.app)
