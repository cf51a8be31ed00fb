"""Working days of 2026 and local midnights."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from workflow.calendar import Zone, add_months
from workflow.library import calendar


@pytest.mark.parametrize(
    ("zone", "midnight"), [("WIT", 15), ("WITA", 16), ("WIB", 17)], ids=["Sofifi", "Makassar", "Jakarta"]
)
def test_a_day_ends_at_local_midnight(zone: Zone, midnight: int) -> None:
    assert calendar(zone).end_of(date(2026, 2, 3)) == datetime(2026, 2, 3, midnight, tzinfo=UTC)


def test_late_evening_in_utc_is_already_tomorrow_in_sofifi() -> None:
    assert calendar("WIT").today(datetime(2026, 2, 2, 15, tzinfo=UTC)) == date(2026, 2, 3)
    assert calendar("WIB").today(datetime(2026, 2, 2, 15, tzinfo=UTC)) == date(2026, 2, 2)


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        (date(2026, 2, 2), 1, date(2026, 2, 3)),
        (date(2026, 2, 6), 1, date(2026, 2, 9)),
        (date(2026, 2, 13), 1, date(2026, 2, 18)),  # Imlek and its collective leave
        (date(2026, 3, 17), 1, date(2026, 3, 25)),  # Nyepi and Idul Fitri: a week without a working day
        (date(2026, 2, 7), 3, date(2026, 2, 11)),
    ],
)
def test_working_days_pass_over_weekends_holidays_and_collective_leave(start: date, days: int, due: date) -> None:
    assert calendar("WIT").add_working(start, days) == due


def test_2026_has_25_dates_collective_leave_included() -> None:
    assert len([day for day in calendar("WIT").holidays if day.year == 2026]) == 25
    assert not calendar("WIT").is_working(date(2026, 12, 24))


def test_months_end_on_the_last_day_of_a_shorter_month() -> None:
    assert add_months(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert add_months(date(2026, 12, 1), 1) == date(2027, 1, 1)
