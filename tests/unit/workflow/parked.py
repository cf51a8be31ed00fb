"""Cases parked in every state of every shipped definition, kept as histories, and how they are carried to their end.

`python -m tests.unit.workflow.parked` writes the files that are missing; a file that exists is never written again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from events import mutation as ev
from events.catalog import entry
from tests.unit.workflow.world import PAPERS, SCHOOLS, Case
from workflow import commands as cmd
from workflow.calendar import ZONES
from workflow.library import definition, definitions
from workflow.mutation import Mutation

FOLDER = Path(__file__).parent / "parked"
STEPS = 60

Fields = dict[str, Any]
WHY: Fields = {"reason_class": "because", "words_hash": "w"}
#: What a duty's command says, when all goes well.
SAYS: dict[str, Callable[[Case], Fields]] = {
    "Resubmit": lambda c: {"documents": PAPERS},
    "Screen": lambda c: {"outcome": "pass", "documents": PAPERS},
    "Answer": lambda c: {"answer": "willing"},
    "Release": lambda c: {"answer": "yes", "handover_planned": True, "floor_kept": True},
    "Receive": lambda c: {"answer": "yes", "budgeted": True},
    "Clear": lambda c: {"answer": "clear"},
    "Inspect": lambda c: {"answer": "clear"},
    "Settle": lambda c: {"outcome": "panel", **WHY},
    "Vote": lambda c: {"vote": "recommend", **WHY},
    "Consent": lambda c: {"answer": "yes", "position": c.it.move.target.position, "letter": "l"},
    "Sign": lambda c: {"number": "800/1", "decree_date": c.today, "effective_on": c.today, "words_hash": "w"},
    "Appoint": lambda c: {"number": "800/2", "decree_date": c.today, "effective_on": c.today},
    "Serve": lambda c: {"served_on": c.today, "receipt": "r"},
    "HandOver": lambda c: {"successor": "colleague", "record": "h", "e_signature": "none"},
    "Start": lambda c: {"started_on": c.today},
    "Register": lambda c: {"reference": "I-MUT", "payroll_moved": True},
    "ConfirmReturn": lambda c: {"returned_on": c.today},
}


def walk(name: str) -> Iterator[Case]:
    """A case by a definition before its first step, and after each further one of the straight way and its turnings."""
    turns = ["", "PROPOSED.SCREENING", "CONSULTATION"]
    for turn in turns + ["APPROVAL.EXTERNAL"] * bool(definition(name).grants):
        official = replace(SCHOOLS, kind="administrator", ministerial=True)
        source = official if turn == "APPROVAL.EXTERNAL" else SCHOOLS
        case = Case(name.partition("@")[0], law=name, source=source)
        case.draft()
        while not closed(case):
            yield case
            if case.state == turn == "PROPOSED.SCREENING":
                turn = ""
                case.do(case.by("verifier"), cmd.Screen, outcome="return", reason_class="papers_incomplete")
            elif case.state == turn == "CONSULTATION" and "employee" in case.it.duties:
                case.do(case.it.person, cmd.Answer, answer="unwilling", reason_class="family")
            else:
                step(case)


def step(case: Case) -> None:
    """The next thing that would happen to a case in which everyone does what is asked."""
    effective = case.it.effective_on
    if effective and case.today < effective:
        case.now = datetime.combine(effective, time(10), ZONES["WIT"])
    if case.it.rest is not None:
        case.fire("rest")
    elif case.state == "DRAFT":
        case.do(case.by("officer"), cmd.Submit, documents=PAPERS)
    elif case.state in ("TEMP.ACTIVE", "TEMP.EXPIRING"):
        case.fire("expiring" if case.state == "TEMP.ACTIVE" else "end")
    else:
        _discharge(case, next(iter(case.it.duties)))


def _discharge(case: Case, name: str) -> None:
    rule = definition(case.it.definition).duties[name]
    if rule.command == "Grant":
        case.grant(name)
    elif rule.party == "employee":
        case.do(case.it.person, cmd.Answer, **SAYS["Answer"](case))
    else:
        actor = case.by(rule.party, len(case.it.votes) if rule.command == "Vote" else 0)
        case.do(actor, getattr(cmd, rule.command), **SAYS[rule.command](case))


def finish(case: Case) -> int:
    """Carry a case to its end; returns how many steps that took."""
    for n in range(STEPS):
        if closed(case):
            return n
        step(case)
    raise AssertionError(f"{case.it.definition} in {case.state} does not come to an end")


def closed(case: Case) -> bool:
    return definition(case.it.definition).states[case.state].terminal


def resumed(name: str, history: list[ev.MutationEvent], state: Mutation) -> Case:
    """A case as it was parked, on the day of its last event."""
    case = Case(name.partition("@")[0], law=name, source=state.move.source)
    case.history, case.mutation, case.now = list(history), state, history[-1].at
    return case


def path(name: str) -> Path:
    return FOLDER / f"{name}.json"


def write() -> None:
    """A history for each state of each definition that has no file yet."""
    FOLDER.mkdir(exist_ok=True)
    for name in definitions():
        if path(name).exists():
            continue
        found: dict[str, list[Fields]] = {}
        for case in walk(name):
            if case.state not in found:
                found[case.state] = [
                    {"type": entry(event).type, "data": msgspec.to_builtins(event)} for event in case.history
                ]
        path(name).write_text(_lines(found))


def _lines(found: dict[str, list[Fields]]) -> str:
    """JSON with an event a line, so that a change shows what it changed."""
    states = (
        f"{json.dumps(state)}: [\n" + ",\n".join(map(json.dumps, events)) + "\n]" for state, events in found.items()
    )
    return "{" + ",\n".join(states) + "}\n"


def read(name: str) -> dict[str, list[ev.MutationEvent]]:
    """State -> the history of a case that is parked in it."""
    stored = json.loads(path(name).read_text())
    return {
        state: [msgspec.convert(each["data"], ev.EVENTS[each["type"]]) for each in history]
        for state, history in stored.items()
    }


if __name__ == "__main__":
    write()
