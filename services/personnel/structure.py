"""Units and positions as they are registered. What is told again unchanged is no event."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from services.db import table
from services.personnel.commands import RegisterPositions, RegisterUnits
from services.personnel.models import Position, Unit
from services.service import Answer, Command, Refused, Words
from services.transaction import Tx

unit, position = table(Unit), table(Position)


def register_units(tx: Tx, command: Command) -> Answer:
    data: RegisterUnits = command.data  # type: ignore[assignment]
    for told in data.units:
        if changed(tx, unit, row_of(told, "unit")):
            tx.record(f"personnel/unit/{told.unit}", told)
    return {"units": [told.unit for told in data.units]}


def register_positions(tx: Tx, command: Command) -> Answer:
    data: RegisterPositions = command.data  # type: ignore[assignment]
    for told in data.positions:
        if tx.get(unit, told.unit) is None:
            raise unknown_unit(told.unit)
        if changed(tx, position, row_of(told, "position")):
            tx.record(f"personnel/position/{told.position}", told)
    return {"positions": [told.position for told in data.positions]}


def row_of(told: msgspec.Struct, key: str) -> dict[str, Any]:
    """The row that an event's payload describes; its field `key` is the row's id."""
    row = msgspec.structs.asdict(told)
    row["id"] = row.pop(key)
    return row


def changed(tx: Tx, of: sa.Table, row: dict[str, Any]) -> bool:
    """Write a row unless it is there as it is; tells whether it was written."""
    if tx.get(of, row["id"]) == row:
        return False
    tx.upsert(of, row)
    return True


def unknown_unit(code: str) -> Refused:
    return Refused(
        "unit_unknown",
        Words(f"Unit {code} tidak dikenal.", f"The unit {code} is not known."),
        Words("Daftarkan unitnya dulu, atau periksa kodenya.", "Register the unit first, or check its code."),
        status=422,
        field="unit",
    )
