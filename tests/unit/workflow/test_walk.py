"""Random walks: whatever is tried in whatever order, history replays to the live state and the invariants hold."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import mutation as ev
from events.catalog import entry
from tests.unit.workflow.world import EMPLOYEE, OFFICES, PAPERS, Case
from workflow import commands as cmd
from workflow.evolution import evolve, replay, rests
from workflow.library import definition
from workflow.refusal import Refused
from workflow.rights import eligible

APPROVING = (ev.ConsultationClosed, ev.ConsultationSettled, ev.PanelOpined, ev.DecreeIssued, ev.TempExtended)
ENDING = (cmd.Withdraw, cmd.Cancel, cmd.Refuse, cmd.Reverse)
GRANTS = ("pertek", "minister_freeze", "minister_registry", "acting")
BEGINNINGS = ["proposed", "consulting", "contested", "consented", "deciding", "served", "started", "registered"]
ROUTES = ["R1", "R2", "R3", "R4", "R5", "R6"]
#: Where a case is only once the competent authority is asked to decide, or has decided.
DECIDED = ("APPROVAL.DECISION", "APPROVAL.APPOINTMENT", "PLACEMENT.DECREED", "PLACEMENT.HANDOVER", "COMPLETED")
PEOPLE = [EMPLOYEE, "stranger", *(office.id for office in OFFICES)]


def attempts(case: Case) -> list[tuple[type[cmd.Command], dict[str, Any]]]:
    """Every command with every outcome, filled in so that the law alone can refuse it."""
    today = case.facts["calendar"].today(case.now)
    it, reason = case.it, {"reason_class": "because"}
    why, letter = reason | {"words_hash": "w"}, {"reference": "B", "letter": "l", "dated": today}
    effective = it.effective_on or today
    return [
        (cmd.Submit, {"documents": PAPERS}),
        *((cmd.Screen, {"outcome": outcome, **why}) for outcome in (*["pass"] * 5, "return", "fail")),
        (cmd.Resubmit, {}),
        *((cmd.Answer, {"answer": a, "condition": "housing", **why}) for a in ("willing", "conditional", "unwilling")),
        *((cmd.Release, {"answer": a, "handover_planned": True, "floor_kept": True, **why}) for a in ("yes", "no")),
        *((cmd.Receive, {"answer": a, "budgeted": True, **why}) for a in ("yes", "no")),
        *((each, {"answer": "clear"}) for each in (cmd.Clear, cmd.Inspect)),
        *((cmd.Settle, {"outcome": outcome, **why}) for outcome in ("panel", "panel", "return", "reject")),
        *((cmd.Vote, {"vote": vote, **why}) for vote in ("recommend", "recommend", "revise", "reject", "recuse")),
        (cmd.Sign, {"number": "1", "decree_date": today, "effective_on": today, "words_hash": "w"}),
        (cmd.Refuse, why),
        *(
            (cmd.Consent, {"answer": a, "position": it.move.target.position, "letter": "c", **reason})
            for a in ("yes", "no")
        ),
        *(
            (cmd.Grant, {"grant": g, "outcome": o, **letter, **reason})
            for g in GRANTS
            for o in ("grant", "return", "refuse")
        ),
        (cmd.Appoint, {"number": "2", "decree_date": today, "effective_on": today}),
        (cmd.Hold, {"reason_class": "objection", "until": today + timedelta(days=9)}),
        (cmd.Resume, {}),
        (cmd.Object, why),
        *((cmd.DecideObjection, {"outcome": outcome, **why}) for outcome in ("uphold", "dismiss", "dismiss")),
        (cmd.Reverse, {"ground": "court", "reference": "7"}),
        (cmd.Correct, {"number": "1-A", "decree_date": today, "letter": "k"}),
        *((cmd.Postpone, {"duty": duty, "until": today + timedelta(days=50), **reason}) for duty in it.duties),
        (cmd.Reassign, {"party": "verifier", "office": case.by("pyb"), **reason}),
        (cmd.Serve, {"served_on": today, "receipt": "r"}),
        (cmd.HandOver, {"successor": "colleague", "record": "h", "e_signature": "handed"}),
        (cmd.Start, {"started_on": max(today, effective)}),
        (cmd.Register, {"reference": "I-MUT", "payroll_moved": True}),
        (cmd.Extend, {"until": (case.it.until or today) + timedelta(days=60)}),
        (cmd.Recall, why),
        (cmd.ConfirmReturn, {"returned_on": today}),
        (cmd.Withdraw, why),
        (cmd.Cancel, {"reason_class": "need_gone"}),
    ]


def step(case: Case, kind: int, pick: int) -> None:
    """A timer, anything by anyone, or (mostly) what the state allows by someone who may. Refusals are part of life."""
    it, rules = case.it, definition(case.it.definition)
    if kind == 0 and it.timers:
        case.fire(min(it.timers, key=lambda name: it.timers[name].due))
        return
    tried = [(person, command, fields) for command, fields in attempts(case) for person in PEOPLE]
    if kind > 1:
        legal = {
            on: {party for rule in found for party in rule.by}
            for (at, on), found in rules.table.items()
            if at == it.state
        }
        today = case.facts["calendar"].today(case.now)
        tried = [
            (claim.person, command, fields)
            for command, fields in attempts(case)
            if (on := command(mutation="m", **fields).trigger) in legal and command not in ENDING
            for claim in eligible(
                rules, it, command.__name__, legal[on], case.facts["authority"], today, case.facts["pack"]
            )
        ]
    if tried:
        person, command, fields = tried[pick % len(tried)]
        with suppress(Refused):
            case.do(person, command, **fields)


def check(case: Case) -> None:
    """What holds at every step."""
    it = case.it
    rules = definition(it.definition)
    assert case.replayed() == it
    assert it.version == len(case.history)
    if rules.states[it.state].terminal:
        assert set(it.duties) <= {"objection"}
        assert set(it.timers) <= {"objection"}
        assert it.rest is None
    else:
        assert it.timers or any(duty.escalated_to for duty in it.duties.values())
    if it.rest is not None:
        assert "rest" in it.timers
        assert not any(rests(rules, name) for name in it.timers)
    lacking = {name for name in rules.grants if name == "pertek"} - set(it.grants)
    assert not (lacking and it.state in DECIDED), "decided before all that was needed was granted"
    hands = it.hands
    for group in rules.four_eyes:
        seen = [person for name in group for person in hands.get(name, ())]
        assert len(seen) == len(set(seen))
    own = ("Answer", "Object")
    assert EMPLOYEE not in {person for name, people in hands.items() if name not in own for person in people}


@pytest.mark.parametrize("route", ROUTES)
def test_thousands_of_random_steps_break_no_promise(route: str) -> None:
    """4,000 steps a route; IMBANG_WALK sets how many, IMBANG_SEED another seed, which a failure names."""
    steps, seed = int(os.environ.get("IMBANG_WALK", "4000")), int(os.environ.get("IMBANG_SEED", "1"))
    random, case = Random(f"{route} {seed}"), Case(route).proposed()
    for n in range(steps):
        if n % 45 == 0:
            case = getattr(Case(route), random.choice(BEGINNINGS))()
        try:
            step(case, random.randrange(16), random.randrange(10_000))
            check(case)
        except Exception as error:
            raise AssertionError(f"IMBANG_SEED={seed}, {route}, step {n}") from error


@pytest.mark.parametrize("route", ROUTES)
@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(
    begun=st.sampled_from(BEGINNINGS),
    choices=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 10_000)), min_size=30, max_size=60),
)
def test_replay_equals_live_at_every_step_of_a_random_walk(
    route: str, begun: str, choices: list[tuple[int, int]]
) -> None:
    case = getattr(Case(route), begun)()
    for kind, pick in choices:
        step(case, kind, pick)
        check(case)
    for event in case.history:
        if isinstance(event, ev.DecreeIssued):
            assert event.act.capacity != "engine"


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("reached", ["proposed", "consulting", "contested", "paneled", "deciding", "decreed"])
def test_silence_never_approves(route: str, reached: str) -> None:
    case = getattr(Case(route), reached)()
    said = len(case.history)
    while case.it.timers:
        case.fire(min(case.it.timers, key=lambda name: case.it.timers[name].due))
        check(case)
    assert not [event for event in case.history[said:] if isinstance(event, APPROVING)]
    assert not reached.startswith("p") or case.state == "EXPIRED"


def test_silence_never_extends() -> None:
    case = Case().expiring()
    while case.it.timers:
        case.fire(min(case.it.timers, key=lambda name: case.it.timers[name].due))
    assert case.state == "TEMP.RETURNING"


@pytest.mark.parametrize("route", ["R1", "R5"])
def test_a_history_read_back_from_its_bytes_replays_to_the_same_state(route: str) -> None:
    case = Case(route).registered()
    read = [msgspec.json.decode(msgspec.json.encode(event), type=type(event)) for event in case.history]
    assert replay(definition, read) == case.it


def test_every_event_carries_who_acted_by_what_right_under_which_rules() -> None:
    for event in Case("R1").registered().history:
        assert (event.definition, event.pack, event.person) == ("R1@2", "asn-2024-01-01", EMPLOYEE)
        assert [agency.side for agency in event.agencies] == ["source", "receiver"]
        assert event.act.capacity == "engine" or event.act.actor == EMPLOYEE or event.act.order
        assert event.row.isdigit()


def test_no_event_of_a_consultation_or_vote_is_public() -> None:
    for event in Case("R1").paneled().history:
        kind = entry(event)
        assert kind.audience == "internal" or not kind.type.startswith(("consultation.", "approval."))


def test_deciding_changes_nothing() -> None:
    case = Case().consulting()
    before = msgspec.json.encode(case.it)
    events = case.decide(EMPLOYEE, cmd.Answer(mutation="m", answer="willing"))
    assert msgspec.json.encode(case.it) == before
    assert evolve(definition("R5@2"), case.it, events[0]) != case.it


def test_a_command_without_a_case_and_a_second_draft_are_refused() -> None:
    case = Case()
    with pytest.raises(Refused, match="unknown_mutation"):
        case.do("officer", cmd.Submit)
    case.draft()
    with pytest.raises(Refused, match="already_drafted"):
        case.draft()


def test_a_history_has_a_beginning() -> None:
    history = Case().consulting().history
    with pytest.raises(ValueError, match="does not begin"):
        replay(definition, history[1:])
    with pytest.raises(ValueError, match="at least one event"):
        replay(definition, [])
