"""Whether what clients saw of each mutation has one order that explains it, judged by Porcupine in a Go process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy.provision import Missing, find_go

CHECKER = Path(__file__).parent / "linearizable"


def built(directory: Path) -> Path:
    """The checker, built in a directory. Raises Missing where that cannot be done."""
    program = directory / "linearizable"
    done = subprocess.run([find_go(), "build", "-C", CHECKER, "-o", program, "."], capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"the checker of histories was not built: {done.stderr.strip()}")
    return program


def broken(checker: Path, history: Iterable[dict[str, Any]]) -> list[str]:
    """The mutations whose history has no such order; `history` as tests/chaos/book.py tells it."""
    lines = "\n".join(map(json.dumps, history))
    checked = subprocess.run([checker], input=lines, capture_output=True, text=True)
    if checked.returncode not in (0, 1):
        raise ValueError(f"the checker could not read the history: {checked.stderr}")
    verdict: dict[str, Any] = json.loads(checked.stdout)
    return list(verdict["broken"])
