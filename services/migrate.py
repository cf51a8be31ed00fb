"""Bring databases and log up to date: tables, topics, the clock, and on PostgreSQL the three roles."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import log
from services import clock
from services.config import EMBEDDED_LOG
from services.db import READER, WRITER, Databases
from services.service import Service

PARTITIONS = {"sqlite": 1, "postgresql": 4}


def migrate(databases: Databases, services: Sequence[Service]) -> None:
    """Create what is missing in every database of these services, and in Kafka if that carries their events."""
    for url, residents in databases.urls(services).items():
        engine = sa.create_engine(url)
        with engine.begin() as conn:
            for metadata in (log.metadata, clock.metadata, *(tables_of(s) for s in residents)):
                metadata.create_all(conn)
            log.create_topics(conn, PARTITIONS[conn.dialect.name])
            clock.create(conn)
            if conn.dialect.name == "postgresql":
                _grant(conn, residents)
        with engine.begin() as conn:
            conn.execute(sa.text("ANALYZE"))
        engine.dispose()
    if databases.config.event_log_url != EMBEDDED_LOG:
        from events.kafka import create_topics

        create_topics(databases.config.event_log_url)


def tables_of(service: Service) -> sa.MetaData:
    """All tables of a service, the kernel's among them."""
    doors = [service.revoked] if service.doors else []
    for kernel in (service.outbox.event, service.inbox.claim, service.timer, service.job, *doors):
        assert kernel.metadata is service.metadata
    return service.metadata


def _grant(conn: Connection, services: Sequence[Service]) -> None:
    """The writer may not change or delete what is recorded; the reader may only read."""
    if not conn.scalar(sa.text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")):
        return
    for role in (WRITER, READER):
        if not conn.scalar(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": role}):
            conn.execute(sa.text(f"CREATE ROLE {role} NOLOGIN"))
        conn.execute(sa.text(f"GRANT {role} TO CURRENT_USER"))
    conn.execute(sa.text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}"))
    conn.execute(sa.text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {WRITER}"))
    conn.execute(sa.text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {WRITER}"))
    recorded = ", ".join([s.outbox.event.name for s in services] + [log.log_entry.name])
    conn.execute(sa.text(f"REVOKE UPDATE, DELETE, TRUNCATE ON {recorded} FROM {WRITER}"))
