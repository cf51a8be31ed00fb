"""What `tests/unit/test_bench.py` checks: every contestant does the whole work, and a wrong order is noticed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench import flow
from tests.bench.engine import Engine
from tests.bench.gauges import Reading, ratio
from tests.bench.reference_d import StepByStep
from tests.bench.reference_e import Bound, BoundFile, Sizes
from tests.bench.report import Goal
from tests.bench.runner import at_once, in_batches, one_by_one

CASES = 12
SIZES = Sizes(event=400, state=300)


def test_a_case_is_six_steps_in_order_and_cases_are_mixed() -> None:
    sent = [flow.decoded(raw) for raw in flow.messages(CASES)]
    assert len({m.id for m in sent}) == len(sent) == CASES * flow.STEPS
    by_case: dict[str, list[str]] = {}
    for m in sent:
        by_case.setdefault(m.command.mutation, []).append(m.command.trigger)
    for steps in by_case.values():
        assert (steps[:2], sorted(steps[2:5]), steps[5]) == (
            ["draft", "submit"],
            ["answer", "receive", "release"],
            "sign",
        )
    assert len({m.command.mutation for m in sent[:CASES]}) > 1


def test_the_engine_takes_every_case_through_its_six_steps(tmp_path: Path) -> None:
    with closing(Engine(f"sqlite:///{tmp_path / 'engine.db'}", CASES)) as engine:
        engine.refresh()
        in_batches(engine.take, flow.messages(CASES), 10)
        with engine.committing() as give:
            at_once(give, [flow.messages(2, first) for first in (0, 2, 4)])
        engine.check()
        assert engine.sizes().event > 0


def test_an_unfinished_case_is_noticed(tmp_path: Path) -> None:
    with closing(Engine(f"sqlite:///{tmp_path / 'engine.db'}", CASES)) as engine:
        engine.refresh()
        in_batches(engine.take, flow.messages(CASES)[:-1], 10)
        with pytest.raises(AssertionError, match="1 cases unfinished"):
            engine.check()


@pytest.mark.parametrize("size", [1, 10])
def test_the_bound_on_a_file_does_the_whole_work_once(size: int, tmp_path: Path) -> None:
    with closing(BoundFile(tmp_path / "bound.db", SIZES)) as bound:
        twice(lambda sent: in_batches(bound.take, sent, size))
        assert bound.finished() == CASES


@pytest.mark.parametrize("size", [1, 10])
def test_the_bound_does_the_whole_work_once(size: int, postgres_url: str) -> None:
    with closing(Bound(postgres_url, SIZES)) as bound:
        twice(lambda sent: in_batches(bound.take, sent, size))
        assert bound.finished() == CASES


def test_the_program_without_an_engine_does_the_whole_work_once(postgres_url: str) -> None:
    with closing(StepByStep(postgres_url)) as program:
        twice(lambda sent: one_by_one(program.give, sent))
        assert program.finished() == CASES


def twice(work: Callable[[list[bytes]], object]) -> None:
    """A repeat of all messages changes nothing."""
    sent = flow.messages(CASES)
    work(sent)
    work(sent)


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    assert ratio([10, 30, 50], [10, 10, 10]) == 3


def test_waits_are_read_in_milliseconds() -> None:
    reading = Reading(4, 2.0, 1.0, 1.0, 0, [0.001, 0.002, 0.003, 0.1])
    assert (reading.rate, reading.cpu, reading.quantile(0.5), reading.quantile(0.99)) == (2.0, 500_000, 3.0, 100.0)


def test_a_goal_says_whether_it_is_met() -> None:
    assert Goal("rate", 0.6, least=0.6).met
    assert not Goal("rate", 0.59, least=0.6).met
    assert Goal("cpu", 1.7, most=1.7).met
    assert not Goal("cpu", 1.71, most=1.7).met
