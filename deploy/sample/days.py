"""The days of the sample: the morning comes, units report, the surges of the stories run their course.

The generator writes the first ten working days; here the same week goes on as long as a surge lasts, and ordinary weeks
follow. Only the sample moves the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from deploy.sample.model import Province
from deploy.sample.province import DAY_ZERO, generate
from events import ids
from services.app import Application
from services.service import Command
from services.workload import commands as workload
from services.workload.measure import WINDOW, Report
from workflow.calendar import ZONES, Zone
from workflow.library import calendar

#: Working days for which a surge keeps its height.
SURGE_LASTS = 55
MORNING = time(8, 0)
ZONE: Zone = "WIT"


@cache
def province() -> Province:
    """The province of the demo."""
    return generate()


def morning(day: date) -> datetime:
    """Eight o'clock of a day in the province, in UTC."""
    return datetime.combine(day, MORNING, ZONES[ZONE]).astimezone(UTC)


def next_working_day(after: date) -> date:
    return calendar(ZONE).add_working(after, 1)


def today(app: Application) -> date:
    """The business day of the application."""
    with app.databases.reader(app.services[0].name).connect() as conn:
        return calendar(ZONE).today(app.clock.read(conn).now)


def move_clock(app: Application, to: datetime) -> None:
    """Set business time in every database of this process."""
    for residents in app.databases.urls(app.services).values():
        with app.databases.writer(residents[0].name).begin() as conn:
            app.clock.move(conn, to - app.clock.read(conn).now)


def reports_of(day: date) -> Iterator[Report]:
    """What the units report in the evening of a working day: units under a surge daily, the others weekly."""
    sample, surging = province(), set()
    for reports in sample.surges.values():
        begins, first = reports[0]
        unit, days = first.unit, _working_days(DAY_ZERO, day)
        surging.add(unit)
        if begins <= days < begins + SURGE_LASTS:
            turn = [r for offset, r in reports if offset % WINDOW == days % WINDOW][-1]
            yield _on(turn, day)
        else:
            yield _daily(next(r for r in sample.reports if r.unit == unit), day)
    if next_working_day(day).isocalendar().week != day.isocalendar().week:
        monday = day - timedelta(days=day.weekday())
        worked = _working_days(monday, day + timedelta(days=1))
        for report in sample.reports:
            if report.unit not in surging:
                yield _week(report, monday, day, worked)


def _working_days(start: date, day: date) -> int:
    """Working days from `start` on, before `day`."""
    return sum(calendar(ZONE).is_working(start + timedelta(days=n)) for n in range((day - start).days))


def _on(report: Report, day: date) -> Report:
    return replace(report, report=f"{report.unit}.{day:%Y%m%d}", period_from=day, period_to=day)


def _week(ordinary: Report, monday: date, last: date, worked: int) -> Report:
    """An ordinary week, shorter by its holidays."""
    counts = {task: round(n * worked / WINDOW) for task, n in ordinary.counts.items()}
    report = f"{ordinary.unit}.{last:%Y%m%d}"
    return replace(ordinary, report=report, period_from=monday, period_to=last, days=worked, counts=counts)


def _daily(week: Report, day: date) -> Report:
    """A fifth of an ordinary week."""
    counts = {task: round(n / WINDOW) for task, n in week.counts.items()}
    return _on(replace(week, days=1, counts=counts), day)


def report_day(app: Application, day: date) -> None:
    """The evening of a working day: the units report what they did."""
    reports = [
        workload.SubmitReport(
            unit=report.unit,
            period_from=report.period_from,
            period_to=report.period_to,
            lines=[workload.Counted(task=task, volume=count) for task, count in report.counts.items()],
            absent_days=report.absent_days,
        )
        for report in reports_of(day)
    ]
    if reports:
        command_id = ids.derived("sample report", day.isoformat())
        app.committer.submit("workload", Command(id=command_id, data=workload.SubmitReports(reports=reports)))
