"""Rows 1 to 6 and 27 to 29: from an idea to consultation, and the ways out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.unit.workflow.world import COUNTER, EMPLOYEE, PAPERS, Case
from workflow import commands as cmd
from workflow.facts import LoadFacts
from workflow.refusal import Refused


def test_row_1_a_draft_by_the_engine_reserves_nothing() -> None:
    case = Case()
    assert case.draft() == ["mutation.drafted"]
    assert case.state == "DRAFT"
    assert case.history[0].act.capacity == "engine"
    assert not case.it.duties


def test_row_1_needs_an_overload_unless_someone_asks() -> None:
    case = Case(target_load=LoadFacts(ratio=0.9, staff=6, floor=5))
    with pytest.raises(Refused, match="cause_shown"):
        case.draft()
    assert case.draft("head-registry", origin="opd") == ["mutation.drafted"]


def test_row_1_an_employee_drafts_only_their_own_request() -> None:
    case = Case()
    with pytest.raises(Refused, match="not_your_office"):
        case.draft(EMPLOYEE, origin="opd")
    assert case.draft(EMPLOYEE, origin="own_request") == ["mutation.drafted"]


def test_row_1_refuses_a_person_with_an_open_case_and_names_it() -> None:
    case = Case()
    case.person(open_case="other")
    with pytest.raises(Refused) as refused:
        case.draft()
    assert refused.value.rule == "no_open_case"
    assert "other" in refused.value.remedy.en


def test_row_1_the_permanent_case_that_converts_a_duty_is_not_blocked_by_it() -> None:
    case = Case("R1")
    case.person(open_case="duty")
    assert case.draft(converts="duty") == ["mutation.drafted"]


def test_row_2_a_machine_draft_needs_a_human_sponsor() -> None:
    case = Case()
    case.draft()
    with pytest.raises(Refused, match="not_your_office") as refused:
        case.do(None, cmd.Submit)
    assert {who.person for who in refused.value.who} == {"officer", "head-education", "head-registry"}
    assert case.do("head-registry", cmd.Submit, documents=PAPERS) == ["mutation.proposed"]
    assert case.it.sponsor_office == "head-registry"


def test_row_2_all_broken_rules_are_told_at_once() -> None:
    case = Case("R1")
    case.draft()
    case.person(status="pppk", since=date(2025, 1, 1), retires_on=date(2026, 6, 1))
    with pytest.raises(Refused) as refused:
        case.do("officer", cmd.Submit)
    broken = [refused.value.rule, *(other.rule for other in refused.value.also)]
    assert broken == ["status_allowed", "tenure_reached", "retirement_far"]
    assert "2027-01-01" in refused.value.also[0].remedy.en


def test_row_2_a_pppk_may_help_but_not_move() -> None:
    helping, moving = Case("R5"), Case("R1")
    for case in (helping, moving):
        case.draft()
        case.person(status="pppk")
    assert helping.do("officer", cmd.Submit) == ["mutation.proposed"]
    with pytest.raises(Refused, match="status_allowed"):
        moving.do("officer", cmd.Submit)


def test_row_2_tenure_binds_agency_need_and_not_an_own_request() -> None:
    case = Case("R1")
    case.person(since=date(2025, 6, 1))
    case.draft(EMPLOYEE, origin="own_request")
    assert case.do("officer", cmd.Submit) == ["mutation.proposed"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"until": date(2026, 8, 16)}, "within_cap"),
        ({"share": 0.8}, "share_available"),
        ({"start": date(2026, 2, 10)}, "cooling_off_over"),
    ],
)
def test_row_2_temporary_duty_has_a_cap_a_share_and_a_pause(changes: dict[str, Any], rule: str) -> None:
    case = Case()
    case.person(last_duty_ended=date(2025, 2, 15), running_share=0.0 if rule != "share_available" else 0.4)
    case.draft(**changes)
    with pytest.raises(Refused, match=rule):
        case.do("officer", cmd.Submit)


def test_row_1_a_temporary_duty_that_is_over_is_not_opened() -> None:
    for start, until in ((date(2025, 9, 1), date(2026, 1, 30)), (date(2026, 5, 15), date(2026, 2, 16))):
        with pytest.raises(Refused, match="dates_in_order"):
            Case().draft("officer", origin="opd", start=start, until=until)


def test_row_2_an_official_of_civil_registration_is_the_ministers() -> None:
    head = COUNTER.__class__(
        position="head", unit="counter", opd="registry", instansi="8200", kind="pengawas", ministerial=True
    )
    case = Case(target=head)
    case.draft()
    with pytest.raises(Refused, match="no_minister_needed"):
        case.do("officer", cmd.Submit)


def test_row_3_help_is_screened_within_one_working_day_a_move_within_five() -> None:
    assert Case("R5").proposed().it.duties["screening"].due.isoformat() == "2026-02-03T15:00:00+00:00"  # type: ignore[union-attr]
    assert Case("R1").proposed().it.duties["screening"].due.isoformat() == "2026-02-09T15:00:00+00:00"  # type: ignore[union-attr]


def test_row_3_asks_everyone_at_once() -> None:
    case = Case("R1").consulting()
    assert set(case.it.duties) == {"employee", "source", "receiver", "clearance", "inspection"}
    assert case.it.duties["source"].seat.scope == "education"


def test_row_3_is_refused_while_a_paper_is_missing() -> None:
    case = Case()
    case.draft()
    case.do("officer", cmd.Submit)
    with pytest.raises(Refused) as refused:
        case.do("verifier", cmd.Screen, outcome="pass")
    assert refused.value.rule == "papers_complete"
    assert "G2" in refused.value.text.id
    case.do("verifier", cmd.Screen, outcome="pass", documents={"G2": "hash"})
    assert case.state == "CONSULTATION"


def test_row_3_late_screening_decides_nothing_and_tells_the_secretary() -> None:
    case = Case().proposed()
    assert case.fire("screening") == ["mutation.overdue"]
    duty = case.it.duties["screening"]
    assert case.state == "PROPOSED.SCREENING"
    assert duty.escalated_to is not None
    assert duty.escalated_to.role == "pyb"
    assert "screening" not in case.it.timers


def test_rows_4_and_5_a_returned_case_comes_back_three_times_at_most() -> None:
    case = Case().proposed()
    for round_ in (1, 2, 3):
        assert case.do("verifier", cmd.Screen, outcome="return", reason_class="incomplete") == ["mutation.returned"]
        assert case.do("officer", cmd.Resubmit) == ["mutation.resubmitted"]
        assert case.it.rounds == round_
    case.do("verifier", cmd.Screen, outcome="return", reason_class="incomplete")
    with pytest.raises(Refused, match="rounds_left"):
        case.do("officer", cmd.Resubmit)


def test_row_4_needs_a_reason() -> None:
    with pytest.raises(Refused, match="reason_given"):
        Case().proposed().do("verifier", cmd.Screen, outcome="return")


def test_row_5_a_returned_case_expires_when_nobody_completes_it() -> None:
    case = Case().proposed()
    case.do("verifier", cmd.Screen, outcome="return", reason_class="incomplete")
    assert case.fire("completion") == ["mutation.expired"]
    assert case.state == "EXPIRED"


def test_row_6_an_incurable_case_is_rejected() -> None:
    case = Case().proposed()
    assert case.do("verifier", cmd.Screen, outcome="fail", reason_class="not_eligible") == ["mutation.rejected"]
    assert not case.it.timers


def test_row_27_the_sponsor_withdraws_agency_need_and_the_employee_a_request() -> None:
    need, wish = Case().consulting(), Case().proposed(actor=EMPLOYEE, origin="own_request")
    with pytest.raises(Refused, match="not_your_office"):
        need.do(EMPLOYEE, cmd.Withdraw, reason_class="changed_mind")
    assert need.do("officer", cmd.Withdraw, reason_class="changed_mind") == ["mutation.withdrawn"]
    assert wish.do(EMPLOYEE, cmd.Withdraw, reason_class="changed_mind") == ["mutation.withdrawn"]


def test_row_27_nobody_withdraws_after_the_decree() -> None:
    with pytest.raises(Refused, match="not_now"):
        Case().decreed().do("officer", cmd.Withdraw, reason_class="changed_mind")


def test_row_28_a_case_whose_need_is_gone_is_cancelled() -> None:
    case = Case().deciding()
    assert case.do("secretary", cmd.Cancel, reason_class="need_gone") == ["mutation.cancelled"]
    with pytest.raises(Refused, match="closed"):
        case.do("secretary", cmd.Cancel, reason_class="need_gone")


def test_row_29_a_draft_lives_thirty_days_and_a_case_a_hundred_and_eighty() -> None:
    draft, case = Case(), Case().consulting()
    draft.draft()
    assert draft.it.timers["draft"].due - draft.now == timedelta(days=30, hours=14)
    assert draft.fire("draft") == ["mutation.expired"]
    assert case.it.timers["age"].due - case.now == timedelta(days=180, hours=14)
    assert case.fire("age") == ["mutation.expired"]


def test_row_29_age_counts_from_submission_and_no_step_starts_it_anew() -> None:
    case = Case().proposed()
    due = case.it.timers["age"]
    case.now += timedelta(days=3)
    case.do("verifier", cmd.Screen, outcome="pass")
    assert case.it.timers["age"] == due
