"""A database into one file and back, by its own means: SQLite's VACUUM INTO, PostgreSQL's pg_dump and pg_restore.

A copy of a living SQLite file would be torn; VACUUM INTO reads one snapshot beside the writer, and leaves behind what
was deleted, destroyed keys among it. Of PostgreSQL only tables and rows are taken: owners and rights are those of the
place where it is restored, and the migration states them anew.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from services.db import OWNER, Databases

#: How the files of a backup end, by the kind of their database.
SUFFIXES = {"sqlite": ".db", "postgresql": ".dump"}
#: How much of a program's complaint is repeated.
COMPLAINT = 2000


class ToolFailed(Exception):
    """A database or its program did not do its work"""


@contextmanager
def dumped(databases: Databases, url: str, file: Path) -> Iterator[Connection]:
    """Write a database into a new file; inside, a connection that sees exactly what is in it. Raises ToolFailed."""
    if sa.make_url(url).get_backend_name() == "postgresql":
        with databases.owner(url).connect().execution_options(isolation_level="REPEATABLE READ") as conn, conn.begin():
            conn.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # it waits for pg_dump
            snapshot = conn.scalar(sa.text("SELECT pg_export_snapshot()"))
            _run(conn, "pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={file}")
            yield conn
        return
    path = _path(url)
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=10, isolation_level=None)) as source:
            source.execute("VACUUM INTO ?", (str(file),))
    except sqlite3.Error as error:
        raise ToolFailed(f"{path}: {error}") from error
    made = f"{file.absolute().as_uri()}?immutable=1"
    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(made, uri=True))
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def occupied(databases: Databases, url: str) -> bool:
    """Whether a database holds anything already."""
    if sa.make_url(url).get_backend_name() == "postgresql":
        with databases.owner(url).connect() as conn:
            return bool(conn.scalar(sa.text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")))
    path = _path(url)
    return any(left.exists() for left in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))))


def load(databases: Databases, url: str, file: Path) -> None:
    """Fill an empty database from a file of `dumped`, wholly or not at all. Raises ToolFailed."""
    if sa.make_url(url).get_backend_name() == "postgresql":
        with databases.owner(url).connect() as conn:
            _run(conn, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-acl", str(file))
        return
    path = _path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.unfinished")
    shutil.copyfile(file, draft)
    keep(draft)
    draft.rename(path)
    keep(path.parent)


def keep(path: Path) -> None:
    """Have a file or folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _path(url: str) -> Path:
    return Path(sa.make_url(url).database or "").absolute()


def _run(conn: Connection, tool: str, *arguments: str) -> None:
    """Run a client program on the database and as the role of `conn`; the password is in no list of processes."""
    url, role = conn.engine.url, conn.scalar(sa.text("SELECT current_user"))
    version = int(conn.scalar(sa.text("SELECT current_setting('server_version_num')::int")) or 0) // 10_000
    told = [f"--dbname={_address(url)}", *([f"--role={OWNER}"] if role == OWNER else [])]
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    ran = subprocess.run(
        [_find(tool, version), *told, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise ToolFailed(f"{tool}: {ran.stderr.strip()[-COMPLAINT:]}")


def _address(url: URL) -> str:
    """The address without its password."""
    return URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query).render_as_string()


def _find(tool: str, version: int) -> str:
    """A program of the server's version or a newer one: what the PATH leads to, otherwise Debian's."""
    if found := shutil.which(tool):
        return found
    installed = {path.parts[-3]: str(path) for path in Path("/usr/lib/postgresql").glob(f"*/bin/{tool}")}
    if fitting := [name for name in installed if name.isdigit() and int(name) >= version]:
        return installed[min(fitting, key=int)]
    raise ToolFailed(
        f"{tool} is not on the PATH; install the client programs of PostgreSQL {version} (Debian: postgresql-client)"
    )
