"""A worker in a process of its own, for measuring its memory: `python -m tests.bench.worker d|engine URL EVERY`.

It reads messages from its input, one a line, and tells its resident memory in bytes after every so many of them. Each
kind imports only what it needs: (d) nothing of the engine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

Take = Callable[[Sequence[bytes]], object]


def resident() -> int:
    """Bytes of this process in memory (man 5 proc)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def step_by_step(url: str) -> tuple[Take, int]:
    from tests.bench.reference_d import StepByStep

    program = StepByStep(url)
    return lambda batch: [program.give(raw) for raw in batch], 100


def engine(url: str) -> tuple[Take, int]:
    from tests.bench.engine import Engine
    from tests.bench.runner import COMMITTED

    contestant = Engine(url)
    turns = 0

    def take(batch: Sequence[bytes]) -> None:
        nonlocal turns
        if turns % 20 == 0:
            contestant.refresh()
        turns += 1
        contestant.take(batch)

    return take, COMMITTED


def serve(kind: str, url: str, every: int) -> None:
    take, size = {"d": step_by_step, "engine": engine}[kind](url)
    taken, told, size = 0, 0, min(size, every)
    while batch := [line.rstrip(b"\n") for line in islice(sys.stdin.buffer, size)]:
        take(batch)
        taken += len(batch)
        if taken // every > told:
            told = taken // every
            print(resident(), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
