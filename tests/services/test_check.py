"""A case that was changed by hand is found: it no longer follows from its history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from events import ids
from services import audit, mutations
from services.__main__ import main
from services.app import SERVICES
from services.audit.export import verify_all
from services.db import table
from services.mutations.check import check
from services.mutations.models import Asked, Case, Reservation
from tests.services.test_mutations import HASH, HELPER, give, populate, propose
from tests.worlds import World
from workflow import commands as cmd

case, asked, reservation = table(Case), table(Asked), table(Reservation)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """One case in consultation, and one that nobody has sponsored."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'imbang.db'}" if sqlite else request.getfixturevalue("postgres_url")
    services = [mutations.SERVICE, audit.SERVICE]
    made = World(url, services, ["personnel", "workload", "optimizer"], directory=tmp_path)
    populate(made)
    propose(made)
    m = propose(made)
    give(made, "officer", cmd.Submit(mutation=m, documents={"G2": HASH}))
    give(made, "verifier", cmd.Screen(mutation=m, outcome="pass"))
    yield made
    made.close()


def faults(world: World) -> list[tuple[str, str]]:
    verdict = verify_all(world.app)
    assert verdict["verified"] is not bool(verdict["faults"])
    return [(fault["kind"], fault["where"]) for fault in verdict["faults"]]


def test_cases_on_every_way_follow_from_their_histories(world: World) -> None:
    m = next(row["id"] for row in world.rows("mutations", case) if row["state"] == "CONSULTATION")
    assert faults(world) == []
    give(world, HELPER, cmd.Answer(mutation=m, answer="willing"))
    world.pass_time(timedelta(days=20))
    assert faults(world) == []
    world.pass_time(timedelta(days=400))
    assert faults(world) == []


def test_what_was_changed_by_hand_is_found_and_named(world: World, subtests: pytest.Subtests) -> None:
    timer = mutations.SERVICE.timer
    edits: list[tuple[str, sa.Executable]] = [
        ("mutations_case", case.update().where(case.c.state == "CONSULTATION").values(state="APPROVAL.DECISION")),
        ("mutations_case", case.update().where(case.c.state == "CONSULTATION").values(target_opd="ptsp")),
        ("mutations_case", case.update().where(case.c.state == "CONSULTATION").values(body=b'{"id":"x"}')),
        ("mutations_duty", asked.update().values(person="somebody")),
        ("mutations_duty", asked.delete()),
        ("mutations_timer", timer.delete()),
        ("mutations_reservation", reservation.delete()),
    ]
    engine = world.app.databases.writer("mutations")
    for where, edit in edits:
        with subtests.test(str(edit)), engine.connect() as conn:
            tables = (case, asked, reservation, timer)
            before = {t: world.rows("mutations", t) for t in tables}
            conn.execute(edit)
            conn.commit()
            assert faults(world) == [("state", where)]
            for t, rows in before.items():
                conn.execute(t.delete())
                if rows:
                    conn.execute(sa.insert(t), rows)
            conn.commit()
    assert faults(world) == []


def test_a_case_without_a_history_and_a_history_without_a_case_are_found(world: World) -> None:
    engine = world.app.databases.writer("mutations")
    row = world.rows("mutations", case)[0]
    with engine.begin() as conn:
        conn.execute(case.update().where(case.c.id == row["id"]).values(id=ids.new()))
    found = list(check(world.app.databases.reader("mutations")))
    assert [differs.where for differs in found][:1] == ["mutations_case"]
    with engine.begin() as conn:
        for t in (case, asked, reservation, mutations.SERVICE.timer):
            conn.execute(t.delete())
    assert [differs.where for differs in check(world.app.databases.reader("mutations"))] == ["mutations_case"]


def test_the_command_says_each_fault_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMBANG_DIRECTORY", str(tmp_path))
    world = World(f"sqlite:///{tmp_path / 'imbang.db'}", SERVICES, (), directory=tmp_path)
    row = dict.fromkeys(case.columns.keys(), "x")
    row |= {"version": 1, "contested": False, "closed": False, "opened_at": world.clock.now, "body": b"{}"}
    with world.app.databases.writer("mutations").begin() as conn:
        conn.execute(sa.insert(case), [row | {"changed_at": world.clock.now}])
    world.close()
    assert main(["verify"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == (
        "fault in mutations_case (state): mutations_case holds mutations/mutation/x otherwise than its history gives "
        "it, which ends with version 0"
    )
    assert main(["verify", "--json"]) == 1
    assert [fault["kind"] for fault in json.loads(capsys.readouterr().out)["faults"]] == ["state"]
