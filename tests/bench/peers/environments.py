"""A virtual environment for each peer, under var/peers: built when first asked for, and again when its pins changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PLACE = ROOT / "var" / "peers"
#: The server of Restate comes as a package of npm.
RESTATE = "@restatedev/restate-server@1.7.12"


class Unavailable(Exception):
    """A peer cannot be had on this machine; the message says why."""


def built(name: str) -> bool:
    """Whether a peer's environment is there, with these pins."""
    stamp = PLACE / name / "built"
    return stamp.exists() and stamp.read_text() == _pins(name).read_text()


def pins(name: str) -> str:
    """What the environment holds, in one line."""
    return " ".join(_pins(name).read_text().split())


def python(name: str) -> Path:
    """The interpreter of a peer's environment. Raises Unavailable."""
    place = PLACE / name
    if not built(name):
        shutil.rmtree(place, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(place)])
        quiet = ["--quiet", "--disable-pip-version-check"]
        _run([f"{place}/bin/python", "-m", "pip", *quiet, "install", "--requirement", str(_pins(name))])
        shutil.copy(_pins(name), place / "built")
    return place / "bin" / "python"


def restate_server() -> Path:
    """The program of the server. Raises Unavailable."""
    place = PLACE / "restate-server"
    if not (found := _server(place)):
        if not shutil.which("npm"):
            raise Unavailable("npm, by which the server of Restate comes, is not on the PATH")
        _run(["npm", "install", "--no-audit", "--no-fund", "--no-save", f"--prefix={place}", RESTATE])
        found = _server(place)
    if not found:
        raise Unavailable(f"{RESTATE} has no program for this machine")
    return found[0]


def _pins(name: str) -> Path:
    return Path(__file__).parent / "requirements" / f"{name}.txt"


def _server(place: Path) -> list[Path]:
    return sorted(place.glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))


def _run(command: Sequence[str]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        last = (ran.stderr or ran.stdout).strip().splitlines()[-1:] or ["it says nothing"]
        raise Unavailable(f"{Path(command[0]).name} failed: {last[0]}")
