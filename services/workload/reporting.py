"""Reports come in: checked line by line, kept, and measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa

from events import ids
from services.db import table
from services.service import Actor, Answer, Command
from services.transaction import Tx
from services.workload.commands import Counted, SubmitReport, SubmitReports
from services.workload.evidence import tasks_of
from services.workload.freshness import LONGEST, local, working_days
from services.workload.measure import WKE, WORKDAYS, Task, yearly_load
from services.workload.models import Load, Report, Unit
from services.workload.recording import remeasure
from services.workload.refusals import refused

Row = dict[str, Any]

MOST_AT_ONCE = 500
"""Items of one command: more would keep the others of its batch waiting for longer than they should."""

MOST_RESULTS = 1e9
"""A larger volume is a slip of the pen."""

MOST_SURGE = 20.0
"""Load ratio (EJ) of a report with the people of the final ABK at work, one at least. A flood or an election brings a
few times the usual work; what lies above this is a slip of the pen, and would call for the help of a whole province.
Who is really there does not matter: a unit may be left by most of its people and yet report the truth.
"""

unit, load, report = table(Unit), table(Load), table(Report)


def submit_report(tx: Tx, command: Command) -> Answer:
    """Keep one report and measure its unit. The answer names the report and what came of it."""
    data = command.data
    assert isinstance(data, SubmitReport)
    return _submit(tx, command, [data], [""])[0]


def submit_reports(tx: Tx, command: Command) -> Answer:
    """Keep many reports, all or none, and measure each unit once."""
    data = command.data
    assert isinstance(data, SubmitReports)
    if len(data.reports) > MOST_AT_ONCE:
        raise refused("too_many", "reports", most=MOST_AT_ONCE)
    return {"reports": _submit(tx, command, data.reports, [f"reports[{n}]." for n in range(len(data.reports))])}


def _submit(tx: Tx, command: Command, reports: Sequence[SubmitReport], places: Sequence[str]) -> list[Answer]:
    units = {r.unit for r in reports}
    final = tasks_of(tx.read, units)
    today = local().today(tx.now)
    current = _current(tx, reports)
    kept = []
    for n, (given, place) in enumerate(zip(reports, places, strict=True)):
        _check_sender(tx, command.actor, given, place)
        days = _check_period(given, today, place)
        _check_lines(given, final.get(given.unit), days, place)
        row: Row = {
            "id": ids.derived("report", command.id, str(n)),
            "unit": given.unit,
            "period_from": given.period_from,
            "period_to": given.period_to,
            "days": days,
            "absent_days": given.absent_days,
            "counts": msgspec.json.encode({line.task: line.volume for line in given.lines}).decode(),
            "submitted_at": tx.now,
            "account": command.actor.account if command.actor else None,
            "replaced_by": None,
        }
        _keep(tx, row, current.setdefault(given.unit, []), place)
        kept.append(row)
    measured = remeasure(tx, units, "report")
    return [_answer(row, measured.get(row["unit"])) for row in kept]


def _check_sender(tx: Tx, actor: Actor | None, given: SubmitReport, place: str) -> None:
    """People report for the OPDs of their roles; without an actor the sender is this process, loading a file."""
    known = tx.get(unit, given.unit)
    if known is None:
        raise refused("unit_unknown", f"{place}unit", unit=given.unit)
    opd = known["opd"]
    if actor is not None and not {f"reports@{opd}", "operator@imbang"} & set(actor.roles):
        raise refused("not_your_opd", f"{place}unit", status=403, opd=opd)


def _check_period(given: SubmitReport, today: date, place: str) -> int:
    """The working days of the period."""
    first, last = given.period_from, given.period_to
    if last < first:
        raise refused("period_reversed", f"{place}period_to")
    if last > today:
        raise refused("in_the_future", f"{place}period_to", day=last)
    if (last - first).days >= LONGEST:
        raise refused("period_long", f"{place}period_from", longest=LONGEST)
    days = working_days(first, last)
    if days == 0:
        raise refused("no_working_day", f"{place}period_to")
    return days


def _check_lines(given: SubmitReport, tasks: Sequence[Task] | None, days: int, place: str) -> None:
    if tasks is None:
        raise refused("no_final_abk", f"{place}unit", unit=given.unit)
    counted = [t.task for t in tasks if t.counted]
    seen: set[str] = set()
    for n, line in enumerate(given.lines):
        _check_line(line, counted, seen, f"{place}lines[{n}]")
        seen.add(line.task)
    _check_number(given.absent_days, f"{place}absent_days")
    if not given.lines:
        raise refused("nothing_reported", f"{place}lines", tasks=", ".join(counted))
    _check_surge(given, tasks, days, place)


def _check_surge(given: SubmitReport, tasks: Sequence[Task], days: int, place: str) -> None:
    """The heaviest line is named: it is where the slip is."""
    norm = {t.task: t.norm for t in tasks}
    paces = [line.volume * norm[line.task] * WORKDAYS / days for line in given.lines]
    times = sum(paces) / max(WKE, yearly_load(tasks).value)
    if times > MOST_SURGE:
        n = paces.index(max(paces))
        task, most = given.lines[n].task, f"{MOST_SURGE:.0f}"
        raise refused("implausible", f"{place}lines[{n}].volume", task=task, times=f"{times:.1f}", most=most)


def _check_line(line: Counted, counted: list[str], seen: set[str], place: str) -> None:
    if line.task not in counted:
        raise refused("task_unknown", f"{place}.task", task=line.task, tasks=", ".join(counted))
    if line.task in seen:
        raise refused("task_twice", f"{place}.task", task=line.task)
    _check_number(line.volume, f"{place}.volume")


def _check_number(number: float, place: str) -> None:
    """NaN fails every comparison, so it is refused as well."""
    if not 0 <= number <= MOST_RESULTS:
        raise refused("number_unusable", place, low=0, high=f"{MOST_RESULTS:.0f}")


def _current(tx: Tx, reports: Sequence[SubmitReport]) -> dict[str, list[Row]]:
    """Unit -> its reports of about these periods that no correction has replaced."""
    found: dict[str, list[Row]] = {}
    if not reports:
        return found
    first, last = min(r.period_from for r in reports), max(r.period_to for r in reports)
    near = (report.c.period_to >= first) & (report.c.period_from <= last) & report.c.replaced_by.is_(None)
    wanted = sa.select(report).where(report.c.unit.in_({r.unit for r in reports}), near)
    for row in tx.read(wanted).mappings():
        found.setdefault(row["unit"], []).append(dict(row))
    return found


def _keep(tx: Tx, row: Row, current: list[Row], place: str) -> None:
    """Write a report; one of the same period gives way, one that overlaps does not."""
    for other in list(current):
        if (other["period_from"], other["period_to"]) == (row["period_from"], row["period_to"]):
            tx.upsert(report, {**other, "replaced_by": row["id"]})
            current.remove(other)
        elif other["period_from"] <= row["period_to"] and row["period_from"] <= other["period_to"]:
            period = {"first": other["period_from"], "last": other["period_to"]}
            raise refused("period_overlaps", f"{place}period_from", status=409, **period)
    current.append(row)
    tx.upsert(report, row)
    standing = tx.get(load, row["unit"])
    assert standing is not None, "a unit with a final ABK has a standing"
    if standing["as_of"] is None or standing["as_of"] <= row["period_to"]:
        tx.upsert(load, {**standing, "report": row["id"], "as_of": row["period_to"]})


def _answer(row: Row, measured: Row | None) -> Answer:
    """`measurement`, `ratio` and `level` are null when nobody is at work in the unit."""
    names = ("id", "ratio", "level")
    measurement, ratio, level = (measured[n] if measured else None for n in names)
    return {"report": row["id"], "unit": row["unit"], "measurement": measurement, "ratio": ratio, "level": level}
