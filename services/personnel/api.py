"""The JSON door of personnel: structure, people by id, offices and their holders. Names are on cards only."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import abort, jsonify
from werkzeug.wrappers import Response

from events.authority import HolderAppointed, OfficeEstablished
from events.personnel import PositionRegistered, UnitRegistered
from events.schema import schema_of
from services.auth import actor, requires
from services.db import db
from services.doors import JsonDoor
from services.http import submit
from services.personnel import reading
from services.personnel.commands import (
    AppointHolders,
    Delegate,
    EndHolding,
    EstablishOffices,
    NewPerson,
    RegisterPeople,
    RegisterPositions,
    RegisterUnits,
)
from services.personnel.models import Office, Person, Position, Unit
from services.service import Words

door = JsonDoor("personnel_api", __name__, url_prefix="/api/personnel", description="Units, people, offices")

OFFICE = frozenset({"office"})


class Page(ma.Schema):
    """`after` is the `next` of the page before."""

    after = ma.fields.String(load_default="")
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))


class OfUnit(Page):
    unit = ma.fields.String(load_default="")


class OfOffices(Page):
    role = ma.fields.String(load_default="")
    scope = ma.fields.String(load_default="")


@door.get("/units")
@requires()
@door.arguments(Page, location="query")
def units(query: dict[str, Any]) -> Response:
    """Units by code."""
    rows, following = reading.page(Unit, query["after"], query["limit"])
    return jsonify(units=[_shown(r, "unit") for r in rows], next=following)


@door.post("/units")
@requires(reading.KEEPER)
@door.arguments(schema_of(UnitRegistered))
@door.response(201)
def register_unit(body: dict[str, Any]) -> Any:
    """Register a unit, or tell what changed in it."""
    reading.keeps(body["instansi"], body["opd"])
    reading.keeps_unit(body["unit"])
    return submit("personnel", RegisterUnits(units=[UnitRegistered(**body)]))


@door.get("/positions")
@requires()
@door.arguments(OfUnit, location="query")
def positions(query: dict[str, Any]) -> Response:
    """Positions by code, with their places by ABK and how many people have their home post there."""
    where = [Position.unit == query["unit"]] if query["unit"] else []
    rows, following = reading.page(Position, query["after"], query["limit"], *where)
    taken = reading.occupied(rows)
    shown = [_shown(r, "position") | {"occupied": taken.get(r.id, 0)} for r in rows]
    return jsonify(positions=shown, next=following)


@door.post("/positions")
@requires(reading.KEEPER)
@door.arguments(schema_of(PositionRegistered))
@door.response(201)
def register_position(body: dict[str, Any]) -> Any:
    """Register a position, or tell what changed in it."""
    reading.keeps_unit(body["unit"])
    if known := db.session.get(Position, body["position"]):
        reading.keeps_unit(known.unit)
    return submit("personnel", RegisterPositions(positions=[PositionRegistered(**body)]))


@door.get("/people")
@requires(reading.KEEPER)
@door.arguments(OfUnit, location="query")
def people(query: dict[str, Any]) -> Response:
    """People in the user's scopes, by random id: what planning needs, and nothing that says who they are."""
    where = [reading.staffed_by(reading.scopes())]
    if query["unit"]:
        where.append(Person.unit == query["unit"])
    rows, following = reading.page(Person, query["after"], query["limit"], *where)
    names = ("status", "grade", "position", "unit", "eligible")
    shown = [{"person": r.id, **{n: getattr(r, n) for n in names}, "skills": r.skills.split()} for r in rows]
    return jsonify(people=shown, next=following)


@door.post("/people")
@requires(reading.KEEPER)
@door.arguments(schema_of(NewPerson, without=frozenset({"person"})))
@door.response(201)
def register_person(body: dict[str, Any]) -> Any:
    """Register one person; answers with the random id by which all others will know them."""
    reading.keeps_unit(body["unit"])
    return {"person": submit("personnel", RegisterPeople(people=[NewPerson(**body)]))["people"][0]}


@door.get("/offices")
@requires()
@door.arguments(OfOffices, location="query")
def offices(query: dict[str, Any]) -> Response:
    """Offices by code, with those who hold them today."""
    narrowed = [column == query[column.key] for column in (Office.role, Office.scope) if query[column.key]]
    rows, following = reading.page(Office, query["after"], query["limit"], *narrowed)
    seated = reading.holders(rows, reading.today())
    shown = [
        _shown(r, "office")
        | {"holders": [{"person": h.person, "capacity": h.capacity, "order": h.order} for h in seated.get(r.id, [])]}
        for r in rows
    ]
    return jsonify(offices=shown, next=following)


@door.post("/offices")
@requires(reading.KEEPER)
@door.arguments(schema_of(OfficeEstablished))
@door.response(201)
def establish_office(body: dict[str, Any]) -> Any:
    """Establish an office, or tell what changed in it."""
    reading.keeps(body["instansi"])
    if known := db.session.get(Office, body["office"]):
        reading.keeps(known.instansi)
    return submit("personnel", EstablishOffices(offices=[OfficeEstablished(**body)]))


@door.post("/offices/<office>/holders")
@requires(reading.KEEPER)
@door.arguments(schema_of(HolderAppointed, without=OFFICE))
@door.response(201)
def appoint_holder(body: dict[str, Any], office: str) -> Any:
    """Seat a person in an office, by an order."""
    reading.keeps(_office(office).instansi)
    return submit("personnel", AppointHolders(holders=[HolderAppointed(office=office, **body)]))


@door.post("/offices/<office>/endings")
@requires(reading.KEEPER)
@door.arguments(schema_of(EndHolding, without=OFFICE))
@door.response(200)
def end_holding(body: dict[str, Any], office: str) -> Any:
    """End a holding; `on` is its last day."""
    reading.keeps(_office(office).instansi)
    return submit("personnel", EndHolding(office=office, **body))


@door.post("/offices/<office>/delegations")
@requires()
@door.arguments(schema_of(Delegate, without=OFFICE))
@door.response(201)
def delegate(body: dict[str, Any], office: str) -> Any:
    """Let another person take kinds of decision: given by the holder, or entered by those who keep the records."""
    if body["by_person"] != actor().person:
        reading.keeps(_office(office).instansi)
    return submit("personnel", Delegate(office=office, **body))


def _office(office: str) -> Office:
    return db.session.get(Office, office) or abort(
        404, Words(f"Tidak ada jabatan {office}.", f"There is no office {office}.")
    )


def _shown(row: Any, key: str) -> dict[str, Any]:
    """A row as JSON, its id under the name that events use."""
    names = [c.name for c in row.__table__.columns if c.name != "id"]
    return {key: row.id} | {name: getattr(row, name) for name in names}
