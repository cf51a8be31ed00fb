"""Rows 22 to 34 of the state table: temporary duty, ways out, rest and remedies. A test's name says its row."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from events import mutation as ev
from tests.unit.workflow.rows import TEMPORARY, WHY, of_every_route, of_temporary_routes, refused, row
from tests.unit.workflow.world import EMPLOYEE, PAPERS, Case
from workflow import commands as cmd
from workflow.library import definition, newest


@of_temporary_routes
def test_row_22_the_end_is_announced(route: str) -> None:
    case = Case(route).expiring()
    assert (case.state, row(case)) == ("TEMP.EXPIRING", "22")


@of_temporary_routes
def test_row_23_it_is_extended_when_all_agree_again(route: str) -> None:
    case = Case(route).expiring()
    until = date(2026, 7, 31)
    assert refused(case, case.by("decider"), cmd.Extend, until=until).rule == "everyone_agreed"
    case.do(EMPLOYEE, cmd.Answer, answer="willing")
    case.heads_agree()
    assert case.do(case.by("decider"), cmd.Extend, until=until) == ["temp.extended"]
    assert (case.state, row(case), case.it.until) == ("TEMP.ACTIVE", "23", until)


@of_temporary_routes
def test_row_24_it_becomes_permanent_with_the_linked_case(route: str) -> None:
    case = Case(route).expiring()
    case.do(None, cmd.Convert, permanent="another")
    assert (case.state, row(case)) == ("CONVERTED", "24")


@of_temporary_routes
def test_row_25_it_ends_by_itself_or_by_recall(route: str) -> None:
    case = Case(route).expiring()
    case.fire("end")
    assert (case.state, row(case)) == ("TEMP.RETURNING", "25")
    recalled = Case(route).registered()
    recalled.do(recalled.by("decider"), cmd.Recall, reason_class="need_gone")
    assert (recalled.state, row(recalled)) == ("TEMP.RETURNING", "25")


@of_temporary_routes
def test_row_26_the_return_is_confirmed_or_overdue(route: str) -> None:
    case = Case(route).returning()
    case.fire("return")
    assert (case.state, row(case), case.it.return_overdue) == ("TEMP.RETURNING", "26", True)
    case.do(case.by("source_head"), cmd.ConfirmReturn, returned_on=case.today)
    assert case.state == "RETURNED"


BEFORE_THE_DECREE = ("proposed", "consulting", "contested", "agreed", "consented", "deciding")


@of_every_route
@pytest.mark.parametrize("reached", BEFORE_THE_DECREE)
def test_row_27_the_sponsor_withdraws_before_the_decree(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    case.do(case.by("officer"), cmd.Withdraw, reason_class="need_gone")
    assert (case.state, row(case)) == ("WITHDRAWN", "27")


@of_every_route
def test_row_27_of_an_own_request_the_employee_withdraws_and_nobody_else(route: str) -> None:
    case = Case(route)
    case.draft(EMPLOYEE, origin="own_request")
    case.do(case.by("officer"), cmd.Submit, documents=PAPERS)
    assert refused(case, case.by("officer"), cmd.Withdraw, reason_class="x").kind == "authority"
    case.do(EMPLOYEE, cmd.Withdraw, reason_class="x")
    assert row(case) == "27"


@of_every_route
@pytest.mark.parametrize("reached", BEFORE_THE_DECREE)
def test_row_28_it_is_cancelled_before_the_decree(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    case.do(case.by("pyb"), cmd.Cancel, reason_class="post_filled")
    assert (case.state, row(case)) == ("CANCELLED", "28")


@of_every_route
@pytest.mark.parametrize("reached", BEFORE_THE_DECREE)
def test_row_29_it_expires_when_its_evidence_is_old(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    case.fire("age")
    assert (case.state, row(case)) == ("EXPIRED", "29")


@of_every_route
@pytest.mark.parametrize("reached", BEFORE_THE_DECREE)
def test_row_30_it_is_held_with_its_clocks_and_goes_on_where_it_was(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    state, before = case.state, {name: timer.due for name, timer in case.it.timers.items()}
    case.do(case.by("officer"), cmd.Hold, reason_class="legal_process", until=case.today + timedelta(days=28))
    assert (case.state, row(case), set(case.it.timers)) == (state, "30", {"rest"})
    assert refused(case, case.by("verifier"), cmd.Screen, outcome="pass").rule in ("held", "not_now")
    held_on = case.today
    case.fire("rest")
    assert (case.state, case.it.rest, set(case.it.timers)) == (state, None, set(before))
    law, days = definition(case.it.definition), case.facts["calendar"]
    for name, due in before.items():
        was, now = days.last_day(due), days.last_day(case.it.timers[name].due)
        if name in law.duties and law.duties[name].within.working_days is not None:
            assert days.working_between(case.today, now) == days.working_between(held_on, was)
        else:
            assert now - case.today == was - held_on
    for name, duty in case.it.duties.items():
        assert duty.due == (case.it.timers[name].due if name in case.it.timers else None)


AFTER_SERVICE = ("served", "handed_over", "started", "registered")


@of_every_route
@pytest.mark.parametrize("reached", AFTER_SERVICE)
def test_row_31_the_employee_objects_and_the_move_goes_on(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    state = case.state
    assert case.do(EMPLOYEE, cmd.Object, **WHY) == ["objection.filed"]
    assert (case.state, row(case), case.it.objection) == (state, "31", "open")
    assert case.it.duties["objection"].due == case.facts["calendar"].end_of(
        case.facts["calendar"].add_working(case.today, 21)
    )


def test_row_31_the_duty_stays_while_the_case_goes_on() -> None:
    case = Case("R1").served()
    case.do(EMPLOYEE, cmd.Object, **WHY)
    due = case.it.timers["objection"].due
    case.do(case.by("source_head"), cmd.HandOver, successor="colleague", record="h", e_signature="none")
    assert {"objection", "start"} == set(case.it.duties)
    assert case.it.timers["objection"].due == due


@of_every_route
def test_row_31_a_late_objection_is_recorded_as_inadmissible(route: str) -> None:
    case = Case(route).registered()
    case.now += timedelta(days=40)
    assert case.do(EMPLOYEE, cmd.Object, **WHY) == ["objection.inadmissible"]
    assert case.it.objection == "inadmissible"
    assert refused(case, EMPLOYEE, cmd.Object, **WHY).rule == "no_objection_yet"


@of_every_route
def test_row_31_the_authority_may_suspend_the_move_but_no_return(route: str) -> None:
    case = Case(route).served()
    decider = case.by("decider")
    until = case.today + timedelta(days=30)
    assert refused(case, decider, cmd.Hold, reason_class="objection", until=until).rule == "objection_open"
    case.do(EMPLOYEE, cmd.Object, **WHY)
    case.do(decider, cmd.Hold, reason_class="objection", until=until)
    handed: dict[str, Any] = {"successor": "colleague", "record": "h", "e_signature": "none"}
    assert refused(case, case.by("source_head"), cmd.HandOver, **handed).rule == "held"
    assert ("end" in case.it.timers) == (route in TEMPORARY)
    assert "objection" in case.it.timers


@of_every_route
def test_row_31_a_clock_that_runs_on_while_the_move_is_suspended_may_run_out(route: str) -> None:
    case = Case(route).served()
    case.do(EMPLOYEE, cmd.Object, **WHY)
    case.do(case.by("decider"), cmd.Hold, reason_class="objection", until=case.today + timedelta(days=90))
    assert case.fire("handover") == ["mutation.overdue"]
    assert case.it.rest is not None


@of_every_route
@pytest.mark.parametrize("reached", AFTER_SERVICE)
def test_row_32_an_upheld_objection_reverses_the_move(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    case.do(EMPLOYEE, cmd.Object, **WHY)
    assert case.do(case.by("decider"), cmd.DecideObjection, outcome="uphold", **WHY) == [
        "objection.decided",
        "mutation.reversed",
    ]
    assert (case.state, row(case), case.it.duties, case.it.timers) == ("REVERSED", "32", {}, {})
    last = case.history[-1]
    assert isinstance(last, ev.MutationReversed)
    assert (last.ground, last.reference, last.started_on) == ("objection", None, case.it.started_on)


@of_every_route
@pytest.mark.parametrize("reached", AFTER_SERVICE)
def test_row_32_a_dismissed_objection_leaves_the_case_as_it_is(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    state, asked = case.state, dict(case.it.duties)
    case.do(EMPLOYEE, cmd.Object, **WHY)
    case.do(case.by("decider"), cmd.DecideObjection, outcome="dismiss", **WHY)
    assert (case.state, row(case), case.it.duties) == (state, "32", asked)


@of_every_route
def test_row_32_silence_decides_nothing(route: str) -> None:
    case = Case(route).served()
    case.do(EMPLOYEE, cmd.Object, **WHY)
    case.fire("objection")
    assert (case.it.objection, row(case)) == ("open", "32")
    assert case.it.duties["objection"].escalated_to is not None


@of_every_route
@pytest.mark.parametrize("reached", ["decreed", *AFTER_SERVICE])
def test_row_33_the_decree_is_reversed_on_an_order(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    started = case.it.started_on
    assert case.do(case.by("decider"), cmd.Reverse, ground="bkn", reference="B-77") == ["mutation.reversed"]
    last = case.history[-1]
    assert isinstance(last, ev.MutationReversed)
    assert (case.state, row(case), last.ground, last.reference) == ("REVERSED", "33", "bkn", "B-77")
    assert last.started_on == started


@of_every_route
@pytest.mark.parametrize("reached", ["decreed", *AFTER_SERVICE])
def test_row_34_a_clerical_error_is_corrected_and_nothing_else_changes(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    before = case.it
    case.do(case.by("decider"), cmd.Correct, number="800/1-A", decree_date=date(2026, 2, 1), letter="k")
    assert row(case) == "34"
    changed = {name for name in before.__struct_fields__ if getattr(case.it, name) != getattr(before, name)}
    assert changed <= {"decree_number", "decree_date", "version", "hands"}
    assert (case.it.decree_number, case.it.decree_date) == ("800/1-A", date(2026, 2, 1))
    no = refused(case, case.by("decider"), cmd.Correct, number="x", decree_date=date(2026, 3, 1), letter="k")
    assert no.rule == "correction_in_order"


def test_every_row_of_the_table_has_its_test_and_a_place_in_a_definition() -> None:
    rows = {*(str(n) for n in range(1, 35)), "17b"}
    assert {rule.row for law in newest().values() for rule in law.transitions} == rows
    files = Path(__file__).parent.glob("test_rows_*.py")
    assert {name for file in files for name in re.findall(r"^def test_row_(\w+?)_", file.read_text(), re.M)} == rows
