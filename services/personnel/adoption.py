"""What follows from events of this service that a restored database lacked. Names and numbers were never in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from events.authority import Delegated, HolderAppointed, HolderEnded, OfficeEstablished
from events.personnel import IncumbencyChanged, PersonRegistered, PositionRegistered, UnitRegistered
from services.db import table
from services.personnel.models import (
    Card,
    Delegation,
    Duty,
    Holding,
    Incumbency,
    Office,
    Person,
    Position,
    Unit,
)
from services.personnel.offices import holds
from services.personnel.structure import row_of
from services.service import Adopted, Event
from services.transaction import Tx

unit, position, person, office = table(Unit), table(Position), table(Person), table(Office)
incumbency, duty, holding, delegation = table(Incumbency), table(Duty), table(Holding), table(Delegation)
card = table(Card)


def adopt(tx: Tx, events: Sequence[Event]) -> Adopted:
    for event in events:
        if follow := _FOLLOWS.get(type(event.data)):
            with tx.item(event.causation, event.correlation):
                follow(tx, event.data)
    registered = {e.data.person for e in events if isinstance(e.data, PersonRegistered)}
    known = set(tx.read(sa.select(card.c.person).where(card.c.person.in_(registered))).scalars())
    nameless = sorted(registered - known)
    lost = f"names and numbers of {len(nameless)} people, to be registered again: {', '.join(nameless)}"
    return Adopted({}, [lost] if nameless else [])


def _register(tx: Tx, told: PersonRegistered) -> None:
    tx.upsert(person, row_of(told, "person") | {"skills": " ".join(told.skills), "conflicts": " ".join(told.conflicts)})
    tx.upsert(incumbency, {"person": told.person, "since": told.since, "position": told.position, "mutation": None})


def _move(tx: Tx, told: IncumbencyChanged) -> None:
    match told.kind:
        case "definitive":
            row = tx.get(person, told.person)
            assert row is not None, "the person was registered before"
            tx.upsert(
                person, row | {"position": told.to_position, "unit": told.to_unit, "since": told.since or told.on}
            )
            post = {"person": told.person, "since": told.on, "position": told.to_position}
            tx.upsert(incumbency, post | {"mutation": told.mutation})
        case "temporary":
            lent = {"mutation": told.mutation, "person": told.person, "position": told.to_position}
            tx.upsert(duty, lent | {"since": told.on, "until": told.until, "share": told.share, "back_on": None})
        case "returned":
            if (row := tx.get(duty, told.mutation)) is not None:
                tx.upsert(duty, row | {"back_on": told.on})


def _seat(tx: Tx, told: HolderAppointed) -> None:
    tx.upsert(holding, msgspec.structs.asdict(told) | {"barred": " ".join(told.barred)})


def _unseat(tx: Tx, told: HolderEnded) -> None:
    held = (holding.c.office == told.office, holding.c.person == told.person, holding.c.capacity == told.capacity)
    for row in tx.read(sa.select(holding).where(*held)).mappings().all():
        if holds(dict(row), told.on):
            tx.upsert(holding, dict(row) | {"until": told.on})


def _delegate(tx: Tx, told: Delegated) -> None:
    tx.upsert(delegation, msgspec.structs.asdict(told) | {"commands": " ".join(told.commands)})


_FOLLOWS: dict[type, Callable[[Tx, Any], None]] = {
    UnitRegistered: lambda tx, told: tx.upsert(unit, row_of(told, "unit")),
    PositionRegistered: lambda tx, told: tx.upsert(position, row_of(told, "position")),
    OfficeEstablished: lambda tx, told: tx.upsert(office, row_of(told, "office")),
    PersonRegistered: _register,
    IncumbencyChanged: _move,
    HolderAppointed: _seat,
    HolderEnded: _unseat,
    Delegated: _delegate,
}
