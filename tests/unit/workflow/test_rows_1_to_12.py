"""Rows 1 to 12 of the state table, from the idea to the end of the consultation. A test's name says its row."""

from __future__ import annotations

import pytest

from events import mutation as ev
from tests.unit.workflow.rows import ROUTES, WHY, of_every_route, refused, row
from tests.unit.workflow.world import EMPLOYEE, PAPERS, Case
from workflow import commands as cmd
from workflow.library import newest
from workflow.refusal import Refused


@of_every_route
def test_row_1_a_draft_begins_a_case_and_reserves_nothing(route: str) -> None:
    case = Case(route)
    assert case.draft() == ["mutation.drafted"]
    assert (case.state, row(case)) == ("DRAFT", "1")
    assert newest()[route].states["DRAFT"].reserves == []


@of_every_route
def test_row_2_an_official_sponsors_the_draft(route: str) -> None:
    case = Case(route).proposed()
    assert (case.state, row(case)) == ("PROPOSED.SCREENING", "2")
    assert case.it.sponsor_office == case.by("officer")


@of_every_route
def test_row_3_a_verifier_other_than_the_submitter_passes_it_to_consultation(route: str) -> None:
    case = Case(route).proposed()
    assert refused(case, case.by("officer"), cmd.Screen, outcome="pass").rule == "not_your_office"
    case.do(case.by("verifier"), cmd.Screen, outcome="pass")
    assert (case.state, row(case)) == ("CONSULTATION", "3")


@of_every_route
def test_row_3_missing_papers_are_named(route: str) -> None:
    case = Case(route)
    case.draft()
    case.do(case.by("officer"), cmd.Submit, documents={})
    no = refused(case, case.by("verifier"), cmd.Screen, outcome="pass")
    assert no.rule == "papers_complete"
    assert all(code in no.text.id for code in newest()[route].papers.always)


@of_every_route
def test_row_4_an_incomplete_case_returns_to_its_sponsor(route: str) -> None:
    case = Case(route).proposed()
    case.do(case.by("verifier"), cmd.Screen, outcome="return", reason_class="papers_incomplete")
    assert (case.state, row(case)) == ("PROPOSED.RETURNED", "4")
    assert set(case.it.duties) == {"completion"}


@of_every_route
def test_row_5_it_is_submitted_again_three_times_at_most(route: str) -> None:
    case = Case(route).proposed()
    for _ in range(3):
        case.do(case.by("verifier"), cmd.Screen, outcome="return", reason_class="papers_incomplete")
        assert case.do(case.by("officer"), cmd.Resubmit, documents=PAPERS) == ["mutation.resubmitted"]
        assert row(case) == "5"
    case.do(case.by("verifier"), cmd.Screen, outcome="return", reason_class="papers_incomplete")
    assert refused(case, case.by("officer"), cmd.Resubmit).rule == "rounds_left"


@of_every_route
def test_row_6_who_is_not_eligible_is_rejected(route: str) -> None:
    case = Case(route).proposed()
    case.do(case.by("verifier"), cmd.Screen, outcome="fail", reason_class="not_qualified")
    assert (case.state, row(case)) == ("REJECTED", "6")


@of_every_route
def test_row_7_the_employee_states_a_view_and_silence_is_no_response(route: str) -> None:
    case = Case(route).consulting()
    case.do(EMPLOYEE, cmd.Answer, answer="willing")
    assert row(case) == "7"
    silent = Case(route).consulting()
    silent.fire("employee")
    assert silent.it.replies["employee"].answer == "no_response"


@of_every_route
def test_row_8_the_source_releases_with_a_handover_plan_and_its_floor(route: str) -> None:
    case = Case(route).consulting()
    head = case.by("source_head")
    no = refused(case, head, cmd.Release, answer="yes")
    assert {no.rule, *(also.rule for also in no.also)} == {"handover_planned", "floor_kept"}
    case.do(head, cmd.Release, answer="yes", handover_planned=True, floor_kept=True)
    assert row(case) == "8"


@of_every_route
def test_row_9_the_receiver_accepts(route: str) -> None:
    case = Case(route).consulting()
    case.do(case.by("receiver_head"), cmd.Receive, answer="yes", budgeted=True)
    assert (case.it.replies["receiver"].answer, row(case)) == ("yes", "9")


@pytest.mark.parametrize("route", [r for r in ROUTES if r != "R5"])
def test_row_10_two_people_clear_and_one_block_rejects(route: str) -> None:
    case = Case(route).consulting()
    case.do(case.by("verifier"), cmd.Clear, answer="clear")
    assert row(case) == "10"
    case.do(case.by("inspector"), cmd.Inspect, answer="block", reason_class="findings")
    assert case.state == "REJECTED"


def test_row_10_of_r5_reads_the_record() -> None:
    case = Case("R5").consulting()
    case.do(EMPLOYEE, cmd.Answer, answer="willing")
    assert [event.row for event in case.history if isinstance(event, ev.ClearanceRecorded)] == ["10"]


@of_every_route
def test_row_11_where_all_agree_the_route_says_who_is_next(route: str) -> None:
    case = Case(route).agreed()
    following = {"R1": "APPROVAL.PANEL", "R5": "APPROVAL.DECISION"}.get(route, "APPROVAL.SOURCE_CONSENT")
    assert (case.state, case.history[-1].row) == (following, "11")


@of_every_route
def test_row_12_dissent_goes_to_the_secretary_who_decides_openly(route: str) -> None:
    case = Case(route).contested()
    assert (case.state, case.history[-1].row) == ("CONSULTATION.CONTESTED", "12")
    assert refused(case, case.by("pyb"), cmd.Settle, outcome="panel", reason_class="need").rule == "own_words"
    case.do(case.by("pyb"), cmd.Settle, outcome="panel", **WHY)
    assert (case.state, case.it.contested) == ("APPROVAL.PANEL", True)


@of_every_route
@pytest.mark.parametrize("origin", ["leader_instruction", "oversight_order"])
def test_row_1_a_case_that_was_ordered_shows_the_letter_and_says_so_for_ever(route: str, origin: str) -> None:
    case = Case(route)
    with pytest.raises(Refused, match="order_shown"):
        case.draft("head-education", origin=origin)
    case.draft("head-education", origin=origin, letter="a" * 64)
    assert (case.it.origin, case.it.letter) == (origin, "a" * 64)
    case.do(case.by("officer"), cmd.Submit, documents=PAPERS)
    proposed = case.history[-1]
    assert isinstance(proposed, ev.MutationProposed)
    assert proposed.origin == origin
