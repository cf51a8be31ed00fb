"""What follows from events of this service that a restored database lacked: what others were told of each load.

The lines of reports and analyses were never in them, so the units concerned send theirs again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from events.workload import AbkFinalised, WorkloadChanged, WorkloadMeasured
from services.db import table
from services.service import Adopted, Event
from services.transaction import Tx
from services.workload.models import Load, Report

load, report = table(Load), table(Report)


def adopt(tx: Tx, events: Sequence[Event]) -> Adopted:
    unreported, unanalysed = set(), set()
    for event in events:
        match event.data:
            case WorkloadChanged(unit=unit, ratio=ratio, level=level):
                with tx.item(event.causation, event.correlation):
                    if (standing := tx.get(load, unit)) is not None:
                        tx.upsert(load, standing | {"said_ratio": ratio, "said_level": level})
            case WorkloadMeasured(unit=unit, report=of):
                if tx.get(report, of) is None:
                    unreported.add(unit)
            case AbkFinalised(unit=unit, version=version):
                unanalysed.add(f"{unit} version {version}")
    lost = [*_named("reports of {} units", unreported), *_named("{} final analyses", unanalysed)]
    return Adopted({}, lost)


def _named(what: str, names: Iterable[str]) -> list[str]:
    found = sorted(names)
    return [f"{what.format(len(found))}, to be sent again: {', '.join(found)}"] if found else []
