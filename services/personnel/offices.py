"""Offices, who holds them under which order, and for whom a holder's deputy may decide."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa

from events.authority import Delegated, HolderAppointed, HolderEnded
from services.db import table
from services.personnel.commands import AppointHolders, Delegate, EndHolding, EstablishOffices
from services.personnel.models import Card, Delegation, Holding, Office, Unit
from services.personnel.structure import changed, row_of
from services.service import Answer, Command, Refused, Words
from services.transaction import Tx

office, holding, delegation, card = table(Office), table(Holding), table(Delegation), table(Card)
unit = table(Unit)
Row = dict[str, Any]


def establish_offices(tx: Tx, command: Command) -> Answer:
    data: EstablishOffices = command.data  # type: ignore[assignment]
    for told in data.offices:
        if told.instansi not in _governments(tx, told.scope):
            raise _wrong(
                "scope_foreign",
                "scope",
                f"{told.scope} bukan bagian dari {told.instansi}.",
                f"{told.scope} is no part of {told.instansi}.",
            )
        if changed(tx, office, row_of(told, "office")):
            tx.record(subject(told.office), told)
    return {"offices": [told.office for told in data.offices]}


def appoint_holders(tx: Tx, command: Command) -> Answer:
    """Seat people. At no time does an office have two holders of one kind, or an acting one (plt) beside the real."""
    data: AppointHolders = command.data  # type: ignore[assignment]
    seated = _holdings(tx, {told.office for told in data.holders})
    for told in data.holders:
        row = _holding_row(tx, told)
        others = seated.setdefault(told.office, [])
        if told.until is not None and told.until < told.since:
            raise _ends_before_it_begins()
        if clash := next((o for o in others if _exclude(o, row)), None):
            raise _held(told.office, clash)
        others.append(row)
        tx.upsert(holding, row)
        tx.record(subject(told.office), told)
    return {"offices": [told.office for told in data.holders]}


def end_holding(tx: Tx, command: Command) -> Answer:
    data: EndHolding = command.data  # type: ignore[assignment]
    running = [
        row
        for row in _holdings(tx, [data.office]).get(data.office, [])
        if (row["person"], row["capacity"]) == (data.person, data.capacity) and holds(row, data.on)
    ]
    if not running:
        raise _no_holder(data.office, data.on, "person")
    tx.upsert(holding, running[0] | {"until": data.on})
    tx.record(subject(data.office), msgspec.convert(data, HolderEnded, from_attributes=True))
    return {"office": data.office}


def delegate(tx: Tx, command: Command) -> Answer:
    """Only a holder delegates, so a delegate never does; and never what the holder may not decide."""
    data: Delegate = command.data  # type: ignore[assignment]
    if data.until < data.since:
        raise _ends_before_it_begins()
    held = _holdings(tx, [data.office]).get(data.office, [])
    own = next((row for row in held if row["person"] == data.by_person and holds(row, data.since)), None)
    if own is None:
        raise _no_holder(data.office, data.since, "by_person")
    _known_person(tx, data.to_person, "to_person")
    if data.to_person == data.by_person:
        raise _wrong("self_delegation", "to_person", "Diri sendiri tidak perlu didelegasi.", "That is the holder.")
    if barred := sorted(set(data.commands) & set(own["barred"].split())):
        names = ", ".join(barred)
        raise _wrong("barred", "commands", f"Pemegang sendiri tidak berwenang: {names}.", f"Barred: {names}.")
    tx.upsert(delegation, msgspec.structs.asdict(data) | {"commands": " ".join(data.commands)})
    tx.record(subject(data.office), msgspec.convert(data, Delegated, from_attributes=True))
    return {"office": data.office}


def _governments(tx: Tx, scope: str) -> set[str]:
    """The governments whose offices may act for a scope: an instansi itself, or that of an OPD or unit."""
    within = (unit.c.instansi == scope) | (unit.c.opd == scope) | (unit.c.id == scope)
    return set(tx.read(sa.select(unit.c.instansi).where(within).distinct()).scalars())


def holds(row: Row, on: date) -> bool:
    """Is this holding in force on a day?"""
    return bool(row["since"] <= on and (row["until"] is None or on <= row["until"]))


def subject(office_id: str) -> str:
    return f"personnel/office/{office_id}"


def _holdings(tx: Tx, offices: Iterable[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in tx.read(sa.select(holding).where(holding.c.office.in_(sorted(offices)))).mappings():
        found.setdefault(row["office"], []).append(dict(row))
    return found


def _holding_row(tx: Tx, told: HolderAppointed) -> Row:
    if tx.get(office, told.office) is None:
        raise _wrong(
            "office_unknown", "office", f"Tidak ada kursi {told.office}.", f"There is no office {told.office}."
        )
    _known_person(tx, told.person, "person")
    return msgspec.structs.asdict(told) | {"barred": " ".join(told.barred)}


def _exclude(one: Row, other: Row) -> bool:
    """Two holdings that cannot both stand: they overlap, and are of one kind or the real one and one for a vacancy."""
    kinds = {one["capacity"], other["capacity"]}
    overlap = one["since"] <= (other["until"] or date.max) and other["since"] <= (one["until"] or date.max)
    return overlap and (len(kinds) == 1 or kinds == {"definitive", "plt"})


def _known_person(tx: Tx, person_id: str, field: str) -> None:
    if tx.get(card, person_id) is None:
        raise _wrong("person_unknown", field, f"Orang {person_id} tidak dikenal.", f"Nobody is known as {person_id}.")


def _held(office_id: str, clash: Row) -> Refused:
    until = clash["until"] or "…"
    return Refused(
        "office_held",
        Words(
            f"Kursi {office_id} terisi ({clash['capacity']}) {clash['since']} s.d. {until}.",
            f"The office {office_id} is held ({clash['capacity']}) from {clash['since']} to {until}.",
        ),
        Words("Akhiri dulu yang berjalan, dengan perintahnya.", "End the running holding first, by its order."),
        field="since",
    )


def _no_holder(office_id: str, on: date, field: str) -> Refused:
    return _wrong(
        "not_holder", field, f"Bukan pemegang kursi {office_id} pada {on}.", f"Does not hold {office_id} on {on}."
    )


def _ends_before_it_begins() -> Refused:
    return _wrong("ends_before_it_begins", "until", "Berakhir sebelum dimulai.", "Ends before it begins.")


def _wrong(rule: str, field: str, id: str, en: str) -> Refused:
    check = Words("Cocokkan dengan surat perintahnya.", "Compare with the order.")
    return Refused(rule, Words(id, en), check, status=422, field=field)
