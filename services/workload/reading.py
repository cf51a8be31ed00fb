"""What doors and pages read of workload: the picture of all units, and one unit with the working of its figures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa

from services.db import db
from services.http import application
from services.workload.evidence import gather, staff_of
from services.workload.freshness import is_fresh, local
from services.workload.measure import Unmeasurable, need, ratio, yearly_load
from services.workload.models import Abk, AbkTask, Load, Measurement, Report, Unit
from services.workload.working import Figure

TREND = 20
"""Measurements that the page of a unit looks back on."""

Row = dict[str, Any]


def today() -> date:
    """The business day in the province."""
    return local().today(application().clock.read(db.session.connection(bind_arguments={"mapper": Unit})).now)


def fingerprint(*parts: object) -> str:
    """The ETag of what was read: the same data has the same one, whichever bytes a page wraps it in."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def summaries(today: date, *, opd: str = "", after: str = "", limit: int | None = None) -> list[Row]:
    """Units by id, as the picture shows them. Of a unit whose report is too old the level is unknown.

    `ratio`, `needed` and `lasting` are None for a unit that was never measured; a negative `needed` is to spare.
    """
    wanted = sa.select(Unit, Load, Measurement).outerjoin(Load, Load.unit == Unit.id)
    wanted = wanted.outerjoin(Measurement, Measurement.id == Load.measurement)
    wanted = wanted.where(Unit.id > after).order_by(Unit.id).limit(limit)
    if opd:
        wanted = wanted.where(Unit.opd == opd)
    rows = db.session.execute(wanted).all()
    staff = staff_of(db.session.execute, None if limit is None else [unit.id for unit, *_ in rows])
    return [_summary(unit, load, measured, staff[unit.id].value, today) for unit, load, measured in rows]


def _summary(unit: Unit, load: Load | None, measured: Measurement | None, staff: float, today: date) -> Row:
    as_of = measured.period_to if measured else load.as_of if load else None
    fresh = as_of is not None and measured is not None and is_fresh(as_of, today)
    return {
        "unit": unit.id,
        "name": unit.name,
        "opd": unit.opd,
        "opd_name": unit.opd_name,
        "ratio": measured.ratio if measured else None,
        "staff": staff,
        "needed": measured.needed if measured else None,
        "lasting": measured.lasting if measured else None,
        "level": measured.level if measured and fresh else "unknown",
        "as_of": as_of,
        "fresh": fresh,
        "url": f"/workload/units/{unit.id}",
    }


def alarms(units: Sequence[Row]) -> list[Row]:
    """Of these units those under alarm, the newest alarm first: `since` when, `before` the ratio of the measurement
    before it (None where there was none)."""
    over = {unit["unit"]: unit for unit in units if unit["level"] == "overload"}
    measured, raised = Measurement.unit.in_(over), Measurement.level == "overload"
    calm = sa.select(Measurement.unit, sa.func.max(Measurement.id).label("id")).where(measured, ~raised)
    last = calm.group_by(Measurement.unit).subquery()
    began = sa.select(Measurement.unit, sa.func.min(Measurement.at)).outerjoin(last, last.c.unit == Measurement.unit)
    began = began.where(measured, raised, Measurement.id > sa.func.coalesce(last.c.id, ""))
    since = dict(db.session.execute(began.group_by(Measurement.unit)).all())
    ratios = sa.select(Measurement.unit, Measurement.ratio).join(last, last.c.id == Measurement.id)
    before = dict(db.session.execute(ratios).all())
    found = [{**unit, "since": since[code], "before": before.get(code)} for code, unit in over.items()]
    return sorted(found, key=lambda row: row["since"], reverse=True)


def silent_opds(units: Sequence[Row]) -> tuple[list[str], int]:
    """Names of the OPDs none of whose units has a report that still speaks, and the number of all OPDs."""
    heard = {unit["opd"] for unit in units if unit["fresh"]}
    everyone = {unit["opd"]: unit["opd_name"] for unit in units}
    return sorted(name for opd, name in everyone.items() if opd not in heard), len(everyone)


@dataclass(frozen=True)
class View:
    """A unit with everything its figures open to. `figures`: ratio, needed, staff and lasting as `measured`; annual
    and need by the final ABK. A figure that nobody can work out is missing."""

    summary: Row
    measured: Measurement | None
    figures: Mapping[str, Figure]
    abk: Abk | None
    reports: Mapping[str, Report]
    trend: Sequence[Measurement]

    @property
    def etag(self) -> str:
        measured = self.measured.id if self.measured else None
        newest = self.trend[0].id if self.trend else None
        return fingerprint(self.summary, measured, newest, self.figures, list(self.reports))


def measured_on(unit: str, day: date) -> str | None:
    """The id of the newest measurement by a report that ended on a day or before."""
    found = sa.select(Measurement.id).where(Measurement.unit == unit, Measurement.period_to <= day)
    return db.session.scalar(found.order_by(Measurement.period_to.desc(), Measurement.id.desc()).limit(1))


def view(unit: str, today: date, measurement: str = "") -> View | None:
    """A unit as it stands, or as an earlier measurement found it; None when there is no such unit or measurement."""
    home = db.session.get(Unit, unit)
    if home is None:
        return None
    load = db.session.get(Load, unit)
    chosen = measurement or (load.measurement if load else None)
    measured = db.session.get(Measurement, chosen) if chosen else None
    if measurement and (measured is None or measured.unit != unit):
        return None
    figures = _figures(unit, measured)
    version = measured.abk if measured and measurement else load.abk if load else None
    return View(
        summary=_summary(home, load, measured, figures["staff"].value, today),
        measured=measured,
        figures=figures,
        abk=db.session.get(Abk, (unit, version)) if version is not None else None,
        reports=_sources(figures),
        trend=_trend(unit),
    )


def _figures(unit: str, measured: Measurement | None) -> dict[str, Figure]:
    evidence = gather(db.session.execute, [unit])[unit]
    figures = {"staff": evidence.staff, "lasting": evidence.lasting}
    if measured is not None:
        figures |= msgspec.json.decode(measured.working, type=dict[str, Figure])
    if evidence.tasks:
        year = yearly_load(evidence.tasks)
        figures["need"] = need(year, evidence.wke)
        with suppress(Unmeasurable):
            figures["annual"] = ratio(year, evidence.staff.value, evidence.wke)
    return figures


def _sources(figures: Mapping[str, Figure]) -> Mapping[str, Report]:
    """The reports that the lines of these figures name, newest first, by id."""
    named = {source for figure in figures.values() for line in figure.lines for source in line.sources}
    newest_first = sa.select(Report).where(Report.id.in_(named)).order_by(Report.period_to.desc())
    return {row.id: row for row in db.session.scalars(newest_first)}


def counts(shown: View) -> dict[str, list[tuple[str, float]]]:
    """Of each report that a unit's figures rest on: the tasks by name, and their results."""
    unit, version = shown.summary["unit"], shown.abk.version if shown.abk else 0
    named = sa.select(AbkTask.task, AbkTask.name).where(AbkTask.unit == unit, AbkTask.version == version)
    names: dict[str, str] = dict(db.session.execute(named).all())
    told = {key: msgspec.json.decode(report.counts, type=dict[str, float]) for key, report in shown.reports.items()}
    return {key: [(names.get(task, task), count) for task, count in found.items()] for key, found in told.items()}


def _trend(unit: str) -> Sequence[Measurement]:
    """The last measurements of a unit, newest first."""
    wanted = sa.select(Measurement).where(Measurement.unit == unit).order_by(Measurement.id.desc()).limit(TREND)
    return db.session.scalars(wanted).all()
