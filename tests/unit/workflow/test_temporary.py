"""Rows 22 to 26: a temporary duty ends by itself, and someone confirms that the person is back."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from events import mutation as ev
from tests.unit.workflow.world import EMPLOYEE, Case
from workflow import commands as cmd
from workflow.facts import LoadFacts
from workflow.refusal import Refused


def agree_again(case: Case) -> None:
    case.do(EMPLOYEE, cmd.Answer, answer="willing")
    case.do("head-education", cmd.Release, answer="yes")
    case.do("head-registry", cmd.Receive, answer="yes")


def test_row_22_thirty_days_before_the_end_everyone_is_asked_about_an_extension() -> None:
    case = Case().registered()
    assert case.it.timers["expiring"].due == datetime(2026, 4, 15, 15, tzinfo=UTC)
    assert case.fire("expiring") == ["temp.expiring"]
    assert set(case.it.duties) == {"employee_again", "source_again", "receiver_again"}
    assert case.it.replies == {}


def test_row_23_an_extension_needs_everyones_new_consent() -> None:
    case = Case().expiring()
    with pytest.raises(Refused) as refused:
        case.do("secretary", cmd.Extend, until=date(2026, 8, 15))
    assert refused.value.rule == "everyone_agreed"
    assert "employee_no_response" in refused.value.text.en
    agree_again(case)
    assert case.do("secretary", cmd.Extend, until=date(2026, 8, 15)) == ["temp.extended"]
    assert case.it.timers["end"].due == datetime(2026, 8, 15, 15, tzinfo=UTC)


def test_row_23_need_is_shown_again_without_counting_the_helper() -> None:
    case = Case().expiring()
    agree_again(case)
    case.knows(target_load=LoadFacts(ratio=0.8, staff=7, floor=6))
    with pytest.raises(Refused, match="still_needed"):
        case.do("secretary", cmd.Extend, until=date(2026, 8, 15))
    case.knows(target_load=LoadFacts(ratio=0.9, staff=7, floor=6))
    assert case.do("secretary", cmd.Extend, until=date(2026, 8, 15))


def test_row_23_there_is_one_extension_within_the_cap() -> None:
    case = Case().expiring()
    agree_again(case)
    with pytest.raises(Refused, match="extension_within_cap"):
        case.do("secretary", cmd.Extend, until=date(2026, 11, 16))
    case.do("secretary", cmd.Extend, until=date(2026, 11, 15))
    case.fire("expiring")
    agree_again(case)
    with pytest.raises(Refused, match="extension_left"):
        case.do("secretary", cmd.Extend, until=date(2026, 12, 15))


def test_row_24_the_linked_permanent_move_converts_the_duty() -> None:
    case = Case().registered()
    assert case.do(None, cmd.Convert, permanent="other") == ["temp.converted"]
    assert not case.it.timers


def test_row_25_the_return_is_automatic_on_the_last_day() -> None:
    case = Case().registered()
    case.fire("expiring")
    assert case.fire("end") == ["temp.ended"]
    ended = case.history[-1]
    assert isinstance(ended, ev.TempEnded)
    assert (ended.cause, ended.row, case.now) == ("end_date", "25", datetime(2026, 5, 15, 15, tzinfo=UTC))


def test_row_25_the_secretary_recalls_early() -> None:
    case = Case().registered()
    assert case.do("secretary", cmd.Recall, reason_class="need_gone") == ["temp.ended"]
    ended = case.history[-1]
    assert isinstance(ended, ev.TempEnded)
    assert ended.cause == "recall"


@pytest.mark.parametrize("reached", ["decreed", "served", "handed_over", "started", "registered", "expiring"])
def test_row_25_no_late_paper_keeps_a_person_beyond_the_end(reached: str) -> None:
    case = getattr(Case(), reached)()
    assert case.fire("end") == ["temp.ended"]
    ended = case.history[-1]
    assert (ended.started_on is None) == (reached in ("decreed", "served", "handed_over"))


def test_row_26_the_home_head_confirms_the_return() -> None:
    case = Case().returning()
    with pytest.raises(Refused, match="return_dated"):
        case.do("head-education", cmd.ConfirmReturn, returned_on=date(2026, 2, 1))  # before it began
    assert case.do("head-education", cmd.ConfirmReturn, returned_on=date(2026, 5, 16)) == ["temp.returned"]
    assert case.state == "RETURNED"


def test_row_26_an_unconfirmed_return_is_overdue_and_told_to_the_secretary() -> None:
    case = Case().returning()
    assert case.fire("return") == ["temp.return_overdue"]
    assert case.state == "TEMP.RETURNING"
    assert case.it.return_overdue
    escalated = case.it.duties["return"].escalated_to
    assert escalated is not None
    assert escalated.role == "pyb"
    assert case.do("secretary", cmd.ConfirmReturn, returned_on=date(2026, 5, 20)) == ["temp.returned"]


def test_a_timer_set_anew_since_has_no_effect() -> None:
    case = Case().expiring()
    stale = case.it.timers["end"]
    agree_again(case)
    case.do("secretary", cmd.Extend, until=date(2026, 8, 15))
    case.now = stale.due
    assert case.do(None, cmd.FireTimer, name="end", arming=stale.arming) == []


def test_a_timer_never_fires_early_nor_by_hand() -> None:
    case = Case().registered()
    timer = case.it.timers["end"]
    with pytest.raises(Refused, match="timer_early"):
        case.do(None, cmd.FireTimer, name="end", arming=timer.arming)
    case.now = timer.due
    with pytest.raises(Refused, match="not_your_office"):
        case.do("secretary", cmd.FireTimer, name="end", arming=timer.arming)
