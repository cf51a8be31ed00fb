"""Workload on the real kernel: reports are measured, help and its return are felt, thresholds do not flap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.workload import AbkFinalised, WorkloadChanged, WorkloadMeasured
from services import workload
from services.db import table
from services.workload.commands import AbkLine
from services.workload.evidence import staff_of
from services.workload.models import Report, Seat
from tests.oracle import (
    BUSY_WEEK,
    COUNTER,
    DONOR,
    analysis,
    client,
    hire,
    move,
    oracle,
    ratio,
    register_unit,
    report,
    report_both,
    told,
)
from tests.worlds import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = oracle(tmp_path)
    yield made
    made.close()


@pytest.fixture
def reported(world: World) -> World:
    report_both(world)
    return world


def test_the_final_analysis_is_announced_with_its_need(world: World) -> None:
    assert [(e.minutes, e.need) for e in told(world, "P", AbkFinalised)] == [(637_500, 9)]
    assert [(e.minutes, e.need) for e in told(world, "Q", AbkFinalised)] == [(315_000, 4)]


def test_a_report_of_the_busy_week_is_measured_and_its_overload_told(reported: World) -> None:
    (measured,) = told(reported, "P", WorkloadMeasured)
    assert (measured.minutes, measured.available, measured.staff) == (12_750, 9_000, 6)
    (changed,) = told(reported, "P", WorkloadChanged)
    assert (round(changed.ratio, 4), changed.level, changed.needed, changed.lasting) == (1.4167, "overload", 2.5, 3)
    assert changed.report == measured.report
    assert changed.as_of == date(2026, 2, 27)


def test_help_lowers_the_ratio_of_one_unit_and_raises_that_of_the_other(reported: World) -> None:
    seen = [(ratio(reported, "P"), ratio(reported, "Q"))]
    for n in range(4):
        move(reported, f"Q{n}", "temporary", "Q", "P", f"m{n}")
        reported.drain()
        seen.append((ratio(reported, "P"), ratio(reported, "Q")))
    assert seen == [(1.4167, 0.6), (1.2143, 0.7), (1.0625, 0.84), (0.9444, 1.05), (0.85, 1.4)]


def test_the_return_of_help_raises_the_ratio_again(reported: World) -> None:
    move(reported, "Q0", "temporary", "Q", "P", "m0")
    reported.drain()
    move(reported, "Q0", "returned", "P", "Q", "m0")
    reported.drain()
    assert (ratio(reported, "P"), ratio(reported, "Q")) == (1.4167, 0.6)


def test_half_a_person_helps_half_as_much(reported: World) -> None:
    move(reported, "Q0", "temporary", "Q", "P", "m0", share=0.5)
    reported.drain()
    assert (ratio(reported, "P"), ratio(reported, "Q")) == (round(8.5 / 6.5, 4), round(4.2 / 6.5, 4))


def test_an_extension_of_help_does_not_lend_twice(reported: World) -> None:
    for _ in range(2):
        move(reported, "Q0", "temporary", "Q", "P", "m0")
        reported.drain()
    assert (ratio(reported, "P"), ratio(reported, "Q")) == (1.2143, 0.7)


def test_only_a_definitive_move_fills_a_place_of_the_final_analysis(reported: World) -> None:
    move(reported, "Q0", "temporary", "Q", "P", "m0")
    reported.drain()
    assert client(reported).get("/api/workload/units/P").json["unit"]["lasting"] == 3
    move(reported, "Q1", "definitive", "Q", "P", "m1")
    reported.drain()
    assert client(reported).get("/api/workload/units/P").json["unit"]["lasting"] == 2


def test_help_returns_to_the_home_post_even_if_that_moved_meanwhile(reported: World) -> None:
    move(reported, "Q0", "temporary", "Q", "P", "m0")
    move(reported, "Q0", "definitive", "Q", "P", "m1")
    move(reported, "Q0", "returned", "P", "Q", "m0")
    reported.drain()
    assert (ratio(reported, "P"), ratio(reported, "Q")) == (1.2143, 0.7)


def test_a_recruit_is_one_more_at_work(reported: World) -> None:
    hire(reported, "new", "P")
    reported.drain()
    assert ratio(reported, "P") == 1.2143


def test_a_new_analysis_measures_the_unit_by_its_norms(reported: World) -> None:
    slower = [msgspec.structs.replace(line, norm=line.norm * 2) for line in COUNTER]
    reported.submit("workload", analysis("P", slower, version=2))
    assert ratio(reported, "P") == round(2 * 8.5 / 6, 4)


def test_a_unit_with_nobody_at_work_is_measured_when_someone_comes(world: World) -> None:
    register_unit(world, "new", "dukcapil", staff=0, places=1)
    world.drain()
    world.submit("workload", analysis("new", DONOR))
    answer = world.submit("workload", report("new", {"berkas": 150}))
    assert (answer["measurement"], told(world, "new", WorkloadMeasured)) == (None, [])
    assert client(world).get("/api/workload/units/new").json["unit"]["level"] == "unknown"
    hire(world, "first", "new")
    world.drain()
    assert ratio(world, "new") == 1.0


def test_wavering_about_a_threshold_is_told_once(world: World) -> None:
    register_unit(world, "R", "dukcapil", staff=1, places=1)
    world.drain()
    world.submit("workload", analysis("R", [AbkLine(task="t", name="T", volume=5_000, norm=15)]))
    weeks = [date(2026, 1, 19), date(2026, 1, 26), date(2026, 2, 2), date(2026, 2, 9), date(2026, 2, 23)]
    for week, volume in zip(weeks, [108, 109, 111, 109, 111], strict=True):
        world.submit("workload", report("R", {"t": volume}, week))
    assert [round(e.ratio, 2) for e in told(world, "R", WorkloadMeasured)] == [1.08, 1.09, 1.11, 1.09, 1.11]
    changed = told(world, "R", WorkloadChanged)
    assert [(round(e.previous_ratio, 2), round(e.ratio, 2), e.level) for e in changed] == [
        (1.08, 1.08, "balanced"),
        (1.08, 1.11, "overload"),
    ]


def test_a_correction_replaces_the_report_of_the_same_period(reported: World) -> None:
    halved = {task: count / 2 for task, count in BUSY_WEEK.items()}
    answer = reported.submit("workload", report("P", halved))
    assert round(answer["ratio"], 4) == round((604_500 / 2 + 33_000) / 450_000, 4)
    kept = [row for row in reported.rows("workload", table(Report)) if row["unit"] == "P"]
    assert {row["replaced_by"] for row in kept} == {None, answer["report"]}


def test_a_report_from_before_a_long_silence_does_not_fill_the_window(world: World) -> None:
    world.submit("workload", report("P", {"ktp-el": 9_999}, date(2026, 1, 5)))
    world.submit("workload", report("P", {"ktp-el": 96}, date(2026, 2, 27), days=1))
    assert ratio(world, "P") == round((360_000 + 33_000) / 450_000, 4)


KINDS = st.sampled_from(["definitive", "temporary", "returned"])
MOVES = st.tuples(
    st.integers(0, 6), KINDS, st.sampled_from("PQ"), st.sampled_from("PQ"), st.integers(0, 2), st.integers(1, 10)
)


@given(st.lists(MOVES, min_size=1, max_size=8))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_sequence_of_moves_loses_or_doubles_anyone(reported: World, moves: list[tuple[Any, ...]]) -> None:
    for person, kind, source, target, mutation, tenths in moves:
        move(reported, f"Q{person}", kind, source, target, f"m{mutation}", tenths / 10)
    reported.drain()
    assert reported.rows("workload", workload.SERVICE.inbox.waiting) == []
    with reported.app.databases.reader("workload").connect() as conn:
        assert round(sum(staff.value for staff in staff_of(conn.execute).values()), 6) == 13
    shares: dict[str, float] = {}
    for seat in reported.rows("workload", table(Seat)):
        shares[seat["person"]] = round(shares.get(seat["person"], 0) + seat["share"], 6)
    assert set(shares.values()) == {1.0}
