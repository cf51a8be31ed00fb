"""What `tests/unit/test_bench.py` checks of `http`, `kafka` and `peers`: everyone does the whole work once."""

from __future__ import annotations

import uuid
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench import flow
from tests.bench.clients import apart
from tests.bench.http import Web, nothing
from tests.bench.kafka import Contestant
from tests.bench.peers import environments
from tests.bench.rivals import PEERS, Running
from tests.bench.sender import wrapped

CASES = 4


def test_commands_over_http_take_every_case_through_its_six_steps(tmp_path: Path) -> None:
    with closing(Web(tmp_path, f"sqlite:///{tmp_path / 'web.db'}", CASES)) as web:
        parts = [web.commands(flow.messages(CASES // 2, first)) for first in range(0, CASES, CASES // 2)]
        assert len(web.give(parts).waits) == CASES * flow.STEPS
        assert web.finished() == CASES
        assert len(apart(web.empty.port, [nothing(3)] * 2).waits) == 6
        with pytest.raises(RuntimeError, match="404 NOT FOUND"):
            apart(web.real.port, [nothing(1, "/api/mutations/nowhere")])


def test_steps_over_kafka_take_every_case_through_its_six_steps(
    tmp_path: Path, postgres_url: str, kafka_address: str
) -> None:
    flow.register()
    name = f"bench-{uuid.uuid4().hex}"
    with closing(Contestant(tmp_path, kafka_address, postgres_url, name, 2, 2 * CASES)) as engine:
        assert engine.take(wrapped(flow.messages(CASES))) > 0
        waits = engine.answer(wrapped(flow.messages(CASES, CASES)))
        assert min(waits) > 0
        engine.check(2 * CASES * flow.STEPS)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_does_the_whole_work_once(name: str, tmp_path: Path, postgres_url: str) -> None:
    if not environments.built(PEERS[name].environment):
        pytest.skip(f"the environment of {name} is not there; `make bench-peers` builds it")
    with closing(Running(tmp_path, name, postgres_url)) as peer:
        peer.prove()
        assert len(peer.do("give", flow.messages(1))["waits"]) == flow.STEPS
        assert peer.do("finished")["finished"] == 2
