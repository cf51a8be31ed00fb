"""What a batch locks before it measures, in one order for all instances."""

from __future__ import annotations

from collections.abc import Sequence

from events import bulk
from events.personnel import IncumbencyChanged, PersonRegistered
from services.db import table
from services.service import Command, Event, Firing
from services.transaction import Tx
from services.workload.commands import units_of
from services.workload.models import Load

load = table(Load)


def lock_loads(tx: Tx, items: Sequence[Command | Event | Firing]) -> None:
    """Lock where the units of a batch stand, and read it ahead. Two instances that move people in and out of one unit
    would otherwise both count its staff before either has committed, and the last word would be a wrong one."""
    units = {unit for item in items for unit in _touched(item)}
    names = tuple(load.columns.keys())
    rows = [dict(zip(names, row, strict=True)) for row in bulk.lookup(tx._conn, load, "unit", units, names, lock=True)]
    tx.preload(load, rows, [(unit,) for unit in units])


def _touched(item: Command | Event | Firing) -> set[str]:
    match item:
        case Command():
            return units_of(item.data)
        case Event(data=PersonRegistered() as person):
            return {person.unit}
        case Event(data=IncumbencyChanged() as change):
            return {change.from_unit, change.to_unit}
        case _:
            return set()
