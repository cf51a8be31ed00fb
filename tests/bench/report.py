"""The benchmark of the engine as figures, and as a table against the goals."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from tests.bench.gauges import Reading, ratio
from tests.bench.runner import BATCH, COMMITTED, THREADS, Rounds
from tests.bench.stage import SETTINGS


@dataclass(frozen=True)
class Goal:
    """A ratio to reach: at least `least`, or at most `most`; `stretch` is what would be better still."""

    measure: str
    value: float
    least: float | None = None
    most: float | None = None
    stretch: float | None = None

    @property
    def met(self) -> bool:
        return self.value >= self.least if self.least is not None else self.value <= (self.most or 0)

    @property
    def asked(self) -> str:
        bound = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        return bound + (f" ({self.stretch:g})" if self.stretch is not None else "")

    def facts(self) -> dict[str, Any]:
        """As bench.json holds it."""
        return {"measure": self.measure, "goal": self.asked, "value": round(self.value, 3), "met": self.met}


def figures(run: Rounds) -> dict[str, Any]:
    """The area `engine` of bench.json."""
    read = run.readings

    def middle(name: str, of: Callable[[Reading], float]) -> float:
        return round(statistics.median(map(of, read[name])), 2)

    def rate(name: str) -> float:
        return middle(name, lambda r: r.rate)

    return {
        "steps_per_s": rate("engine"),
        "bound_steps_per_s": rate("e"),
        "share_of_bound": _share(run, "engine", "e"),
        "cpu_us_per_step": middle("engine", lambda r: r.cpu),
        "python_us_per_step": middle("engine", lambda r: r.python / r.steps * 1e6),
        "bound_cpu_us_per_step": middle("e", lambda r: r.cpu),
        "reference_d_steps_per_s": rate("d"),
        "lone_steps_per_s": rate("lone"),
        "waiting_steps_per_s": rate("waiting"),
        "waiting_beside_relay_steps_per_s": rate("served"),
        "reference_d_16_threads_steps_per_s": rate("d16"),
        "sqlite_share_of_bound": {"1": _share(run, "file_1", "file_e_1"), str(BATCH): _share(run, "file", "file_e")},
        "latency_ms": {"p50": middle("lone", p50), "p99": middle("lone", p99)},
        "bytes_per_case": {name: round(size) for name, size in run.bytes_a_case.items()},
        "wal_per_case": {name: round(middle(name, lambda r: r.wal_bytes / run.cases)) for name in ("engine", "e")},
        "goals": [goal.facts() for goal in goals(run)],
        "conditions": conditions(run),
    }


def goals(run: Rounds) -> list[Goal]:
    """The goals of the benchmark that this run can judge."""
    read = run.readings

    def of(ours: str, theirs: str, figure: Callable[[Reading], float]) -> float:
        return ratio([figure(r) for r in read[ours]], [figure(r) for r in read[theirs]])

    return [
        Goal("steps/s, messages queued, ÷ (e)", _share(run, "engine", "e"), least=0.60, stretch=0.80),
        Goal("CPU a step ÷ (e)", of("engine", "e", lambda r: r.cpu), most=1.7),
        Goal("steps/s, messages queued, ÷ (d)", _share(run, "engine", "d"), least=10),
        Goal("a lone step: rate ÷ (d)", _share(run, "lone", "d"), least=0.9),
        Goal("a lone step: p50 ÷ (d)", of("lone", "d", p50), most=1.2),
        Goal(f"{THREADS} waiting: rate ÷ (d), no relay", _share(run, "waiting", "d16"), least=5, stretch=7),
        Goal(f"{THREADS} waiting: p99 ÷ (d), no relay", of("waiting", "d16", p99), most=0.25),
        Goal(f"{THREADS} waiting: rate ÷ (d), relay beside", _share(run, "served", "d16"), least=5, stretch=7),
        Goal(f"{THREADS} waiting: p99 ÷ (d), relay beside", of("served", "d16", p99), most=0.25),
        Goal("SQLite, batch 1 ÷ (e)", _share(run, "file_1", "file_e_1"), least=0.60),
        Goal(f"SQLite, batch {BATCH} ÷ (e)", _share(run, "file", "file_e"), least=0.60),
        Goal("bytes a finished case ÷ (e)", run.bytes_a_case["engine"] / run.bytes_a_case["e"], most=1.3),
        Goal("WAL a finished case ÷ (e)", of("engine", "e", lambda r: r.wal_bytes), most=1.3),
    ]


def conditions(run: Rounds) -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "rounds": len(run.readings["engine"]),
        "cases_a_round": run.cases,
        "batch": {"engine": COMMITTED, "bound": BATCH, "sqlite": BATCH},
        "event_bytes": run.sizes.event,
        "state_bytes": run.sizes.state,
        "postgresql": run.gauge.server_version,
        "settings": SETTINGS,
        **machine(),
    }


def machine() -> dict[str, Any]:
    """What every area was measured on."""
    packages = ("sqlalchemy", "psycopg", "msgspec", "transitions")
    return {
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def table(facts: dict[str, Any]) -> Iterable[str]:
    """Lines for people: the goals, then the absolute figures, which are of this machine at this hour."""
    yield f"{'':44}{'measured':>10}  goal (stretch)"
    for goal in facts["goals"]:
        yield f"{goal['measure']:44}{goal['value']:>10.2f}  {goal['goal']:16}{'' if goal['met'] else 'MISSED'}"
    yield ""
    for name, value in facts.items():
        if name != "goals":
            yield f"{name:44}{value}"


def p50(reading: Reading) -> float:
    return reading.quantile(0.5)


def p99(reading: Reading) -> float:
    return reading.quantile(0.99)


def _share(run: Rounds, ours: str, theirs: str) -> float:
    return round(ratio([r.rate for r in run.readings[ours]], [r.rate for r in run.readings[theirs]]), 3)
