"""What the service learns of the world: units, positions, people, offices, loads, proposals."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import sqlalchemy as sa

from services.db import table
from services.mutations.models import (
    DelegationRow,
    HoldingRow,
    OfficeRow,
    Person,
    Position,
    Proposal,
    Unit,
)
from services.service import Event, NotYet
from services.transaction import Tx

#: A unit keeps at least this share of the people that its final workload analysis needs (service floor).
FLOOR = 0.95

unit, position, person = table(Unit), table(Position), table(Person)
office, holding, delegation = table(OfficeRow), table(HoldingRow), table(DelegationRow)
TABLES = (unit, position, person, office, holding, delegation, table(Proposal))


def add_unit(tx: Tx, event: Event) -> None:
    e = event.data
    known = tx.get(unit, e.unit) or {"ratio": None, "as_of": None, "staff": None, "floor": None}
    tx.upsert(
        unit,
        {
            "id": e.unit,
            "name": e.name,
            "opd": e.opd,
            "opd_name": e.opd_name,
            "instansi": e.instansi,
            "instansi_name": e.instansi_name,
            "ministerial": e.dukcapil,
            "ratio": known["ratio"],
            "as_of": known["as_of"],
            "staff": known["staff"],
            "floor": known["floor"],
        },
    )


def add_position(tx: Tx, event: Event) -> None:
    e = event.data
    told = {"unit": e.unit, "title": e.title, "kind": e.kind, "places": e.places, "heads_unit": e.heads_unit}
    tx.upsert(position, {"id": e.position, **told})


def add_person(tx: Tx, event: Event) -> None:
    e = event.data
    tx.upsert(
        person,
        {
            "id": e.person,
            "status": e.status,
            "position": e.position,
            "since": e.since,
            "retires_on": e.retires_on,
            "eligible": e.eligible,
            "last_duty_ended": None,
            "appointed_on": e.appointed_on,
            "conflicts": " ".join(e.conflicts),
        },
    )


def move_person(tx: Tx, event: Event) -> None:
    """A definitive move changes the home; the end of a temporary duty starts the cooling-off."""
    e = event.data
    row = _known(tx, person, e.person, event.subject)
    if e.kind == "definitive":
        tx.upsert(person, {**row, "position": e.to_position, "since": e.since or e.on})
    elif e.kind == "returned":
        tx.upsert(person, {**row, "last_duty_ended": e.on})


def measure_unit(tx: Tx, event: Event) -> None:
    e = event.data
    row = _known(tx, unit, e.unit, f"personnel/unit/{e.unit}")
    tx.upsert(unit, {**row, "ratio": e.ratio, "as_of": e.period_to, "staff": e.staff})


def set_floor(tx: Tx, event: Event) -> None:
    e = event.data
    row = _known(tx, unit, e.unit, f"personnel/unit/{e.unit}")
    tx.upsert(unit, {**row, "floor": FLOOR * e.minutes / e.wke})


def add_office(tx: Tx, event: Event) -> None:
    e = event.data
    tx.upsert(office, {"id": e.office, "role": e.role, "scope": e.scope, "title": e.title})


def seat_holder(tx: Tx, event: Event) -> None:
    e = event.data
    tx.upsert(
        holding,
        {
            "office": e.office,
            "person": e.person,
            "capacity": e.capacity,
            "since": e.since,
            "until": e.until,
            "order": e.order,
            "barred": json.dumps(e.barred),
        },
    )


def unseat_holder(tx: Tx, event: Event) -> None:
    e = event.data
    running = (holding.c.office == e.office) & (holding.c.person == e.person) & (holding.c.capacity == e.capacity)
    open_ended = holding.c.until.is_(None) | (holding.c.until > e.on)
    tx.execute(holding.update().where(running, open_ended).values(until=e.on))


def add_delegation(tx: Tx, event: Event) -> None:
    e = event.data
    tx.upsert(
        delegation,
        {
            "office": e.office,
            "to_person": e.to_person,
            "order": e.order,
            "by_person": e.by_person,
            "commands": json.dumps(e.commands),
            "since": e.since,
            "until": e.until,
        },
    )


def keep_reasons(tx: Tx, event: Event) -> None:
    tx.upsert(table(Proposal), {"id": event.data.proposal, "body": msgspec.json.encode(event.data)})


def _known(tx: Tx, of: sa.Table, key: str, subject: str) -> dict[str, Any]:
    row = tx.get(of, key)
    if row is None:
        raise NotYet(subject)
    return row
