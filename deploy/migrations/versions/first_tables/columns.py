"""The column types that differ between SQLite and PostgreSQL, as the first release had them."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

#: A UUID in text form; native on PostgreSQL.
Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
#: A moment: sortable ISO text on SQLite, timestamptz on PostgreSQL.
Instant = sa.String(27).with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
