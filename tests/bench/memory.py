"""Resident memory of a worker as it takes case after case: against that of (d), and whether it stays level."""

from __future__ import annotations

import subprocess
import sys
from statistics import fmean
from typing import Any

from tests.bench import flow, report
from tests.bench.engine import Engine
from tests.bench.report import Goal
from tests.bench.stage import ROOT, Told, staged

#: Samples that a worker gives of its memory; cases made at once; people of the town, who are moved again and again.
SAMPLES, CHUNK, PEOPLE = 10, 500, 10_000
#: (d) is level after a few cases, and slow: it takes this share of them.
SHARE = 50


def measure(cases: int, rounds: int, told: Told) -> dict[str, Any]:
    """The area `memory` of bench.json: bytes after each tenth of the cases. `rounds` is of no use here."""
    with staged() as stage:
        urls = {name: stage.database(name) for name in ("engine", "d")}
        Engine(urls["engine"], PEOPLE).close()
        told(f"{cases} cases")
        ours = sampled("engine", urls["engine"], cases)
        told(f"{max(SAMPLES, cases // SHARE)} cases of (d)")
        theirs = sampled("d", urls["d"], max(SAMPLES, cases // SHARE))
    return figures(ours, theirs) | {"conditions": report.machine() | {"cases": cases, "cases_of_d": cases // SHARE}}


def sampled(kind: str, url: str, cases: int) -> list[int]:
    """Bytes of a worker of this kind after each tenth of the cases."""
    every = cases * flow.STEPS // SAMPLES
    command = [sys.executable, "-m", "tests.bench.worker", kind, url, str(every)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        for first in range(0, cases, CHUNK):
            # Whole lines, so that a worker that dies is noticed here.
            sent = flow.messages(min(CHUNK, cases - first), first % PEOPLE)
            worker.stdin.write(b"".join(raw + b"\n" for raw in sent))
        worker.stdin.close()
        found = [int(line) for line in worker.stdout]
    if worker.returncode or len(found) < SAMPLES:
        raise AssertionError(f"the worker of {kind} ended with {worker.returncode} after {len(found)} samples")
    return found


def figures(ours: list[int], theirs: list[int]) -> dict[str, Any]:
    half = len(ours) // 2
    growth = ours[-1] / fmean(ours[half - 1 : half + 1]) - 1
    goals = [
        Goal("memory of a worker ÷ (d)", ours[-1] / theirs[-1], most=2),
        Goal("growth over the second half, %", growth * 100, most=2),
    ]
    return {"engine_bytes": ours, "reference_d_bytes": theirs, "goals": [goal.facts() for goal in goals]}
