"""Databases: engines for writing and reading, and the base classes of each service's models.

Request threads read through Flask-SQLAlchemy's `db.session`; all writing goes through the committer. On PostgreSQL the
two take different roles, so that a request cannot write and the committer cannot change what is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, orm
from sqlalchemy.engine import Connection, Engine

from services.config import Config
from services.service import Service

OWNER, WRITER, READER = "imbang_owner", "imbang_writer", "imbang_reader"
#: The committer's statements are prepared once and find rows by key. Left to itself PostgreSQL plans those for few keys
#: anew each time, which a lone step waits for, and others for good by what the tables held when it was first asked. The
#: third, since a scan that is unwanted and yet the only way looks so dear that it would be compiled.
PLANS = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off"

db = SQLAlchemy()


def table(model: type[orm.DeclarativeBase]) -> sa.Table:
    """The table of a model, for writing in bulk."""
    return cast(sa.Table, model.__table__)


class Databases:
    """One engine a URL and purpose; services with the same URL share them."""

    def __init__(self, config: Config):
        self.config = config
        self._engines: dict[tuple[str, str], Engine] = {}

    def writer(self, service: str) -> Engine:
        return self._engine(self.config.url(service), WRITER)

    def reader(self, service: str) -> Engine:
        return self._engine(self.config.url(service), READER)

    def owner(self, url: str) -> Engine:
        """For changing the tables of a database."""
        return self._engine(url, OWNER)

    def urls(self, services: Iterable[Service]) -> dict[str, list[Service]]:
        """Each database with the services that live in it."""
        homes: dict[str, list[Service]] = {}
        for service in services:
            homes.setdefault(self.config.url(service.name), []).append(service)
        return homes

    def _engine(self, url: str, role: str) -> Engine:
        if (url, role) not in self._engines:
            # Parameters may be personal data, and errors go into logs.
            engine = sa.create_engine(url, pool_size=8, max_overflow=16, hide_parameters=True)
            self._engines[url, role] = prepared(engine, role)
        return self._engines[url, role]

    def close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()


def prepared(engine: Engine, role: str) -> Engine:
    """Set up the connections of an engine for what its role does."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _begin if role == READER else _begin_immediate)
    else:

        def connected(dbapi: Any, _: Any) -> None:
            # What psycopg prepares by itself it takes back after a ROLLBACK or DROP by DEALLOCATE ALL, and with it what
            # events/wire.py has prepared on this connection.
            dbapi.prepare_threshold = None
            _take_role(dbapi, role)
            if role == WRITER:
                dbapi.execute(PLANS)
                dbapi.commit()

        event.listen(engine, "connect", connected)
    return engine


def _sqlite_connected(dbapi: Any, _: Any) -> None:
    """WAL for readers beside the writer, FULL so that an acknowledged command survives a power cut."""
    dbapi.isolation_level = None  # transactions are begun by us, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        dbapi.execute(f"PRAGMA {pragma}")


def _begin_immediate(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN")


def _take_role(dbapi: Any, role: str) -> None:
    """Give up all rights but the role's, where the roles exist (`imbang migrate` creates them when it may)."""
    with dbapi.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = %s AND pg_has_role(current_user, oid, 'MEMBER')", (role,)
        )
        if cursor.fetchone():
            cursor.execute(f"SET ROLE {role}")
        # A frozen process must not hold its locks for ever.
        cursor.execute("SET idle_in_transaction_session_timeout = '30s'")
    dbapi.commit()
