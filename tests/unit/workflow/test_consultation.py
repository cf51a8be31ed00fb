"""Rows 7 to 12: everyone is asked; silence is recorded and never counts as consent."""

from __future__ import annotations

import pytest

from events import mutation as ev
from tests.unit.workflow.world import EMPLOYEE, Case
from workflow import commands as cmd
from workflow.facts import LoadFacts, PostFacts
from workflow.refusal import Refused

RELEASE = {"answer": "yes", "handover_planned": True, "floor_kept": True}


def test_row_7_the_employee_may_change_the_answer_while_others_are_asked() -> None:
    case = Case().consulting()
    case.do(EMPLOYEE, cmd.Answer, answer="unwilling", reason_class="family")
    case.do(EMPLOYEE, cmd.Answer, answer="willing")
    case.heads_agree()
    assert case.state == "APPROVAL.DECISION"
    assert [e.answer for e in case.history if isinstance(e, ev.EmployeeRecorded)] == ["unwilling", "willing"]


def test_row_7_nobody_answers_for_the_employee() -> None:
    with pytest.raises(Refused, match="not_your_office"):
        Case().consulting().do("head-education", cmd.Answer, answer="willing")


@pytest.mark.parametrize(
    "given",
    [
        {"answer": "unwilling"},
        {"answer": "conditional"},
        {"answer": "willing", "condition": "near_home"},
        {"answer": "willing", "reason_class": "family"},
        {"answer": "unwilling", "reason_class": "family", "condition": "near_home"},
    ],
)
def test_row_7_an_answer_agrees_with_its_reason_and_its_condition(given: dict[str, str]) -> None:
    with pytest.raises(Refused, match="view_explained"):
        Case().consulting().do(EMPLOYEE, cmd.Answer, **given)


def test_row_7_silence_is_recorded_as_no_response() -> None:
    case = Case().consulting()
    assert case.fire("employee") == ["consultation.employee_recorded"]
    assert case.it.replies["employee"].answer == "no_response"
    assert case.history[-1].act.actor == "engine"


def test_row_7_a_late_answer_still_counts_while_others_are_asked() -> None:
    case = Case().consulting()
    case.fire("employee")
    case.do(EMPLOYEE, cmd.Answer, answer="willing")
    case.heads_agree()
    assert case.state == "APPROVAL.DECISION"


def test_row_8_the_source_head_releases_with_a_handover_plan_and_the_floor_kept() -> None:
    case = Case().consulting()
    with pytest.raises(Refused, match="handover_planned"):
        case.do("head-education", cmd.Release, answer="yes", floor_kept=True)
    case.knows(source_load=LoadFacts(ratio=0.9, staff=4.5, floor=4))
    with pytest.raises(Refused) as refused:
        case.do("head-education", cmd.Release, **RELEASE)
    assert refused.value.rule == "floor_kept"
    assert "3.5" in refused.value.text.en
    assert case.do("head-education", cmd.Release, answer="no", reason_class="floor") == ["consultation.source_recorded"]


def test_row_9_the_receiver_accepts_only_into_a_free_place_with_a_budget() -> None:
    case = Case("R1", post=PostFacts(places=7, occupied=6, reserved=1)).consulting()
    with pytest.raises(Refused) as refused:
        case.do("head-registry", cmd.Receive, answer="yes")
    assert [refused.value.rule, *(other.rule for other in refused.value.also)] == ["budget_confirmed", "place_free"]
    assert case.do("head-registry", cmd.Receive, answer="no", reason_class="no_place")


def test_row_9_temporary_help_takes_no_place() -> None:
    case = Case("R5", post=PostFacts(places=6, occupied=6)).consulting()
    assert case.do("head-registry", cmd.Receive, answer="yes") == ["consultation.receiver_recorded"]


def test_row_10_help_is_cleared_from_the_record_at_once() -> None:
    case = Case("R5").proposed()
    assert case.do("verifier", cmd.Screen, outcome="pass") == [
        "mutation.screened",
        "consultation.clearance_recorded",
    ]
    assert case.it.replies["clearance"].answer == "clear"


def test_row_10_a_block_rejects_the_case() -> None:
    case = Case("R1").consulting()
    assert case.do("inspector", cmd.Inspect, answer="block", reason_class="findings") == [
        "consultation.clearance_recorded",
        "mutation.rejected",
    ]
    rejected = case.history[-1]
    assert isinstance(rejected, ev.MutationRejected)
    assert rejected.reason_class == "clearance_blocked"


