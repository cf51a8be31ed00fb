"""The tables of `workload` in the first release."""

import sqlalchemy as sa
from alembic import op

from deploy.migrations.versions.first_tables.columns import Instant


def create() -> None:
    op.create_table(
        "workload_unit",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("opd", sa.String(40), nullable=False, index=True),
        sa.Column("opd_name", sa.String(120), nullable=False),
    )
    op.create_table(
        "workload_position",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("unit", sa.String(40), nullable=False, index=True),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("places", sa.Integer, nullable=False),
    )
    op.create_table(
        "workload_seat",
        sa.Column("person", sa.String(36), primary_key=True),
        sa.Column("mutation", sa.String(36), primary_key=True),
        sa.Column("position", sa.String(60), nullable=False, index=True),
        sa.Column("unit", sa.String(40), nullable=False, index=True),
        sa.Column("share", sa.Double, nullable=False),
    )
    op.create_table(
        "workload_abk",
        sa.Column("unit", sa.String(40), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("wke", sa.Integer, nullable=False),
        sa.Column("minutes", sa.Double, nullable=False),
        sa.Column("need", sa.Integer, nullable=False),
        sa.Column("signed_on", sa.Date, nullable=False),
    )
    op.create_table(
        "workload_task",
        sa.Column("unit", sa.String(40), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("task", sa.String(60), primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("name", sa.String(160), nullable=False),
        sa.Column("volume", sa.Double, nullable=False),
        sa.Column("norm", sa.Double, nullable=False),
        sa.Column("counted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "workload_report",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("unit", sa.String(40), nullable=False),
        sa.Column("period_from", sa.Date, nullable=False),
        sa.Column("period_to", sa.Date, nullable=False),
        sa.Column("days", sa.Integer, nullable=False),
        sa.Column("absent_days", sa.Double, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("submitted_at", Instant, nullable=False),
        sa.Column("account", sa.String(120)),
        sa.Column("replaced_by", sa.String(36)),
        sa.Index("workload_report_by_period", "unit", "period_to"),
    )
    op.create_table(
        "workload_load",
        sa.Column("unit", sa.String(40), primary_key=True),
        sa.Column("abk", sa.Integer, nullable=False),
        sa.Column("report", sa.String(36)),
        sa.Column("as_of", sa.Date),
        sa.Column("measurement", sa.String(36)),
        sa.Column("said_ratio", sa.Double),
        sa.Column("said_level", sa.String(10)),
    )
    op.create_table(
        "workload_measurement",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("unit", sa.String(40), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("cause", sa.String(10), nullable=False),
        sa.Column("report", sa.String(36), nullable=False),
        sa.Column("abk", sa.Integer, nullable=False),
        sa.Column("period_from", sa.Date, nullable=False),
        sa.Column("period_to", sa.Date, nullable=False),
        sa.Column("staff", sa.Double, nullable=False),
        sa.Column("ratio", sa.Double, nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("needed", sa.Double, nullable=False),
        sa.Column("lasting", sa.Integer, nullable=False),
        sa.Column("working", sa.LargeBinary, nullable=False),
        sa.Index("workload_measurement_by_unit", "unit", "id"),
    )
