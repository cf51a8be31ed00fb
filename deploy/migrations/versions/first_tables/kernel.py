"""The tables of the kernel in the first release: those of every database, and the ten of every service."""

import sqlalchemy as sa
from alembic import op

from deploy.migrations.versions.first_tables.columns import Id, Instant


def create_shared() -> None:
    """The log as a table, and the business clock."""
    op.create_table(
        "log_head",
        sa.Column("topic", sa.String(40), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "log_entry",
        sa.Column("topic", sa.String(40), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("watermark", Instant),
    )
    op.create_table(
        "business_clock",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("offset_seconds", sa.BigInteger, nullable=False),
        sa.Column("confirmed", Instant, nullable=False),
    )


def create(service: str) -> None:
    """Outbox, inbox, timers, jobs and void sign-ins of one service."""
    _create_outbox(service)
    _create_inbox(service)
    op.create_table(
        f"{service}_timer",
        sa.Column("subject", sa.String(120), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("arming", sa.String(36), nullable=False),
        sa.Column("due_at", Instant, nullable=False, index=True),
    )
    op.create_table(
        f"{service}_job",
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("key", sa.String(120), primary_key=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("run_at", Instant, nullable=False, index=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("fence", sa.String(36)),
        sa.Column("lease_until", Instant),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
    )
    op.create_table(
        f"{service}_revoked",
        sa.Column("account", sa.String(36), primary_key=True),
        sa.Column("before", Instant, nullable=False),
    )


def _create_outbox(service: str) -> None:
    op.create_table(
        f"{service}_event",
        sa.Column("event_id", Id, primary_key=True),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("subject_version", sa.Integer, nullable=False),
        sa.Column("type", sa.String(80), nullable=False),
        sa.Column("time", Instant, nullable=False),
        sa.Column("correlation", sa.String(36), nullable=False),
        sa.Column("causation", sa.String(36), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("subject", "subject_version"),
    )
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        f"{service}_unpublished",
        sa.Column("seq", number, sa.Identity(always=False), primary_key=True),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("topic", sa.String(40), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )


def _create_inbox(service: str) -> None:
    op.create_table(
        f"{service}_claim",
        sa.Column("command_id", Id, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_table(
        f"{service}_log_position",
        sa.Column("topic", sa.String(40), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next", sa.BigInteger, nullable=False),
        sa.Column("last_id", Id),
        sa.Column("fresh_at", Instant),
    )
    op.create_table(
        f"{service}_applied",
        sa.Column("subject", sa.String(120), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        f"{service}_waiting",
        sa.Column("subject", sa.String(120), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.String(10), nullable=False),
        sa.Column("awaits", sa.String(120)),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("since", Instant, nullable=False),
        sa.Column("retry_at", Instant),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    op.create_table(
        f"{service}_dismissed",
        sa.Column("subject", sa.String(120), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("account", sa.String(80), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )
