"""The route follows from the two places and the duration."""

from __future__ import annotations

from datetime import date

import pytest

from events.mutation import Mode, Place
from tests.unit.workflow.world import COUNTER, SCHOOLS, TIDORE_COUNTER, Case
from workflow import commands as cmd
from workflow.decision import decide
from workflow.facts import Facts
from workflow.library import definition, definition_for
from workflow.refusal import Refused
from workflow.routes import route_of


def place(instansi: str) -> Place:
    return Place(position="p", unit="u", opd="o", instansi=instansi)


@pytest.mark.parametrize(
    ("source", "target", "mode", "route"),
    [
        ("8200", "8200", "permanent", "R1"),
        ("8200", "8272", "permanent", "R2"),
        ("8201", "8272", "permanent", "R2"),
        ("8200", "8100", "permanent", "R3"),
        ("0012", "8200", "permanent", "R4"),
        ("0012", "0013", "permanent", "R4"),
        ("8200", "8200", "temporary", "R5"),
        ("8200", "8272", "temporary", "R6"),
    ],
)
def test_each_route_is_computed(source: str, target: str, mode: Mode, route: str) -> None:
    assert route_of(place(source), place(target), mode).code == route


def test_the_counter_in_sofifi_is_an_internal_matter_when_it_is_the_provinces() -> None:
    assert definition_for(SCHOOLS, COUNTER, "temporary").name == "R5@2"
    assert definition_for(SCHOOLS, COUNTER, "permanent").name == "R1@2"


@pytest.mark.parametrize(
    ("mode", "route", "parties"),
    [
        ("permanent", "R2", ["Kota Tidore Kepulauan", "8200", "BKN", "Governor"]),
        ("temporary", "R6", ["Kota Tidore Kepulauan", "8200", "BKN"]),
    ],
)
def test_the_same_counter_of_kota_tidore_is_another_route_with_its_parties(
    mode: Mode, route: str, parties: list[str]
) -> None:
    assert definition_for(SCHOOLS, TIDORE_COUNTER, mode).route == route
    chain = route_of(SCHOOLS, TIDORE_COUNTER, mode).parties("8200", "Kota Tidore Kepulauan")
    assert all(party in chain.en for party in parties)
    assert "Kota Tidore Kepulauan" in chain.id


@pytest.mark.parametrize("route", ["R1", "R2", "R3", "R4", "R5", "R6"])
def test_every_route_has_a_definition_that_knows_its_parties(route: str) -> None:
    case = Case(route)
    case.draft()
    assert case.it.definition.startswith(f"{route}@")


def test_a_route_cannot_be_chosen() -> None:
    case = Case("R5")
    facts = Facts(now=case.now, actor=None, **case.facts)
    draft = cmd.Draft(
        mutation="m", person="employee", to_position="counter-clerk", mode="temporary",
        start=date(2026, 2, 16), until=date(2026, 5, 15), origin="load",
    )  # fmt: skip
    with pytest.raises(Refused, match="wrong_route"):
        decide(definition("R1@1"), None, draft, facts)


def test_a_draft_whose_route_changed_is_not_submitted() -> None:
    case = Case("R5")
    case.draft()
    case.knows(target=TIDORE_COUNTER)
    with pytest.raises(Refused) as refused:
        case.do("officer", cmd.Submit)
    assert refused.value.rule == "route_holds"
    assert "R6" in refused.value.text.en
