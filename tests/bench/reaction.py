"""From a report that overloads a unit to the proposal of who could help: 10,000 people, all threads turning.

The clock starts before the report is handed to the committer. The path is the product's: `workload` measures and
records, the log carries it, `optimizer` asks for a plan, its child process solves, the plan returns as a command.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from deploy.daemon import wait_until
from deploy.sample.days import province
from events import ids
from services.app import Application
from services.db import table
from services.optimizer.models import Move
from services.service import Command
from services.workload.commands import Counted, SubmitReport
from services.workload.measure import Report
from tests.bench import report
from tests.bench.gauges import quantile
from tests.bench.rebuild import sample
from tests.bench.report import Goal
from tests.bench.stage import Told

#: How many times its ordinary work a unit reports, when it is overloaded.
SURGE = 3
#: Seconds after which no proposal is expected any more: nobody can help.
PATIENCE = 10.0
#: Seconds between two units, for what the first one set off to come to rest.
REST = 2.0


def measure(reactions: int, rounds: int, told: Told) -> dict[str, Any]:
    """The area `reaction` of bench.json, from so many proposals after one that is not counted; `rounds` is unused."""
    with TemporaryDirectory() as directory, sample(f"sqlite:///{directory}/imbang.db", Path(directory)) as app:
        told("the sample is loaded")
        app.runtime.start()
        waits, unanswered = [], 0
        for ordinary in _ordinary():
            wait = _reaction(app, ordinary)
            told(f"{ordinary.unit}: {wait}")
            waits += [wait] if wait is not None else []
            unanswered += wait is None
            if len(waits) > reactions:
                break
    counted = waits[1:]
    p50, p95 = (quantile(counted, share) for share in (0.5, 0.95))
    goal = Goal("load event → proposal recorded, p95, s", p95, most=1.5)
    return {
        "seconds": {"first": round(waits[0], 3), "p50": round(p50, 3), "p95": round(p95, 3)},
        "proposals": len(counted),
        "units_without_help": unanswered,
        "goals": [goal.facts()],
        "conditions": report.machine() | {"people": len(province().people), "database": "SQLite", "log": "database"},
    }


def _ordinary() -> Iterator[Report]:
    """The last ordinary week of units that can be overloaded: those of some work, without a part in the stories."""
    surging = {of.unit for days in province().surges.values() for _, of in days}
    need = {analysis.unit: analysis.need for analysis in province().abk if analysis.final}
    for of in province().reports:
        if of.unit not in surging and 4 <= need[of.unit] <= 30:
            yield of


def _reaction(app: Application, ordinary: Report) -> float | None:
    """Seconds until a move to the unit is proposed; None when nobody is. Then the unit is as it was."""
    began = time.perf_counter()
    _report(app, ordinary, SURGE)
    proposed = wait_until(lambda: _proposed(app, ordinary.unit), PATIENCE, every=0.005)
    seconds = time.perf_counter() - began
    _report(app, ordinary, 1)
    time.sleep(REST)
    return seconds if proposed else None


def _report(app: Application, ordinary: Report, times: int) -> None:
    """Correct the report of the last week to so many times its volume."""
    lines = [Counted(task=task, volume=count * times) for task, count in ordinary.counts.items()]
    data = SubmitReport(unit=ordinary.unit, period_from=ordinary.period_from, period_to=ordinary.period_to, lines=lines)
    app.committer.submit("workload", Command(id=ids.new(), data=data))


def _proposed(app: Application, unit: str) -> bool:
    move = table(Move)
    with app.databases.reader("optimizer").connect() as conn:
        return bool(conn.scalar(sa.select(sa.exists().where(move.c.to_unit == unit))))
