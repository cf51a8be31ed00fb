"""The promises of the kernel under everything that may happen, 20,000 steps of it; and that a broken one is noticed.

The simulation runs in a process of its own, exactly as `make soak` runs it, so a seed that fails here fails there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.simulation.defects import DEFECTS

STEPS = 5000


def soak(steps: int, seed: int, *more: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, the JSON of the last line, and what was said of a failure."""
    command = [sys.executable, "-m", "tests.simulation.soak", f"--steps={steps}", f"--seed={seed}", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_no_promise_breaks_whatever_happens(seed: int) -> None:
    status, said, why = soak(STEPS, seed)
    assert status == 0, why
    assert (said["seed"], said["steps"], said["violations"]) == (seed, STEPS, 0)
    met = {"death after commit", "death before commit", "failure after commit", "interleaving"}
    assert met <= said["faults"].keys()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("defect", "words"), [(name, words) for name, (_, words) in sorted(DEFECTS.items())])
def test_a_promise_that_is_broken_on_purpose_is_noticed_for_what_it_is(defect: str, words: str) -> None:
    # A copy of an event whose reaction is no upsert meets its consumer in one run of five only.
    runs = ((seed, *soak(STEPS // 2, seed, f"--defect={defect}")) for seed in range(10, 26))
    seed, _, said, why = next(run for run in runs if run[1])
    assert said["violations"] == 1
    assert re.search(words, why)
    assert f"make soak STEPS={said['steps']} SEED={seed}" in why


def test_the_same_seed_gives_the_same_world() -> None:
    assert soak(600, 7) == soak(600, 7)
