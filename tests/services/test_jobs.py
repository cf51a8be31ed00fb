"""Slow work that is leased: by one at a time, for as long as it takes, tried again when it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy.daemon import wait_until
from services import jobs, runtime
from tests.toys import MORNING, Register, Report, World


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    on_file = request.param == "sqlite"
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}" if on_file else request.getfixturevalue("postgres_url"))
    yield made
    made.runtime.stop()


def ask_to_solve(world: World) -> None:
    world.send(Register("a"))
    world.send(Report("a", 1.4))
    world.runtime.relay(world.workload)
    world.catch_up()


def idle_worker_finds(world: World) -> list[jobs.Job]:
    """What another instance would lease now."""
    with world.databases.writer("optimizer").begin() as conn:
        wall = world.clock.read(conn).wall
        return jobs.lease(conn, world.optimizer.job, "optimizer", wall, wall, 1)


def test_a_result_with_a_lost_lease_is_dropped(world: World) -> None:
    ask_to_solve(world)
    service = world.optimizer
    with world.databases.writer("optimizer").begin() as conn:
        (frozen,) = jobs.lease(conn, service.job, "optimizer", MORNING, MORNING, 1)
    later = MORNING + jobs.LEASE + timedelta(seconds=1)
    with world.databases.writer("optimizer").begin() as conn:
        (again,) = jobs.lease(conn, service.job, "optimizer", later, later, 1)
    assert again.fence != frozen.fence
    with world.databases.writer("optimizer").begin() as conn:
        assert not jobs.finish(conn, service.job, frozen)
        assert jobs.finish(conn, service.job, again)


def test_a_job_longer_than_its_lease_is_begun_by_nobody_else_and_its_result_counts(world: World) -> None:
    ask_to_solve(world)
    found: list[jobs.Job] = []

    def long(read: jobs.Read) -> None:
        for _ in range(4):
            world.clock.advance(0.75 * jobs.LEASE)
            world.runtime.renew()
            found.extend(idle_worker_finds(world))

    world.solver = long
    world.runtime.work(world.optimizer)
    assert found == []
    assert world.rows("optimizer", world.optimizer.job) == []


def test_a_process_that_runs_by_itself_renews_what_it_works_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "RENEW", timedelta(seconds=0.05))
    ask_to_solve(world)
    working, done = threading.Event(), threading.Event()

    def long(read: jobs.Read) -> None:
        working.set()
        done.wait(30)

    def lease_until() -> datetime | None:
        with world.databases.reader("optimizer").connect() as conn:
            return conn.scalar(sa.select(world.optimizer.job.c.lease_until))

    world.solver = long
    world.runtime.start()
    assert working.wait(30)
    world.clock.advance(0.75 * jobs.LEASE)
    assert wait_until(lambda: lease_until() == world.clock.now + jobs.LEASE, 30)
    done.set()
    assert wait_until(lambda: world.rows("optimizer", world.optimizer.job) == [], 30)


def test_a_lease_that_was_lost_or_given_back_is_not_renewed(world: World) -> None:
    ask_to_solve(world)
    (lost,) = idle_worker_finds(world)
    world.clock.advance(jobs.LEASE + timedelta(seconds=1))
    (held,) = idle_worker_finds(world)
    with world.databases.writer("optimizer").begin() as conn:
        jobs.renew(conn, world.optimizer.job, lost, world.clock.now + jobs.LEASE)
        jobs.fail(conn, world.optimizer.job, held, "away", world.clock.now, timedelta(0))
        jobs.renew(conn, world.optimizer.job, held, world.clock.now)
    assert [job.attempts for job in idle_worker_finds(world)] == [1]


def test_a_job_that_fails_late_waits_as_long_as_one_that_fails_at_once(world: World) -> None:
    ask_to_solve(world)

    def fail_late(read: jobs.Read) -> None:
        world.clock.advance(timedelta(minutes=1))
        raise OSError("away")

    world.solver = fail_late
    world.runtime.work(world.optimizer)
    assert idle_worker_finds(world) == []
    world.clock.advance(jobs.BACKOFF[0])
    assert len(idle_worker_finds(world)) == 1


def test_a_fence_never_comes_again_even_when_finished_work_is_asked_for_anew(world: World) -> None:
    service = world.optimizer
    leases = []
    with world.databases.writer("optimizer").begin() as conn:
        for _ in range(3):
            jobs.enqueue(conn, service.job, "solve", "province", b"{}", MORNING)
            (lease,) = jobs.lease(conn, service.job, "optimizer", MORNING, MORNING, 1)
            assert [jobs.finish(conn, service.job, old) for old in leases] == [False] * len(leases)
            assert jobs.finish(conn, service.job, lease)
            leases.append(lease)
    assert len({lease.fence for lease in leases}) == 3
