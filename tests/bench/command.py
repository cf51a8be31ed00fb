"""`imbang bench AREA`: measure an area, and keep it in bench.json beside the other areas."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import drive, growth, http, idle, kafka, memory, reaction, rebuild, report, rivals, runner
from tests.bench.stage import Told

OUTPUT = Path("bench.json")


def engine(cases: int, rounds: int, told: Told) -> dict[str, Any]:
    """Steps a second of the real engine against its yardsticks."""
    return report.figures(runner.measure(cases, rounds, told))


#: Area -> what measures it and what makes lines for people of its figures.
AREAS: dict[str, Callable[[int, int, Told], dict[str, Any]]] = {
    "engine": engine,
    "kafka": kafka.measure,
    "http": http.measure,
    "peers": rivals.measure,
    "growth": growth.measure,
    "rebuild": rebuild.measure,
    "memory": memory.measure,
    "idle": idle.measure,
    "reaction": reaction.measure,
    "drive": drive.measure,
}
TABLES = {
    **dict.fromkeys(AREAS, report.table),
    "peers": rivals.table,
}
#: How much work an area is given if nothing else is said: cases a round, or what the area counts.
WORK = {
    "engine": 2000,
    "http": 96,
    "kafka": 2000,
    "peers": 2000,
    "growth": 100_000,
    "rebuild": 2000,
    "memory": 100_000,
    "idle": idle.WATCH,
    "reaction": 20,
    "drive": 10_000,
}


def run(area: str, cases: int | None, rounds: int) -> dict[str, Any]:
    """Measure an area; returns its figures by its name. Progress goes to standard error."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))  # so that what it started is stopped too
    measured = {area: AREAS[area](cases or WORK[area], rounds, lambda line: print(line, file=sys.stderr, flush=True))}
    kept: dict[str, Any] = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    if "peers" in measured and "engine" in kept:
        kept["engine"]["peers"] = measured["peers"]["peers"]
    OUTPUT.write_text(json.dumps(kept | measured, indent=2, ensure_ascii=False) + "\n")
    return measured


def text(measured: dict[str, Any]) -> list[str]:
    """The figures as lines for people."""
    return [line for area, figures in measured.items() for line in TABLES[area](figures)]
