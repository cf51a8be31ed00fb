"""How much work the units of the sample have: final ABK, reports of an ordinary week, and the surges of the stories."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from deploy.sample.model import Abk
from deploy.sample.source import FamilyTask, PlantedUnit, Source, Unit
from services.workload.measure import WINDOW, WKE, WORKDAYS, Report, Task

WEEKS = WORKDAYS // WINDOW
ROUTINE = [
    Task("laporan-harian", "Laporan harian", 250, 60, counted=False),
    Task("laporan-bulanan", "Laporan bulanan", 12, 1_500, counted=False),
]
SURGE_ENDS = 10
"""Working days after day zero; later ones of March 2026 are holidays."""


def final_abk(unit: Unit, ratio: float, source: Source, day_zero: date, rng: Random) -> Abk:
    """The analysis that counts: of a planted unit its ordinary weeks, of others near the load but calmer."""
    if planted := source.planted.get(unit.unit):
        tasks = _planted_tasks(planted, surge=False)
    else:
        calm = 1 + 0.6 * (ratio - 1) + rng.gauss(0, 0.04)
        tasks = [
            Task(task.task, task.name, count * WEEKS, task.norm) for task, count in _spread(unit, calm, source).items()
        ]
    return Abk(unit=unit.unit, version=1, tasks=tasks + ROUTINE, wke=WKE, signed_on=date(day_zero.year - 1, 12, 15))


def draft_abk(unit: str, planted: PlantedUnit) -> Abk:
    """What a unit under a surge asks for: the analysis at the pace of the surge, which nobody has signed."""
    return Abk(unit=unit, version=2, tasks=_planted_tasks(planted, surge=True) + ROUTINE, wke=WKE, signed_on=None)


def ordinary_week(unit: Unit, ratio: float, source: Source, day_zero: date) -> Report:
    """The report of the five working days before day zero."""
    if planted := source.planted.get(unit.unit):
        counts = {task.task: task.usual for task in planted.tasks}
    else:
        counts = {task.task: count for task, count in _spread(unit, ratio, source).items()}
    return _report(unit.unit, weekday(day_zero, -WINDOW), weekday(day_zero, -1), WINDOW, counts)


def surge(unit: str, planted: PlantedUnit, day_zero: date) -> Iterator[tuple[int, Report]]:
    """Daily reports from the day the surge begins; any five of them sum to its week exactly."""
    for offset in range(planted.begins or 0, SURGE_ENDS):
        day, turn = weekday(day_zero, offset), offset % WINDOW
        counts = {task.task: task.surge * (turn + 1) // WINDOW - task.surge * turn // WINDOW for task in planted.tasks}
        yield offset, _report(unit, day, day, 1, counts)


def weekday(start: date, offset: int) -> date:
    """The day from Monday to Friday that lies `offset` such days from `start`."""
    weeks, days = divmod(start.weekday() + offset, 5)
    return start + timedelta(days=7 * weeks + days - start.weekday())


def drawn_ratio(unit: Unit, rng: Random) -> float:
    """Load ratio: as written down, otherwise drawn between 0.40 and 1.08, so that no chance overload hides a story."""
    return unit.ratio or 0.40 + 0.68 * rng.betavariate(5, 2.2)


def _spread(unit: Unit, ratio: float, source: Source) -> dict[FamilyTask, int]:
    """Results a week that give a unit its load: shares by family, long tasks first, the shortest takes what is left."""
    routine = sum(task.volume * task.norm for task in ROUTINE)
    left = (ratio * unit.staff * WKE - routine) / WEEKS
    mix = unit.mix
    weights = {task: mix[family] / len(source.tasks[family]) for family in mix for task in source.tasks[family]}
    open_weight = sum(weights.values())
    counts = {}
    for task in sorted(weights, key=lambda task: (-task.norm, task.task)):
        counts[task] = max(0, round(left * weights[task] / open_weight / task.norm))
        left -= counts[task] * task.norm
        open_weight -= weights[task]
    return counts


def _planted_tasks(planted: PlantedUnit, *, surge: bool) -> list[Task]:
    return [
        Task(task.task, task.name, (task.surge if surge else task.usual) * WEEKS, task.norm) for task in planted.tasks
    ]


def _report(unit: str, start: date, end: date, days: int, counts: dict[str, int]) -> Report:
    return Report(f"{unit}.{end:%Y%m%d}", unit, start, end, days, counts)
