"""Every row of the state table: what takes it, where it leads, what it emits. The test's name says the row."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from events import mutation as ev
from tests.unit.workflow.world import EMPLOYEE, PAPERS, Case
from workflow import commands as cmd
from workflow.library import definition, definitions
from workflow.refusal import Refused

ROUTES = ("R1", "R2", "R3", "R4", "R5", "R6")
CROSSING = ("R2", "R3", "R4", "R6")
TEMPORARY = ("R5", "R6")
OVER_THE_NATION = ("R2", "R3", "R4")
LATEST = {law.route: law for law in sorted(definitions().values(), key=lambda law: law.version)}

of_every_route = pytest.mark.parametrize("route", ROUTES)
of_crossing_routes = pytest.mark.parametrize("route", CROSSING)
of_temporary_routes = pytest.mark.parametrize("route", TEMPORARY)

WHY: dict[str, Any] = {"reason_class": "because", "words_hash": "w"}


def row(case: Case) -> str:
    """The row of the last step that a person or clock took, not what the engine concluded."""
    return next(event.row for event in reversed(case.history) if event.act.command != "Proceed")


def refused(case: Case, actor: str | None, command: type[cmd.Command], **fields: Any) -> Refused:
    with pytest.raises(Refused) as no:
        case.do(actor, command, **fields)
    return no.value


@of_every_route
def test_row_1_a_draft_begins_a_case_and_reserves_nothing(route: str) -> None:
    case = Case(route)
    assert case.draft() == ["mutation.drafted"]
    assert (case.state, row(case)) == ("DRAFT", "1")
    assert LATEST[route].states["DRAFT"].reserves == []


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
    assert all(code in no.text.id for code in LATEST[route].papers.always)


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
    assert {rule.row for law in LATEST.values() for rule in law.transitions} == rows
    tested = {name.split("_")[2] for name in globals() if name.startswith("test_row_")}
    assert tested == rows
    assert definition("R1@1").version == 1
