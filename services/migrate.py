"""Bring databases and log up to date: the tables by deploy/migrations, topics, the clock, the roles of PostgreSQL.

All that happens to a database happens in one transaction, on SQLite too: a migration that is interrupted has changed
nothing. Who comes second waits for the first and finds nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import alembic.util
import msgspec
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from events import log
from services import clock, roles
from services.config import EMBEDDED_LOG
from services.db import Databases
from services.service import Service

# What was done is in the report; that SQLite had no transactional DDL, as Alembic logs, is not so here.
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)

SCRIPTS = Path(__file__).resolve().parents[1] / "deploy" / "migrations"
#: A resident of every database: the tables of the log, and the clock.
KERNEL = "kernel"
PARTITIONS = {"sqlite": 1, "postgresql": 4}
#: The advisory lock of whoever migrates a database.
LOCK = 0x696D62616E67


class NotMigrated(Exception):
    """A database is not ready"""


class Migrated(msgspec.Struct, frozen=True):
    """What was done to a database. `revisions` by resident; `roles`: those that its login takes on."""

    database: str
    revisions: dict[str, list[str]]
    topics: list[str]
    roles: list[str]

    def __str__(self) -> str:
        done = [f"{resident} {revision}" for resident, steps in self.revisions.items() for revision in steps]
        done += [f"topic {topic}" for topic in self.topics]
        return f"{self.database}: {', '.join(done) or 'up to date'}"


class Report(msgspec.Struct, frozen=True):
    """What a migration did: to each database, and which topics it created in Kafka."""

    databases: list[Migrated]
    kafka_topics: list[str]

    def lines(self) -> list[str]:
        return [*map(str, self.databases), *(f"Kafka: topic {topic}" for topic in self.kafka_topics)]


def migrate(databases: Databases, services: Sequence[Service]) -> Report:
    """Create and change what is missing in every database of these services, and in Kafka if that carries their events.

    Raises NotMigrated.
    """
    done = [_migrate(databases, url, residents) for url, residents in databases.urls(services).items()]
    topics: list[str] = []
    if databases.config.event_log_url != EMBEDDED_LOG:
        from events.kafka import create_topics

        topics = create_topics(databases.config.event_log_url)
    return Report(done, topics)


def require_migrated(databases: Databases, services: Sequence[Service]) -> None:
    """Raise NotMigrated unless every service finds the tables that it knows. A newer database is well: it is migrated
    before new code starts, while old code still runs."""
    scripts = ScriptDirectory(str(SCRIPTS))
    head = scripts.get_current_head()
    older = {script.revision for script in scripts.walk_revisions()} - {head}
    for service in services:
        name = sa.make_url(databases.config.url(service.name)).render_as_string()
        try:
            with databases.reader(service.name).connect() as conn:
                context = MigrationContext.configure(conn, opts={"version_table": f"{service.name}_schema"})
                found = context.get_current_revision()
        except sa.exc.DBAPIError as error:
            raise NotMigrated(f"{name}: {getattr(error, 'orig', None) or error}") from error
        if found is None or found in older:
            raise NotMigrated(f"{name}: {service.name} is at {found or 'nothing'}, needs {head}; run `imbang migrate`")


def _migrate(databases: Databases, url: str, services: Sequence[Service]) -> Migrated:
    """Migrate one database, in which these services live."""
    name = sa.make_url(url).render_as_string()
    try:
        create_roles(url)
        owner = databases.owner(url)
        with owner.begin() as conn:
            _lock(conn)
            revisions = _upgrade(conn, [KERNEL, *(s.name for s in services)])
            topics = log.create_topics(conn, PARTITIONS[conn.dialect.name])
            clock.create(conn)
            taken = _grant(conn, services)
        with owner.begin() as conn:
            conn.execute(sa.text("ANALYZE"))
    except (sa.exc.DBAPIError, alembic.util.CommandError) as error:
        raise NotMigrated(f"{name}: {getattr(error, 'orig', None) or error}") from error
    return Migrated(name, revisions, topics, taken)


def create_roles(url: str) -> None:
    """As the login itself, before it becomes the owner."""
    engine = sa.create_engine(url)
    if engine.dialect.name == "postgresql":
        with engine.begin() as conn:
            _lock(conn)
            roles.create(conn)
    engine.dispose()


def _lock(conn: Connection) -> None:
    """One migration of a database at a time; SQLite's BEGIN IMMEDIATE has seen to it."""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        # A change to a table in use gives up soon: whoever comes after it would wait behind it.
        conn.execute(sa.text("SET LOCAL lock_timeout = '3s'"))


def _upgrade(conn: Connection, residents: Sequence[str]) -> dict[str, list[str]]:
    """Run what each resident of this database lacks of the history; returns the revisions."""
    done: dict[str, list[str]] = {}

    def note(*, step: Any, run_args: dict[str, Any], **_: Any) -> None:
        done.setdefault(run_args["resident"], []).append(step.up_revision_id)

    told = {"connection": conn, "residents": residents, "on_version_apply": note}
    config = alembic.config.Config(attributes=told)
    config.set_main_option("script_location", str(SCRIPTS))
    alembic.command.upgrade(config, "head")
    return done


def _grant(conn: Connection, services: Sequence[Service]) -> list[str]:
    """Give the roles their rights on PostgreSQL; returns those that this login takes on."""
    if conn.dialect.name != "postgresql":
        return []
    recorded = [log.log_entry, *(t for s in services for t in (s.outbox.event, *s.append_only))]
    versions = [f"{resident}_schema" for resident in (KERNEL, *(s.name for s in services))]
    roles.grant(conn, append_only=[table.name for table in recorded], read_only=versions)
    return roles.taken(conn)
