"""The drill: backed up under load, lost, restored in a new place, verified, and the work goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.daemon import wait_until
from services.audit.export import verify_all
from services.whole import NotReconciled
from tests.scenarios import proofs
from tests.scenarios.conftest import NewDatabase, NewLog
from tests.scenarios.drill import (
    Place,
    draft,
    ends,
    recorded,
    settled,
    state,
    timers,
    under_load,
    walk,
)
from tests.worlds import World

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, Place]:
    """Where the system lives, and where it will; the log is in the database."""
    homes = (tmp_path / "old", tmp_path / "new")
    if request.param == "sqlite":
        return Place(homes[0], f"sqlite:///{homes[0]}/imbang.db"), Place(homes[1], f"sqlite:///{homes[1]}/imbang.db")
    new_database: NewDatabase = request.getfixturevalue("new_database")
    return Place(homes[0], new_database()), Place(homes[1], new_database())


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
    old.hand_over_keys(new)
    assert new.command(monkeypatch, "restore", backup) == 0
    with new.town(new=False) as back:
        assert writer_may_only_add(back)
        assert proofs.replayed(back.app) == proofs.cases(back.app)
        assert set(before.values()) <= {case.id for case in proofs.cases(back.app)}
        back.drain()
        walk(back, mutation, slice(4, None))
        back.drain()
        assert next(case.state for case in proofs.cases(back.app) if case.id == mutation) == "TEMP.ACTIVE"
        verdict = verify_all(back.app)
        assert (verdict["faults"], verdict["pending"]) == ([], 0)


def writer_may_only_add(world: World) -> bool:
    """On PostgreSQL: whether the rights of the roles are those of a migrated database."""
    rights = "SELECT has_table_privilege('imbang_writer', 'mutations_event', kind) FROM unnest(%s::text[]) AS kind"
    with world.app.databases.reader("mutations").connect() as conn:
        if conn.dialect.name == "sqlite":
            return True
        found = conn.exec_driver_sql(rights, (["INSERT", "UPDATE", "DELETE"],))
        return list(found.scalars()) == [True, False, False]


@pytest.mark.postgres
@pytest.mark.kafka
def test_a_log_that_is_ahead_of_the_backup_gives_back_what_was_done_since(
    new_database: NewDatabase, new_log: NewLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, backup = new_log(), str(tmp_path / "backup")
    old, new = (Place(tmp_path / name, new_database(), log) for name in ("old", "new"))
    with old.town(new=True) as world:
        mutation = str(draft(world, "ana").json["mutation"])
        walk(world, mutation, slice(0, 4))
        with under_load(world) as load:
            assert old.command(monkeypatch, "backup", backup) == 0
            walk(world, mutation, slice(4, None))
        assert wait_until(lambda: settled(world), 60)
        lost, clocks, now = state(world), timers(world), world.clock.now

    old.hand_over_keys(new)
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
        back.clock.now = now.replace(month=7)
        assert wait_until(lambda: bool(ends(back, mutation)) and settled(back), 60)
        assert len(ends(back, mutation)) == 1, "a timer that came back fires once"
        events = recorded(back)

    assert new.command(monkeypatch, "restore", "--reconcile") == 0, "once more is harmless"
    with new.town(new=False) as back:
        assert recorded(back) == events
        assert proofs.replayed(back.app) == proofs.cases(back.app)
