"""Instances are replaced in turn under load, by the same code and by newer code, and no client sees an error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.cluster import FrontDoor
from deploy.daemon import wait_until
from deploy.provision import Missing
from deploy.sample.settled import settle
from services.app import SERVICES, Application
from services.audit.export import verify_all
from services.db import Databases
from services.migrate import SCRIPTS, migrate
from tests.baseline import unpack
from tests.conftest import LEFT_OUT
from tests.scenarios import proofs
from tests.scenarios.served import ROOT, Office, Process, Seen, observer, populate, processes, working

#: What a later release may do to tables in use: a column that may be empty, a table of its own.
ADDITIVE = '''"""A revision as the next release may bring it."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "{revision}", "{before}"


def upgrade(resident: str) -> None:
    if resident == "mutations":
        op.add_column("mutations_case", sa.Column("tried", sa.Text))
        op.add_column("mutations_event", sa.Column("tried", sa.Text))
        op.create_table("mutations_tried", sa.Column("id", sa.Text, primary_key=True))
'''

pytestmark = [pytest.mark.timeout(400)]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The code of the release before. A clone without history is no fault of the machine, so not one in CI either."""
    try:
        return unpack(tmp_path / "old")
    except Missing as reason:
        pytest.skip(f"{LEFT_OUT}baseline: {reason}")


@pytest.fixture
def additive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The history of the tables, one revision longer."""
    scripts = tmp_path / "migrations"
    versions = scripts / "versions"
    versions.mkdir(parents=True)
    for folder in (SCRIPTS, SCRIPTS / "versions"):
        for each in folder.glob("[!_]*"):
            if each != SCRIPTS / "versions":
                (scripts / each.relative_to(SCRIPTS)).symlink_to(each)
    last = max(path.name[:4] for path in versions.glob("[0-9]*.py"))
    (versions / "9999_tried.py").write_text(ADDITIVE.format(revision="9999", before=last))
    monkeypatch.setattr("services.migrate.SCRIPTS", scripts)


@contextmanager
def pair(url: str, directory: Path, code: Path) -> Iterator[tuple[Office, list[Process], FrontDoor]]:
    """Two processes of this code behind a door, on a town that this code has brought into the database."""
    populate(url, code)
    both, door = processes(directory, url, code)
    office = Office(observer(url, directory))
    try:
        for part in (*both, door):
            part.start()
        office.opens(door.port)
        yield office, both, door
    finally:
        for part in (door, *both):
            part.stop()
        office.app.runtime.stop()


def replace(process: Process, code: Path) -> None:
    """End it as a supervisor does (SIGTERM), and start this code in its place."""
    process.stop()
    process.environment["PYTHONPATH"] = str(code)
    process.start()


def hold(seen: Seen, office: Office) -> None:
    """Nobody saw an error, everything that was answered was done once, and what is stored follows from it."""
    print(f"{len(seen.drafts)} drafts and {len(seen.looks)} looks were answered")
    assert seen.faults() == []
    assert len(seen.drafts) > 20
    assert office.effects(seen.drafts).keys() == {1}
    settle(office.app)
    assert proofs.replayed(office.app) == proofs.cases(office.app)
    verdict = verify_all(office.app)
    assert (verdict["faults"], verdict["pending"]) == ([], 0)


def test_instances_restarted_in_turn_under_load_show_no_error_to_clients(postgres_url: str, tmp_path: Path) -> None:
    with pair(postgres_url, tmp_path, ROOT) as (office, both, door):
        first = [process.pid for process in both]

        def restart() -> None:
            for process in both * 2:
                replace(process, ROOT)

        seen = working(office, door.port, restart)
        assert not set(first) & {process.pid for process in both}
        hold(seen, office)


def test_old_code_works_on_the_new_tables_and_beside_new_code_until_it_is_replaced(
    postgres_url: str, tmp_path: Path, old: Path, additive: None
) -> None:
    assert home(old) == old / "services"
    with pair(postgres_url, tmp_path, old) as (office, both, door):

        def upgrade() -> None:
            databases = Databases(office.app.config)
            (done,) = migrate(databases, SERVICES).databases
            databases.close()
            assert "9999" in done.revisions["mutations"]
            several(office.app)
            for process in both:
                replace(process, ROOT)
                several(office.app)

        hold(working(office, door.port, upgrade), office)


def several(app: Application, count: int = 20) -> None:
    """Return when so many more cases have been drafted."""
    so_far = len(proofs.cases(app))
    assert wait_until(lambda: len(proofs.cases(app)) >= so_far + count, 60, every=0.2)


def home(code: Path) -> Path:
    """Where a process of this code finds it, though another one is installed."""
    told = [sys.executable, "-c", "import services; print(*services.__path__)"]
    found = subprocess.run(told, cwd="/", env=os.environ | {"PYTHONPATH": str(code)}, check=True, capture_output=True)
    return Path(found.stdout.decode().strip())
