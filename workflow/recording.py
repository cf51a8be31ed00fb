"""The events of a transition: who did what under which rule, what follows, and until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from events import mutation as ev
from workflow import commands as cmd
from workflow.definition import Anchor, Transition
from workflow.evolution import rests
from workflow.guards import Question
from workflow.guards.consultation import dissent, panel_outcome
from workflow.guards.external import needed
from workflow.mutation import Mutation, agencies

Asked = Question[Any]


def record(q: Asked, rule: Transition, act: ev.Act) -> list[ev.MutationEvent]:
    """The events that a transition emits. The first enters the new state, discharges its duty and sets the deadlines.

    A field of an event is, in this order: worked out below, the command's of the same name, the mutation's, or the
    transition's reason. What the engine does by itself takes nothing from the command that gave it the occasion.
    """
    events: list[ev.MutationEvent] = []
    asked = _asked(q, rule)
    direct = act.command != "Proceed"
    for type_ in rule.emits:
        cls = ev.EVENTS[type_]
        fields = _fields(q, rule, cls, direct)
        first = not events
        events.append(
            cls(
                mutation=q.mutation.id,
                person=q.mutation.person,
                agencies=agencies(q.mutation.move),
                act=act,
                definition=q.definition.name,
                pack=q.facts.pack.id,
                row=rule.row,
                state=rule.to or q.mutation.state,
                at=q.facts.now,
                closes=rule.duty if first else None,
                deadlines=_deadlines(q, rule, asked, fields) if first else {},
                words_hash=q.command.words_hash if direct else None,
                asks=_said(q, rule, asked) if first else UNSET,
                **fields,
            )
        )
    return events


def _fields(q: Asked, rule: Transition, cls: type[ev.MutationEvent], direct: bool) -> dict[str, Any]:
    commanded, kept, reasoned = _sources(cls, q.command.__class__, direct)
    fields: dict[str, Any] = {name: getattr(q.command, name) for name in commanded}
    for name in kept:
        fields[name] = getattr(q.mutation, name)
    if reasoned and rule.reason:
        fields["reason_class"] = rule.reason
    if cls in _WORKED_OUT:
        fields |= _WORKED_OUT[cls](q)
    return fields


@cache
def _sources(
    cls: type[ev.MutationEvent], command: type[cmd.Command], direct: bool
) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """The fields of an event that its command has, those that the mutation has, and whether one is the reason."""
    own = [name for name in cls.__struct_fields__ if name not in ev.MutationEvent.__struct_fields__]
    commanded = tuple(name for name in own if direct and hasattr(command, name))
    kept = tuple(name for name in own if name not in commanded and hasattr(Mutation, name))
    return commanded, kept, "reason_class" in own and "reason_class" not in (*commanded, *kept)


def _asked(q: Asked, rule: Transition) -> list[str]:
    """The duties that begin with a transition: those of its new state that this case needs, and those it names."""
    if rule.to is None or rule.to == q.mutation.state:
        return rule.asks
    duties = q.definition.duties
    return [*(name for name, duty in duties.items() if duty.state == rule.to and needed(q, duty)), *rule.asks]


def _said(q: Asked, rule: Transition, asked: list[str]) -> list[str] | UnsetType:
    """What an event says of the duties that begin with it; nothing, where they are all those of its new state."""
    if rule.to is None or rule.to == q.mutation.state:
        return asked or UNSET
    usual = [name for name, duty in q.definition.duties.items() if duty.state == rule.to]
    return UNSET if asked == usual else asked


def _deadlines(q: Asked, rule: Transition, asked: list[str], fields: Mapping[str, Any]) -> dict[str, datetime]:
    """Until when what is asked is due, and the clocks of the state that are not running yet or have moved."""
    if rule.on == "resume":
        return _remaining(q)
    if rule.on == "postpone":
        return {q.command.duty: q.facts.calendar.end_of(q.command.until)}
    if not (rule.to or asked or rule.on == "hold"):
        return {}
    move: ev.Move = fields.get("move", q.mutation.move)
    anchors: dict[Anchor, date | None] = {
        "entry": q.facts.today,
        "effective_on": fields.get("effective_on", q.mutation.effective_on),
        "until": move.until,
        "held_until": fields["until"] if rule.on == "hold" else None,
    }
    state = rule.to or q.mutation.state
    clocks = [(name, within) for name in asked if (within := q.definition.duties[name].within)]
    if rule.to or rule.on == "hold":
        for name, timer in q.definition.timers.items():
            running = name in q.mutation.timers and q.mutation.state in timer.during
            if state in timer.during and not (running and timer.due.from_entry):
                clocks.append((name, timer.due))
    due = {name: clock.due(anchors, q.facts.calendar, q.facts.pack) for name, clock in clocks}
    return {name: moment for name, moment in due.items() if moment and moment != _running(q.mutation, name)}


def _remaining(q: Asked) -> dict[str, datetime]:
    """When the clocks that stood still run out now: each has the days that it had left when the case was held."""
    rest, calendar = q.mutation.rest, q.facts.calendar
    assert rest is not None, "only a case that rests is resumed"
    held = calendar.today(rest.since)
    due: dict[str, datetime] = {}
    for name, moment in rest.clocks.items():
        if rests(q.definition, name):
            clock = q.definition.timers[name].due if name in q.definition.timers else q.definition.duties[name].within
            last = calendar.last_day(moment)
            if clock is not None and clock.working_days is not None:
                day = calendar.add_working(q.facts.today, max(0, calendar.working_between(held, last)))
            else:
                day = q.facts.today + max(last - held, timedelta(0))
            due[name] = calendar.end_of(day)
    return due


def _running(mutation: Mutation, name: str) -> datetime | None:
    return mutation.timers[name].due if name in mutation.timers else None


def _or_silence(q: Asked) -> dict[str, Any]:
    return {"answer": "no_response"} if isinstance(q.command, cmd.FireTimer) else {}


def _record_or_officer(q: Asked) -> dict[str, Any]:
    if isinstance(q.command, cmd.Clear | cmd.Inspect):
        return {}
    return {"answer": "clear" if q.facts.person.eligible else "block"}


def _served(q: Asked) -> dict[str, Any]:
    served: date = q.command.served_on
    days = q.facts.pack.objection_working_days
    return {
        "effective_on": max(served, q.mutation.effective_on or served),
        "objection_until": q.facts.calendar.add_working(served, days),
    }


def _reversed(q: Asked) -> dict[str, Any]:
    return {} if isinstance(q.command, cmd.Reverse) else {"ground": "objection", "reference": None}


#: What is neither the command's nor the mutation's.
_WORKED_OUT: dict[type[ev.MutationEvent], Callable[[Asked], dict[str, Any]]] = {
    ev.MutationResubmitted: lambda q: {"round": q.mutation.rounds + 1},
    ev.EmployeeRecorded: _or_silence,
    ev.SourceRecorded: _or_silence,
    ev.ReceiverRecorded: _or_silence,
    ev.ClearanceRecorded: _record_or_officer,
    ev.MutationEscalated: lambda q: {"dissent": dissent(q.mutation)},
    ev.PanelOpined: lambda q: {
        "opinion": panel_outcome(q.mutation),
        "tally": dict(Counter(ballot.vote for ballot in q.mutation.votes.values())),
    },
    ev.DecreeServed: _served,
    ev.TempExtended: lambda q: {"move": replace(q.mutation.move, until=q.command.until)},
    ev.TempEnded: lambda q: {"cause": "recall" if isinstance(q.command, cmd.Recall) else "end_date"},
    ev.TempReturnOverdue: lambda q: {"duty": q.command.name},
    ev.MutationExpired: lambda q: {"clock": q.command.name},
    ev.MutationReversed: _reversed,
    ev.MutationOverdue: lambda q: {"duty": q.command.name},
}
