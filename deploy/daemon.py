"""A process that lives in a directory and outlives whoever started it.

Its id and its log lie in the directory, so that any other process can find, stop or kill it. Linux only: /proc tells
who runs.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from deploy.provision import find_program

# A shell stays as the parent and reaps the daemon: init may never do so, and PostgreSQL would take a zombie for alive.
PARENT = '"$@" & echo $! >pid; wait'


class StartFailed(Exception):
    """The program did not start; the message ends with the last lines of its log."""


class Daemon:
    """The process of one directory. Its arguments must name the directory: that is how a recycled id is recognised."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, directory: Path, user: str | None = None) -> None:
        self.directory = directory.absolute()
        self.user = user
        #: Added to our own environment. Unlike arguments, which everyone on the machine can read, it may hold secrets.
        self.environment: dict[str, str] = {}

    @property
    def pid(self) -> int | None:
        """The process id, while the daemon runs."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if os.fsencode(self.directory) in command else None

    def spawn(self, command: list[str], ready: Callable[[], bool], seconds: float) -> None:
        """Start the program in the background and return when `ready`; StartFailed if it ends, or is not in time."""
        setsid = str(find_program("setsid", hint="install util-linux"))
        self._pid_file.unlink(missing_ok=True)
        self.run(setsid, "--fork", "sh", "-c", PARENT, "sh", *command)
        if not wait_until(lambda: ready() or self._ended(), seconds) or self._ended():
            self.kill()
            raise StartFailed(f"{command[0]} did not start:\n{self._last_words()}")

    def run(self, *command: str) -> None:
        """Run a program to its end, as the daemon's user, in its directory; what it says goes to the log."""
        with (self.directory / "log").open("ab") as log:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=os.environ | self.environment,
                user=self.user,
                group=pwd.getpwnam(self.user).pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
            )
        if ended.returncode:
            raise StartFailed(f"{command[0]} failed:\n{self._last_words()}")

    def stop(self, seconds: float = 30) -> None:
        """Ask the daemon to end, and kill it if it does not in time."""
        if pid := self.pid:
            os.kill(pid, self.stop_signal)
            if not wait_until(lambda: not exists(pid), seconds):
                self.kill()

    def kill(self) -> None:
        """End the daemon and its children as a crash would (SIGKILL), and return when all are gone."""
        if pid := self.pid:
            children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            for member in (pid, *children):
                with suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
            wait_until(lambda: not exists(pid) and not any(map(runs, children)), 10)

    @property
    def _pid_file(self) -> Path:
        return self.directory / "pid"

    def _ended(self) -> bool:
        pid = self._pid_file.read_text() if self._pid_file.exists() else ""
        return bool(pid) and not runs(int(pid))

    def _last_words(self) -> str:
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-20:])


def exists(pid: int) -> bool:
    """Whether the process runs, or has ended and waits for its parent to reap it."""
    return Path(f"/proc/{pid}").exists()


def runs(pid: int) -> bool:
    """Whether the process still holds its memory and files; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Whether the condition, looked at `every` so many seconds, came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
