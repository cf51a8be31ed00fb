"""The tables of `personnel` in the first release."""

import sqlalchemy as sa
from alembic import op


def create() -> None:
    op.create_table(
        "personnel_key",
        sa.Column("person", sa.String(36), primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "personnel_unit",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("name", sa.String(160), nullable=False),
        sa.Column("opd", sa.String(60), nullable=False, index=True),
        sa.Column("opd_name", sa.String(160), nullable=False),
        sa.Column("instansi", sa.String(10), nullable=False, index=True),
        sa.Column("instansi_name", sa.String(160), nullable=False),
        sa.Column("region", sa.String(10), nullable=False),
        sa.Column("island", sa.String(40), nullable=False),
        sa.Column("dukcapil", sa.Boolean, nullable=False),
    )
    op.create_table(
        "personnel_position",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("unit", sa.String(60), nullable=False, index=True),
        sa.Column("title", sa.String(160), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("family", sa.String(60), nullable=False),
        sa.Column("job_class", sa.Integer, nullable=False),
        sa.Column("places", sa.Integer, nullable=False),
    )
    op.create_table(
        "personnel_person",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("grade", sa.Integer, nullable=False),
        sa.Column("position", sa.String(80), nullable=False, index=True),
        sa.Column("unit", sa.String(60), nullable=False, index=True),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("appointed_on", sa.Date, nullable=False),
        sa.Column("retires_on", sa.Date, nullable=False),
        sa.Column("skills", sa.Text, nullable=False),
        sa.Column("home", sa.String(40), nullable=False),
        sa.Column("eligible", sa.Boolean, nullable=False),
    )
    op.create_table(
        "personnel_card",
        sa.Column("person", sa.String(36), primary_key=True),
        sa.Column("name", sa.LargeBinary, nullable=False),
        sa.Column("nip", sa.LargeBinary),
        sa.Column("number", sa.String(64), unique=True),
        sa.Column("title", sa.String(160)),
    )
    op.create_table(
        "personnel_incumbency",
        sa.Column("person", sa.String(36), primary_key=True),
        sa.Column("since", sa.Date, primary_key=True),
        sa.Column("position", sa.String(80), nullable=False, index=True),
        sa.Column("mutation", sa.String(36)),
    )
    op.create_table(
        "personnel_duty",
        sa.Column("mutation", sa.String(36), primary_key=True),
        sa.Column("person", sa.String(36), nullable=False, index=True),
        sa.Column("position", sa.String(80), nullable=False, index=True),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date),
        sa.Column("share", sa.Double, nullable=False),
        sa.Column("back_on", sa.Date),
    )
    op.create_table(
        "personnel_office",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("scope", sa.String(60), nullable=False),
        sa.Column("instansi", sa.String(10), nullable=False, index=True),
        sa.Column("title", sa.String(160), nullable=False),
    )
    op.create_table(
        "personnel_holding",
        sa.Column("office", sa.String(80), primary_key=True),
        sa.Column("person", sa.String(36), primary_key=True, index=True),
        sa.Column("capacity", sa.String(12), primary_key=True),
        sa.Column("since", sa.Date, primary_key=True),
        sa.Column("until", sa.Date),
        sa.Column("order", sa.String(80), nullable=False),
        sa.Column("barred", sa.Text, nullable=False),
    )
    op.create_table(
        "personnel_delegation",
        sa.Column("office", sa.String(80), primary_key=True),
        sa.Column("to_person", sa.String(36), primary_key=True, index=True),
        sa.Column("order", sa.String(80), primary_key=True),
        sa.Column("by_person", sa.String(36), nullable=False),
        sa.Column("commands", sa.Text, nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date, nullable=False),
    )
