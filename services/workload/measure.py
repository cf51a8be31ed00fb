"""How much work there is, for how many people, and whether others should hear of it. Pure: no clock, no tables.

The method is workload analysis (ABK), Permendagri 12/2008 and PermenPANRB 1/2020:

    load = sum of volume a year x norm minutes
    need = load / WKE, rounded half up
    EJ   = load / (staff x WKE)                 (of a position; of a unit with the sums of its positions)

WKE is the effective working minutes of a person and year; sources differ, so it is a parameter. A year says nothing
about this week, so the same formulas are read on a rolling window of working days: counted work at the pace of the
window, routine work at the pace of the final ABK. Every figure carries the lines it was worked out by.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

from services.workload.working import Figure, Line, total

Level = Literal["overload", "balanced", "idle"]

WKE = 75_000
"""Effective minutes a person and year: 1,250 hours (PermenPANRB 1/2020)."""

WORKDAYS = 250
"""Working days by which the ABK turns a daily volume into a yearly one."""

WINDOW = 5
"""Working days of the rolling window."""

GRADES = (("B", 0.90), ("C", 0.70), ("D", 0.50))
"""Lowest EJ of each grade, Permendagri 12/2008. Above 1.00 is A, which is overload and no praise; below all is E."""

GRADES_2002 = (("B", 0.81), ("C", 0.66), ("D", 0.50))
"""The older set of the Ministry of Finance."""


class Unmeasurable(ValueError):
    """The load cannot be measured: nobody is at work in the unit, or nothing was reported."""


@dataclass(frozen=True, slots=True)
class Task:
    """A line of the ABK: `volume` results a year at `norm` minutes each.

    `counted` work comes from outside and is counted in reports; routine work (the daily list, the monthly report) has
    a fixed rhythm and is spread evenly over the year.
    """

    task: str
    name: str
    volume: float
    norm: float
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """What a unit did in a period of `days` working days: results by task, and person-days of absence."""

    report: str
    unit: str
    period_from: date
    period_to: date
    days: int
    counts: Mapping[str, float]
    absent_days: float = 0.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """The load of a unit in a window. `minutes` and `available` are those of the window, `load` is a year's pace."""

    period_from: date
    period_to: date
    days: float
    minutes: float
    available: float
    at_work: float
    load: Figure
    ratio: Figure


def yearly_load(tasks: Iterable[Task]) -> Figure:
    """Minutes a year that the tasks of a position or unit ask for."""
    return total([_per_year(task) for task in tasks])


def need(load: Figure, wke: int = WKE) -> Figure:
    """Whole people for a load, rounded half up: 8.5 is 9 people (half to even would give 8)."""
    exact = Fraction(load.value) / wke
    people = math.floor(exact + Fraction(1, 2))
    division = Line("need_exact", "{} ÷ {}", (load.value, wke), float(exact))
    return Figure(people, (*load.lines, division, Line("need", "⌊{} + {}⌋", (float(exact), 0.5), people)))


def ratio(load: Figure, staff: float, wke: int = WKE) -> Figure:
    """EJ of a position with `staff` incumbents (sum of shares), or of a unit (EU). Raises Unmeasurable when 0."""
    if staff <= 0:
        raise Unmeasurable("nobody is at work in the unit; the need in people still stands")
    value = load.value / (staff * wke)
    return Figure(value, (*load.lines, Line("ratio", "{} ÷ ({} × {})", (load.value, staff, wke), value)))


def unit_ratio(positions: Iterable[tuple[Figure, float]], wke: int = WKE) -> Figure:
    """EU: loads of all positions over all incumbents. Gaps are still counted per position, see `lasting_shortage`."""
    pairs = list(positions)
    lines = [line for load, _ in pairs for line in load.lines if line.code != "load"]
    return ratio(total(lines), sum(staff for _, staff in pairs), wke)


def grade(ej: float, floors: Sequence[tuple[str, float]] = GRADES) -> str:
    """A to E of an unrounded EJ; a value in a gap of the printed table (0.895) belongs to the lower band."""
    if ej > 1.0:
        return "A"
    return next((letter for letter, floor in floors if ej >= floor), "E")


