"""A panel whose members come and go while it sits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from events.authority import HolderAppointed, HolderEnded
from services import mutations
from tests.services.test_mutations import HELPER, case_of, consult, give, populate, propose, replayed
from tests.worlds import World
from workflow import commands as cmd

WHY = "Layanan terancam"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}", [mutations.SERVICE], ["personnel", "workload", "optimizer"])
    populate(made)
    yield made
    made.close()


def sitting(world: World) -> str:
    """A contested case before the panel, with two votes of the three it needs."""
    m = propose(world)
    consult(world, m, cmd.Answer(mutation=m, answer="unwilling", reason_class="family"))
    give(world, "sekda", cmd.Settle(mutation=m, outcome="panel", reason_class="need"), WHY)
    for n in (0, 1):
        give(world, f"panel-{n}", cmd.Vote(mutation=m, vote="recommend"), WHY)
    assert case_of(world, m)["state"] == "APPROVAL.PANEL"
    return m


def voted(world: World, m: str) -> set[str]:
    return {office.removeprefix("panel_member.") for office in replayed(world, m).votes}


def leaves(world: World, person: str) -> None:
    office = f"panel_member.{person}"
    told = HolderEnded(office=office, person=person, capacity="definitive", order="SK-2", on=date(2026, 3, 1))
    world.tell(f"personnel/office/{office}", told)
    world.drain()


def takes(world: World, seat: str, person: str) -> None:
    office = f"panel_member.{seat}"
    told = HolderAppointed(office=office, person=person, capacity="definitive", order="SK-3", since=date(2026, 3, 2))
    world.tell(f"personnel/office/{office}", told)
    world.drain()


def test_the_vote_of_a_member_who_leaves_falls_away_and_the_successor_votes(world: World) -> None:
    m = sitting(world)
    leaves(world, "panel-0")
    assert voted(world, m) == {"panel-1"}
    assert give(world, "panel-2", cmd.Vote(mutation=m, vote="recommend"), WHY) == "APPROVAL.PANEL"
    takes(world, "panel-0", "successor")
    assert give(world, "successor", cmd.Vote(mutation=m, vote="recommend"), WHY) == "APPROVAL.DECISION"


def test_the_vote_of_a_member_who_stays_counts(world: World) -> None:
    m = sitting(world)
    leaves(world, "panel-4")
    assert voted(world, m) == {"panel-0", "panel-1"}
    assert give(world, "panel-2", cmd.Vote(mutation=m, vote="recommend"), WHY) == "APPROVAL.DECISION"


def test_a_member_who_takes_the_seat_of_another_does_not_inherit_a_vote(world: World) -> None:
    m = sitting(world)
    takes(world, "panel-1", "newcomer")
    assert voted(world, m) == {"panel-0"}
    assert case_of(world, m)["person"] == HELPER


def test_a_vote_falls_away_while_the_case_rests_too(world: World) -> None:
    m = sitting(world)
    give(world, "officer", cmd.Hold(mutation=m, reason_class="legal_process", until=date(2026, 3, 20)))
    leaves(world, "panel-0")
    assert voted(world, m) == {"panel-1"}
    give(world, "officer", cmd.Resume(mutation=m))
    takes(world, "panel-0", "successor")
    for person in ("panel-2", "successor"):
        give(world, person, cmd.Vote(mutation=m, vote="recommend"), WHY)
    assert case_of(world, m)["state"] == "APPROVAL.DECISION"
