"""The tables of `webhooks` in the first release."""

import sqlalchemy as sa
from alembic import op

from deploy.migrations.versions.first_tables.columns import Instant


def create() -> None:
    op.create_table(
        "webhooks_endpoint",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("scope", sa.String(40), nullable=False, index=True),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("types", sa.Text, nullable=False),
        sa.Column("ordered", sa.Boolean, nullable=False),
        sa.Column("scheme", sa.String(3), nullable=False),
        sa.Column("key", sa.Integer, nullable=False),
        sa.Column("retiring", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("created_by", sa.String(60), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("delivered", sa.Integer, nullable=False),
        sa.Column("delivered_at", Instant),
        sa.Column("failing_since", Instant),
        sa.Column("paused_until", Instant),
    )
    op.create_table(
        "webhooks_delivery",
        sa.Column("endpoint", sa.String(36), primary_key=True),
        sa.Column("event", sa.String(36), primary_key=True),
        sa.Column("type", sa.String(80), nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("next_at", Instant),
        sa.Column("created_at", Instant, nullable=False),
        sa.Index("webhooks_delivery_by_age", "created_at", "event", "endpoint"),
        sa.Index("webhooks_delivery_by_subject", "endpoint", "subject", "sequence"),
        sa.Index("webhooks_delivery_by_turn", "endpoint", "state", "next_at"),
    )
    op.create_table(
        "webhooks_attempt",
        sa.Column("endpoint", sa.String(36), primary_key=True),
        sa.Column("event", sa.String(36), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", Instant, nullable=False, index=True),
        sa.Column("duration", sa.Double, nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.String(30)),
        sa.Column("excerpt", sa.Text, nullable=False),
    )
    op.create_table(
        "webhooks_unit",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("opd", sa.String(40), nullable=False),
        sa.Column("instansi", sa.String(10), nullable=False),
    )
