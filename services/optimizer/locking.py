"""What a batch of the optimizer locks before it projects, in one order for all instances."""

from __future__ import annotations

from collections.abc import Sequence

from events import bulk
from events.personnel import IncumbencyChanged, PersonRegistered, UnitRegistered
from events.workload import AbkFinalised, WorkloadChanged, WorkloadMeasured
from services.db import table
from services.optimizer.models import Unit
from services.service import Command, Event, Firing
from services.transaction import Tx

unit = table(Unit)


def lock_units(tx: Tx, items: Sequence[Command | Event | Firing]) -> None:
    """Lock the units of a batch, and read them ahead. A unit is told of by many subjects in many partitions: of two
    instances that count its staff before either has committed, the last word would be a wrong one."""
    units = {each for item in items for each in _touched(item)}
    names = tuple(unit.columns.keys())
    rows = [dict(zip(names, row, strict=True)) for row in bulk.lookup(tx._conn, unit, "id", units, names, lock=True)]
    tx.preload(unit, rows, [(each,) for each in units])


def _touched(item: Command | Event | Firing) -> set[str]:
    match item:
        case Event(data=UnitRegistered() | PersonRegistered() as told):
            return {told.unit}
        case Event(data=WorkloadMeasured() | WorkloadChanged() | AbkFinalised() as told):
            return {told.unit}
        case Event(data=IncumbencyChanged() as change):
            return {change.from_unit, change.to_unit}
        case _:
            return set()
