"""What the law of a mutation asks of people and posts: recruits, conflicts of interest, posts that lead a unit.

And reservations are found by what they reserve: each batch looked through all of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade(resident: str) -> None:
    if resident not in ("personnel", "mutations"):
        return
    op.add_column(
        f"{resident}_position", sa.Column("heads_unit", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.add_column(f"{resident}_person", sa.Column("conflicts", sa.Text, nullable=False, server_default=""))
    if resident == "mutations":
        op.add_column("mutations_person", sa.Column("appointed_on", sa.Date))
        op.create_index("ix_mutations_reservation_key", "mutations_reservation", ["key"])
