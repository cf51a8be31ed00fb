"""`imbang bench AREA`: measure an area, print it, and keep it in bench.json beside the other areas."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import report, runner

OUTPUT = Path("bench.json")

Told = Callable[[str], None]


def engine(cases: int, rounds: int, told: Told) -> dict[str, Any]:
    """Steps a second of the real engine against its yardsticks."""
    return report.figures(runner.measure(cases, rounds, told))


AREAS: dict[str, Callable[[int, int, Told], dict[str, Any]]] = {"engine": engine}


def run(areas: list[str], cases: int, rounds: int) -> dict[str, Any]:
    """Measure these areas, all by default; progress goes to standard error."""
    kept: dict[str, Any] = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else {}
    measured = {area: AREAS[area](cases, rounds, lambda line: print(line, file=sys.stderr)) for area in areas or AREAS}
    OUTPUT.write_text(json.dumps(kept | measured, indent=2, ensure_ascii=False) + "\n")
    return measured
