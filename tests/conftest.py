"""The fixtures of real servers, and the honest end of a run: what could not run is named last, with its reason.

A test says what it needs by asking for a fixture; the markers in PARTS follow from that. On a machine that lacks a part
its tests are skipped; with CI=true they fail.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg import sql
from xdist.scheduler import LoadScopeScheduling

from deploy.daemon import StartFailed
from deploy.native import Kafka, Postgres
from deploy.provision import Missing, find_chromium, find_spin
from tests.stations import Stations

T = TypeVar("T")
STATIONS = pytest.StashKey[Stations]()
LEFT_OUT = "left out: "
#: Two of these at a time would take the machine from each other, and what waits for a cluster would wait too long.
MANY_PROCESSES = ("tests/chaos/", "tests/scenarios/")
PARTS = {
    "postgres_url": "postgres",
    "own_postgres": "postgres",
    "kafka_address": "kafka",
    "own_kafka": "kafka",
    "chromium": "browser",
    "spin": "spin",
}


def available(part: str, find: Callable[[], T]) -> T:
    """The part, or the end of the test: skipped here, failed in CI."""
    try:
        return find()
    except (Missing, StartFailed) as reason:
        lack = f"{part}: {reason}"
    if os.environ.get("CI") == "true":
        pytest.fail(lack, pytrace=False)
    pytest.skip(LEFT_OUT + lack)


@pytest.fixture(scope="session")
def stations(request: pytest.FixtureRequest) -> Stations:
    return request.config.stash[STATIONS]


@pytest.fixture(scope="session")
def postgres_admin(stations: Stations) -> Iterator[tuple[Postgres, psycopg.Connection]]:
    """The shared cluster and a connection that creates databases in it."""
    server = available("postgres", stations.postgres)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        yield server, connection


@pytest.fixture
def postgres_url(postgres_admin: tuple[Postgres, psycopg.Connection]) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database, dropped after the test."""
    server, admin = postgres_admin
    database = f"test_{uuid.uuid4().hex}"
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    yield server.url(database)
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))


@pytest.fixture
def own_postgres(stations: Stations) -> Iterator[Postgres]:
    """A cluster of the test's own, to be killed and started again."""
    server = available("postgres", lambda: stations.postgres(f"postgres-{uuid.uuid4().hex}"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def kafka_address(stations: Stations) -> str:
    """`host:port` of the run's Apache Kafka. Topics are shared by all tests: begin their names with `topic_prefix`."""
    return available("kafka", stations.kafka_address)


@pytest.fixture
def topic_prefix() -> str:
    """A beginning of topic and group names that no other test has."""
    return f"test-{uuid.uuid4().hex}-"


@pytest.fixture
def own_kafka(stations: Stations) -> Iterator[Kafka]:
    """A broker of the test's own, to be killed and started again."""
    broker = available("kafka", lambda: stations.kafka(f"kafka-{uuid.uuid4().hex}"))
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser, for Playwright's `launch(executable_path=…, args=CHROMIUM_FLAGS)`."""
    return available("browser", find_chromium)


@pytest.fixture(scope="session")
def spin() -> Path:
    """The model checker."""
    return available("spin", find_spin)


def pytest_configure(config: pytest.Config) -> None:
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    config.stash[STATIONS] = Stations(Path(worker["stations"])) if worker else Stations.open()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker where the servers of this run live."""
    node.workerinput["stations"] = str(node.config.stash[STATIONS].directory)


class Apart(LoadScopeScheduling):
    """One worker does all that starts many processes, one after the other; a file is never split between workers."""

    def _split_scope(self, nodeid: str) -> str:
        return "many processes" if nodeid.startswith(MANY_PROCESSES) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Apart:
    return Apart(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in PARTS:
                item.add_marker(PARTS[fixture])
    items.sort(key=lambda item: not item.nodeid.startswith(MANY_PROCESSES))  # they take longest, so they begin


def pytest_unconfigure(config: pytest.Config) -> None:
    """After pytest's own last line: stop the servers and name what was left out. Workers leave both to the first."""
    if hasattr(config, "workerinput"):
        return
    config.stash[STATIONS].close()
    if reporter := config.pluginmanager.get_plugin("terminalreporter"):
        reasons = Counter(reason(report) for report in reporter.stats.get("skipped", ()))
        for text, tests in reasons.items():
            if text.startswith(LEFT_OUT):
                reporter.write_line(f"{text} (tests: {tests})", yellow=True)


def reason(report: pytest.TestReport) -> str:
    """Why a test was skipped."""
    return report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
