"""The story, played once a stage; what came of it is then looked at by many tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from deploy.native import Postgres
from deploy.sample.demo import Embedded, staged
from deploy.sample.receiver import Receiver
from events.kafka import create_topics
from tests.scenarios.stages import OnCluster, Played, cluster_with_sample, play

#: Some days before the first helper returns, and some after the last one has.
SKIP_TO, UNTIL = date(2026, 6, 12), date(2026, 7, 3)
NewDatabase = NewLog = Callable[[], str]
EMBEDDED = [pytest.mark.timeout(300)]
#: One cluster at a time: it fills the machine.
CLUSTER = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(600)]


@pytest.fixture(
    scope="module", params=[pytest.param("embedded", marks=EMBEDDED), pytest.param("cluster", marks=CLUSTER)]
)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The story from the first overloaded morning until the last helper is back, in one process and in many."""
    with Receiver() as receiver:
        if request.param == "embedded":
            with staged(tmp_path_factory.mktemp("story")) as (stage, _):
                yield play(stage, receiver, UNTIL)
        else:
            with cluster_with_sample(request.getfixturevalue("stations")) as (cluster, app):
                yield play(OnCluster(cluster, app), receiver, UNTIL, SKIP_TO)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    """The sample in this process, on its first morning."""
    with staged(tmp_path) as (stage, _):
        yield stage


@pytest.fixture(scope="module")
def new_database(request: pytest.FixtureRequest) -> Iterator[NewDatabase]:
    """Makes fresh PostgreSQL databases, dropped after the tests of a file."""
    server: Postgres
    admin: psycopg.Connection
    server, admin = request.getfixturevalue("postgres_admin")
    made: list[str] = []

    def make() -> str:
        made.append(f"test_{uuid.uuid4().hex}")
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(made[-1])))
        return server.url(made[-1])

    yield make
    for name in made:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def new_log(kafka_address: str) -> Callable[[], str]:
    """Makes addresses of empty logs in Kafka, whose topics have few partitions."""

    def make() -> str:
        log = f"kafka://{kafka_address}/test-{uuid.uuid4().hex}-"
        create_topics(log, parts=2)
        return log

    return make
