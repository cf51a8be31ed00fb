"""What a newcomer's command does: the recipe of `make run` as a process, stopped by Ctrl-C and started again."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.sample.browserless import OverNetwork, Visitor

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(180)


def recipe() -> list[str]:
    """The last command that `make run` gives, for use from another folder."""
    dry_run = ["make", "--dry-run", "--no-print-directory", "run"]
    dry = subprocess.run(dry_run, cwd=ROOT, capture_output=True, text=True, check=True)
    program, *arguments = shlex.split(dry.stdout.splitlines()[-1])
    return [str(ROOT / program), *arguments]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(directory: Path) -> Iterator[tuple[str, str]]:
    """What the process printed until it served, and its address; Ctrl-C ends it well. Nothing but the port is set."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("IMBANG", "DATABASE"))}
    environment["IMBANG_PORT"] = str(port)
    with subprocess.Popen(
        recipe(), cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        try:
            said = ""
            for line in process.stdout:
                said += line
                if "http://" in line:
                    break
            yield said, f"http://127.0.0.1:{port}"
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()


def first_account(said: str) -> tuple[str, str]:
    """Login and password, as a newcomer reads them from the terminal."""
    password = re.search(r"kata sandi semuanya: (.+)", said)
    login = re.search(r"^  (\S+)", said, re.MULTILINE)
    assert password
    assert login
    return login[1], password[1]


def shown_day(visitor: Visitor) -> str:
    """The day on the demo clock of a screen."""
    day = re.search(r'<form class="clock".*?<b>(.+?)</b>', visitor.http.get("/workload/").text, re.DOTALL)
    assert day
    return day[1]


def test_a_newcomer_signs_in_by_what_is_printed_and_a_restart_goes_on(tmp_path: Path) -> None:
    with running(tmp_path) as (said, url):
        visitor = Visitor(OverNetwork(url), *first_account(said))
        assert "Dinas Kependudukan" in visitor.http.get("/workload/").text
        first = shown_day(visitor)
        visitor.post("/demo/next-day", {})
        second = shown_day(visitor)
        assert second != first
    with running(tmp_path) as (said, url):
        assert shown_day(Visitor(OverNetwork(url), *first_account(said))) == second
