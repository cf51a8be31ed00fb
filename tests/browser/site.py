"""A real application of the sample province for a browser: the process that `make run` starts, in its own directory."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from deploy.daemon import Daemon
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
        """Return when the pages can be asked for."""
        self.directory.mkdir(exist_ok=True)
        own = SETTINGS | {
            "DATABASE_URL": f"sqlite:///{self.directory / 'imbang.db'}",
            "IMBANG_DIRECTORY": str(self.directory),
            "IMBANG_PORT": str(self.port),
        }
        settings = [f"{name}={value}" for name, value in own.items()]
        run = [sys.executable, "-m", "services", "run", "--demo", "--directory", str(self.directory)]
        self.spawn(["env", *settings, *run], self._answers, LOADING_SECONDS)

    def events(self, service: str, type: str) -> int:
        """How many events of a type a service has recorded, counted in its database behind its back."""
        with closing(sqlite3.connect(f"file:{self.directory / 'imbang.db'}?mode=ro", uri=True)) as database:
            counted = database.execute(f"SELECT count(*) FROM {service}_event WHERE type = ?", (type,))
            return int(counted.fetchone()[0])

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
