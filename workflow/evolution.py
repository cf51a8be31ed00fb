"""How an event changes a mutation. Everything here follows from the events and their definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeAlias

from msgspec import UNSET
from msgspec.structs import replace

from events import mutation as ev
from workflow.definition import Definition
from workflow.mutation import Ballot, Duty, Granted, Mutation, Reply, Rest, Timer, people, seat


def evolve(definition: Definition, mutation: Mutation | None, event: ev.MutationEvent) -> Mutation:
    """The mutation after an event. Only `mutation.drafted` begins one."""
    if mutation is None:
        if not isinstance(event, ev.MutationDrafted):
            raise ValueError(f"{event.mutation} does not begin with mutation.drafted")
        mutation = Mutation(
            id=event.mutation,
            definition=event.definition,
            person=event.person,
            move=event.move,
            origin=event.origin,
            proposal=event.proposal,
            converts=event.converts,
            letter=event.letter,
        )
    change = _CHANGES.get(type(event))
    changed: dict[str, Any] = change(mutation, event) if change else {}
    if event.state != mutation.state and mutation.rest is not None:
        changed["rest"] = None
    after: Mutation = replace(
        mutation,
        version=mutation.version + 1,
        definition=event.definition,
        state=event.state,
        pack=event.pack,
        hands=_hands(mutation, event.act),
        **changed,
    )
    duties, timers = _asked(definition, mutation, after, event)
    return replace(after, duties=duties, timers=timers)


def replay(definition_of: Callable[[str], Definition], events: Iterable[ev.MutationEvent]) -> Mutation:
    """The mutation after its whole history; `definition_of` finds a definition by the name that the events carry.

    Raises ValueError for a history that is empty or has no beginning.
    """
    mutation: Mutation | None = None
    for event in events:
        mutation = evolve(definition_of(event.definition), mutation, event)
    if mutation is None:
        raise ValueError("a history has at least one event")
    return mutation


def _hands(mutation: Mutation, act: ev.Act) -> dict[str, tuple[str, ...]]:
    if act.capacity == "engine":
        return mutation.hands
    return mutation.hands | {act.command: tuple(dict.fromkeys((*mutation.hands.get(act.command, ()), *people(act))))}


def rests(definition: Definition, name: str) -> bool:
    """Whether the clock of this duty or timer stands still while the case rests: it counts from a step of the case."""
    if name in definition.timers:
        return definition.timers[name].due.from_entry
    duty = definition.duties[name]
    return bool(duty.state) and duty.within is not None and duty.within.from_entry


Duties: TypeAlias = dict[str, Duty]
Timers: TypeAlias = dict[str, Timer]


def _asked(definition: Definition, before: Mutation, after: Mutation, event: ev.MutationEvent) -> tuple[Duties, Timers]:
    """Duties and timers after an event: a new state asks anew; in the same state one duty is discharged or overdue."""
    armed = {name: Timer(due, after.version) for name, due in event.deadlines.items()}
    duties, timers = before.duties, before.timers
    begun: Iterable[str] = () if event.asks is UNSET else event.asks
    if event.state != before.state:
        duties = {name: duty for name, duty in duties.items() if not definition.duties[name].state}
        timers = {name: timer for name, timer in timers.items() if name in duties or _runs(definition, name, event)}
        if event.asks is UNSET:
            begun = [name for name, rule in definition.duties.items() if rule.state == event.state]
    if event.closes is not None:
        duties = {name: duty for name, duty in duties.items() if name != event.closes}
        timers = {name: timer for name, timer in timers.items() if name != event.closes}
    if begun:
        duties = duties | {name: _begun(definition, after, name, event) for name in begun}
    if type(event) in _CLOCKS:
        duties, timers = _CLOCKS[type(event)](definition, after, event, duties, timers)
    return duties, timers | armed


def _runs(definition: Definition, name: str, event: ev.MutationEvent) -> bool:
    return name in definition.timers and event.state in definition.timers[name].during


def _begun(definition: Definition, after: Mutation, name: str, event: ev.MutationEvent) -> Duty:
    rule = definition.duties[name]
    return Duty(
        party=rule.party,
        seat=seat(definition, after, rule.party),
        since=event.at,
        due=event.deadlines.get(name),
        needed=rule.needed,
        of=rule.of,
    )


def _overdue(
    definition: Definition, after: Mutation, event: Any, duties: Duties, timers: Timers
) -> tuple[Duties, Timers]:
    """The duty stays, and its superior is told."""
    superior = definition.duties[event.duty].escalates_to
    escalated = replace(duties[event.duty], escalated_to=seat(definition, after, superior) if superior else None)
    return {**duties, event.duty: escalated}, {n: timer for n, timer in timers.items() if n != event.duty}


def _at_rest(
    definition: Definition, after: Mutation, event: Any, duties: Duties, timers: Timers
) -> tuple[Duties, Timers]:
    """Who is asked stays; until when is open."""
    still = {name for name in timers if rests(definition, name)}
    waiting = {name: replace(duty, due=None) if name in still else duty for name, duty in duties.items()}
    return waiting, {name: timer for name, timer in timers.items() if name not in still}


def _going_on(
    definition: Definition, after: Mutation, event: Any, duties: Duties, timers: Timers
) -> tuple[Duties, Timers]:
    """Each clock has the time again that it had left; the one that would have ended the rest is not needed."""
    due = event.deadlines
    asked = {name: replace(duty, due=due[name]) if name in due else duty for name, duty in duties.items()}
    rules = definition.timers
    return asked, {n: t for n, t in timers.items() if n not in rules or rules[n].due.after != "held_until"}


def _postponed(
    definition: Definition, after: Mutation, event: Any, duties: Duties, timers: Timers
) -> tuple[Duties, Timers]:
    later = replace(duties[event.duty], due=event.deadlines[event.duty], escalated_to=None)
    return {**duties, event.duty: later}, timers


def _reassigned(
    definition: Definition, after: Mutation, event: Any, duties: Duties, timers: Timers
) -> tuple[Duties, Timers]:
    elsewhere = seat(definition, after, event.party)
    return {n: replace(d, seat=elsewhere) if d.party == event.party else d for n, d in duties.items()}, timers


def _migrated(
    definition: Definition, after: Mutation, event: Any, duties: Duties, timers: Timers
) -> tuple[Duties, Timers]:
    """What the new version knows too stays as it was, with its party there; the rest ends."""
    rules = definition.duties
    kept = {name: duty for name, duty in duties.items() if asked_in(definition, name, event.state)}
    seated = {
        name: replace(duty, party=rules[name].party, seat=seat(definition, after, rules[name].party))
        for name, duty in kept.items()
    }
    return seated, {name: timer for name, timer in timers.items() if name in kept or _runs(definition, name, event)}


def asked_in(definition: Definition, duty: str, state: str) -> bool:
    """Whether a duty may be outstanding in a state."""
    return duty in definition.duties and definition.duties[duty].state in ("", state)


_CLOCKS: dict[type[ev.MutationEvent], Callable[..., tuple[Duties, Timers]]] = {
    ev.MutationOverdue: _overdue,
    ev.TempReturnOverdue: _overdue,
    ev.MutationHeld: _at_rest,
    ev.MutationResumed: _going_on,
    ev.MutationPostponed: _postponed,
    ev.MutationMigrated: _migrated,
    ev.MutationReassigned: _reassigned,
}


def _reply(mutation: Mutation, party: str, event: Any, condition: str | None = None) -> dict[str, Any]:
    return {"replies": mutation.replies | {party: Reply(event.answer, event.reason_class, condition)}}


def _fields(*names: str) -> Callable[[Mutation, Any], dict[str, Any]]:
    return lambda _, event: {name: getattr(event, name) for name in names}


def _due(timers: Timers) -> dict[str, datetime]:
    return {name: timer.due for name, timer in timers.items()}


#: What an event changes beyond state, duties, timers and hands.
_CHANGES: dict[type[ev.MutationEvent], Callable[[Mutation, Any], dict[str, Any]]] = {
    ev.MutationProposed: lambda m, e: {"sponsor_office": e.act.office, "documents": m.documents | e.documents},
    ev.MutationScreened: lambda m, e: {"documents": m.documents | e.documents, "replies": {}},
    ev.MutationResubmitted: lambda m, e: {
        "rounds": e.round,
        "documents": m.documents | e.documents,
        "contested": False,
        "votes": {},
        "grants": {},
    },
    ev.EmployeeRecorded: lambda m, e: _reply(m, "employee", e, e.condition),
    ev.SourceRecorded: lambda m, e: _reply(m, "source", e),
    ev.ReceiverRecorded: lambda m, e: _reply(m, "receiver", e, e.accepts_condition),
    ev.ClearanceRecorded: lambda m, e: _reply(m, e.closes, e),
    ev.MutationEscalated: lambda m, e: {"contested": True},
    ev.PanelVoted: lambda m, e: {"votes": m.votes | {e.act.office: Ballot(e.vote, people(e.act))}},
    ev.VoteVoided: lambda m, e: {"votes": {office: vote for office, vote in m.votes.items() if office != e.office}},
    ev.DecreeIssued: lambda m, e: {
        "decree_number": e.number,
        "decree_date": e.decree_date,
        "effective_on": e.effective_on,
    },
    ev.ExternalGranted: lambda m, e: {"grants": {**m.grants, e.grant: Granted(e.reference, e.letter, e.dated)}},
    ev.AppointmentIssued: _fields("decree_date", "effective_on"),
    ev.DecreeServed: _fields("served_on", "effective_on", "objection_until"),
    ev.DecreeCorrected: lambda m, e: {"decree_number": e.number, "decree_date": e.decree_date},
    ev.MutationHeld: lambda m, e: {"rest": Rest(e.reason_class, e.at, e.until, _due(m.timers))},
    ev.MutationResumed: lambda m, e: {"rest": None},
    ev.MutationReassigned: lambda m, e: {"seats": {**m.seats, e.party: e.office}},
    ev.ObjectionFiled: lambda m, e: {"objection": "open"},
    ev.ObjectionInadmissible: lambda m, e: {"objection": "inadmissible"},
    ev.ObjectionDecided: lambda m, e: {"objection": e.outcome},
    ev.PlacementStarted: _fields("started_on"),
    ev.PlacementRegistered: _fields("reference"),
    ev.TempExpiring: lambda m, e: {"replies": {}},
    ev.TempExtended: lambda m, e: {"move": e.move, "extensions": m.extensions + 1},
    ev.TempReturnOverdue: lambda m, e: {"return_overdue": True},
}
