"""Parked subjects on the two toy services of the kernel's tests: released, or passed over by name and reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from events import ids
from services.batch import Batch
from services.committer import Answers
from services.parked import Dismiss, Release, Stuck, stuck
from services.service import Actor, Command, Refused
from tests.toys import Register, Report, World

SUBJECT = "workload/unit/a"
OPERATOR = Actor(account="account-of-an-operator", person=None, roles=("operator@imbang",))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Unit `a` has two reports of which the first parked it, unit `b` two that were applied."""
    url = (
        f"sqlite:///{tmp_path / 'imbang.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    made = World(url)
    for unit in "ab":
        made.send(Register(unit))
    made.faults["a"] = ValueError("bug")
    for unit in "abab":
        made.send(Report(unit, 1.4))
    made.runtime.drain()
    yield made
    made.runtime.stop()


def order(world: World, data: msgspec.Struct) -> object:
    """The operator's command to the consumer; its answer, or the refusal."""
    command = Command(id=ids.new(), data=data, actor=OPERATOR)
    answers: Answers = world.committer.run(world.optimizer, Batch(commands=[command]))
    return answers[command.id]


def stopped(world: World, *, parked: bool = True, after: str = "") -> list[Stuck]:
    with world.databases.reader("optimizer").connect() as conn:
        return stuck(conn, world.optimizer.inbox, parked=parked, after=after)


def test_a_parked_subject_is_shown_with_what_why_since_and_how_many_wait_behind(world: World) -> None:
    (shown,) = stopped(world)
    assert (shown.subject, shown.version, shown.type) == (SUBJECT, 1, "workload.changed")
    assert (shown.reason, shown.detail, shown.behind) == ("failed", "ValueError: bug", 1)
    assert shown.since == world.clock.now
    assert stopped(world, parked=False) == []
    assert stopped(world, after=SUBJECT) == []


def test_an_event_that_waits_for_the_world_is_not_called_parked(world: World) -> None:
    world.send(Report("c", 1.4))
    world.runtime.drain()
    (shown,) = stopped(world, parked=False)
    assert (shown.subject, shown.reason, shown.awaits) == ("workload/unit/c", "not_yet", "workload/place/c")


def test_a_released_subject_goes_on_in_order_at_the_next_turn(world: World) -> None:
    world.faults.clear()
    assert order(world, Release(SUBJECT, 1)) == {"subject": SUBJECT, "version": 1}
    assert world.times() == {"a": 0, "b": 2}
    world.runtime.drain()
    assert world.times() == {"a": 2, "b": 2}
    assert stopped(world) == []


def test_a_release_without_a_mend_parks_it_again_and_counts_the_attempt(world: World) -> None:
    order(world, Release(SUBJECT, 1))
    world.runtime.drain()
    (shown,) = stopped(world)
    assert (shown.attempts, shown.retry_at, shown.behind) == (1, None, 1)


def test_a_parked_event_is_not_tried_again_because_a_later_one_misses_its_predecessor(world: World) -> None:
    world.faults["c"] = ValueError("bug")
    world.send(Register("c"))
    for _ in range(3):
        world.send(Report("c", 1.4))
    world.runtime.relay(world.workload)
    place, *reports = sorted(world.records(4), key=lambda record: (record.topic, record.offset))
    early, late = reports[2]._replace(offset=reports[0].offset), reports[0]._replace(offset=reports[1].offset)
    for record in (place, early, late):
        world.committer.offer("optimizer", Batch(records=[record]))
    for _ in range(3):
        world.clock.advance(timedelta(seconds=5))
        world.runtime.retry(world.optimizer)
    shown = next(each for each in stopped(world) if each.subject == "workload/unit/c")
    assert (shown.version, shown.attempts, shown.behind) == (1, 0, 1)


def test_a_dismissed_event_is_passed_over_and_what_waited_behind_it_goes_on(world: World) -> None:
    world.faults.clear()
    assert order(world, Dismiss(SUBJECT, 1, "laporan ganda")) == {"subject": SUBJECT, "version": 1}
    world.runtime.drain()
    assert world.times() == {"a": 1, "b": 2}
    world.send(Report("a", 1.6))
    world.runtime.drain()
    assert world.times() == {"a": 2, "b": 2}
    assert stopped(world) == []


def test_a_dismissal_without_a_mend_parks_the_next_event(world: World) -> None:
    order(world, Dismiss(SUBJECT, 1, "laporan ganda"))
    world.runtime.drain()
    (shown,) = stopped(world)
    assert (shown.version, shown.reason, shown.behind) == (2, "failed", 0)


def test_who_dismissed_what_and_why_is_kept(world: World) -> None:
    (before,) = stopped(world)
    order(world, Dismiss(SUBJECT, 1, "  laporan ganda "))
    ((subject, version, _, detail, account, reason, at),) = world.rows("optimizer", world.optimizer.inbox.dismissed)
    assert (subject, version, detail) == (SUBJECT, 1, before.detail)
    assert (account, reason, at) == (OPERATOR.account, "laporan ganda", world.clock.now)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_nothing_is_dismissed_without_a_reason(world: World, reason: str) -> None:
    refusal = order(world, Dismiss(SUBJECT, 1, reason))
    assert isinstance(refusal, Refused)
    assert refusal.rule == "parked.reason_missing"
    assert [each.version for each in stopped(world)] == [1]


@pytest.mark.parametrize("data", [Release(SUBJECT, 2), Release("workload/unit/b", 2), Dismiss(SUBJECT, 2, "salah")])
def test_only_the_event_that_failed_can_be_released_or_dismissed(world: World, data: msgspec.Struct) -> None:
    refusal = order(world, data)
    assert isinstance(refusal, Refused)
    assert refusal.rule == "parked.gone"
    assert world.rows("optimizer", world.optimizer.inbox.dismissed) == []


def test_bytes_that_are_no_event_can_only_be_dismissed(world: World) -> None:
    world.send(Report("b", 1.0))
    world.runtime.relay(world.workload)
    (record,) = world.runtime._reader(world.optimizer).read(100)
    world.committer.offer("optimizer", Batch(records=[record._replace(body=b"\xff{")]))
    (garbage,) = (each for each in stopped(world) if each.type == "")
    refusal = order(world, Release(garbage.subject, garbage.version))
    assert isinstance(refusal, Refused)
    assert refusal.rule == "parked.unreadable"
    order(world, Dismiss(garbage.subject, garbage.version, "bukan peristiwa"))
    world.runtime.drain()
    assert [each.subject for each in stopped(world)] == [SUBJECT]
