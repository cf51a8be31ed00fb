"""The tables of `mutations` in the first release."""

import sqlalchemy as sa
from alembic import op

from deploy.migrations.versions.first_tables.columns import Instant


def create() -> None:
    op.create_table(
        "mutations_key",
        sa.Column("person", sa.String(36), primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "mutations_case",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.String(60), nullable=False, index=True),
        sa.Column("route", sa.String(2), nullable=False),
        sa.Column("person", sa.String(36), nullable=False, index=True),
        sa.Column("source_unit", sa.String(40), nullable=False),
        sa.Column("source_opd", sa.String(40), nullable=False, index=True),
        sa.Column("source_instansi", sa.String(10), nullable=False),
        sa.Column("target_unit", sa.String(40), nullable=False),
        sa.Column("target_opd", sa.String(40), nullable=False, index=True),
        sa.Column("target_instansi", sa.String(10), nullable=False),
        sa.Column("mode", sa.String(10), nullable=False),
        sa.Column("origin", sa.String(30), nullable=False),
        sa.Column("proposal", sa.String(36), index=True),
        sa.Column("contested", sa.Boolean, nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Index("mutations_case_by_opening", "opened_at", "id"),
    )
    op.create_table(
        "mutations_duty",
        sa.Column("mutation", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("party", sa.String(40), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("scope", sa.String(40), nullable=False),
        sa.Column("office", sa.String(60), nullable=False),
        sa.Column("person", sa.String(36), nullable=False, index=True),
        sa.Column("since", Instant, nullable=False),
        sa.Column("due", Instant),
        sa.Column("escalated", sa.Boolean, nullable=False),
        sa.Index("mutations_duty_by_seat", "role", "scope"),
    )
    op.create_table(
        "mutations_reservation",
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("key", sa.String(60), primary_key=True),
        sa.Column("mutation", sa.String(36), primary_key=True),
        sa.Column("share", sa.Double, nullable=False),
    )
    op.create_table(
        "mutations_words",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("mutation", sa.String(36), nullable=False, index=True),
        sa.Column("person", sa.String(36), nullable=False),
        sa.Column("author", sa.String(36), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "mutations_unit",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("opd", sa.String(40), nullable=False),
        sa.Column("opd_name", sa.String(120), nullable=False),
        sa.Column("instansi", sa.String(10), nullable=False),
        sa.Column("instansi_name", sa.String(120), nullable=False),
        sa.Column("ministerial", sa.Boolean, nullable=False),
        sa.Column("ratio", sa.Double),
        sa.Column("as_of", sa.Date),
        sa.Column("staff", sa.Double),
        sa.Column("floor", sa.Double),
    )
    op.create_table(
        "mutations_position",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("unit", sa.String(40), nullable=False, index=True),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("places", sa.Integer, nullable=False),
    )
    op.create_table(
        "mutations_person",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("position", sa.String(60), nullable=False, index=True),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("retires_on", sa.Date, nullable=False),
        sa.Column("eligible", sa.Boolean, nullable=False),
        sa.Column("last_duty_ended", sa.Date),
    )
    op.create_table(
        "mutations_office",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("scope", sa.String(40), nullable=False),
        sa.Column("title", sa.String(160), nullable=False),
    )
    op.create_table(
        "mutations_holding",
        sa.Column("office", sa.String(60), primary_key=True),
        sa.Column("person", sa.String(36), primary_key=True, index=True),
        sa.Column("capacity", sa.String(12), primary_key=True),
        sa.Column("since", sa.Date, primary_key=True),
        sa.Column("until", sa.Date),
        sa.Column("order", sa.String(80), nullable=False),
        sa.Column("barred", sa.Text, nullable=False),
    )
    op.create_table(
        "mutations_delegation",
        sa.Column("office", sa.String(60), primary_key=True),
        sa.Column("to_person", sa.String(36), primary_key=True, index=True),
        sa.Column("order", sa.String(80), primary_key=True),
        sa.Column("by_person", sa.String(36), nullable=False),
        sa.Column("commands", sa.Text, nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date, nullable=False),
    )
    op.create_table(
        "mutations_proposal",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
