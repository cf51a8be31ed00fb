"""A mutation's state, and how an event changes it. Everything here follows from the events and their definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from events import mutation as ev
from workflow.definition import NEW, Definition


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """Who a duty belongs to: one office, any office of a role and scope, or a person."""

    role: str = ""
    scope: str = ""
    office: str = ""
    person: str = ""


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked of a party and not done yet. `needed` of `of` seats must act."""

    party: str
    seat: Seat
    since: datetime
    due: datetime | None
    needed: int = 1
    of: int = 1
    escalated_to: Seat | None = None


class Timer(msgspec.Struct, frozen=True):
    """A running clock. `arming` is the version of the mutation that set it."""

    due: datetime
    arming: int


class Reply(msgspec.Struct, frozen=True):
    """What a party answered in the consultation."""

    answer: str
    reason_class: str | None = None
    condition: str | None = None


class Ballot(msgspec.Struct, frozen=True):
    """A seat's vote, and the people behind it."""

    vote: str
    people: tuple[str, ...]


class Mutation(msgspec.Struct, frozen=True, kw_only=True):
    """One case: one person, one move. `version` counts its events; `hands`: the people behind each command so far."""

    id: str
    version: int = 0
    state: str = NEW
    definition: str
    pack: str = ""
    person: str
    move: ev.Move
    origin: ev.Origin
    proposal: str | None = None
    converts: str | None = None
    sponsor_office: str | None = None
    contested: bool = False
    return_overdue: bool = False
    rounds: int = 0
    extensions: int = 0
    documents: dict[str, str] = {}
    replies: dict[str, Reply] = {}
    votes: dict[str, Ballot] = {}
    hands: dict[str, tuple[str, ...]] = {}
    duties: dict[str, Duty] = {}
    timers: dict[str, Timer] = {}
    decree_number: str | None = None
    decree_date: date | None = None
    effective_on: date | None = None
    served_on: date | None = None
    started_on: date | None = None
    reference: str | None = None

    @property
    def until(self) -> date | None:
        return self.move.until


def people(act: ev.Act) -> tuple[str, ...]:
    """Who is behind an act: the one who did it and the one it was done for."""
    return (act.actor,) if act.on_behalf_of is None else (act.actor, act.on_behalf_of)


def agencies(move: ev.Move) -> list[ev.Agency]:
    """The two sides of a move."""
    return [
        ev.Agency("source", move.source.instansi, move.source.opd),
        ev.Agency("receiver", move.target.instansi, move.target.opd),
    ]


def seat(definition: Definition, mutation: Mutation, party: str) -> Seat:
    """The seat a party of the definition has in this mutation. The engine's is empty: nobody's."""
    who = definition.parties[party]
    match who.seat:
        case "office":
            side, _, level = who.scope.partition(".")
            return Seat(role=who.role, scope=getattr(getattr(mutation.move, side), level))
        case "employee":
            return Seat(person=mutation.person)
        case "sponsor":
            return Seat(office=mutation.sponsor_office or "")
        case "engine":
            return Seat()


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
        )
    change = _CHANGES.get(type(event))
    changed: dict[str, Any] = change(mutation, event) if change else {}
    after: Mutation = replace(
        mutation,
        version=mutation.version + 1,
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


def _asked(
    definition: Definition, before: Mutation, after: Mutation, event: ev.MutationEvent
) -> tuple[dict[str, Duty], dict[str, Timer]]:
    """Duties and timers after an event: a new state asks anew; in the same state one duty is discharged or overdue."""
    armed = {name: Timer(due, after.version) for name, due in event.deadlines.items()}
    if event.state != before.state:
        duties = {
            name: Duty(
                party=rule.party,
                seat=seat(definition, after, rule.party),
                since=event.at,
                due=event.deadlines.get(name),
                needed=rule.needed,
                of=rule.of,
            )
            for name, rule in definition.duties.items()
            if rule.state == event.state
        }
        kept = {
            name: timer
            for name, timer in before.timers.items()
            if name in definition.timers and event.state in definition.timers[name].during
        }
        return duties, kept | armed
    duties, timers = before.duties, before.timers
    if event.closes is not None:
        duties = {name: duty for name, duty in duties.items() if name != event.closes}
        timers = {name: timer for name, timer in timers.items() if name != event.closes}
    if isinstance(event, ev.MutationOverdue | ev.TempReturnOverdue):
        superior = definition.duties[event.duty].escalates_to
        escalated = replace(duties[event.duty], escalated_to=seat(definition, after, superior) if superior else None)
        duties = duties | {event.duty: escalated}
        timers = {name: timer for name, timer in timers.items() if name != event.duty}
    return duties, timers | armed


def _reply(mutation: Mutation, party: str, event: Any, condition: str | None = None) -> dict[str, Any]:
    return {"replies": mutation.replies | {party: Reply(event.answer, event.reason_class, condition)}}


def _fields(*names: str) -> Callable[[Mutation, Any], dict[str, Any]]:
    return lambda _, event: {name: getattr(event, name) for name in names}


#: What an event changes beyond state, duties, timers and hands.
_CHANGES: dict[type[ev.MutationEvent], Callable[[Mutation, Any], dict[str, Any]]] = {
    ev.MutationProposed: lambda m, e: {"sponsor_office": e.act.office, "documents": m.documents | e.documents},
    ev.MutationScreened: lambda m, e: {"documents": m.documents | e.documents, "replies": {}},
    ev.MutationResubmitted: lambda m, e: {
        "rounds": e.round,
        "documents": m.documents | e.documents,
        "contested": False,
        "votes": {},
    },
    ev.EmployeeRecorded: lambda m, e: _reply(m, "employee", e, e.condition),
    ev.SourceRecorded: lambda m, e: _reply(m, "source", e),
    ev.ReceiverRecorded: lambda m, e: _reply(m, "receiver", e, e.accepts_condition),
    ev.ClearanceRecorded: lambda m, e: _reply(m, e.closes, e),
    ev.MutationEscalated: lambda m, e: {"contested": True},
    ev.PanelVoted: lambda m, e: {"votes": m.votes | {e.act.office: Ballot(e.vote, people(e.act))}},
    ev.DecreeIssued: lambda m, e: {
        "decree_number": e.number,
        "decree_date": e.decree_date,
        "effective_on": e.effective_on,
    },
    ev.DecreeServed: _fields("served_on", "effective_on"),
    ev.PlacementStarted: _fields("started_on"),
    ev.PlacementRegistered: _fields("reference"),
    ev.TempExpiring: lambda m, e: {"replies": {}},
    ev.TempExtended: lambda m, e: {"move": e.move, "extensions": m.extensions + 1},
    ev.TempReturnOverdue: lambda m, e: {"return_overdue": True},
}