def test_row_10_clearance_is_never_given_by_silence() -> None:
    case = Case("R1").consulting()
    case.heads_agree()
    case.do(EMPLOYEE, cmd.Answer, answer="willing")
    assert case.fire("clearance") == ["mutation.overdue"]
    assert case.fire("inspection") == ["mutation.overdue"]
    assert case.state == "CONSULTATION"
    case.clearances()
    assert case.state == "APPROVAL.PANEL"


@pytest.mark.parametrize(("route", "state"), [("R5", "APPROVAL.DECISION"), ("R1", "APPROVAL.PANEL")])
def test_row_11_joins_when_everyone_is_willing(route: str, state: str) -> None:
    case = Case(route).consulting()
    case.heads_agree()
    events = case.do(EMPLOYEE, cmd.Answer, answer="willing")
    if route == "R1":
        case.clearances()
        events = ["consultation.closed"]
    assert events[-1] == "consultation.closed"
    assert case.state == state


@pytest.mark.parametrize(
    ("answer", "dissent"),
    [
        ({"answer": "unwilling", "reason_class": "family"}, "employee_unwilling"),
        ({"answer": "conditional", "condition": "housing"}, "employee_conditional"),
        (None, "employee_no_response"),
    ],
)
def test_row_11_joins_only_when_the_employee_is_willing(answer: dict[str, str] | None, dissent: str) -> None:
    case = Case().consulting()
    case.heads_agree()
    events = case.fire("employee") if answer is None else case.do(EMPLOYEE, cmd.Answer, **answer)
    assert events == ["consultation.employee_recorded", "mutation.escalated"]
    escalated = case.history[-1]
    assert isinstance(escalated, ev.MutationEscalated)
    assert escalated.dissent == [dissent]


def test_row_11_a_condition_that_the_receiver_accepted_is_agreement() -> None:
    case = Case().consulting()
    case.do(EMPLOYEE, cmd.Answer, answer="conditional", condition="housing")
    case.do("head-education", cmd.Release, **RELEASE)
    case.do("head-registry", cmd.Receive, answer="yes", accepts_condition="housing")
    assert case.state == "APPROVAL.DECISION"


def test_row_11_does_not_join_without_a_free_place() -> None:
    case = Case("R1").consulting()
    case.heads_agree()
    case.do(EMPLOYEE, cmd.Answer, answer="willing")
    case.knows(post=PostFacts(places=6, occupied=6))
    case.clearances()
    assert case.state == "CONSULTATION.CONTESTED"


def test_row_12_silence_of_everyone_is_dissent_of_everyone() -> None:
    case = Case().consulting()
    for name in ("employee", "source", "receiver"):
        case.fire(name)
    escalated = case.history[-1]
    assert isinstance(escalated, ev.MutationEscalated)
    assert escalated.dissent == ["employee_no_response", "source_no_response", "receiver_no_response"]
    assert case.it.duties["settlement"].seat.role == "pyb"


@pytest.mark.parametrize(
    ("outcome", "event", "state"),
    [
        ("panel", "consultation.settled", "APPROVAL.PANEL"),
        ("return", "mutation.returned", "PROPOSED.RETURNED"),
        ("reject", "mutation.rejected", "REJECTED"),
    ],
)
def test_row_12_the_secretary_settles_openly(outcome: str, event: str, state: str) -> None:
    case = Case().contested()
    with pytest.raises(Refused, match="own_words"):
        case.do("secretary", cmd.Settle, outcome=outcome, reason_class="unwilling")
    assert case.do("secretary", cmd.Settle, outcome=outcome, reason_class="unwilling", words_hash="w") == [event]
    assert case.state == state


def test_row_12_a_case_sent_to_the_panel_stays_marked_as_contested() -> None:
    assert Case().paneled().it.contested


def test_row_12_a_new_round_asks_everyone_again() -> None:
    case = Case().contested()
    case.do("secretary", cmd.Settle, outcome="return", reason_class="unwilling", words_hash="w")
    case.do("officer", cmd.Resubmit)
    case.do("verifier", cmd.Screen, outcome="pass")
    assert not case.it.contested
    assert set(case.it.duties) == {"employee", "source", "receiver"}
    assert set(case.it.replies) == {"clearance"}
