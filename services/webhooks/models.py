"""The tables of `webhooks`: endpoints, what is delivered to them, every attempt, and which agency a unit belongs to."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from events import bulk

#: States of an endpoint: it is served; its owner stopped it for a while; it was given up (see `reason`).
ENABLED, PAUSED, DISABLED = "enabled", "paused", "disabled"
#: States of a delivery: not tried yet; tried and to be tried again; arrived; out of attempts.
PENDING, FAILED, DELIVERED, DEAD = "pending", "failed", "delivered", "dead"
OPEN = (PENDING, FAILED)


class Base(DeclarativeBase):
    metadata = sa.MetaData()


class Endpoint(Base):
    """A system of others. `scope` is the code of an agency or `*`; `types` a JSON list, empty for all public types.

    `key` counts its secrets, `retiring` is a JSON list of those that still sign. `ordered`: one message of a subject at
    a time. `reason` says why it is disabled: `gone` or `unreachable`. No secret is kept here (see keys.py).
    """

    __tablename__ = "webhooks_endpoint"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    scope: Mapped[str] = mapped_column(sa.String(40), index=True)
    url: Mapped[str] = mapped_column(sa.String(2000))
    types: Mapped[str] = mapped_column(sa.Text)
    ordered: Mapped[bool]
    scheme: Mapped[str] = mapped_column(sa.String(3))
    key: Mapped[int]
    retiring: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[str] = mapped_column(sa.String(10))
    reason: Mapped[str] = mapped_column(sa.String(20))
    created_at: Mapped[datetime] = mapped_column(bulk.Instant)
    created_by: Mapped[str] = mapped_column(sa.String(60))
    attempts: Mapped[int]
    delivered: Mapped[int]
    delivered_at: Mapped[datetime | None] = mapped_column(bulk.Instant)
    failing_since: Mapped[datetime | None] = mapped_column(bulk.Instant)
    paused_until: Mapped[datetime | None] = mapped_column(bulk.Instant)


class Delivery(Base):
    """A message for an endpoint: the event's id is its webhook-id, `body` the bytes that are signed and sent.

    `attempts` counts all ever made and numbers them; `step` is how far the present round of the schedule has come.
    """

    __tablename__ = "webhooks_delivery"
    endpoint: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    event: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    type: Mapped[str] = mapped_column(sa.String(80))
    subject: Mapped[str] = mapped_column(sa.String(120))
    sequence: Mapped[int]
    body: Mapped[bytes]
    state: Mapped[str] = mapped_column(sa.String(10))
    attempts: Mapped[int]
    step: Mapped[int]
    next_at: Mapped[datetime | None] = mapped_column(bulk.Instant)
    created_at: Mapped[datetime] = mapped_column(bulk.Instant)
    __table_args__ = (
        sa.Index("webhooks_delivery_by_turn", "endpoint", "state", "next_at"),
        sa.Index("webhooks_delivery_by_subject", "endpoint", "subject", "sequence"),
        sa.Index("webhooks_delivery_by_age", "created_at", "event", "endpoint"),
    )


class Try(Base):
    """The log: one attempt. `duration` in seconds, `excerpt` the redacted beginning of the answer's body."""

    __tablename__ = "webhooks_attempt"
    endpoint: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    event: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(bulk.Instant, index=True)
    duration: Mapped[float]
    outcome: Mapped[str] = mapped_column(sa.String(10))
    status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(sa.String(30))
    excerpt: Mapped[str] = mapped_column(sa.Text)


class Unit(Base):
    """Whose side an event about a unit is on."""

    __tablename__ = "webhooks_unit"
    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    opd: Mapped[str] = mapped_column(sa.String(40))
    instansi: Mapped[str] = mapped_column(sa.String(10))
