"""What pages let choose from: units, people and positions for a new case; duties and offices of a running one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from services.db import db
from services.mutations.forms import Field, lexicon
from services.mutations.models import Person, Position, Unit
from services.mutations.sight import seats_of
from workflow.authority import Authority
from workflow.definition import Title
from workflow.library import definition
from workflow.mutation import Mutation

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


def of_field(
    field: Field, state: Mutation, known: Authority, person: str | None, on: date
) -> Sequence[tuple[str, str, str]]:
    """What a field of a form lets choose from: value, Bahasa, English. A successor is a colleague who stays."""
    if field.kind in OF_THE_CASE:
        return [(code, title.id, title.en) for code, title in OF_THE_CASE[field.kind](state, known)]
    if field.kind != "colleague":
        return lexicon().choices(field)
    home = db.session.get(Unit, state.move.source.unit)
    titled = [(who, f"{title} · {who[:8]}") for who, title in people_of(home, known, person, on)]
    return [(who, words, words) for who, words in titled if who != state.person]


def _duties(state: Mutation, known: Authority) -> list[tuple[str, Title]]:
    law = definition(state.definition)
    return [(name, law.duties[name].title) for name in state.duties]


def _parties(state: Mutation, known: Authority) -> list[tuple[str, Title]]:
    law = definition(state.definition)
    asked = {duty.party for duty in state.duties.values()}
    return [(name, party.title) for name, party in law.parties.items() if name in asked and party.seat == "office"]


def _offices(state: Mutation, known: Authority) -> list[tuple[str, Title]]:
    """Offices that could act for a party: of its kind, or those to whom deadlines escalate."""
    law, source, target = definition(state.definition), state.move.source, state.move.target
    roles = {law.parties[duty.party].role for duty in state.duties.values()} | {"pyb", "ppk"}
    scopes = {source.opd, source.instansi, target.opd, target.instansi}
    fitting = [office for office in known.offices.values() if office.role in roles and office.scope in scopes]
    return [(office.id, Title(id=office.title, en=office.title)) for office in fitting]


#: Kinds of field that let choose from what the case itself has.
OF_THE_CASE: dict[str, Callable[[Mutation, Authority], list[tuple[str, Title]]]] = {
    "duty": _duties,
    "party": _parties,
    "office": _offices,
}
