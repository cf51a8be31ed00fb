"""The real servers and the browser of a test run: started when first asked for, shared by all workers of the run."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from deploy.daemon import Daemon, StartFailed
from deploy.native import Kafka, Postgres, Server
from deploy.provision import Missing

AnyServer = TypeVar("AnyServer", bound=Server)

#: For clusters that nobody needs after the run: a killed process loses nothing by it, only a power cut would.
POSTGRES_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}

#: Short sessions, so that a killed broker comes back, and a killed consumer is missed, in seconds.
KAFKA_SETTINGS = {
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "300",
    "group.min.session.timeout.ms": "500",
}

#: For Playwright's `launch(args=...)`: root needs the first; the rest keeps Chromium from the network.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class Stations:
    """The servers in one directory, which the workers of a run share."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def open(cls) -> Stations:
        """Stations in a new directory, through which PostgreSQL's unprivileged user can pass."""
        directory = Path(tempfile.mkdtemp(prefix="imbang-"))
        directory.chmod(0o711)
        return cls(directory)

    def postgres(self, name: str = "postgres") -> Postgres:
        """A running cluster, by another name another one. Raises Missing or StartFailed, as `kafka` does."""
        return self._once(name, lambda directory: Postgres(directory, POSTGRES_SETTINGS))

    def kafka(self, name: str = "kafka") -> Kafka:
        """A running broker, by another name another one."""
        return self._once(name, lambda directory: Kafka(directory, KAFKA_SETTINGS))

    def kafka_address(self) -> str:
        """The address in KAFKA_BOOTSTRAP, or that of a broker of this run."""
        return os.environ.get("KAFKA_BOOTSTRAP") or self.kafka().address

    def close(self) -> None:
        """Kill every server, those of whole clusters too; nobody needs its data."""
        for pid_file in (*self.directory.glob("*/*/pid"), *self.directory.glob("*/pid")):
            Daemon(pid_file.parent).kill()
        shutil.rmtree(self.directory)

    def _once(self, name: str, server: Callable[[Path], AnyServer]) -> AnyServer:
        """Start a server, one worker at a time; what failed once is not tried again."""
        directory, failure = self.directory / name, self.directory / f"{name}.failed"
        with (self.directory / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if failure.exists():
                raise StartFailed(failure.read_text())
            try:
                started = server(directory)
                started.start()
            except (Missing, StartFailed) as reason:
                failure.write_text(str(reason))
                raise
            return started
