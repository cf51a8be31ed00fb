"""A running case goes on by another version of its route: what stays, what begins and ends, and when it had better not.

A case is never stranded: where the other version does not know its state, or would ask nobody and let no clock run, it
stays with the version by which it began, which is shipped for ever.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import UNSET

from events import mutation as ev
from workflow import commands as cmd
from workflow.definition import Anchor, Definition
from workflow.evolution import asked_in, evolve
from workflow.guards import Question
from workflow.guards.external import needed
from workflow.library import definition as definition_of
from workflow.mutation import agencies
from workflow.refusal import Refused


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen to a case. `obstacle`: why it stays, empty where it can move; `begins`, `ends`: duties."""

    obstacle: str = ""
    begins: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


def fit(q: Question[Any], new: Definition) -> Fit:
    """How the case of a question would go on by another definition of its route."""
    mutation, old = q.mutation, q.definition
    if new.route != old.route:
        return Fit(obstacle="another_route")
    if new.name == old.name:
        return Fit(obstacle="same_version")
    if old.states[mutation.state].terminal:
        return Fit(obstacle="closed")
    if mutation.rest is not None:
        return Fit(obstacle="at_rest")  # its clocks are those of the version by which it was held
    if mutation.state not in new.states or new.states[mutation.state].terminal:
        return Fit(obstacle="state_unknown")
    ends = tuple(name for name in mutation.duties if not asked_in(new, name, mutation.state))
    begins = tuple(
        name
        for name, rule in new.duties.items()
        if rule.state == mutation.state and not asked_in(old, name, mutation.state) and needed(q, rule)
    )
    if any(not _answerable(new, mutation.state, name) for name in (*mutation.duties, *begins) if name not in ends):
        return Fit(obstacle="nobody_could_answer", begins=begins, ends=ends)
    after = evolve(new, mutation, _event(q, new, begins))
    if not after.duties and not after.timers:
        return Fit(obstacle="would_be_stuck", begins=begins, ends=ends)
    return Fit(begins=begins, ends=ends)


def migrated(q: Question[cmd.Migrate]) -> ev.MutationEvent:
    """The event of a case that goes on by the definition that the command names; raises `Refused` where it stays."""
    new = definition_of(q.command.definition)
    found = fit(q, new)
    if found.obstacle:
        raise Refused("cannot_migrate", {"definition": new.name, "obstacle": found.obstacle})
    return _event(q, new, found.begins)


def _event(q: Question[Any], new: Definition, begins: tuple[str, ...]) -> ev.MutationMigrated:
    return ev.MutationMigrated(
        mutation=q.mutation.id,
        person=q.mutation.person,
        agencies=agencies(q.mutation.move),
        act=ev.Act(command="Migrate", actor="engine", capacity="engine"),
        definition=new.name,
        pack=q.facts.pack.id,
        row="",
        state=q.mutation.state,
        at=q.facts.now,
        asks=list(begins) if begins else UNSET,
        deadlines=_deadlines(q, new, begins),
        migrated_from=q.definition.name,
        by=getattr(q.command, "by", ""),
    )


def _deadlines(q: Question[Any], new: Definition, begins: tuple[str, ...]) -> dict[str, datetime]:
    """Of the duties that begin, and of the new version's clocks that do not run yet."""
    move = q.mutation.move
    anchors: dict[Anchor, date | None] = {
        "entry": q.facts.today,
        "effective_on": q.mutation.effective_on,
        "until": move.until,
        "held_until": None,
    }
    clocks = {name: within for name in begins if (within := new.duties[name].within)}
    clocks |= {
        name: timer.due
        for name, timer in new.timers.items()
        if q.mutation.state in timer.during and name not in q.mutation.timers
    }
    due = {name: clock.due(anchors, q.facts.calendar, q.facts.pack) for name, clock in clocks.items()}
    return {name: moment for name, moment in due.items() if moment}


def _answerable(new: Definition, state: str, duty: str) -> bool:
    """Whether a step of the new version discharges the duty in this state, or asks for its command at least."""
    rules = [rule for (at, _), rules in new.table.items() if at == state for rule in rules]
    return any(rule.duty == duty for rule in rules)
