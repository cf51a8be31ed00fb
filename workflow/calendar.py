"""Working days and local midnights of Indonesia's three time zones."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

Zone = Literal["WIB", "WITA", "WIT"]
ZONES: dict[Zone, ZoneInfo] = {
    "WIB": ZoneInfo("Asia/Jakarta"),
    "WITA": ZoneInfo("Asia/Makassar"),
    "WIT": ZoneInfo("Asia/Jayapura"),
}
SATURDAY = 5
DAY = timedelta(days=1)


class Calendar(msgspec.Struct, frozen=True):
    """Monday to Friday without the holidays and collective leave given. In years without dates only weekends count."""

    zone: Zone
    holidays: frozenset[date]

    def today(self, now: datetime) -> date:
        """The local date at a moment."""
        return _local_date(self.zone, now)

    def is_working(self, day: date) -> bool:
        return day.weekday() < SATURDAY and day not in self.holidays

    def add_working(self, day: date, count: int) -> date:
        """The `count`-th working day after `day`, which itself does not count."""
        while count > 0:
            day += DAY
            count -= self.is_working(day)
        return day

    def working_between(self, day: date, last: date) -> int:
        """Working days after `day` up to `last`, which counts; negative when `last` is earlier."""
        if last < day:
            return -self.working_between(last, day)
        days = 0
        while day < last:
            day += DAY
            days += self.is_working(day)
        return days

    def last_day(self, due: datetime) -> date:
        """The local day that a deadline gives: the inverse of `end_of`."""
        return self.today(due - timedelta(microseconds=1))

    def end_of(self, day: date) -> datetime:
        """The moment (UTC) when a local day is over: a deadline on that day gives all of it."""
        return datetime.combine(day + DAY, time.min, ZONES[self.zone]).astimezone(UTC)


@lru_cache(maxsize=64)
def _local_date(zone: Zone, now: datetime) -> date:
    """A whole batch is judged at one moment, and asks for its date for each of its cases."""
    return now.astimezone(ZONES[zone]).date()


def add_months(day: date, months: int) -> date:
    """The same day `months` later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
