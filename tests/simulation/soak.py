"""`python -m tests.simulation.soak --steps N --seed S`: many worlds one after the other, each from a seed of its own.

World number n has the seed S + n and WORLD steps, so a failure is reproduced by naming its seed and no more steps than
it took. The last line is one JSON object; the exit status is 1 when a promise broke. Hashing of strings is fixed, since
the order of sets would otherwise move the blows of fate.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import structlog

from tests.simulation.defects import DEFECTS
from tests.simulation.outside import Receivers, tamed
from tests.simulation.world import Violated, World

#: Steps after which a new world begins, so that its tables stay small.
WORLD = 5000
MEMORY = Path("/dev/shm")


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description="Deterministic simulation of the engine.")
    parser.add_argument("--steps", type=int, default=WORLD)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--defect", choices=sorted(DEFECTS), help="break a promise on purpose")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    done, faults = 0, Counter[str]()
    while done < asked.steps:
        seed, steps = asked.seed + done // WORLD, min(WORLD, asked.steps - done)
        violation, taken = live(seed, steps, faults, asked.defect)
        done += taken
        if violation:
            print(f"seed {seed}, step {taken}: {violation}", file=sys.stderr)
            print(f"again: make soak STEPS={taken} SEED={seed}", file=sys.stderr)
            break
    met = dict(sorted(faults.items()))
    print(json.dumps({"seed": asked.seed, "steps": done, "faults": met, "violations": int(bool(violation))}))
    return int(bool(violation))


def live(seed: int, steps: int, faults: Counter[str], defect: str | None = None) -> tuple[str, int]:
    """One world: the promise that was broken, or nothing, and the steps that were taken."""
    receivers = Receivers(seed)
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with TemporaryDirectory(prefix="imbang-", dir=place) as directory, tamed(Random(seed), receivers) as patch:
        world = World(seed, Path(directory), receivers)
        if defect:
            plant, _ = DEFECTS[defect]
            plant(patch)
        violation = ""
        try:
            world.run(steps)
        except Violated as broken:
            violation = str(broken)
        faults.update(world.faults)
        world.close()
    return violation, world.step


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        again = [sys.executable, "-m", "tests.simulation.soak", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | {"PYTHONHASHSEED": "0"})
    sys.exit(main())
