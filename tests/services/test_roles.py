"""The roles on PostgreSQL: what is recorded stays as it is, and requests cannot write."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from services.app import NAMES, SERVICES
from services.audit.models import Entry
from services.config import Config
from services.db import OWNER, READER, WRITER, Databases, table
from services.migrate import migrate
from tests.town import acting, town

RECORDED = {"log_entry", "audit_entry", "audit_node", "audit_checkpoint", *(f"{name}_event" for name in NAMES)}
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")


@pytest.fixture
def databases(postgres_url: str) -> Iterator[Databases]:
    """A migrated database."""
    made = Databases(Config(database_url=postgres_url))
    migrate(made, SERVICES)
    yield made
    made.close()


def rights(databases: Databases, role: str) -> dict[str, set[str]]:
    """What a role may do to each table."""
    query = sa.text(
        "SELECT tablename, word FROM pg_tables, unnest(CAST(:rights AS text[])) AS word"
        " WHERE schemaname = 'public' AND has_table_privilege(:role, tablename, word)"
    )
    found: dict[str, set[str]] = {}
    with databases.reader("audit").connect() as conn:
        for name, right in conn.execute(query, {"rights": list(RIGHTS), "role": role}):
            found.setdefault(name, set()).add(right)
    return found


def refused(engine: sa.Engine, statement: str) -> bool:
    """Whether PostgreSQL forbids this."""
    with engine.connect() as conn:
        try:
            conn.exec_driver_sql(statement)
        except sa.exc.ProgrammingError as error:
            return isinstance(error.orig, psycopg.errors.InsufficientPrivilege)
    return False


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_the_writer_cannot_change_what_is_recorded(databases: Databases, name: str) -> None:
    column = {"log_entry": "n", "audit_node": "level", "audit_checkpoint": "root"}.get(name, "body")
    for statement in (f"UPDATE {name} SET {column} = {column}", f"DELETE FROM {name}", f"TRUNCATE {name}"):
        assert refused(databases.writer("audit"), statement), statement


def test_the_writer_may_add_to_what_is_recorded_and_change_all_else_but_the_schema(databases: Databases) -> None:
    for name, may in rights(databases, WRITER).items():
        change = set() if name.endswith("_schema") else {"INSERT"} if name in RECORDED else {*RIGHTS[1:4]}
        assert may == {"SELECT", *change}, name
    assert refused(databases.writer("audit"), "CREATE TABLE audit_more (id integer)")
    assert refused(databases.writer("audit"), "DROP TABLE audit_verification")


def test_the_reader_may_only_read(databases: Databases) -> None:
    assert set(map(frozenset, rights(databases, READER).values())) == {frozenset({"SELECT"})}
    for statement in ("INSERT INTO business_clock VALUES (2, 0, now())", "UPDATE audit_frontier SET size = 0"):
        assert refused(databases.reader("audit"), statement)


def test_rights_given_by_hand_are_taken_back_by_the_next_migration(databases: Databases, postgres_url: str) -> None:
    with databases.owner(postgres_url).begin() as conn:
        conn.exec_driver_sql(f"GRANT UPDATE ON audit_event TO {WRITER}, {READER}")
    assert "UPDATE" in rights(databases, WRITER)["audit_event"]
    migrate(databases, SERVICES)
    assert rights(databases, WRITER)["audit_event"] == {"SELECT", "INSERT"}
    assert rights(databases, READER)["audit_event"] == {"SELECT"}


def test_the_whole_application_works_under_writer_and_reader(postgres_url: str) -> None:
    world = town(postgres_url)
    for engine, role in ((world.app.databases.writer("audit"), WRITER), (world.app.databases.reader("audit"), READER)):
        with engine.connect() as conn:
            assert conn.scalar(sa.text("SELECT current_user")) == role
    assert acting(world, "officer").get("/api/workload/units").status_code == 200
    recorded = sum(len(world.rows(service.name, service.outbox.event)) for service in SERVICES)
    sealed = world.rows("audit", table(Entry))
    assert len(sealed) == recorded > 0
    world.close()


def test_a_login_that_may_not_take_the_roles_migrates_by_its_own_rights(
    postgres_url: str, databases: Databases
) -> None:
    login = f"plain_{uuid.uuid4().hex}"
    assert migrate(databases, SERVICES).databases[0].roles == [OWNER, WRITER, READER]
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'sagu'").format(sql.Identifier(login)))
        admin.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(login)))
    try:
        plain = Databases(Config(database_url=str(psycopg_url(postgres_url, login))))
        done = migrate(plain, SERVICES).databases[0]
        assert (len(done.revisions), done.roles) == (len(NAMES) + 1, [])
        plain.close()
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(login)))
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))


def psycopg_url(url: str, login: str) -> str:
    """The address of the database of a login that has the password `sagu`."""
    made = sa.make_url(url).set(username=login, password="sagu", database=login)
    return made.render_as_string(hide_password=False)
