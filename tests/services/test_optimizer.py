"""The service `optimizer` on the real kernel: when it plans, what it counts as under way, what it lets rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events import ids
from events.mutation import Act, Agency, EmployeeRecorded, Move, MutationDrafted, MutationRejected, Place
from events.personnel import IncumbencyChanged, PersonRegistered, PositionRegistered, UnitRegistered
from events.proposal import ProposalDrafted
from events.workload import AbkFinalised, WorkloadChanged, WorkloadMeasured
from services import optimizer
from services.db import table
from services.optimizer.models import PlanRow, ProposalRow, Refusal
from services.optimizer.picture import Picture
from services.optimizer.planning import SignAssessment
from services.optimizer.solver import Plan, solve
from tests.worlds import World

COUNTER, DONOR = "dukcapil.loket", "ptsp.loket"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}", [optimizer.SERVICE], ["personnel", "workload", "mutations"])
    for unit, opd in ((COUNTER, "dukcapil"), (DONOR, "ptsp")):
        made.tell(
            f"personnel/unit/{unit}",
            UnitRegistered(
                unit=unit, name=unit, opd=opd, opd_name=opd, instansi="8200", instansi_name="Maluku Utara",
                region="8272", island="Halmahera",
            ),
        )  # fmt: skip
        made.tell(
            f"personnel/position/{unit}.p",
            PositionRegistered(
                position=f"{unit}.p", unit=unit, title="t", kind="pelaksana", family="f", job_class=6, places=7
            ),
        )
    for i in range(13):
        home = DONOR if i < 7 else COUNTER
        made.tell(
            f"personnel/person/{person(i)}",
            PersonRegistered(
                person=person(i), status="pns", grade=9, position=f"{home}.p", unit=home, since=date(2020, 1, 1 + i),
                appointed_on=date(2015, 1, 1), retires_on=date(2045, 1, 1), skills=["f"], home="Halmahera",
            ),
        )  # fmt: skip
    measure(made, DONOR, 0.6, 7.0)
    measure(made, COUNTER, 0.95, 6.0)
    for unit, need in ((DONOR, 4), (COUNTER, 6)):
        made.tell(
            f"workload/unit/{unit}",
            AbkFinalised(unit=unit, version=1, minutes=need * 75e3, need=need, wke=75000, signed_on=date(2025, 12, 15)),
        )
    made.drain()
    yield made
    made.close()


def person(i: int) -> str:
    return f"00000000-0000-4000-8000-{i:012d}"


def measure(world: World, unit: str, ratio: float, staff: float) -> None:
    world.tell(
        f"workload/unit/{unit}",
        WorkloadMeasured(
            unit=unit, report="r", period_from=date(2026, 2, 23), period_to=date(2026, 2, 27),
            minutes=ratio * staff * 1500, available=staff * 1500, staff=staff, ratio=ratio,
        ),
    )  # fmt: skip


def surge(world: World, ratio: float = 1.4167) -> None:
    measure(world, COUNTER, ratio, 6.0)
    level = "overload" if ratio > 1.1 else "balanced"
    world.tell(
        f"workload/unit/{COUNTER}",
        WorkloadChanged(
            unit=COUNTER, report="r", ratio=ratio, previous_ratio=0.95, level=level, staff=6, needed=2.5, lasting=0,
            as_of=date(2026, 3, 2),
        ),
    )  # fmt: skip
    world.drain()


def sign(world: World) -> None:
    world.submit("optimizer", SignAssessment(instansi="8200", document="d" * 64), "sekda")
    world.drain()


def proposals(world: World, state: str | None = None) -> list[ProposalDrafted]:
    rows = sorted(world.rows("optimizer", table(ProposalRow)), key=lambda r: r["id"])
    return [msgspec.json.decode(r["body"], type=ProposalDrafted) for r in rows if state in (None, r["state"])]


def plans(world: World) -> list[dict[str, Any]]:
    return sorted(world.rows("optimizer", table(PlanRow)), key=lambda r: r["id"])


def header(proposal: ProposalDrafted, mutation: str, state: str, row: str) -> dict[str, Any]:
    return {
        "mutation": mutation,
        "person": proposal.person,
        "agencies": [Agency("source", "8200", "ptsp"), Agency("receiver", "8200", "dukcapil")],
        "act": Act(command="x", actor="engine", capacity="engine"),
        "definition": "R5@1",
        "pack": "p",
        "row": row,
        "state": state,
        "at": datetime(2026, 3, 2, tzinfo=UTC),
    }


def place(unit: str, opd: str) -> Place:
    return Place(position=f"{unit}.p", unit=unit, opd=opd, instansi="8200")


def drafted(proposal: ProposalDrafted) -> MutationDrafted:
    move = Move(
        source=place(DONOR, "ptsp"), target=place(COUNTER, "dukcapil"), mode="temporary", start=proposal.start,
        until=proposal.until,
    )  # fmt: skip
    mutation = ids.derived("mutation", proposal.proposal)
    return MutationDrafted(
        **header(proposal, mutation, "DRAFT", "1"), move=move, origin="load", proposal=proposal.proposal
    )


def test_nothing_is_proposed_before_the_impact_assessment_is_signed(world: World) -> None:
    surge(world)
    assert plans(world) == []
    sign(world)
    assert len(proposals(world)) == 2


def test_a_surge_is_answered_with_temporary_help_that_spares_the_donor(world: World) -> None:
    sign(world)
    surge(world)
    found = proposals(world)
    assert {p.mode for p in found} == {"temporary"}
    assert len(found) == 2
    assert all(p.until is not None for p in found)
    by_unit = {e.unit: e for e in found[0].effects}
    assert by_unit[COUNTER].before == pytest.approx(1.4167)
    assert by_unit[DONOR].after_plan == pytest.approx(0.84)


def test_moves_under_way_count_as_made_so_nothing_is_proposed_twice(world: World) -> None:
    sign(world)
    surge(world)
    for p in proposals(world):
        event = drafted(p)
        world.tell(f"mutations/mutation/{event.mutation}", event)
    surge(world, 1.40)
    assert len(proposals(world)) == 2


def test_an_unwilling_person_is_left_alone_and_another_is_proposed(world: World) -> None:
    sign(world)
    surge(world)
    first, second = proposals(world)
    for p in (first, second):
        event = drafted(p)
        world.tell(f"mutations/mutation/{event.mutation}", event)
    world.drain()
    mutation = ids.derived("mutation", first.proposal)
    said = EmployeeRecorded(**header(first, mutation, "CONSULTATION", "7"), answer="unwilling", reason_class="family")
    world.tell(f"mutations/mutation/{mutation}", said)
    world.drain()
    assert [r["person"] for r in world.rows("optimizer", table(Refusal))] == [first.person]
    newest = proposals(world, "proposed")
    assert len(newest) == 1
    assert newest[0].person not in (first.person, second.person)
    world.tell(
        f"mutations/mutation/{mutation}",
        MutationRejected(**header(first, mutation, "REJECTED", "12"), reason_class="unwilling"),
    )
    world.drain()
    assert len(proposals(world)) == 3


def test_proposals_become_pointless_when_the_load_falls(world: World) -> None:
    sign(world)
    surge(world)
    surge(world, 0.9)
    assert len(proposals(world, "outdated")) == 2


def test_a_plan_is_reproduced_from_its_stored_picture(world: World) -> None:
    sign(world)
    surge(world)
    row = plans(world)[-1]
    assert msgspec.json.decode(row["body"], type=Plan).proposals
    picture = msgspec.json.decode(row["picture"], type=Picture)
    assert solve(picture) == msgspec.json.decode(row["body"], type=Plan)


def test_a_helper_who_started_is_staff_and_no_longer_under_way(world: World) -> None:
    sign(world)
    surge(world)
    first = proposals(world)[0]
    event = drafted(first)
    world.tell(f"mutations/mutation/{event.mutation}", event)
    world.drain()
    world.tell(
        f"personnel/person/{first.person}",
        IncumbencyChanged(
            person=first.person, kind="temporary", from_position=f"{DONOR}.p", from_unit=DONOR,
            to_position=f"{COUNTER}.p", to_unit=COUNTER, on=date(2026, 3, 16), until=date(2026, 6, 12),
            mutation=event.mutation,
        ),
    )  # fmt: skip
    world.drain()
    assert staff(world) == {COUNTER: 7.0, DONOR: 6.0}
    moves = world.rows("optimizer", table(optimizer.models.Move))
    assert first.person not in {m["person"] for m in moves}


def staff(world: World) -> dict[str, float]:
    return {r["id"]: r["staff"] for r in world.rows("optimizer", table(optimizer.models.Unit))}


def test_a_helper_is_counted_once_whichever_is_heard_first_the_move_or_the_measurement_after_it(world: World) -> None:
    measure(world, COUNTER, 1.2, 7.0)
    measure(world, DONOR, 0.7, 6.0)
    world.drain()
    world.tell(
        f"personnel/person/{person(0)}",
        IncumbencyChanged(
            person=person(0), kind="temporary", from_position=f"{DONOR}.p", from_unit=DONOR,
            to_position=f"{COUNTER}.p", to_unit=COUNTER, on=date(2026, 3, 16), until=date(2026, 6, 12), mutation="m",
        ),
    )  # fmt: skip
    world.drain()
    assert staff(world) == {COUNTER: 7.0, DONOR: 6.0}


def test_a_unit_that_gets_a_new_name_keeps_what_was_measured_of_it(world: World) -> None:
    (before,) = [r for r in world.rows("optimizer", table(optimizer.models.Unit)) if r["id"] == COUNTER]
    world.tell(
        f"personnel/unit/{COUNTER}",
        UnitRegistered(
            unit=COUNTER, name="Loket Utama", opd="dukcapil", opd_name="dukcapil", instansi="8200",
            instansi_name="Maluku Utara", region="8272", island="Halmahera",
        ),
    )  # fmt: skip
    world.drain()
    (after,) = [r for r in world.rows("optimizer", table(optimizer.models.Unit)) if r["id"] == COUNTER]
    assert after == before | {"name": "Loket Utama"}
