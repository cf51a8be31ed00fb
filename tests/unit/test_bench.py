"""The benchmark is checked in a process of its own: it adds a definition to the library that all tests share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import checks

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("part", ["not postgres", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_the_benchmark_measures_what_it_says(part: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=0", "-m", part, checks.__file__]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
