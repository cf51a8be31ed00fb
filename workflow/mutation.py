"""A mutation's state. `evolution` says how its events make it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

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


class Granted(msgspec.Struct, frozen=True):
    """What BKN or a minister granted: number, hash and date of the letter."""

    reference: str
    letter: str
    dated: date


class Rest(msgspec.Struct, frozen=True):
    """A case is held: why, since when, until when at the latest, and when its clocks would have run out."""

    reason_class: str
    since: datetime
    until: date
    clocks: dict[str, datetime]


class Mutation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case: one person, one move. `version` counts its events; `hands`: the people behind each command so far.

    `grants` by name; `seats`: party -> the office that acts for it here instead of its own; `objection`: how one stands
    or was decided, once there is one.
    """

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
    letter: str | None = None
    sponsor_office: str | None = None
    contested: bool = False
    return_overdue: bool = False
    rounds: int = 0
    extensions: int = 0
    documents: dict[str, str] = {}
    replies: dict[str, Reply] = {}
    grants: dict[str, Granted] = {}
    votes: dict[str, Ballot] = {}
    hands: dict[str, tuple[str, ...]] = {}
    seats: dict[str, str] = {}
    duties: dict[str, Duty] = {}
    timers: dict[str, Timer] = {}
    decree_number: str | None = None
    decree_date: date | None = None
    effective_on: date | None = None
    served_on: date | None = None
    objection_until: date | None = None
    started_on: date | None = None
    reference: str | None = None
    rest: Rest | None = None
    objection: Literal["open", "inadmissible", "uphold", "dismiss"] | None = None

    @property
    def until(self) -> date | None:
        return self.move.until


def province(instansi: str) -> str:
    """The code of the province in which a government lies (codes of the Ministry of Home Affairs)."""
    return f"{instansi[:2]}00"


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
    if party in mutation.seats:
        return Seat(office=mutation.seats[party])
    who = definition.parties[party]
    match who.seat:
        case "office":
            return Seat(role=who.role, scope=_scope(who.scope, mutation.move))
        case "employee":
            return Seat(person=mutation.person)
        case "sponsor":
            return Seat(office=mutation.sponsor_office or "")
        case "engine":
            return Seat()


def _scope(scope: str, move: ev.Move) -> str:
    """The code of the agency, government or province that a scope means in this move; the nation's is its own."""
    side, _, level = scope.partition(".")
    if not level:
        return scope
    place: ev.Place = getattr(move, side)
    return province(place.instansi) if level == "province" else str(getattr(place, level))