def measure(
    tasks: Sequence[Task], reports: Iterable[Report], staff: float, *, days: int = WINDOW, wke: int = WKE
) -> Measurement:
    """The load of a unit on its last `days` working days, for the `staff` it has now.

    `tasks` are those of the final ABK; counts of a task without a norm there weigh nothing. Of a report that begins
    before the window only the part inside counts. Raises Unmeasurable.
    """
    parts = _newest(reports, days)
    if not parts:
        raise Unmeasurable("nothing was reported; ask the unit for a report of its last working days")
    covered = sum(report.days * share for report, share in parts)
    absent = sum(report.absent_days * share for report, share in parts)
    load = total([_at_pace(task, parts, covered) if task.counted else _per_year(task) for task in tasks])
    at_work = staff - absent / covered
    ej = ratio(load, at_work, wke)
    if absent:
        at_work_line = Line("at_work", "{} - {} ÷ {}", (staff, absent, covered), at_work)
        ej = Figure(ej.value, (*load.lines, at_work_line, ej.lines[-1]))
    return Measurement(
        period_from=min(report.period_from for report, _ in parts),
        period_to=max(report.period_to for report, _ in parts),
        days=covered,
        minutes=load.value * covered / WORKDAYS,
        available=at_work * wke * covered / WORKDAYS,
        at_work=at_work,
        load=load,
        ratio=ej,
    )


def to_balance(load: Figure, at_work: float, wke: int = WKE) -> Figure:
    """People, not rounded, who would bring the load ratio to 1.00; negative: people to spare."""
    value = load.value / wke - at_work
    return Figure(value, (*load.lines, Line("to_balance", "{} ÷ {} - {}", (load.value, wke, at_work), value)))


def help_needed(load: Figure, at_work: float, wke: int = WKE) -> Figure:
    """People, not rounded, who would bring the load ratio to 1.00; 0 when none are needed."""
    lacking = to_balance(load, at_work, wke)
    value = max(0.0, lacking.value)
    return Figure(value, (*lacking.lines, Line("help_needed", "max(0; {})", (lacking.value,), value)))


def lasting_shortage(final_need: int, incumbents: int) -> Figure:
    """People that the final ABK lacks; only this part may become a permanent move. A surplus is 0."""
    value = max(0, final_need - incumbents)
    return Figure(value, (Line("lasting", "max(0; {} - {})", (final_need, incumbents), value),))


def _newest(reports: Iterable[Report], days: int) -> list[tuple[Report, float]]:
    """Newest reports that fill `days` working days, each with the share of it that lies inside."""
    parts: list[tuple[Report, float]] = []
    left = days
    for report in sorted(reports, key=lambda report: report.period_to, reverse=True):
        if left <= 0:
            break
        parts.append((report, min(left, report.days) / report.days))
        left -= report.days
    return parts


def _at_pace(task: Task, parts: Sequence[tuple[Report, float]], days: float) -> Line:
    count = sum(report.counts.get(task.task, 0) * share for report, share in parts)
    minutes = count * WORKDAYS * task.norm / days
    sources = tuple(report.report for report, _ in parts)
    counted, values = _counted(task, parts)
    return Line("task", counted + " ÷ {} × {} × {}", (*values, days, WORKDAYS, task.norm), minutes, task.name, sources)


def _counted(task: Task, parts: Sequence[tuple[Report, float]]) -> tuple[str, tuple[float, ...]]:
    """The sum of a task's counts as a formula and its figures; of a report that begins earlier, the days that count."""
    terms, values = [], list[float]()
    for report, share in parts:
        terms.append("{}" if share == 1 else "{} × {} ÷ {}")
        values.append(report.counts.get(task.task, 0))
        values += [] if share == 1 else [round(report.days * share), report.days]
    text = " + ".join(terms)
    return (f"({text})" if len(terms) > 1 else text), tuple(values)


def _per_year(task: Task) -> Line:
    return Line("task", "{} × {}", (task.volume, task.norm), task.volume * task.norm, task.name)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a level begins and, further back, where it ends (hysteresis); `step` is a move worth telling by itself."""

    overload: float = 1.10
    overload_ends: float = 1.00
    idle: float = 0.70
    idle_ends: float = 0.80
    step: float = 0.05


@dataclass(frozen=True, slots=True)
class Said:
    """What others were last told of a unit."""

    ratio: float
    level: Level


@dataclass(frozen=True, slots=True)
class Verdict:
    """The level now, and whether `workload.changed` should be said."""

    level: Level
    say: bool


def judge(ej: float, said: Said | None, thresholds: Thresholds | None = None) -> Verdict:
    """Compare a ratio with what was last said. A first ratio is always said; wavering about a threshold never is."""
    limits = thresholds or Thresholds()
    level = _level(ej, said.level if said else "balanced", limits)
    return Verdict(level, said is None or level != said.level or abs(ej - said.ratio) > limits.step)


def _level(ej: float, before: Level, limits: Thresholds) -> Level:
    if ej > (limits.overload_ends if before == "overload" else limits.overload):
        return "overload"
    if ej < (limits.idle_ends if before == "idle" else limits.idle):
        return "idle"
    return "balanced"
