"""Migrations: a migrated database is what the models say, however often, by however many and however interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from events import log
from events.catalog import TOPICS
from services import audit, clock, personnel
from services.__main__ import main
from services.app import NAMES, SERVICES
from services.config import Config
from services.db import Databases
from services.migrate import KERNEL, SCRIPTS, NotMigrated, Report, migrate, require_migrated
from services.service import Service

ROOT = Path(__file__).resolve().parents[2]
REVISIONS = ["0001", "0002", "0003"]
LAST, NEXT = REVISIONS[-1], "0004"
ALL = dict.fromkeys((KERNEL, *NAMES), REVISIONS)
#: Says that it is ready and migrates when it is told to.
AT_A_SIGN = """
import sys
from services.__main__ import main
print("ready", flush=True)
sys.stdin.readline()
sys.exit(main(["migrate", "--json"]))
"""
#: A later revision: a column for one service, then what a test adds.
LATER = f"""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{LAST}"


def upgrade(resident):
    if resident == "audit":
        op.add_column("audit_node", sa.Column("note", sa.Text))
"""
#: Dies while it migrates, when it has made most tables.
KILLED = """
import os, signal, sqlalchemy
from services.__main__ import main
def die(conn, cursor, statement, *_):
    if "CREATE TABLE webhooks_endpoint" in statement:
        os.kill(os.getpid(), signal.SIGKILL)
sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", die)
main(["migrate"])
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return file_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """The database as its owner sees it from outside."""
    made = sa.create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations, in a copy to which a test adds."""
    copy = shutil.copytree(SCRIPTS, tmp_path / "migrations")
    monkeypatch.setattr("services.migrate.SCRIPTS", copy)
    return copy


def write(scripts: Path, later: str) -> None:
    (scripts / "versions" / f"{NEXT}_later.py").write_text(later)


def columns(engine: sa.Engine, table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(engine).get_columns(table)}


def file_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'imbang.db'}"


def migrated(url: str, services: Sequence[Service] = SERVICES, **config: Any) -> Report:
    databases = Databases(Config(database_url=url, **config))
    try:
        return migrate(databases, services)
    finally:
        databases.close()


def models() -> list[sa.MetaData]:
    """All tables of the program, those of the kernel among them."""
    for service in SERVICES:
        service.projector()  # which asks for each of the kernel's tables, and so makes it
    return [log.metadata, clock.metadata, *(service.metadata for service in SERVICES)]


def differences(engine: sa.Engine) -> list[object]:
    """What would have to change in the database for the models to hold."""
    written = {"include_name": lambda name, kind, _: kind != "table" or name.removesuffix("_schema") not in ALL}
    with engine.connect() as conn:
        found: list[object] = list(compare_metadata(MigrationContext.configure(conn, opts=written), models()))
        inspector = sa.inspect(conn)
        for table in (table for metadata in models() for table in metadata.sorted_tables if not found):
            key = inspector.get_pk_constraint(table.name)["constrained_columns"]
            if key != [column.name for column in table.primary_key]:
                found.append((table.name, key))
    return found


def process(program: str, url: str, directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url, "IMBANG_DIRECTORY": str(directory)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_migrated_database_is_what_the_models_say(url: str, engine: sa.Engine) -> None:
    assert migrated(url).databases[0].revisions == ALL
    assert differences(engine) == []


@pytest.mark.parametrize(
    "fault",
    [
        "DROP TABLE audit_node",
        "CREATE TABLE personnel_pension (id INTEGER PRIMARY KEY)",
        "ALTER TABLE personnel_unit DROP COLUMN island",
        "ALTER TABLE personnel_unit ADD COLUMN colour TEXT",
        "DROP INDEX ix_personnel_unit_opd",
        "DROP TABLE personnel_key; CREATE TABLE personnel_key (person VARCHAR(36) NOT NULL, key BLOB NOT NULL)",
        "ALTER TABLE personnel_key DROP COLUMN key; ALTER TABLE personnel_key ADD COLUMN key TEXT NOT NULL DEFAULT ''",
    ],
)
def test_a_database_that_differs_from_the_models_is_found(fault: str, tmp_path: Path) -> None:
    migrated(file_url(tmp_path))
    engine = sa.create_engine(file_url(tmp_path))
    with engine.begin() as conn:
        for statement in fault.split(";"):
            conn.exec_driver_sql(statement)
    assert differences(engine) != []
    engine.dispose()


def test_migrating_again_changes_nothing(url: str, engine: sa.Engine) -> None:
    first, again = migrated(url).databases[0], migrated(url).databases[0]
    assert first.topics == sorted(TOPICS)
    assert (again.revisions, again.topics) == ({}, [])
    assert differences(engine) == []


def test_of_several_migrations_at_once_one_does_it_and_the_others_wait(
    url: str, engine: sa.Engine, tmp_path: Path
) -> None:
    processes = [process(AT_A_SIGN, url, tmp_path) for _ in range(4)]
    for one in processes:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    reports = [json.loads(one.communicate(timeout=60)[0])["databases"][0] for one in processes]
    assert [one.returncode for one in processes] == [0] * 4
    assert sorted(len(report["revisions"]) for report in reports) == [0, 0, 0, len(ALL)]
    assert differences(engine) == []


def test_a_migration_that_is_killed_has_changed_nothing_and_can_be_repeated(
    url: str, engine: sa.Engine, tmp_path: Path
) -> None:
    killed = process(KILLED, url, tmp_path)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert sa.inspect(engine).get_table_names() == []
    assert migrated(url).databases[0].revisions == ALL
    assert differences(engine) == []


def test_a_database_gets_the_tables_of_those_who_live_in_it(tmp_path: Path) -> None:
    urls = {name: f"sqlite:///{tmp_path / name}.db" for name in ("personnel", "audit")}
    report = migrated(urls["personnel"], [personnel.SERVICE, audit.SERVICE], service_urls={"audit": urls["audit"]})
    for done, (name, url) in zip(report.databases, urls.items(), strict=True):
        engine = sa.create_engine(url)
        owners = {table.partition("_")[0] for table in sa.inspect(engine).get_table_names()}
        engine.dispose()
        assert list(done.revisions) == [KERNEL, name]
        assert owners - {"sqlite"} == {KERNEL, "business", "log", name}


def test_a_service_that_joins_an_old_database_gets_its_whole_history(url: str) -> None:
    migrated(url, [personnel.SERVICE])
    assert migrated(url, [personnel.SERVICE, audit.SERVICE]).databases[0].revisions == {"audit": REVISIONS}


def test_a_later_revision_changes_a_database_in_use(url: str, engine: sa.Engine, scripts: Path) -> None:
    migrated(url)
    write(scripts, LATER)
    assert migrated(url).databases[0].revisions == {resident: [NEXT] for resident in ALL}
    assert "note" in columns(engine, "audit_node")


def test_a_revision_that_fails_changes_nothing_and_can_be_repeated(url: str, engine: sa.Engine, scripts: Path) -> None:
    migrated(url)
    write(scripts, LATER + '        op.drop_table("audit_never")\n')
    with pytest.raises(NotMigrated, match="audit_never"):
        migrated(url)
    assert "note" not in columns(engine, "audit_node")
    write(scripts, LATER)
    migrated(url)
    assert "note" in columns(engine, "audit_node")


def test_a_change_to_a_table_in_use_gives_up_rather_than_stop_everybody(postgres_url: str, scripts: Path) -> None:
    migrated(postgres_url)
    write(scripts, LATER)
    engine = sa.create_engine(postgres_url)
    with engine.connect() as reading:
        reading.exec_driver_sql("SELECT * FROM audit_node")
        with pytest.raises(NotMigrated, match="lock timeout"):
            migrated(postgres_url)
    assert len(migrated(postgres_url).databases[0].revisions) == len(ALL)
    engine.dispose()


def test_a_database_of_a_newer_release_is_left_alone(url: str, engine: sa.Engine) -> None:
    migrated(url)
    with engine.begin() as conn:
        conn.exec_driver_sql("UPDATE audit_schema SET version_num = '9999'")
    with pytest.raises(NotMigrated, match="9999"):
        migrated(url)


def test_a_migrated_database_has_statistics(url: str, engine: sa.Engine) -> None:
    migrated(url)
    query = "SELECT stat FROM sqlite_stat1 WHERE tbl = 'log_head'"
    if engine.dialect.name == "postgresql":
        query = "SELECT reltuples FROM pg_class WHERE relname = 'log_head'"
    with engine.connect() as conn:
        statistics = conn.exec_driver_sql(query).scalar_one()
        heads = conn.scalar(sa.select(sa.func.count()).select_from(log.log_head))
    assert int(str(statistics).split()[0].removesuffix(".0")) == heads


def test_topics_in_kafka_are_made_by_the_migration(postgres_url: str, kafka_address: str, topic_prefix: str) -> None:
    carrier = f"kafka://{kafka_address}/{topic_prefix}"
    reports = [migrated(postgres_url, [audit.SERVICE], event_log_url=carrier) for _ in range(2)]
    assert [report.kafka_topics for report in reports] == [[topic_prefix + topic for topic in sorted(TOPICS)], []]


def test_the_command_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", file_url(tmp_path))
    monkeypatch.setenv("IMBANG_DIRECTORY", str(tmp_path))
    assert main(["migrate"]) == main(["migrate"]) == 0
    first, again = capsys.readouterr().out.splitlines()
    assert f"kernel 0001, kernel 0002, kernel {LAST}, personnel 0001" in first
    assert "topic workload" in first
    assert again == f"{file_url(tmp_path)}: up to date"


def test_the_command_says_why_it_could_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://imbang:sagu@127.0.0.1:1/imbang")
    monkeypatch.setenv("IMBANG_DIRECTORY", str(tmp_path))
    assert main(["migrate"]) == 2
    said = capsys.readouterr().err
    assert "not ready" in said
    assert "sagu" not in said


@pytest.mark.parametrize("command", ["serve", "verify", "parked"])
def test_a_command_on_a_database_that_was_never_migrated_says_what_to_run(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMBANG_DIRECTORY", str(tmp_path))
    assert main([command]) == 2
    assert f"personnel is at nothing, needs {LAST}; run `imbang migrate`" in capsys.readouterr().err


def test_old_code_serves_a_database_that_is_newer_and_new_code_not_an_older_one(
    url: str, engine: sa.Engine, scripts: Path
) -> None:
    migrated(url)
    databases = Databases(Config(database_url=url))
    require_migrated(databases, SERVICES)
    write(scripts, LATER)
    with pytest.raises(NotMigrated, match=f"at {LAST}, needs {NEXT}"):
        require_migrated(databases, SERVICES)
    migrated(url)
    (scripts / "versions" / f"{NEXT}_later.py").unlink()
    require_migrated(databases, SERVICES)
    databases.close()
