"""A batch decree is one decision: all of its cases are signed or none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from events import envelope, ids, outbox
from events.outcome import GroupDecided
from events.personnel import PersonRegistered
from services import mutations
from services.mutations.groups import SignTogether
from services.service import Refused
from tests.services.test_mutations import DONOR, HASH, case_of, give, populate, propose, replayed
from tests.worlds import World
from workflow import commands as cmd
from workflow.mutation import Mutation

PEOPLE = [f"00000000-0000-4000-8000-0000000000b{i}" for i in range(3)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}", [mutations.SERVICE], ["personnel", "workload", "optimizer"])
    populate(made)
    for person in PEOPLE:
        made.tell(
            f"personnel/person/{person}",
            PersonRegistered(
                person=person, status="pns", grade=9, position=f"{DONOR}.p", unit=DONOR, since=date(2023, 1, 1),
                appointed_on=date(2015, 1, 1), retires_on=date(2045, 1, 1), skills=["f"], home="Halmahera",
            ),
        )  # fmt: skip
    made.drain()
    yield made
    made.close()


def ready(world: World, person: str) -> str:
    """A case of this person that waits for a signature."""
    m = propose(world, person)
    give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH}))
    give(world, "verifier", cmd.Screen(mutation=m, outcome="pass"))
    give(world, person, cmd.Answer(mutation=m, answer="willing"))
    give(world, "donor-head", cmd.Release(mutation=m, answer="yes", handover_planned=True, floor_kept=True))
    give(world, "counter-head", cmd.Receive(mutation=m, answer="yes", budgeted=True))
    return m


def decree(world: World, members: list[str], by: str = "sekda") -> str:
    group = ids.new()
    data = SignTogether(
        group=group, members=members, number="800/7", decree_date=date(2026, 3, 2), effective_on=date(2026, 3, 16)
    )
    world.submit("mutations", data, by)
    return group


def test_one_decree_signs_all_its_cases_under_one_number(world: World) -> None:
    members = [ready(world, person) for person in PEOPLE]
    group = decree(world, members)
    for m in members:
        stored = case_of(world, m)
        assert (stored["state"], replayed(world, m).decree_number) == ("PLACEMENT.DECREED", "800/7")
        assert replayed(world, m) == msgspec.json.decode(stored["body"], type=Mutation)
    with world.app.databases.reader("mutations").connect() as conn:
        (body,) = outbox.stream(conn, mutations.SERVICE.outbox, f"mutations/group/{group}")
    decided = envelope.payload(envelope.decode(body))
    assert isinstance(decided, GroupDecided)
    assert decided.members == members


def test_one_case_that_may_not_be_signed_leaves_all_unsigned(world: World) -> None:
    members = [ready(world, PEOPLE[0]), ready(world, PEOPLE[1]), propose(world, PEOPLE[2])]
    with pytest.raises(Refused) as refusal:
        decree(world, members)
    assert (refusal.value.rule, refusal.value.more["field"]) == ("not_now", "members[2]")
    assert [case_of(world, m)["state"] for m in members] == ["APPROVAL.DECISION", "APPROVAL.DECISION", "DRAFT"]
    give(world, "sekda", cmd.Refuse(mutation=members[0], reason_class="need_gone"))


def test_a_decree_is_signed_by_nobody_without_the_authority(world: World) -> None:
    members = [ready(world, person) for person in PEOPLE[:2]]
    with pytest.raises(Refused) as refusal:
        decree(world, members, by="officer")
    assert refusal.value.status == 403
    assert {case_of(world, m)["state"] for m in members} == {"APPROVAL.DECISION"}


def test_a_case_named_twice_makes_no_group_of_one(world: World) -> None:
    member = ready(world, PEOPLE[0])
    with pytest.raises(Refused) as refusal:
        decree(world, [member, member])
    assert (refusal.value.rule, refusal.value.more["field"]) == ("named_twice", "members[1]")
    assert case_of(world, member)["state"] == "APPROVAL.DECISION"
