"""Work in a process of its own: what becomes of it, and of those around it, when it goes wrong."""

from __future__ import annotations

import builtins
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
import sqlalchemy as sa

from deploy.daemon import wait_until
from services import apart
from services.apart import Children, Failed
from services.jobs import BACKOFF, Read
from services.optimizer.solver import solve
from tests.toys import Register, Report, World
from tests.unit.optimizer.pictures import oracle


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}")
    made.send(Register("a"))
    made.send(Report("a", 1.4))
    made.runtime.relay(made.workload)
    made.catch_up()
    yield made
    made.runtime.stop()


@pytest.fixture
def children() -> Iterator[Children]:
    with closing(Children(memory=2**29, seconds=3)) as made:
        yield made


def errors(world: World) -> list[str]:
    """What the waiting jobs have failed by."""
    with world.databases.reader("optimizer").connect() as conn:
        return list(conn.scalars(sa.select(world.optimizer.job.c.error).where(world.optimizer.job.c.attempts > 0)))


def test_a_plan_made_elsewhere_is_the_same() -> None:
    with closing(Children()) as children:
        assert children(solve, oracle()) == solve(oracle())


@pytest.mark.parametrize(
    ("function", "argument", "why"),
    [
        pytest.param(bytearray, 2**30, "bytearray: needs more than the 512 MiB", id="memory"),
        pytest.param(time.sleep, 3600, "sleep took longer than the 3 s", id="time"),
        pytest.param(signal.raise_signal, signal.SIGKILL, "ended with status -9", id="killed"),
        pytest.param(os._exit, 3, "ended with status 3", id="gave up"),
        pytest.param(int, "many", "int: ValueError", id="raised"),
    ],
)
def test_what_goes_wrong_elsewhere_is_an_error_here_and_the_next_work_is_done(
    children: Children, function: Callable[[Any], Any], argument: Any, why: str
) -> None:
    with pytest.raises(Failed, match=why):
        children(function, argument)
    assert children(int, "7") == 7


def test_what_the_work_prints_is_not_its_answer(children: Children) -> None:
    assert children(builtins.eval, "print('loud') or 7") == 7


def test_one_who_waits_for_work_is_given_it_and_one_who_waited_long_is_not(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = "__import__('os').getpid()"
    first = children(builtins.eval, who)
    assert children(builtins.eval, who) == first
    monkeypatch.setattr(apart, "IDLE", 0.0)
    assert children(builtins.eval, who) != first


def test_what_is_as_long_as_no_pipe_holds_goes_both_ways(children: Children) -> None:
    assert children(bytes.upper, b"x" * 5_000_000) == b"X" * 5_000_000


def test_nothing_is_begun_after_the_end(children: Children) -> None:
    children.close()
    with pytest.raises(Failed, match="stopping"):
        children(int, "7")


def test_a_solver_that_dies_is_a_failed_job_tried_again_and_nothing_else_is_harmed(
    world: World, children: Children
) -> None:
    deaths = [signal.SIGKILL]

    def solver(read: Read) -> None:
        if deaths:
            read.apart(signal.raise_signal, deaths.pop())

    world.solver, world.runtime.apart = solver, children
    world.runtime.work(world.optimizer)
    (error,) = errors(world)
    assert "raise_signal ended with status -9" in error
    assert world.runtime.work(world.optimizer) == 0, "it waits before it is tried again"
    world.send(Report("b", 1.0))
    world.clock.advance(BACKOFF[0])
    assert world.runtime.work(world.optimizer) == 1
    assert world.rows("optimizer", world.optimizer.job) == []


def test_a_process_that_runs_by_itself_solves_in_another_and_stops_it_when_it_stops(world: World) -> None:
    found: list[int] = []

    def solver(read: Read) -> None:
        found.append(read.apart(builtins.eval, "__import__('os').getpid()"))
        read.apart(time.sleep, 3600)

    world.solver = solver
    world.runtime.start()
    assert wait_until(lambda: bool(found), 30)
    assert found != [os.getpid()]
    began = time.monotonic()
    world.runtime.stop()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_ends_leaves_no_child_behind(end: signal.Signals) -> None:
    """Both hold the pipe for errors, which ends when the last of them does."""
    work = "import os, time; os.write(2, b'.'); time.sleep(3600)"
    code = f"from services.apart import Children; Children()(exec, {work!r})"
    parent = Popen([sys.executable, "-c", code], stderr=PIPE)
    assert parent.stderr is not None
    with parent.stderr:
        assert parent.stderr.read(1) == b"."
        parent.send_signal(end)
        parent.stderr.read()
    parent.wait()
