"""A real application of the sample province for a browser: the process that `make run` starts, in its own directory."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from deploy.daemon import Daemon, wait_until
from deploy.native import free_ports
from tests.stations import Stations

LOADING_SECONDS = 110
SETTINGS = {
    "EVENT_LOG_URL": "database:",
    "IMBANG_SERVICES": "",
    "IMBANG_WEBHOOK_NETWORKS": "127.0.0.0/8",
    "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
}


class Site(Daemon):
    """`imbang run` on a free port. A directory without a database is filled with the sample province first."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when the pages can be asked for, and what is known of offices is fresh enough to act by."""
        self.directory.mkdir(exist_ok=True)
        known = self._known_until()
        own = SETTINGS | {
            "DATABASE_URL": f"sqlite:///{self._database}",
            "IMBANG_DIRECTORY": str(self.directory),
            "IMBANG_PORT": str(self.port),
        }
        settings = [f"{name}={value}" for name, value in own.items()]
        run = [sys.executable, "-m", "services", "run", "--demo", "--directory", str(self.directory)]
        self.spawn(["env", *settings, *run], self._answers, LOADING_SECONDS)
        assert wait_until(lambda: self._known_until() != known, LOADING_SECONDS), "nothing new is known of offices"

    def events(self, service: str, type: str) -> int:
        """How many events of a type a service has recorded, counted in its database behind its back."""
        return int(self._value(f"SELECT count(*) FROM {service}_event WHERE type = ?", type))

    def _known_until(self) -> str | None:
        """Until when the service `mutations` knows who holds which office; None without a database."""
        if not self._database.exists():
            return None
        query = "SELECT max(fresh_at) FROM mutations_log_position WHERE topic = ?"
        known: str | None = self._value(query, "authority")
        return known

    def _value(self, query: str, *parameters: str) -> Any:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            return database.execute(query, parameters).fetchone()[0]

    @property
    def _database(self) -> Path:
        return self.directory / "imbang.db"

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


def copied(stations: Stations, directory: Path) -> Site:
    """A started site of its own on a copy of the province, which is loaded once in a run, by whoever is first."""
    province = stations.directory / "province"
    with (stations.directory / "province.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (province / "loaded").exists():
            shutil.rmtree(province, ignore_errors=True)
            site = Site(province)
            site.start()
            site.stop()
            (province / "loaded").touch()
    shutil.copytree(province, directory, ignore=shutil.ignore_patterns("log", "pid", "loaded"))
    site = Site(directory)
    site.start()
    return site
