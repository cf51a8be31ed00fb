"""Final workload analyses come in: checked, kept, announced."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date

import msgspec

from events.workload import AbkFinalised
from services.db import table
from services.service import Answer, Command
from services.transaction import Tx
from services.workload.commands import AbkLine, FinaliseAbk, FinaliseAbks
from services.workload.freshness import local
from services.workload.measure import Task, need, yearly_load
from services.workload.models import Abk, AbkTask, Load, Unit
from services.workload.recording import remeasure, subject_of
from services.workload.refusals import refused
from services.workload.reporting import MOST_AT_ONCE, MOST_RESULTS

MINUTES_OF_A_YEAR = 366 * 24 * 60

unit, load, abk, task = table(Unit), table(Load), table(Abk), table(AbkTask)


def finalise_abk(tx: Tx, command: Command) -> Answer:
    """Keep one analysis; the answer gives its need in people."""
    data = command.data
    assert isinstance(data, FinaliseAbk)
    return _finalise(tx, command, [data], [""])[0]


def finalise_abks(tx: Tx, command: Command) -> Answer:
    """Keep many analyses, all or none."""
    data = command.data
    assert isinstance(data, FinaliseAbks)
    if len(data.analyses) > MOST_AT_ONCE:
        raise refused("too_many", "analyses", most=MOST_AT_ONCE)
    return {"analyses": _finalise(tx, command, data.analyses, [f"analyses[{n}]." for n in range(len(data.analyses))])}


def _finalise(tx: Tx, command: Command, analyses: Sequence[FinaliseAbk], places: Sequence[str]) -> list[Answer]:
    if command.actor is not None and "operator@imbang" not in command.actor.roles:
        raise refused("operator_only", "unit", status=403)
    today = local().today(tx.now)
    answers = []
    for given, place in zip(analyses, places, strict=True):
        _check(tx, given, today, place)
        answers.append(_keep(tx, given))
    remeasure(tx, {given.unit for given in analyses}, "abk")
    return answers


def _check(tx: Tx, given: FinaliseAbk, today: date, place: str) -> None:
    if tx.get(unit, given.unit) is None:
        raise refused("unit_unknown", f"{place}unit", unit=given.unit)
    if not 1 <= given.wke <= MINUTES_OF_A_YEAR:
        raise refused("number_unusable", f"{place}wke", low=1, high=MINUTES_OF_A_YEAR)
    if given.signed_on > today:
        raise refused("in_the_future", f"{place}signed_on", day=given.signed_on)
    standing = tx.get(load, given.unit)
    in_force = standing["abk"] if standing else 0
    if given.version <= in_force:
        raise refused("version_passed", f"{place}version", status=409, version=in_force)
    if not given.lines:
        raise refused("nothing_to_do", f"{place}lines")
    seen: set[str] = set()
    for n, line in enumerate(given.lines):
        _check_line(line, seen, f"{place}lines[{n}]")
        seen.add(line.task)


def _check_line(line: AbkLine, seen: set[str], place: str) -> None:
    if line.task in seen:
        raise refused("task_twice", f"{place}.task", task=line.task)
    for name, number, most in (("volume", line.volume, MOST_RESULTS), ("norm", line.norm, MINUTES_OF_A_YEAR)):
        if not 0 <= number <= most:
            raise refused("number_unusable", f"{place}.{name}", low=0, high=f"{most:.0f}")


def _keep(tx: Tx, given: FinaliseAbk) -> Answer:
    tasks = [Task(line.task, line.name, line.volume, line.norm, line.counted) for line in given.lines]
    year = yearly_load(tasks)
    final = AbkFinalised(
        unit=given.unit,
        version=given.version,
        minutes=year.value,
        need=int(need(year, given.wke).value),
        wke=given.wke,
        signed_on=given.signed_on,
    )
    tx.upsert(abk, msgspec.structs.asdict(final))
    for n, line in enumerate(tasks):
        tx.upsert(task, {"unit": given.unit, "version": given.version, "place": n, **dataclasses.asdict(line)})
    nothing = dict.fromkeys(("report", "as_of", "measurement", "said_ratio", "said_level"))
    standing = tx.get(load, given.unit) or {"unit": given.unit, **nothing}
    tx.upsert(load, {**standing, "abk": given.version})
    tx.record(subject_of(given.unit), final)
    return {"unit": given.unit, "version": given.version, "need": final.need}
