"""Rows 13 to 21 of the state table, from the consent of origin to the new desk. A test's name says its row."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from msgspec.structs import replace

from tests.unit.workflow.rows import (
    OVER_THE_NATION,
    ROUTES,
    TEMPORARY,
    WHY,
    of_crossing_routes,
    of_every_route,
    refused,
    row,
)
from tests.unit.workflow.world import EMPLOYEE, PAPERS, Case
from workflow import commands as cmd
from workflow.refusal import Refused


@of_crossing_routes
def test_row_13_origin_consents_and_names_the_post(route: str) -> None:
    case = Case(route).agreed()
    no = refused(case, case.by("source_ppk"), cmd.Consent, answer="yes", position="another-post", letter="c")
    assert no.rule == "post_named"
    assert case.it.move.target.position in no.text.en
    case.consent()
    assert row(case) == "13"
    assert case.state == ("APPROVAL.DECISION" if route == "R4" else "APPROVAL.EXTERNAL")


@of_crossing_routes
def test_row_13_origin_refuses(route: str) -> None:
    case = Case(route).agreed()
    case.do(case.by("source_ppk"), cmd.Consent, answer="no", reason_class="no_replacement")
    assert (case.state, row(case)) == ("REJECTED", "13")


@of_crossing_routes
def test_row_13_goes_to_the_panel_first_where_the_rule_pack_asks(route: str) -> None:
    case = Case(route).agreed()
    case.knows(pack=replace(case.facts["pack"], panel_for_transfers=True))
    case.consent()
    assert case.state == "APPROVAL.PANEL"
    case.recommend()
    assert case.state in ("APPROVAL.EXTERNAL", "APPROVAL.DECISION")


@of_every_route
def test_row_14_three_of_five_recommend(route: str) -> None:
    case = Case(route).paneled()
    case.recommend()
    assert case.history[-1].row == "14"
    assert case.state == ("APPROVAL.DECISION" if route in ("R1", "R4", "R5") else "APPROVAL.EXTERNAL")


@of_every_route
@pytest.mark.parametrize(("vote", "state"), [("revise", "PROPOSED.RETURNED"), ("reject", "REJECTED")])
def test_row_14_three_of_five_ask_for_a_revision_or_reject(route: str, vote: str, state: str) -> None:
    case = Case(route).paneled()
    for n in range(3):
        case.do(case.by("panel", n), cmd.Vote, vote=vote, **WHY)
    assert (case.state, case.history[-1].row) == (state, "14")


@pytest.mark.parametrize("route", ["R2", "R3", "R6"])
def test_row_15_every_grant_needed_and_no_other_is_waited_for(route: str) -> None:
    case = Case(route).consented()
    assert set(case.it.duties) == {"pertek"}
    with pytest.raises(Refused, match="grant_asked"):
        case.grant("minister_freeze")
    assert case.grant("pertek") == ["approval.external_granted", "approval.externals_complete"]
    assert (case.state, row(case)) == ("APPROVAL.DECISION", "15")
    assert case.it.grants["pertek"].reference == "B-pertek"


@pytest.mark.parametrize("route", ["R1", "R2", "R3", "R4", "R6"])
def test_row_15_an_official_in_a_freeze_and_the_registry_need_the_minister(route: str) -> None:
    case = Case(route)
    case.now = datetime.fromisoformat("2024-06-03T01:00:00+00:00")
    head = replace(case.facts["source"], kind="administrator", ministerial=True)
    case.knows(source=head, person=replace(case.facts["person"], appointed_on=date(2010, 1, 1)))
    case.draft(start=date(2024, 8, 1), **({"until": date(2024, 10, 31)} if case.mode == "temporary" else {}))
    case.do(case.by("officer"), cmd.Submit, documents=PAPERS)
    case.do(case.by("verifier"), cmd.Screen, outcome="pass")
    case.heads_agree()
    case.do(EMPLOYEE, cmd.Answer, answer="willing")
    case.clearances()
    case.recommend() if route == "R1" else case.consent()
    assert {"minister_freeze", "minister_registry"} <= set(case.it.duties)
    first, *others = case.it.duties
    case.grant(first)
    assert case.state == "APPROVAL.EXTERNAL"
    for grant in others:
        case.grant(grant)
    assert case.state == "APPROVAL.DECISION"
    assert case.sign(case.by("decider"), effective_on=date(2024, 8, 1)) == ["decree.issued"]


@pytest.mark.parametrize("route", ["R2", "R3", "R6"])
@pytest.mark.parametrize(("outcome", "state"), [("return", "PROPOSED.RETURNED"), ("refuse", "REJECTED")])
def test_row_16_bkn_returns_or_refuses(route: str, outcome: str, state: str) -> None:
    case = Case(route).consented()
    events = case.grant("pertek", outcome=outcome, reason_class="not_needed_there")
    assert (events[0], case.state, row(case)) == ("approval.external_refused", state, "16")


@of_every_route
def test_row_17_the_competent_authority_signs_and_is_neither_submitter_nor_verifier(route: str) -> None:
    case = Case(route).deciding()
    with pytest.raises(Refused, match="not_your_office"):
        case.sign(case.by("officer"))
    assert case.sign(case.by("decider")) == ["decree.issued"]
    assert row(case) == "17"
    assert case.state == ("APPROVAL.APPOINTMENT" if route in OVER_THE_NATION else "PLACEMENT.DECREED")


def test_row_17_of_each_route_has_its_own_authority() -> None:
    signs = [Case(route).deciding().by("decider") for route in ROUTES]
    assert signs == ["governor", "governor", "home-affairs", "bkn", "secretary", "governor"]


@of_every_route
def test_row_17_a_refusal_rejects(route: str) -> None:
    case = Case(route).deciding()
    case.do(case.by("decider"), cmd.Refuse, **WHY)
    assert (case.state, row(case)) == ("REJECTED", "17")


@pytest.mark.parametrize("route", OVER_THE_NATION)
def test_row_17b_the_receiving_authority_appoints(route: str) -> None:
    case = Case(route).deciding()
    case.sign(case.by("decider"))
    assert case.appoint() == ["appointment.issued"]
    assert (case.state, row(case)) == ("PLACEMENT.DECREED", "17b")
    assert case.history[-1].act.actor == case.by("ppk")


@of_every_route
def test_row_18_the_decree_is_served_and_the_objection_period_begins(route: str) -> None:
    case = Case(route).served()
    assert (case.state, row(case)) == ("PLACEMENT.HANDOVER", "18")
    assert case.it.objection_until == case.facts["calendar"].add_working(date(2026, 2, 2), 14)


@of_every_route
def test_row_19_duties_are_handed_to_a_named_successor(route: str) -> None:
    case = Case(route).served()
    case.person(holds_e_signature=True)
    head = case.by("source_head")
    no = refused(case, head, cmd.HandOver, successor="colleague", record="h", e_signature="none")
    assert no.rule == "e_signature_handed"
    case.do(head, cmd.HandOver, successor="colleague", record="h", e_signature="handed")
    assert (case.state, row(case)) == ("PLACEMENT.HANDED_OVER", "19")


@of_every_route
def test_row_20_work_starts_on_the_effective_date(route: str) -> None:
    case = Case(route).handed_over()
    assert refused(case, case.by("receiver_head"), cmd.Start, started_on=case.today).rule == "effective_reached"
    case = Case(route).started()
    assert (case.state, row(case)) == ("PLACEMENT.STARTED", "20")


@of_every_route
def test_row_21_it_is_registered(route: str) -> None:
    case = Case(route).registered()
    assert (case.state, row(case)) == ("TEMP.ACTIVE" if route in TEMPORARY else "COMPLETED", "21")
