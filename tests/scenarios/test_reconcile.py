"""A restored database whose log knows more: what goes wrong on the way changes nothing, and is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services import mutations, personnel
from services.mutations import adoption
from services.reconcile import reconcile
from services.whole import Forked, NotReconciled, require_whole
from tests.scenarios import proofs
from tests.scenarios.conftest import NewDatabase, NewLog
from tests.scenarios.drill import Place, draft, recorded, state, walk

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def past(
    new_database: NewDatabase, new_log: NewLog, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Place, Path, Any]]:
    """A place, its backup, and the state that it had later, when three services had recorded more."""
    home = tmp_path_factory.mktemp("past")
    old, backup = Place(home / "old", new_database(), new_log()), home / "backup"
    with pytest.MonkeyPatch.context() as monkeypatch, old.town(new=True) as world:
        mutation = str(draft(world, "ana").json["mutation"])
        assert old.command(monkeypatch, "backup", str(backup)) == 0
        walk(world, mutation, slice(None))
        world.drain()
        yield old, backup, (state(world), recorded(world))


@pytest.fixture
def behind(
    past: tuple[Place, Path, Any], new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Place, Any]:
    """A restored place that lacks events of three services, and the state that was lost."""
    old, backup, lost = past
    new = Place(tmp_path / "new", new_database(), old.log)
    old.hand_over_keys(new)
    assert new.command(monkeypatch, "restore", str(backup)) == 0
    return new, lost


def test_the_command_says_what_came_back_and_what_is_lost(
    behind: tuple[Place, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new, (lost, events) = behind
    assert new.command(monkeypatch, "restore", "--reconcile", "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {back["service"] for back in told["taken_back"]} == {"mutations", "personnel", "workload"}
    assert (told["verified"], told["next"]) == (True, ["start the services"])
    assert any("never reached the log" in what for what in told["lost"])
    with new.town(new=False) as back:
        assert (state(back), recorded(back)) == (lost, events)
        require_whole(back.app.databases, back.app.services)


def test_a_reconciliation_that_was_killed_goes_on_where_it_was(
    behind: tuple[Place, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies within its second service, whose events are written and not committed."""
    new, (lost, events) = behind

    def die(*_: object) -> None:
        raise SystemExit("killed")

    with new.town(new=False) as back:
        with monkeypatch.context() as doom:
            doom.setattr(adoption, "evolve", die)
            with pytest.raises(SystemExit):
                reconcile(back.app)
        assert recorded(back)["personnel"] == events["personnel"]
        assert recorded(back)["mutations"] == 1
        with pytest.raises(NotReconciled, match="mutations lacks events of the topic mutation"):
            back.app.runtime.start()
    assert new.command(monkeypatch, "restore", "--reconcile") == 0
    with new.town(new=False) as back:
        assert (state(back), recorded(back)) == (lost, events)


def test_a_fork_is_not_overwritten(behind: tuple[Place, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The restored system was used before it was reconciled: it numbered a subject a second time."""
    new, _ = behind
    with new.town(new=False) as back:
        position, owner = mutations.SERVICE.inbox.position, back.app.databases.owner(back.app.config.database_url)
        with owner.begin() as conn:
            now = back.clock.read(conn).wall
            conn.execute(position.update().where(position.c.topic == "authority").values(fresh_at=now))
        (case,) = proofs.cases(back.app)
        walk(back, case.id, slice(0, 1))
        before = recorded(back)
        with pytest.raises(Forked, match=f"version 2 of mutations/mutation/{case.id}"):
            reconcile(back.app)
        assert recorded(back) == before
    assert new.command(monkeypatch, "restore", "--reconcile") == 2


def test_an_event_with_other_bytes_is_a_fork(behind: tuple[Place, Any]) -> None:
    new, _ = behind
    with new.town(new=False) as back:
        event = personnel.SERVICE.outbox.event
        one = back.rows("personnel", event)[0]["event_id"]
        with back.app.databases.owner(back.app.config.database_url).begin() as conn:
            conn.execute(event.update().where(event.c.event_id == one).values(hash=b"other"))
        with pytest.raises(Forked):
            reconcile(back.app)


def test_a_log_that_is_behind_says_which_topics_to_send_again(
    past: tuple[Place, Path, Any], new_database: NewDatabase, new_log: NewLog, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A drill in another place has a log of its own, which is empty."""
    old, backup, _ = past
    new = Place(tmp_path / "new", new_database(), new_log())
    old.hand_over_keys(new)
    assert new.command(monkeypatch, "restore", str(backup), "--json") == 0
    steps = json.loads(capsys.readouterr().out.splitlines()[-1])["next"]
    topics = [step.removeprefix("run `imbang republish ").partition("`")[0] for step in steps[:-1]]
    assert topics == ["authority", "identity", "personnel", "workload"]
    for topic in topics:
        assert new.command(monkeypatch, "republish", topic) == 0
    with new.town(new=False) as back:
        back.drain()
        (case,) = proofs.cases(back.app)
        walk(back, case.id, slice(0, 4))


def test_an_event_behind_many_watermarks_is_seen(behind: tuple[Place, Any]) -> None:
    """A quiet topic ends with watermarks alone."""
    new, _ = behind
    with new.town(new=False) as back:
        reconcile(back.app)
        with back.app.databases.writer("personnel").begin() as conn:
            for _ in range(150):
                assert back.app.event_log.beat(conn, "personnel", "authority", back.clock.now)
        require_whole(back.app.databases, back.app.services)
        event = personnel.SERVICE.outbox.event
        with back.app.databases.owner(back.app.config.database_url).begin() as conn:
            conn.execute(sa.delete(event).where(event.c.type == "authority.holder_appointed"))
        with pytest.raises(NotReconciled, match="personnel lacks events of the topic authority"):
            require_whole(back.app.databases, back.app.services)
