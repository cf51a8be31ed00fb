"""The law's dated numbers: windows of elections, the lock on recruits, contract staff, conflicts of interest."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.unit.workflow.world import EMPLOYEE, PAPERS, SCHOOLS, Case
from workflow import commands as cmd
from workflow.library import pack_on, packs
from workflow.refusal import Refused

PACK = packs()["asn-2024-01-01"]
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2020, 1, 8), date(2021, 2, 17)),  # candidates to be fixed on 8 July 2020
        (date(2024, 3, 22), date(2025, 8, 20)),  # fixed on 22 September 2024; inaugurated on 20 February 2025
    ],
)
def test_a_freeze_begins_six_months_before_candidates_are_fixed_and_ends_six_months_after_inauguration(
    first: date, last: date
) -> None:
    assert not PACK.frozen("8200", first - DAY)
    assert PACK.frozen("8200", first)
    assert PACK.frozen("8271", last)
    assert not PACK.frozen("8200", last + DAY)


def test_the_freeze_of_one_region_is_not_that_of_another() -> None:
    assert not PACK.frozen("8100", date(2024, 6, 3))


@pytest.mark.parametrize(
    ("kind", "heads_unit", "barred"),
    [
        ("jpt", False, True),
        ("administrator", False, True),
        ("pengawas", False, True),
        ("fungsional", True, True),
        ("fungsional", False, False),
        ("pelaksana", False, False),
    ],
)
def test_a_freeze_bars_officials_and_heads_of_units_and_nobody_else(kind: str, heads_unit: bool, barred: bool) -> None:
    case = Case("R1", source=replace(SCHOOLS, kind=kind, heads_unit=heads_unit)).deciding()
    case.now = datetime.fromisoformat("2026-02-03T01:00:00+00:00")
    election = replace(PACK.elections[1], candidates_fixed=date(2026, 7, 1), term_ends=date(2027, 2, 1))
    case.knows(pack=replace(PACK, elections=[election]))
    if not barred:
        assert case.sign(case.by("decider")) == ["decree.issued"]
        return
    with pytest.raises(Refused) as refused:
        case.sign(case.by("decider"))
    assert refused.value.rule == "outside_freeze"
    assert "UU 10/2016" in refused.value.basis
    case.grant("minister_freeze")
    assert case.sign(case.by("decider")) == ["decree.issued"]


def test_a_case_before_a_freeze_may_be_held_until_it_is_over() -> None:
    case = Case("R1", source=replace(SCHOOLS, kind="pengawas")).deciding()
    case.do("officer", cmd.Hold, reason_class="freeze", until=case.today + timedelta(days=90))
    case.fire("rest")
    assert case.state == "APPROVAL.DECISION"


@pytest.mark.parametrize("route", ["R2", "R3", "R4", "R6"])
def test_a_recruit_does_not_ask_to_leave_the_government_for_ten_years(route: str) -> None:
    case = Case(route)
    case.person(appointed_on=date(2017, 1, 1))
    case.draft(EMPLOYEE, origin="own_request")
    with pytest.raises(Refused, match="lock_over") as refused:
        case.do(case.by("officer"), cmd.Submit, documents=PAPERS)
    assert "2027-01-01" in refused.value.text.en
    agency_need = Case(route)
    agency_need.person(appointed_on=date(2017, 1, 1))
    assert agency_need.proposed().state == "PROPOSED.SCREENING"


def test_inside_the_government_a_recruit_may_ask() -> None:
    case = Case("R1")
    case.person(appointed_on=date(2017, 1, 1))
    case.draft(EMPLOYEE, origin="own_request")
    assert case.do(case.by("officer"), cmd.Submit, documents=PAPERS) == ["mutation.proposed"]


@pytest.mark.parametrize(("route", "rule"), [("R2", "status_allowed"), ("R6", "may_leave_government")])
def test_contract_staff_stay_in_their_government(route: str, rule: str) -> None:
    case = Case(route)
    case.person(status="pppk")
    case.draft()
    with pytest.raises(Refused) as refused:
        case.do(case.by("officer"), cmd.Submit, documents=PAPERS)
    assert rule in {refused.value.rule, *(also.rule for also in refused.value.also)}


@pytest.mark.parametrize("route", ["R1", "R2", "R3", "R4", "R5", "R6"])
def test_nobody_comes_under_a_relative(route: str) -> None:
    case = Case(route)
    case.person(conflicts=frozenset({case.facts["target"].unit}))
    case.draft()
    with pytest.raises(Refused, match="no_conflict"):
        case.do(case.by("officer"), cmd.Submit, documents=PAPERS)


def test_a_new_pack_judges_from_its_day_and_rewrites_nothing() -> None:
    assert pack_on(date(2023, 12, 31)).id == "asn-2023-10-31"
    assert pack_on(date(2024, 1, 1)).id == "asn-2024-01-01"
    case = Case("R1").deciding()
    case.knows(pack=replace(PACK, id="tomorrow"))
    case.sign(case.by("decider"))
    assert [event.pack for event in case.history][-2:] == ["asn-2024-01-01", "tomorrow"]
    assert case.replayed() == case.it
