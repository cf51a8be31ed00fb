"""What doors read: lists by key, page by page, and where the scopes of the reader's roles end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask import abort

from services.auth import actor, needs
from services.db import db
from services.http import application
from services.personnel.incumbency import calendar
from services.personnel.models import Holding, Office, Person, Position, Unit

#: The role that keeps the records of the instansi or OPD in its scope.
KEEPER = "personnel"


def scopes() -> set[str]:
    """Instansi and OPDs whose records the signed-in user keeps."""
    return {scope for role in actor().roles for name, _, scope in [role.partition("@")] if name == KEEPER}


def keeps(*codes: str) -> None:
    """403 unless the user keeps the records of one of these: an instansi, or an OPD in it."""
    if not scopes() & set(codes):
        abort(403, needs(*(f"{KEEPER}@{code}" for code in codes)))


def keeps_unit(unit_id: str) -> None:
    """403 unless the user keeps the records of this unit; a unit nobody knows is left to the command's own checks."""
    unit = db.session.get(Unit, unit_id)
    if unit is not None:
        keeps(unit.instansi, unit.opd)


def page(of: Any, after: str, limit: int, *where: sa.ColumnElement[bool]) -> tuple[Sequence[Any], str | None]:
    """The rows of one page by id, and what the next page comes after."""
    found = sa.select(of).where(of.id > after, *where).order_by(of.id).limit(limit + 1)
    rows = db.session.scalars(found).all()
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def staffed_by(scopes: set[str]) -> sa.ColumnElement[bool]:
    """People whose home unit lies in these scopes."""
    units = sa.select(Unit.id).where(sa.or_(Unit.opd.in_(scopes), Unit.instansi.in_(scopes)))
    return Person.unit.in_(units)


def occupied(positions: Sequence[Position]) -> dict[str, int]:
    """How many people have their home post in each of these positions."""
    counted = sa.select(Person.position, sa.func.count().label("people")).group_by(Person.position)
    rows = db.session.execute(counted.where(Person.position.in_([p.id for p in positions])))
    return {row.position: row.people for row in rows}


def holders(offices: Sequence[Office], on: date) -> dict[str, list[Holding]]:
    """Who holds each of these offices on a day."""
    running = sa.and_(Holding.since <= on, sa.or_(Holding.until.is_(None), Holding.until >= on))
    found = sa.select(Holding).where(Holding.office.in_([o.id for o in offices]), running).order_by(Holding.capacity)
    seated: dict[str, list[Holding]] = {}
    for row in db.session.scalars(found):
        seated.setdefault(row.office, []).append(row)
    return seated


def today() -> date:
    """The local date of business time."""
    moment = application().clock.read(db.session.connection(bind_arguments={"mapper": Office}))
    return calendar().today(moment.now)
