"""The three roles on PostgreSQL: the owner changes tables, the writer adds what happened, the reader only reads.

Roles belong to a whole cluster and have no password: a login takes on those of which it is a member. The first
migration creates them if its login may create roles. Where it may not, an administrator does it once:

    CREATE ROLE imbang_owner; CREATE ROLE imbang_writer; CREATE ROLE imbang_reader;
    GRANT imbang_owner, imbang_writer, imbang_reader TO <the login of Imbang>;

Without them everything is done with the rights of the login itself.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.db import OWNER, READER, WRITER

ROLES = (OWNER, WRITER, READER)


def create(conn: Connection) -> None:
    """Create the roles that are missing, if this login may, and let the owner create tables."""
    if conn.scalar(sa.text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")):
        for role in ROLES:
            if not _exists(conn, role):
                # The migration's lock is that of one database; somebody may migrate another one of this cluster.
                with suppress(sa.exc.IntegrityError, sa.exc.ProgrammingError), conn.begin_nested():
                    conn.execute(sa.text(f"CREATE ROLE {role} NOLOGIN"))
                    conn.execute(sa.text(f"GRANT {role} TO CURRENT_USER"))
    may_create = sa.text("SELECT has_schema_privilege(:role, 'public', 'CREATE')")
    if _exists(conn, OWNER) and not conn.scalar(may_create, {"role": OWNER}):
        conn.execute(sa.text(f"GRANT CREATE ON SCHEMA public TO {OWNER}"))


def grant(conn: Connection, *, append_only: Collection[str], read_only: Collection[str]) -> None:
    """Give writer and reader exactly their rights on the tables of this connection's role.

    The writer may only insert into the `append_only` ones and only read the `read_only` ones.
    """
    if not (_exists(conn, WRITER) and _exists(conn, READER)):
        return
    own = sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
    tables = set(conn.scalars(own))
    for right, where, whom in (
        ("REVOKE ALL", tables, f"FROM {WRITER}, {READER}"),
        ("GRANT SELECT", tables, f"TO {WRITER}, {READER}"),
        ("GRANT INSERT", tables.intersection(append_only), f"TO {WRITER}"),
        ("GRANT INSERT, UPDATE, DELETE", tables.difference(append_only, read_only), f"TO {WRITER}"),
    ):
        conn.execute(sa.text(f"{right} ON {', '.join(sorted(where))} {whom}"))


def taken(conn: Connection) -> list[str]:
    """The roles that the login takes on, whichever this connection has taken."""
    member = sa.text("SELECT pg_has_role(session_user, :role, 'MEMBER')")
    return [role for role in ROLES if _exists(conn, role) and conn.scalar(member, {"role": role})]


def _exists(conn: Connection, role: str) -> bool:
    return bool(conn.scalar(sa.text("SELECT true FROM pg_roles WHERE rolname = :role"), {"role": role}))
