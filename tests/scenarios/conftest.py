"""The story, played once a stage; what came of it is then looked at by many tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from deploy.sample.demo import Embedded, staged
from deploy.sample.receiver import Receiver
from tests.scenarios.stages import OnCluster, Played, cluster_with_sample, play

#: Some days before the first helper returns, and some after the last one has.
SKIP_TO, UNTIL = date(2026, 6, 12), date(2026, 7, 3)
EMBEDDED = [pytest.mark.xdist_group("embedded"), pytest.mark.timeout(300)]
#: One cluster at a time: it fills the machine.
CLUSTER = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.xdist_group("cluster"), pytest.mark.timeout(600)]


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
