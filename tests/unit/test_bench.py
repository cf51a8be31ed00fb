"""The benchmark is checked in a process of its own: it adds a definition to the library that all tests share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from services.__main__ import BENCHES
from tests.bench import checks, checks_areas, checks_outside
from tests.bench import command as benchmarks

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(300)  # processes of its own start and end here
@pytest.mark.parametrize(
    ("file", "part"),
    [
        (checks, "not postgres"),
        pytest.param(checks, "postgres", marks=pytest.mark.postgres),
        (checks_areas, "not postgres"),
        (checks_outside, "not postgres"),
        pytest.param(checks_outside, "postgres and not kafka", marks=pytest.mark.postgres),
        pytest.param(checks_outside, "kafka", marks=[pytest.mark.postgres, pytest.mark.kafka]),
    ],
)
def test_the_benchmark_measures_what_it_says(file: ModuleType, part: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=0", "-m", part, str(file.__file__)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_command_line_knows_every_area() -> None:
    assert set(BENCHES) == set(benchmarks.AREAS) == set(benchmarks.TABLES) == set(benchmarks.WORK)
