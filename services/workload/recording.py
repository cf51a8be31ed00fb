"""Measuring units inside a transaction: what is recorded of it, and when others hear."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from events.workload import WorkloadChanged, WorkloadMeasured
from services.db import table
from services.transaction import Tx
from services.workload.evidence import Evidence, gather
from services.workload.measure import (
    Said,
    Unmeasurable,
    help_needed,
    judge,
    measure,
    to_balance,
)
from services.workload.models import Load, Measurement

Cause = Literal["report", "staff", "abk"]
Row = dict[str, Any]

load, measurement = table(Load), table(Measurement)


def subject_of(unit: str) -> str:
    return f"workload/unit/{unit}"


def remeasure(tx: Tx, units: Collection[str], cause: Cause) -> dict[str, Row]:
    """Measure the units that have reported, with the reports, staff and ABK of now; returns unit -> measurement.

    A unit with nobody at work has no ratio: its load is unknown until someone is.
    """
    known = {unit: row for unit in sorted(units) if (row := tx.get(load, unit)) is not None and row["report"]}
    if not known:
        return {}
    evidence = gather(tx.read, list(known))
    found = {unit: _record(tx, row, evidence[unit], cause) for unit, row in known.items()}
    return {unit: row for unit, row in found.items() if row is not None}


def _record(tx: Tx, standing: Row, evidence: Evidence, cause: Cause) -> Row | None:
    unit, report, staff = standing["unit"], standing["report"], evidence.staff.value
    try:
        measured = measure(evidence.tasks, evidence.reports, staff, wke=evidence.wke)
    except Unmeasurable:
        tx.upsert(load, {**standing, "measurement": None})
        return None
    said = Said(standing["said_ratio"], standing["said_level"]) if standing["said_level"] else None
    ratio = measured.ratio.value
    verdict = judge(ratio, said)
    needed = to_balance(measured.load, measured.at_work, evidence.wke)
    event = tx.record(
        subject_of(unit),
        WorkloadMeasured(
            unit=unit,
            report=report,
            period_from=measured.period_from,
            period_to=measured.period_to,
            minutes=measured.minutes,
            available=measured.available,
            staff=staff,
            ratio=ratio,
        ),
    )
    figures = {"ratio": measured.ratio, "needed": needed, "staff": evidence.staff, "lasting": evidence.lasting}
    row = {
        "id": event,
        "unit": unit,
        "at": tx.now,
        "cause": cause,
        "report": report,
        "abk": standing["abk"],
        "period_from": measured.period_from,
        "period_to": measured.period_to,
        "staff": staff,
        "ratio": ratio,
        "level": verdict.level,
        "needed": needed.value,
        "lasting": int(evidence.lasting.value),
        "working": msgspec.json.encode(figures),
    }
    tx.upsert(measurement, row)
    now = {**standing, "measurement": event}
    if verdict.say:
        tx.record(
            subject_of(unit),
            WorkloadChanged(
                unit=unit,
                report=report,
                ratio=ratio,
                previous_ratio=said.ratio if said else ratio,
                level=verdict.level,
                staff=staff,
                needed=help_needed(measured.load, measured.at_work, evidence.wke).value,
                lasting=row["lasting"],
                as_of=measured.period_to,
            ),
        )
        now |= {"said_ratio": ratio, "said_level": verdict.level}
    tx.upsert(load, now)
    return row
