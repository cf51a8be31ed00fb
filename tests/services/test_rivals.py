"""Many at once: two who act on one case, one key in flight twice, a thousand commands, a queue that is full."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from events import ids
from services.committer import BATCH, SHARED
from services.db import table
from services.mutations.models import Case
from tests.town import PAPER, acting, drafted, give
from tests.worlds import World

CASES = "/api/mutations/"


@pytest.fixture
def world(place: World) -> Iterator[World]:
    """A town whose commands wait for a crank that a test turns by itself."""
    place.app.committer.threaded = True
    yield place
    place.app.committer.threaded = False


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(50) as threads:
        yield threads


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to pass"
        threading.Event().wait(0.002)


def waiting(world: World) -> int:
    return len(world.app.committer._interactive)


def turn(world: World, sent: list[Future[Any]]) -> list[Any]:
    """Let them all arrive, then commit them in one batch."""
    until(lambda: waiting(world) == len(sent))
    world.app.committer.step()
    return [future.result(10) for future in sent]


def cases(world: World) -> set[str]:
    return {row["id"] for row in world.rows("mutations", table(Case))}


def test_of_two_who_decide_at_once_one_wins_and_the_other_learns_the_new_version(
    world: World, pool: ThreadPoolExecutor
) -> None:
    officer, head = acting(world, "officer"), acting(world, "donor")
    (drawn,) = turn(world, [pool.submit(give, officer, CASES, drafted())])
    path, papers = f"{CASES}{drawn.get_json()['mutation']}/submit", {"documents": {"G2": PAPER}}
    sent = [pool.submit(give, client, path, papers, None, If_Match='"1"') for client in (officer, head)]
    answers = sorted(turn(world, sent), key=lambda answer: int(answer.status_code))
    assert [answer.status_code for answer in answers] == [200, 412]
    won, lost = (answer.get_json() for answer in answers)
    assert won["version"] == 2
    assert (lost["rule"], lost["field"]) == ("stale_version", "If-Match")
    assert "versi 2" in lost["detail"]


def test_without_a_version_the_second_of_two_is_told_that_it_is_done(world: World, pool: ThreadPoolExecutor) -> None:
    officer, head = acting(world, "officer"), acting(world, "donor")
    (drawn,) = turn(world, [pool.submit(give, officer, CASES, drafted("budi"))])
    path, papers = f"{CASES}{drawn.get_json()['mutation']}/submit", {"documents": {"G2": PAPER}}
    answers = turn(world, [pool.submit(give, client, path, papers) for client in (officer, head)])
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_one_key_in_flight_twice_is_one_command(world: World, pool: ThreadPoolExecutor) -> None:
    officer, key, before = acting(world, "officer"), ids.new(), cases(world)
    answers = turn(world, [pool.submit(give, officer, CASES, drafted("verifier"), key) for _ in range(5)])
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.get_json()["mutation"] for answer in answers} == cases(world) - before
    assert len(cases(world) - before) == 1


def test_one_key_in_flight_for_two_commands_is_refused_to_one(world: World, pool: ThreadPoolExecutor) -> None:
    officer, key, before = acting(world, "officer"), ids.new(), cases(world)
    sent = [pool.submit(give, officer, CASES, drafted("verifier", share=share), key) for share in (1.0, 0.5)]
    answers = {answer.status_code: answer.get_json() for answer in turn(world, sent)}
    assert answers.keys() == {201, 422}
    assert answers[422]["field"] == "Idempotency-Key"
    assert len(cases(world) - before) == 1


def test_a_full_queue_asks_to_come_back_later_and_loses_nothing(
    world: World, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.committer.CAPACITY", 4)
    officer, before = acting(world, "officer"), cases(world)
    sent = [pool.submit(give, officer, CASES, drafted("verifier")) for _ in range(4)]
    until(lambda: waiting(world) == 4)
    key = ids.new()
    late = give(officer, CASES, drafted("verifier"), key)
    assert (late.status_code, late.headers["Retry-After"]) == (429, "1")
    assert late.content_type == "application/problem+json"
    assert late.get_json()["remedy"]
    assert {answer.status_code for answer in turn(world, sent)} == {201}
    (again,) = turn(world, [pool.submit(give, officer, CASES, drafted("verifier"), key)])
    assert again.status_code == 201
    assert len(cases(world) - before) == 5


def test_a_crank_that_stands_still_is_answered_for_and_the_key_tells_the_outcome(
    world: World, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer, key, submit, before = acting(world, "officer"), ids.new(), world.app.committer.submit, cases(world)
    monkeypatch.setattr(world.app.committer, "submit", lambda *sent: submit(*sent, timeout=0.01))
    unknown = give(officer, CASES, drafted("verifier"), key)
    assert (unknown.status_code, unknown.headers["Retry-After"]) == (503, "2")
    world.app.committer.step()
    monkeypatch.undo()
    (known,) = turn(world, [pool.submit(give, officer, CASES, drafted("verifier"), key)])
    assert (known.status_code, {known.get_json()["mutation"]}) == (201, cases(world) - before)


def test_those_who_were_answered_together_are_committed_together_again(
    world: World, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.committer.GATHER", 10.0)
    officer = acting(world, "officer")
    turn(world, [pool.submit(give, officer, CASES, drafted("verifier")) for _ in range(2)])
    early = pool.submit(give, officer, CASES, drafted("verifier"))
    until(lambda: waiting(world) == 1)
    stepping = pool.submit(world.app.committer.step)
    late = pool.submit(give, officer, CASES, drafted("verifier"))
    assert stepping.result(20) == 2
    assert {early.result(10).status_code, late.result(10).status_code} == {201}


def test_a_batch_waits_only_a_moment_for_who_does_not_come_back(
    world: World, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.committer.GATHER", 0.001)
    officer = acting(world, "officer")
    turn(world, [pool.submit(give, officer, CASES, drafted("verifier")) for _ in range(2)])
    assert [len(turn(world, [pool.submit(give, officer, CASES, drafted("verifier"))])) for _ in range(2)] == [1, 1]


def test_events_are_taken_in_small_portions_while_people_wait_for_commands(
    world: World, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    committer = world.app.committer
    monkeypatch.setattr("services.committer.AFTER", 0.0)
    assert committer.portion() == BATCH
    turn(world, [pool.submit(give, acting(world, "officer"), CASES, drafted("verifier"))])
    assert committer.portion() == BATCH
    monkeypatch.setattr("services.committer.AFTER", 60.0)
    assert committer.portion() == SHARED


def test_a_thousand_commands_at_once_are_all_done_once(world: World, pool: ThreadPoolExecutor) -> None:
    before = cases(world)
    world.app.runtime.start()
    officer, keys = acting(world, "officer"), [ids.new() for _ in range(1000)]
    answers = list(pool.map(lambda key: give(officer, CASES, drafted("verifier"), key), keys))
    assert Counter(answer.status_code for answer in answers) == {201: 1000}
    assert {answer.get_json()["mutation"] for answer in answers} == cases(world) - before
    assert len(cases(world) - before) == 1000
