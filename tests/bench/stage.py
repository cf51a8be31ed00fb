"""Servers of a benchmark's own, in a directory that is gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.native import Kafka, Postgres, Server
from services.clock import DatabaseClock
from services.config import EMBEDDED_LOG, Config, driver
from services.db import Databases
from services.migrate import migrate
from services.mutations import SERVICE
from services.service import Service
from services.steps import BEAT
from tests.bench import town

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"fsync": "on", "synchronous_commit": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"}
#: Tells people how far it is.
Told = Callable[[str], None]


class Stage:
    """A directory for the processes of a benchmark, with a PostgreSQL cluster that keeps what it acknowledges."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.postgres = Postgres(directory / "postgres", SETTINGS)
        self.kafka = Kafka(directory / "kafka")

    def database(self, name: str) -> str:
        """The URL of a new, empty database."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"bench_{name}")))
        return self.postgres.url(f"bench_{name}")

    def vacuum(self, urls: Sequence[str]) -> None:
        """Leave databases as they are when they have been in use for a while."""
        for url in urls:
            with psycopg.connect(url, autocommit=True) as conn:
                conn.execute("VACUUM ANALYZE")
                conn.execute("CHECKPOINT")


@contextmanager
def staged(*, kafka: bool = False) -> Iterator[Stage]:
    """A stage with its servers running; nothing is left behind."""
    directory = Path(tempfile.mkdtemp(prefix="imbang-bench-"))
    directory.chmod(0o711)  # PostgreSQL runs as another user
    stage = Stage(directory)
    servers: list[Server] = [stage.postgres, *([stage.kafka] if kafka else [])]
    try:
        for server in servers:
            server.start()
        yield stage
    finally:
        for server in reversed(servers):
            server.kill()
        shutil.rmtree(directory)


def settle(config: Config, services: Sequence[Service], people: int) -> None:
    """Migrate the database of these services and write the benchmark's town into it."""
    databases = Databases(config)
    migrate(databases, services)
    with databases.writer(SERVICE.name).begin() as conn:
        town.settle(conn, people)
    databases.close()


@contextmanager
def fresh(config: Config) -> Iterator[None]:
    """Keep what the service knows of offices fresh, as the watermarks of `personnel` would."""
    databases, ended = Databases(config), threading.Event()

    def refresh() -> None:
        with databases.writer(SERVICE.name).begin() as conn:
            town.refresh(conn, DatabaseClock().read(conn).wall)

    def go_on() -> None:
        while not ended.wait(BEAT.total_seconds()):
            refresh()

    refresh()
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        databases.close()


def settings(url: str, log: str = EMBEDDED_LOG, directory: Path = Config.directory) -> Config:
    """How a process of the benchmark is set up."""
    return Config(database_url=driver(url), event_log_url=log, secret_key="for the benchmark only", directory=directory)
