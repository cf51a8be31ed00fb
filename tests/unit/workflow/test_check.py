"""The model check: every shipped definition is clean, a planted fault of each kind is found with its shortest trace."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.__main__ import main
from tests.unit.workflow.test_walk import step
from tests.unit.workflow.world import EMPLOYEE, Case
from workflow import commands as cmd
from workflow import diagrams, library
from workflow.check import ROWS, check, faults
from workflow.definition import Definition
from workflow.exploration import Exploration, explore, outcomes
from workflow.fault import Fault
from workflow.library import DEFINITIONS, PARTS, definition, definitions, load

each_definition = pytest.mark.parametrize("name", definitions())


def planted(name: str, *edits: tuple[str, str]) -> Definition:
    """A shipped definition with its text, parts put in, edited in memory; each edit must change something."""
    text = (DEFINITIONS / f"{name}.toml").read_text()
    own = msgspec.toml.decode(text)
    texts = {part: (PARTS / f"{part}.toml").read_text() for part in own.get("parts", ())}
    texts[""] = text
    for old, new in edits:
        assert any(old in each for each in texts.values()), old
        texts = {part: each.replace(old, new) for part, each in texts.items()}
    parsed = library.parse(texts.pop(""), texts.__getitem__)
    return msgspec.structs.replace(parsed, table=library.compiled(parsed))


@cache
def explored(name: str) -> Exploration:
    return explore(definition(name))


def only(kind: str, found: list[Fault]) -> Fault:
    """The first fault of a kind."""
    return next(fault for fault in found if fault.kind == kind)


def trace(fault: Fault) -> list[str]:
    return [str(taken) for taken in fault.trace]


@each_definition
def test_every_shipped_definition_is_clean(name: str) -> None:
    assert faults(explored(name)) == []


def test_the_parts_of_a_definition_are_put_in_as_the_library_does() -> None:
    assert planted("R5@2") == definition("R5@2") == load((DEFINITIONS / "R5@2.toml").read_text())


# -- planted faults ----------------------------------------------------------------------------------------------------

SIGN = 'by = ["pyb", "ppk"], guards = ["lawful", "decree_in_order", "own_words"]'


def test_a_state_without_a_way_to_an_end_is_a_deadlock() -> None:
    law = planted(
        "R5@1",
        ('on = "confirm_return", to = "RETURNED"', 'on = "confirm_return", to = "TEMP.RETURNING"'),
    )
    fault = only("deadlock", check(law))
    assert fault.says.startswith("In TEMP.RETURNING no end can be reached")
    assert trace(fault)[-1] == "clock end fires end -> TEMP.RETURNING"


def test_a_state_in_which_nobody_is_asked_and_no_clock_runs_is_a_deadlock() -> None:
    law = planted("R5@1", ('during = ["DRAFT"]', 'during = ["TEMP.ACTIVE"]'))
    fault = only("deadlock", check(law))
    assert fault.says == "In DRAFT nobody is asked for anything and no clock runs. Ask somebody, or let a clock run."
    assert trace(fault) == ["Draft by employee -> DRAFT"]


def test_a_state_that_nothing_leads_to_is_found() -> None:
    law = planted("R5@1", ('on = "settle.panel", to = "APPROVAL.PANEL"', 'on = "settle.panel", to = "REJECTED"'))
    assert "APPROVAL.PANEL" in only("unreachable state", check(law)).says


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (('guards = ["panel_recommends"]', 'guards = ["panel_rejects"]'), "an earlier one of the same trigger"),
        (
            ('on = "refuse", to = "REJECTED", by = ["pyb", "ppk"]', 'on = "refuse", to = "REJECTED", by = []'),
            "nobody may",
        ),
        (('silence = "return_overdue"', 'silence = "overdue"'), "no clock fires it there"),
        (('guards = ["record_unread"]', 'guards = ["record_unread", "objection_open"]'), "it never can hold"),
    ],
)
def test_a_transition_that_nothing_takes_is_found(edit: tuple[str, str], why: str) -> None:
    fault = only("idle transition", check(planted("R5@1", edit)))
    assert why in fault.says
    assert fault.trace


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (("needed = 3", "needed = 6"), "more than there are"),
        (("needed = 3", "needed = 5"), "nobody may stand back"),
        (("needed = 3", "needed = 0"), "nobody needs to act"),
        (('guards = ["quorum_lost"]', 'guards = ["panel_rejects"]'), "may end in quorum_lost"),
        (('by = ["panel"], guards = ["own_words"]', 'by = ["panel"], duty = "panel"'), "the first Vote discharges it"),
    ],
)
def test_a_quorum_that_cannot_be_had_is_found(edit: tuple[str, str], why: str) -> None:
    fault = only("unsatisfiable quorum", check(planted("R5@2", edit)))
    assert why in fault.says
    assert trace(fault)[-1] == "Settle (panel) by pyb -> APPROVAL.PANEL"


def test_a_panel_of_five_of_whom_three_must_act_can_come_to_everything_but_nothing() -> None:
    assert outcomes(3, 5) == {"recommend", "revise", "reject", "quorum_lost"}
    assert outcomes(6, 5) == {"quorum_lost"}


@pytest.mark.parametrize(
    ("edit", "pair"),
    [
        (('["Submit", "Screen", "Sign"]', '["Submit", "Screen"]'), "Submit and Sign"),
        (('"Screen", "Sign"]', '"Sign"]'), "Screen and Sign"),
        (('["Resubmit", "Screen", "Refuse"],', ""), "Resubmit and Refuse"),
        (('["Submit", "Screen", "DecideObjection"],', ""), "Submit and DecideObjection"),
        (('["Clear", "Inspect"],', ""), "Clear and Inspect"),
    ],
)
def test_two_commands_that_one_person_could_give_are_found(edit: tuple[str, str], pair: str) -> None:
    found = [fault for fault in check(planted("R1@2", edit)) if fault.kind == "four-eyes bypass"]
    fault = next(fault for fault in found if pair in fault.says)
    one, _, other = pair.partition(" and ")
    given = [taken.command for taken in fault.trace]
    assert {one, other} <= set(given)
    assert given[-1] in (one, other)


def test_a_group_that_names_no_command_is_found_and_what_it_leaves_open() -> None:
    found = check(planted("R1@2", ('["Submit", "Screen", "Sign"]', '["Submit", "Screen", "Sing"]')))
    assert found[0].says.startswith("A group names Sing, which is no command")
    assert {fault.kind for fault in found} == {"four-eyes bypass"}
    assert "One person may give both Submit and Sign" in found[1].says
    assert len(found) == 2


def test_a_decree_in_a_case_that_nobody_verified_is_found() -> None:
    law = planted("R5@1", ('on = "submit", to = "PROPOSED.SCREENING"', 'on = "submit", to = "CONSULTATION"'))
    fault = next(fault for fault in check(law) if "nobody verified" in fault.says)
    assert trace(fault)[:2] == ["Draft by employee -> DRAFT", "Submit by officer -> CONSULTATION"]
    assert trace(fault)[-1] == "Sign by pyb -> PLACEMENT.DECREED"


NOT_THE_OFFICER = ('to = "PLACEMENT.HANDOVER", by = ["officer"]', 'to = "PLACEMENT.HANDOVER", by = ["pyb"]')
NOWHERE = ('role = "personnel_officer", scope = "target.instansi"', 'role = "personnel_officer"')
BY_ENGINE = ('party = "officer"\ncommand = "Serve"', 'party = "engine"\ncommand = "Serve"')


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (NOT_THE_OFFICER, "officer may not give Serve"),
        (('guards = ["service_in_order"], duty = "service"', 'guards = ["service_in_order"]'), "no Serve discharges"),
        (NOWHERE, "names no office"),
        (BY_ENGINE, "no transition of the engine"),
    ],
)
def test_a_duty_that_nobody_can_hold_is_found(edit: tuple[str, str], why: str) -> None:
    fault = only("unheld duty", check(planted("R5@1", edit)))
    assert fault.says.startswith("In PLACEMENT.DECREED the duty service is nobody's")
    assert why in fault.says
    assert trace(fault)[-1] == "Sign by pyb -> PLACEMENT.DECREED"


def test_clocks_that_wind_each_other_up_are_a_loop() -> None:
    law = planted("R5@1", ('on = "end", to = "TEMP.RETURNING"', 'on = "end", to = "TEMP.ACTIVE"'))
    fault = only("timer loop", check(law))
    assert "for ever" in fault.says
    assert trace(fault)[-1].startswith("clock end fires end -> TEMP.ACTIVE")
    assert fault.trace[-1].target in {taken.source for taken in fault.trace}


def test_an_engine_that_never_stops_proceeding_is_a_loop() -> None:
    law = planted("R5@1", ('guards = ["record_unread"], duty = "clearance"', "guards = []"))
    assert "by proceed alone" in only("timer loop", check(law)).says


def test_a_clock_that_its_state_does_not_know_is_found() -> None:
    law = planted(
        "R5@1", ('from = ["TEMP.RETURNING"], on = "return_overdue"', 'from = ["DRAFT"], on = "return_overdue"')
    )
    fault = only("timer loop", check(law))
    assert "the clock return fires return_overdue, which no transition takes" in fault.says


SETTLEMENT = 'command = "Settle"\ntitle = { id = "Putuskan secara terbuka", en = "Decide openly" }\n'
BY_PANEL = 'on = "proceed", to = "APPROVAL.DECISION", guards = ["panel_recommends"], duty = "panel", emits = '


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (('"everyone_agreed", "clearance_positive"', '"clearance_positive"'), "recorded silence"),
        ((SETTLEMENT, SETTLEMENT + 'silence = "settle.panel"\n'), "the clock settlement has run out"),
        ((f'to = "PLACEMENT.DECREED", {SIGN}', 'to = "PLACEMENT.DECREED", guards = ["lawful"]'), "by the engine alone"),
        ((f'{BY_PANEL}["approval.panel_opined"]', f'{BY_PANEL}["decree.issued"]'), "decree.issued by the engine alone"),
    ],
)
def test_an_approval_that_nobody_gave_is_found(edit: tuple[str, str], why: str) -> None:
    fault = only("approval by silence", check(planted("R5@1", edit)))
    assert why in fault.says
    assert trace(fault)[0] == "Draft by employee -> DRAFT"


def test_a_trace_is_the_shortest_way() -> None:
    every = explored("R5@1")
    depth = {case: len(every.trace(case)) for case in every.first}
    assert all(depth[taken.target] <= depth[taken.source] + 1 for taken in every.steps)


# -- what is explored is what can be -----------------------------------------------------------------------------------


@cache
def seen(name: str) -> set[Any]:
    return {(case.state, case.duties, case.clocks, case.held, case.objection) for case in explored(name).first}


def situation(case: Case) -> Any:
    it = case.it
    objection = {None: "", "open": "open"}.get(it.objection, "closed")
    return (it.state, frozenset(it.duties), frozenset(it.timers), it.rest is not None, objection)


@pytest.mark.parametrize("route", ["R1", "R2", "R5", "R6"])
@pytest.mark.parametrize("reached", ["proposed", "contested", "served", "registered"])
def test_what_the_law_makes_of_a_case_was_foreseen(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    foreseen = seen(case.it.definition)
    assert situation(case) in foreseen
    for turn in range(8):
        step(case, turn % 4, 97 * turn)
        assert situation(case) in foreseen, turn


@pytest.mark.parametrize("route", ["R1", "R5"])
def test_a_case_at_rest_was_foreseen(route: str) -> None:
    case = Case(route).served()
    foreseen = seen(case.it.definition)
    case.do(EMPLOYEE, cmd.Object, reason_class="because", words_hash="w")
    assert situation(case) in foreseen
    case.do(case.by("decider"), cmd.Hold, reason_class="objection", until=case.today + timedelta(days=60))
    assert situation(case) in foreseen
    case.fire("handover")
    assert situation(case) in foreseen
    case.fire("rest")
    assert (case.it.rest, situation(case) in foreseen) == (None, True)


# -- the command and the pictures --------------------------------------------------------------------------------------


def test_the_command_prints_a_line_a_definition_and_the_rows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    law = definition("R5@1")
    monkeypatch.setattr(library, "definitions", lambda: {law.name: law})
    assert main(["check"]) == 0
    line, rows = capsys.readouterr().out.splitlines()
    assert line.split() == ["R5@1", "21", "states", "54", "transitions", "no", "faults"]
    assert rows == "26 of 35 rows of the state table covered"


def test_the_command_prints_its_facts_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"definitions", "rows_covered"}
    assert found["rows_covered"] == 35
    assert [law["name"] for law in found["definitions"]] == list(definitions())
    r5 = next(law for law in found["definitions"] if law["name"] == "R5@1")
    assert r5 == {"name": "R5@1", "states": 21, "transitions": 54, "faults": []}


def test_the_command_fails_on_a_fault_and_tells_the_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    law = planted("R5@1", ('during = ["DRAFT"]', 'during = ["TEMP.ACTIVE"]'))
    monkeypatch.setattr(library, "definitions", lambda: {law.name: law})
    assert main(["check", "--json"]) == 1
    fault = json.loads(capsys.readouterr().out)["definitions"][0]["faults"][0]
    assert set(fault) == {"kind", "says", "trace"}
    assert main(["check"]) == 1
    assert "    1. Draft by employee -> DRAFT" in capsys.readouterr().out.splitlines()


def test_the_rows_are_those_of_the_state_table() -> None:
    assert len(set(ROWS)) == 35


def test_the_pictures_of_the_routes_are_fresh(tmp_path: Path) -> None:
    assert diagrams.check() == []
    stale = tmp_path / "DIAGRAMS.md"
    assert len(diagrams.check(stale)) == 1
    diagrams.write(stale)
    assert diagrams.check(stale) == []
    assert diagrams.text().count("stateDiagram-v2") == 6
