"""Real processes under load and under faults: what clients were told is kept, once, and in one order."""

from __future__ import annotations

import uuid
from random import Random
from typing import Any

import pytest

from deploy.provision import find_kafka, find_nginx, find_postgres
from tests.chaos.book import Given
from tests.chaos.faults import KINDS, drawn
from tests.chaos.ledger import missing, repeated
from tests.chaos.run import wreak
from tests.conftest import LEFT_OUT, available
from tests.stations import Stations

#: As many as the suite has time for; `make chaos` strikes all kinds, 200 times.
FAULTS, SEED = 8, 1


@pytest.mark.postgres
@pytest.mark.kafka
@pytest.mark.timeout(900)
def test_what_clients_were_told_outlives_every_fault(stations: Stations) -> None:
    for part, find in {"postgres": find_postgres, "kafka": find_kafka, "cluster": find_nginx}.items():
        available(part, find)
    report, sentences = wreak(stations.directory / f"cluster-{uuid.uuid4().hex}", FAULTS, SEED)
    assert sentences == []
    assert (report["lost"], report["doubled"]) == (0, 0)
    assert report["linearizable"] in (True, None)
    assert sum(report["faults"].values()) == FAULTS
    assert report["acknowledged"] > 100


@pytest.mark.parametrize("name", ["full disk", "clock jump", "network cut"])
def test_a_fault_that_needs_much_of_the_machine_is_possible_or_named(name: str) -> None:
    if reason := KINDS[name].lacking():
        pytest.skip(f"{LEFT_OUT}chaos, {name}: {reason}")


def test_a_seed_always_draws_the_same_faults_and_each_kind_comes() -> None:
    order = list(drawn(50, Random(7), KINDS))
    assert order == list(drawn(50, Random(7), KINDS)) != list(drawn(50, Random(8), KINDS))
    assert (set(order), len(order)) == (set(KINDS), 50)


def told(version: int) -> Given:
    answer = {"mutation": "m", "version": version, "state": "CONSULTATION"}
    return Given("bkd", "mutations", "screen", "key", "m", None, 0, 1, 200, answer, 1)


def event(version: int, kind: str = "mutation.screened") -> dict[str, Any]:
    return {"subject": "mutations/mutation/m", "subject_version": version, "type": kind}


def test_an_acknowledged_command_without_its_effect_is_lost() -> None:
    assert missing(told(3), [])
    assert missing(told(3), [event(2)])
    assert not missing(told(3), [event(2, "mutation.proposed"), event(3)])


def test_an_effect_that_happened_again_is_doubled() -> None:
    assert list(repeated(told(3), [event(3), event(4)]))
    assert list(repeated(told(3), [event(3, "mutation.proposed"), event(5)]))
    assert not list(repeated(told(3), [event(2, "mutation.proposed"), event(3)]))
