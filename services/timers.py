"""Durable timers: a row until it fires. Firing is a command whose id follows from the arming, so it happens once."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import bulk, ids


def table(metadata: sa.MetaData, service: str) -> sa.Table:
    return sa.Table(
        f"{service}_timer",
        metadata,
        sa.Column("subject", sa.String(120), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("arming", sa.String(36), nullable=False),
        sa.Column("due_at", bulk.Instant, nullable=False, index=True),
    )


COLUMNS = ("subject", "name", "arming", "due_at")


def due(conn: Connection, timer: sa.Table, now: datetime, limit: int) -> list[tuple[str, str, str, datetime]]:
    """Timers whose time has come, oldest first, read without a lock."""
    rows = conn.execute(
        sa.select(*(timer.c[c] for c in COLUMNS)).where(timer.c.due_at <= now).order_by(timer.c.due_at).limit(limit)
    )
    return [(s, n, a, d) for s, n, a, d in rows]


def firing_id(service: str, subject: str, name: str, arming: str) -> str:
    return ids.derived("timer", service, subject, name, arming)
