"""When the business clock was last seen, since when timers stand still, and who confirmed a jump."""

import sqlalchemy as sa
from alembic import op

from deploy.migrations.versions.first_tables.columns import Instant

revision = "0002"
down_revision = "0001"


def upgrade(resident: str) -> None:
    if resident == "kernel":
        op.add_column("business_clock", sa.Column("confirmed_by", sa.String(80)))
        op.add_column("business_clock", sa.Column("seen", Instant))
        op.add_column("business_clock", sa.Column("seen_wall", Instant))
        op.add_column("business_clock", sa.Column("stopped", Instant))
