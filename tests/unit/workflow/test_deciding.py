"""Rows 14 and 17 to 21: panel, decree, handover, start, registration."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from events import mutation as ev
from tests.unit.workflow.world import COUNTER, Case
from workflow import commands as cmd
from workflow.facts import PostFacts
from workflow.refusal import Refused


def vote(case: Case, *votes: str) -> list[str]:
    events: list[str] = []
    for n, each in enumerate(votes, start=1):
        events = case.do(f"panel-{n}", cmd.Vote, vote=each, words_hash="w")
    return events


def test_row_14_help_needs_the_panel_only_when_contested() -> None:
    assert "APPROVAL.PANEL" not in {event.state for event in Case("R5").deciding().history}
    assert "APPROVAL.PANEL" in {event.state for event in Case("R1").deciding().history}
    assert Case("R5").paneled().state == "APPROVAL.PANEL"


@pytest.mark.parametrize(
    ("votes", "opinion", "state"),
    [
        (("recommend", "recommend", "recommend"), "recommend", "APPROVAL.DECISION"),
        (("revise", "revise", "recommend", "revise"), "revise", "PROPOSED.RETURNED"),
        (("reject", "reject", "recommend", "recommend", "reject"), "reject", "REJECTED"),
    ],
)
def test_row_14_the_majority_of_the_panel_opines(votes: tuple[str, ...], opinion: str, state: str) -> None:
    case = Case().paneled()
    assert "approval.panel_opined" in vote(case, *votes)
    opined = next(e for e in case.history if isinstance(e, ev.PanelOpined))
    assert (opined.opinion, opined.tally["recommend"], case.state) == (opinion, votes.count("recommend"), state)


def test_row_14_a_contested_case_is_reasoned_by_each_member() -> None:
    with pytest.raises(Refused, match="own_words"):
        Case().paneled().do("panel-1", cmd.Vote, vote="recommend")


def test_row_14_a_lost_quorum_sends_the_case_back_and_never_on() -> None:
    case = Case().paneled()
    assert vote(case, "recuse", "recuse", "recuse") == ["approval.panel_voted", "mutation.returned"]
    assert case.state == "PROPOSED.RETURNED"


def test_row_14_a_member_votes_once() -> None:
    case = Case().paneled()
    vote(case, "recommend")
    with pytest.raises(Refused, match="already_voted") as refused:
        vote(case, "recommend")
    assert {who.person for who in refused.value.who} == {"panel-2", "panel-3", "panel-4", "panel-5"}


def test_row_14_a_voters_reason_is_not_the_panels() -> None:
    case = Case().paneled()
    for n in (1, 2, 3):
        case.do(f"panel-{n}", cmd.Vote, vote="reject", reason_class="hardship", words_hash="w")
    rejected = case.history[-1]
    assert isinstance(rejected, ev.MutationRejected)
    assert (rejected.reason_class, rejected.words_hash) == ("panel_rejects", None)


def test_row_17_the_secretary_signs_help_and_only_the_governor_a_move() -> None:
    assert Case("R5").deciding().sign("secretary") == ["decree.issued"]
    move = Case("R1").deciding()
    with pytest.raises(Refused, match="not_your_office"):
        move.sign("secretary")
    assert move.sign("governor") == ["decree.issued"]


def test_row_17_checks_place_and_evidence_again_at_signing() -> None:
    case = Case("R1").deciding()
    case.knows(post=PostFacts(places=6, occupied=6))
    case.person(eligible=False)
    with pytest.raises(Refused) as refused:
        case.sign("governor")
    assert [refused.value.rule, *(other.rule for other in refused.value.also)] == ["person_eligible", "place_free"]


@pytest.mark.parametrize(
    "changes",
    [
        {"number": ""},
        {"decree_date": date(2026, 2, 3)},
        {"effective_on": date(2026, 2, 1)},
        {"effective_on": date(2026, 5, 16)},
    ],
)
def test_row_17_the_decrees_dates_are_in_order(changes: dict[str, object]) -> None:
    with pytest.raises(Refused, match="decree_in_order"):
        Case().deciding().sign("secretary", **changes)


def test_row_17_refusing_ends_the_case() -> None:
    case = Case().deciding()
    assert case.do("secretary", cmd.Refuse, reason_class="no_need") == ["mutation.rejected"]


def test_row_17_silence_never_signs() -> None:
    case = Case().deciding()
    assert case.fire("decision") == ["mutation.overdue"]
    assert case.state == "APPROVAL.DECISION"


def test_row_18_a_decree_binds_from_service_and_opens_the_objection_period() -> None:
    case = Case().decreed()
    case.now = datetime(2026, 2, 20, 1, tzinfo=UTC)
    with pytest.raises(Refused, match="service_in_order"):
        case.do("officer", cmd.Serve, served_on=date(2026, 2, 21), receipt="r")
    case.do("officer", cmd.Serve, served_on=date(2026, 2, 19), receipt="r")
    served = case.history[-1]
    assert isinstance(served, ev.DecreeServed)
    assert (served.effective_on, served.objection_until) == (date(2026, 2, 19), date(2026, 3, 11))


def test_row_19_the_electronic_signature_is_handed_over_first() -> None:
    case = Case().served()
    case.person(holds_e_signature=True)
    with pytest.raises(Refused, match="e_signature_handed"):
        case.do("head-education", cmd.HandOver, successor="colleague", record="h", e_signature="none")
    assert case.do("head-education", cmd.HandOver, successor="colleague", record="h", e_signature="handed") == [
        "placement.handed_over"
    ]


def test_row_19_the_successor_is_someone_else() -> None:
    with pytest.raises(Refused, match="successor_named"):
        Case().served().do("head-education", cmd.HandOver, successor="employee", record="h", e_signature="none")


def test_row_20_nobody_starts_before_the_effective_date() -> None:
    case = Case().handed_over()
    with pytest.raises(Refused) as refused:
        case.do("head-registry", cmd.Start, started_on=date(2026, 2, 2))
    assert refused.value.rule == "effective_reached"
    assert "2026-02-16" in refused.value.text.en
    with pytest.raises(Refused, match="effective_reached"):
        case.do("head-registry", cmd.Start, started_on=date(2026, 2, 16))


def test_row_20_a_managerial_post_asks_for_an_oath() -> None:
    target = COUNTER.__class__(position="head", unit="counter", opd="registry", instansi="8200", kind="pengawas")
    case = Case("R1", target=target).handed_over()
    case.now = datetime(2026, 2, 16, 1, tzinfo=UTC)
    with pytest.raises(Refused, match="oath_taken"):
        case.do("head-registry", cmd.Start, started_on=date(2026, 2, 16))
    assert case.do("head-registry", cmd.Start, started_on=date(2026, 2, 16), oath_taken=True)


def test_row_20_tells_consumers_the_whole_move() -> None:
    started = Case().started().history[-1]
    assert isinstance(started, ev.PlacementStarted)
    assert (started.move.target.position, started.started_on) == ("counter-clerk", date(2026, 2, 16))


def test_row_20_a_late_start_is_told_thirty_days_after_the_effective_date() -> None:
    case = Case("R1").handed_over()
    assert case.it.timers["start"].due == datetime(2026, 3, 18, 15, tzinfo=UTC)
    assert case.fire("start") == ["mutation.overdue"]


@pytest.mark.parametrize(("route", "state"), [("R1", "COMPLETED"), ("R5", "TEMP.ACTIVE")])
def test_row_21_registration_completes_a_move_and_begins_a_duty(route: str, state: str) -> None:
    assert Case(route).registered().state == state


def test_row_21_a_move_is_registered_with_its_payroll() -> None:
    with pytest.raises(Refused, match="payroll_moved"):
        Case("R1").started().do("officer", cmd.Register, reference="I-MUT-1")
