"""Which days a report covers, and until when it speaks for its unit. Pure."""

from __future__ import annotations

from datetime import date, timedelta

from workflow.calendar import Calendar, Zone
from workflow.library import calendar

ZONE: Zone = "WIT"
"""The province keeps Eastern Indonesian time; its days begin and end there."""

STALE_AFTER = 10
"""Working days after which a report says nothing about today: two windows of five. One report missed may be an
oversight, two are silence; holidays do not count, because nobody can report on them."""

LONGEST = 31
"""Days that one report may cover. The pace of a longer period says nothing about a week of it."""


def local() -> Calendar:
    """The working calendar of the province."""
    return calendar(ZONE)


def is_fresh(as_of: date, today: date) -> bool:
    """Whether a report that ends on `as_of` still speaks for its unit."""
    return today <= local().add_working(as_of, STALE_AFTER)


def working_days(first: date, last: date) -> int:
    """Working days from `first` to `last`, both included."""
    days = (last - first).days + 1
    return sum(local().is_working(first + timedelta(days=n)) for n in range(days))
