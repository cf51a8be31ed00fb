"""The benchmark is checked in a process of its own: it adds a definition to the library that all tests share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.__main__ import BENCHES
from tests.bench import checks, checks_areas, command

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("part", ["not postgres", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_the_benchmark_measures_what_it_says(part: str) -> None:
    files = (str(checks.__file__), str(checks_areas.__file__))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--numprocesses=0", "-m", part, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_command_line_knows_every_area() -> None:
    assert set(BENCHES) == set(command.AREAS) == set(command.TABLES) == set(command.WORK)
