"""A PostgreSQL cluster of the benchmark's own, with `fsync` and `synchronous_commit` on; nothing is left behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.native import Postgres
from tests.bench.runner import SETTINGS


@contextmanager
def running() -> Iterator[Postgres]:
    """The cluster while it is needed."""
    directory = Path(tempfile.mkdtemp(prefix="imbang-bench-"))
    directory.chmod(0o711)  # PostgreSQL runs as another user
    server = Postgres(directory / "postgres", SETTINGS)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory)


def created(server: Postgres, name: str) -> str:
    """The URL of a new database."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return server.url(name)


def vacuumed(url: str) -> None:
    """Bring a database to rest: statistics for the planner, and no first reader who has to clean up."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")
