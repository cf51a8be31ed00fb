"""Workload analysis: the oracles of the method, the rolling window, and when others should hear of a load."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.workload.measure import (
    GRADES_2002,
    Report,
    Said,
    Task,
    Thresholds,
    Unmeasurable,
    grade,
    help_needed,
    judge,
    lasting_shortage,
    measure,
    need,
    ratio,
    unit_ratio,
    yearly_load,
)
from services.workload.working import Figure

COUNTER = [
    Task("ktp-el", "Perekaman KTP-el", 24_000, 15),
    Task("kartu-keluarga", "Kartu keluarga", 9_600, 20),
    Task("akta-lahir", "Akta kelahiran", 1_750, 30),
    Task("laporan-harian", "Laporan harian", 250, 60, counted=False),
    Task("laporan-bulanan", "Laporan bulanan", 12, 1_500, counted=False),
]
DONOR = [Task("berkas", "Pemeriksaan berkas", 31_500, 10)]
BUSY_WEEK = {"ktp-el": 480, "kartu-keluarga": 192, "akta-lahir": 35}
MONDAY = date(2026, 3, 2)


def load_of(minutes: float) -> Figure:
    return yearly_load([Task("t", "t", minutes, 1)])


def report(week: int, counts: dict[str, int], days: int = 5, absent_days: float = 0) -> Report:
    start = MONDAY + timedelta(weeks=week)
    return Report(f"r{week}", "counter", start, start + timedelta(days=days - 1), days, counts, absent_days)


def test_the_load_of_the_counter_is_the_sum_of_volume_times_norm() -> None:
    load = yearly_load(COUNTER)
    assert [line.value for line in load.lines] == [360_000, 192_000, 52_500, 15_000, 18_000, 637_500]


@pytest.mark.parametrize(("wke", "people"), [(75_000, 9), (72_000, 9), (78_000, 8)])
def test_need_depends_on_effective_working_time_and_is_rounded_half_up(wke: int, people: int) -> None:
    assert need(yearly_load(COUNTER), wke).value == people


@pytest.mark.parametrize(
    ("moved", "counter", "donor"),
    [(0, 1.4167, 0.6), (1, 1.2143, 0.7), (2, 1.0625, 0.84), (3, 0.9444, 1.05), (4, 0.85, 1.4)],
)
def test_each_person_moved_lowers_one_ratio_and_raises_the_other(moved: int, counter: float, donor: float) -> None:
    assert round(ratio(yearly_load(COUNTER), 6 + moved).value, 4) == counter
    assert round(ratio(yearly_load(DONOR), 7 - moved).value, 4) == donor


def test_the_donor_needs_four_people() -> None:
    assert need(yearly_load(DONOR)).value == 4


@given(st.integers(0, 10_000))
def test_half_a_person_is_always_rounded_up(whole: int) -> None:
    assert need(load_of((whole + 0.5) * 75_000)).value == whole + 1
    assert need(load_of((whole + 0.5) * 75_000 - 1)).value == whole


@pytest.mark.parametrize(
    ("ej", "letter"),
    [
        (1.4167, "A"),
        (1.0001, "A"),
        (1.0, "B"),
        (0.9, "B"),
        (0.895, "C"),
        (0.7, "C"),
        (0.6, "D"),
        (0.5, "D"),
        (0.49, "E"),
    ],
)
def test_grade_a_is_overload_and_gaps_belong_to_the_lower_band(ej: float, letter: str) -> None:
    assert grade(ej) == letter


@pytest.mark.parametrize(
    ("ej", "letter"), [(1.0, "B"), (0.81, "B"), (0.805, "C"), (0.66, "C"), (0.65, "D"), (0.4, "E")]
)
def test_the_older_grades_are_another_set(ej: float, letter: str) -> None:
    assert grade(ej, GRADES_2002) == letter


def test_a_ratio_opens_to_its_working_in_both_languages() -> None:
    last = ratio(yearly_load(COUNTER), 6).lines[-1]
    assert last.text("en") == "637,500 ÷ (6 × 75,000) = 1.4167"
    assert last.text("id") == "637.500 ÷ (6 × 75.000) = 1,4167"


def test_a_need_shows_the_fraction_before_rounding() -> None:
    shown = [line.text("en") for line in need(yearly_load(COUNTER)).lines[-2:]]
    assert shown == ["637,500 ÷ 75,000 = 8.5", "⌊8.5 + 0.5⌋ = 9"]


def test_a_unit_is_the_sum_of_its_positions() -> None:
    unit = unit_ratio([(yearly_load(COUNTER), 6), (yearly_load(DONOR), 7)])
    assert unit.value == (637_500 + 315_000) / (13 * 75_000)
    assert [line.code for line in unit.lines].count("load") == 1


def test_a_surplus_in_one_position_never_hides_the_gap_in_another() -> None:
    assert [lasting_shortage(9, 6).value, lasting_shortage(4, 7).value] == [3, 0]


def test_a_window_at_the_pace_of_the_counter_gives_its_yearly_ratio_exactly() -> None:
    measured = measure(COUNTER, [report(0, BUSY_WEEK)], staff=6)
    assert (measured.minutes, measured.available) == (12_750, 9_000)
    assert measured.ratio.lines[-1].text("en") == "637,500 ÷ (6 × 75,000) = 1.4167"


def test_a_counted_line_names_its_reports() -> None:
    line = measure(COUNTER, [report(0, BUSY_WEEK)], staff=6).ratio.lines[0]
    assert line.text("en") == "480 ÷ 5 × 250 × 15 = 360,000"
    assert (line.name, line.sources) == ("Perekaman KTP-el", ("r0",))


def test_routine_work_weighs_the_same_in_a_week_without_counts() -> None:
    assert measure(COUNTER, [report(0, {})], staff=6).load.value == 33_000


def test_newer_days_push_older_ones_out_of_the_window() -> None:
    quiet = report(0, {"ktp-el": 100})
    day = Report("today", "counter", MONDAY + timedelta(days=7), MONDAY + timedelta(days=7), 1, {"ktp-el": 200})
    measured = measure(COUNTER[:1], [quiet, day], staff=1)
    assert measured.load.value == (100 * 4 / 5 + 200) / 5 * 250 * 15
    assert measured.load.lines[0].text("en") == "(200 + 100 × 4 ÷ 5) ÷ 5 × 250 × 15 = 210,000"
    older = report(-1, {"ktp-el": 9_999})
    assert measure(COUNTER[:1], [older, day, quiet], staff=1).load == measured.load


def test_a_short_history_is_read_at_its_own_pace() -> None:
    one_day = report(0, {"ktp-el": 96}, days=1)
    assert measure(COUNTER[:1], [one_day], staff=6).load.value == 360_000


def test_absence_raises_the_ratio_and_shows_in_the_working() -> None:
    measured = measure(COUNTER, [report(0, BUSY_WEEK, absent_days=5)], staff=6)
    assert measured.at_work == 5
    assert [line.text("en") for line in measured.ratio.lines[-2:]] == [
        "6 - 5 ÷ 5 = 5",
        "637,500 ÷ (5 × 75,000) = 1.7",
    ]


def test_help_needed_is_what_brings_the_ratio_to_one() -> None:
    load = yearly_load(COUNTER)
    assert help_needed(load, 6).value == 2.5
    assert help_needed(load, 9).value == 0


def test_a_unit_without_anyone_or_without_reports_is_not_measured() -> None:
    with pytest.raises(Unmeasurable, match="nobody is at work"):
        ratio(yearly_load(COUNTER), 0)
    with pytest.raises(Unmeasurable, match="nobody is at work"):
        measure(COUNTER, [report(0, BUSY_WEEK, absent_days=30)], staff=6)
    with pytest.raises(Unmeasurable, match="ask the unit for a report"):
        measure(COUNTER, [], staff=6)


def test_a_first_ratio_is_always_said() -> None:
    assert judge(0.95, None).say


def test_overload_begins_above_its_threshold_and_ends_at_full_load() -> None:
    assert judge(1.10, Said(1.09, "balanced")).level == "balanced"
    assert judge(1.11, Said(1.10, "balanced")).level == "overload"
    assert judge(1.01, Said(1.11, "overload")).level == "overload"
    assert judge(1.00, Said(1.01, "overload")).level == "balanced"


def test_idleness_begins_below_its_threshold_and_ends_further_up() -> None:
    assert judge(0.69, Said(0.70, "balanced")).level == "idle"
    assert judge(0.79, Said(0.69, "idle")).level == "idle"
    assert judge(0.80, Said(0.79, "idle")).level == "balanced"


def test_a_fall_from_overload_to_idleness_is_one_step() -> None:
    verdict = judge(0.5, Said(1.3, "overload"))
    assert (verdict.level, verdict.say) == ("idle", True)


def test_wavering_about_a_threshold_is_said_once() -> None:
    said, times = Said(1.08, "balanced"), 0
    for ej in [1.09, 1.11, 1.09, 1.11, 1.09]:
        verdict = judge(ej, said)
        if verdict.say:
            said, times = Said(ej, verdict.level), times + 1
    assert times == 1


def test_a_move_within_a_level_is_said_when_it_is_large_enough() -> None:
    assert judge(1.42, Said(1.32, "overload")).say
    assert not judge(1.42, Said(1.40, "overload")).say
    assert not judge(1.42, Said(1.32, "overload"), Thresholds(step=0.2)).say
