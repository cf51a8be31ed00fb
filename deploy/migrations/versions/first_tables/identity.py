"""The tables of `identity` in the first release."""

import sqlalchemy as sa
from alembic import op

from deploy.migrations.versions.first_tables.columns import Instant


def create() -> None:
    op.create_table(
        "identity_account",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("login", sa.String(60), nullable=False, unique=True),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("person", sa.String(36), index=True),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("password_hash", sa.String(200)),
        sa.Column("opened_at", Instant, nullable=False),
    )
    op.create_table(
        "identity_key",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("account", sa.String(36), nullable=False, index=True),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", Instant, nullable=False),
    )
    op.create_table(
        "identity_attempt",
        sa.Column("login_hash", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_at", Instant, nullable=False, index=True),
        sa.Column("closed_until", Instant, nullable=False),
    )
