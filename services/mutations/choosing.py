"""What a case opened by hand lets choose from: units, the people of the one, the positions of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from services.db import db
from services.mutations.models import Person, Position, Unit
from services.mutations.sight import seats_of
from workflow.authority import Authority

#: As many people as one frame of cards shows.
MOST = 50


@dataclass(frozen=True)
class Choices:
    """`units` by agency; `people` (id, title of their position) of the source, `positions` of the target."""

    units: Sequence[Unit]
    people: Sequence[tuple[str, str]]
    positions: Sequence[Position]


def choices(source: str, target: str, known: Authority, person: str | None, on: date) -> Choices:
    """For two units, of which either may be empty. People are listed only to those with an office over their unit;
    everybody finds themselves."""
    units = db.session.scalars(sa.select(Unit).order_by(Unit.instansi, Unit.opd_name, Unit.name)).all()
    there = sa.select(Position).where(Position.unit == target).order_by(Position.title, Position.id)
    return Choices(
        units,
        people_of(db.session.get(Unit, source) if source else None, known, person, on),
        db.session.scalars(there).all() if target else (),
    )


def people_of(unit: Unit | None, known: Authority, person: str | None, on: date) -> Sequence[tuple[str, str]]:
    """The people of a unit that somebody may choose from: id, and title of their position."""
    if unit is None or person is None:
        return ()
    seats = seats_of(known, person, on)
    over = any(known.offices[seat].scope in (unit.opd, unit.instansi) for seat in seats if seat in known.offices)
    found = sa.select(Person.id, Position.title).join(Position, Position.id == Person.position)
    found = found.where(Position.unit == unit.id, Person.eligible)
    if not over:
        found = found.where(Person.id == person)
    return db.session.execute(found.order_by(Position.title, Person.id).limit(MOST)).all()
