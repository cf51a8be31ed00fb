"""A start while the log is away: whether it holds more than a restored database shows later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.daemon import wait_until
from services.whole import Unproven
from tests.toys import Register, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}")
    yield made
    made.runtime.stop()


def test_a_log_that_is_away_keeps_nobody_from_working_and_is_sent_nothing_until_it_has_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, back = threading.Semaphore(0), threading.Event()

    def require_whole(*_: object) -> None:
        asked.release()
        if not back.is_set():
            raise Unproven("the log is out of reach")

    def unsent() -> int:
        return len(world.rows("workload", world.workload.outbox.unpublished))

    monkeypatch.setattr("services.runtime.require_whole", require_whole)
    world.runtime.start()
    world.send(Register("a"))
    for _ in range(3):  # at the start, and whenever it is asked again
        assert asked.acquire(timeout=10)
    assert unsent() == 1
    back.set()
    assert wait_until(lambda: unsent() == 0, 10)
