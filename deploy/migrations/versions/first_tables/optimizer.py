"""The tables of `optimizer` in the first release."""

import sqlalchemy as sa
from alembic import op

from deploy.migrations.versions.first_tables.columns import Instant


def create() -> None:
    op.create_table(
        "optimizer_unit",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("opd", sa.String(40), nullable=False),
        sa.Column("instansi", sa.String(10), nullable=False),
        sa.Column("instansi_name", sa.String(120), nullable=False),
        sa.Column("island", sa.String(40), nullable=False),
        sa.Column("load", sa.Double),
        sa.Column("staff", sa.Double, nullable=False),
        sa.Column("need", sa.Integer),
        sa.Column("lasting", sa.Integer, nullable=False),
        sa.Column("level", sa.String(12), nullable=False),
        sa.Column("as_of", sa.Date),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "optimizer_position",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("unit", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("family", sa.String(40), nullable=False),
        sa.Column("job_class", sa.Integer, nullable=False),
        sa.Column("places", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "optimizer_person",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("position", sa.String(60), nullable=False, index=True),
        sa.Column("unit", sa.String(40), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("retires_on", sa.Date, nullable=False),
        sa.Column("skills", sa.Text, nullable=False),
        sa.Column("home", sa.String(40), nullable=False),
        sa.Column("eligible", sa.Boolean, nullable=False),
        sa.Column("cooling_until", sa.Date),
        sa.Column("running_share", sa.Double, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "optimizer_move",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("mutation", sa.String(36), index=True),
        sa.Column("person", sa.String(36), nullable=False, index=True),
        sa.Column("from_unit", sa.String(40), nullable=False),
        sa.Column("to_unit", sa.String(40), nullable=False, index=True),
        sa.Column("to_position", sa.String(60), nullable=False),
        sa.Column("mode", sa.String(10), nullable=False),
        sa.Column("share", sa.Double, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
    )
    op.create_table(
        "optimizer_refusal",
        sa.Column("person", sa.String(36), primary_key=True),
        sa.Column("to_unit", sa.String(40), primary_key=True),
        sa.Column("premise", sa.String(120), nullable=False),
        sa.Column("premise_version", sa.Integer, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
    )
    op.create_table(
        "optimizer_plan",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", Instant, nullable=False, index=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("picture", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "optimizer_proposal",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("plan", sa.String(36), nullable=False, index=True),
        sa.Column("at", Instant, nullable=False, index=True),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("mutation", sa.String(36)),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "optimizer_assessment",
        sa.Column("instansi", sa.String(10), primary_key=True),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("signed_by", sa.String(36), nullable=False),
        sa.Column("signed_at", Instant, nullable=False),
    )
