"""Contracts of the service `workload`."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from events.catalog import event

Level = Literal["overload", "balanced", "idle"]


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    pass


@event("workload.measured", topic="workload")
class WorkloadMeasured(_Payload, frozen=True, kw_only=True):
    """A report was measured. Subject `workload/unit/<unit>`. History of the unit; nothing needs to react.

    `minutes` of work in the period, `available` effective working minutes of those at work in it; `ratio` = minutes /
    available (EJ of the ABK method, on a rolling window). `report` names the report whose lines open the figure.
    """

    unit: str
    report: str
    period_from: date
    period_to: date
    minutes: float
    available: float
    staff: float
    ratio: float
    method: Literal["abk-window"] = "abk-window"


@event("workload.changed", topic="workload", audience="public")
class WorkloadChanged(_Payload, frozen=True, kw_only=True):
    """A unit's load crossed a threshold, or moved on by more than the hysteresis. Subject `workload/unit/<unit>`.

    `ratio` as in workload.measured; `needed` people to bring it to 1.00; `lasting` = people the *final* ABK lacks (only
    that part may become a permanent move).
    """

    unit: str
    report: str
    ratio: float
    previous_ratio: float
    level: Level
    staff: float
    needed: float
    lasting: int
    as_of: date


@event("workload.abk_finalised", topic="workload")
class AbkFinalised(_Payload, frozen=True, kw_only=True):
    """The regional secretary fixed the workload analysis of a unit. Subject `workload/unit/<unit>`.

    `minutes` a year and `need` (people, rounded half up) at `wke` effective minutes a person and year.
    """

    unit: str
    version: int
    minutes: float
    need: int
    wke: int
    signed_on: date
