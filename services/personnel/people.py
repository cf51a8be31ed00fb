"""People as they are registered: checked, given a random id, their names sealed away."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import msgspec
import sqlalchemy as sa

from events.personnel import PersonRegistered
from services.db import table
from services.personnel.admission import checked_number, number_known, person_known
from services.personnel.cards import number_of, seal_card
from services.personnel.commands import NewPerson, RegisterOfficials, RegisterPeople
from services.personnel.models import Card, Incumbency, Person, Position, Unit
from services.personnel.structure import row_of, unknown_unit
from services.service import Answer, Command, Refused
from services.transaction import Tx

unit, position, person = table(Unit), table(Position), table(Person)
card, incumbency = table(Card), table(Incumbency)


def register_people(tx: Tx, command: Command) -> Answer:
    """All of a batch, or none of it when one person is at fault; the refusal names the row and the field."""
    data: RegisterPeople = command.data  # type: ignore[assignment]
    digits = [_checked(tx, row, new) for row, new in enumerate(data.people, start=1)]
    numbers = [number_of(tx, d) for d in digits]
    known = _among(tx, card.c.person, [new.person for new in data.people if new.person])
    taken = _among(tx, card.c.number, numbers)
    people = []
    for row, (new, nip, number) in enumerate(zip(data.people, digits, numbers, strict=True), start=1):
        person_id = new.person or str(uuid4())
        with _at(row):
            if person_id in known:
                raise person_known()
            if number in taken:
                raise number_known()
        known.add(person_id)
        taken.add(number)
        _register(tx, person_id, new)
        seal_card(tx, person_id, new.name, digits=nip, number=number)
        people.append(person_id)
    return {"people": people}


def register_officials(tx: Tx, command: Command) -> Answer:
    """Elected leaders: others know them by the office they hold, so their name is all there is."""
    data: RegisterOfficials = command.data  # type: ignore[assignment]
    for official in data.officials:
        seal_card(tx, official.person, official.name, title=official.title)
    return {"officials": [official.person for official in data.officials]}


def _checked(tx: Tx, row: int, new: NewPerson) -> str:
    with _at(row):
        if tx.get(unit, new.unit) is None:
            raise unknown_unit(new.unit)
        post = tx.get(position, new.position)
        return checked_number(new, post["unit"] if post else None)


def _among(tx: Tx, column: sa.Column[Any], values: Collection[str]) -> set[str]:
    """Which of these values are in use already."""
    return set(tx.read(sa.select(column).where(column.in_(values))).scalars())


def _register(tx: Tx, person_id: str, new: NewPerson) -> None:
    told = msgspec.convert(msgspec.structs.asdict(new) | {"person": person_id}, PersonRegistered)
    tx.upsert(person, row_of(told, "person") | {"skills": " ".join(new.skills), "conflicts": " ".join(new.conflicts)})
    tx.upsert(incumbency, {"person": person_id, "since": new.since, "position": new.position, "mutation": None})
    tx.record(f"personnel/person/{person_id}", told)


@contextmanager
def _at(row: int) -> Iterator[None]:
    """A refusal inside says which row of the batch it is about, counted from 1."""
    try:
        yield
    except Refused as refusal:
        refusal.more["row"] = row
        raise
