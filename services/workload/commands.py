"""The commands of `workload` as their senders write them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Counted(_Strict, frozen=True, kw_only=True):
    """How many results of a task there were."""

    task: str
    volume: float


class SubmitReport(_Strict, frozen=True, kw_only=True):
    """What a unit did in a period, by the counted tasks of its final ABK; a task left out had no results,
    but a report that names none is refused: no data is not no work.

    `absent_days` are person-days. A report of exactly the same period as an earlier one corrects it.
    """

    unit: str
    period_from: date
    period_to: date
    lines: list[Counted]
    absent_days: float = 0.0


class SubmitReports(_Strict, frozen=True, kw_only=True):
    """Up to 500 reports, all or none. Each unit is measured once, when all are in."""

    reports: list[SubmitReport]


class AbkLine(_Strict, frozen=True, kw_only=True):
    """A task: `volume` results a year at `norm` minutes. Not `counted`: of a fixed rhythm, never reported."""

    task: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=160)]
    volume: float
    norm: float
    counted: bool = True


class FinaliseAbk(_Strict, frozen=True, kw_only=True):
    """The analysis of a unit as signed by the regional secretary. `wke`: effective minutes a person and year."""

    unit: str
    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    wke: int
    lines: list[AbkLine]
    signed_on: date


class FinaliseAbks(_Strict, frozen=True, kw_only=True):
    """Up to 500 analyses, all or none."""

    analyses: list[FinaliseAbk]


def units_of(command: msgspec.Struct) -> set[str]:
    """The units that a command is about."""
    match command:
        case SubmitReport() | FinaliseAbk():
            return {command.unit}
        case SubmitReports():
            return {report.unit for report in command.reports}
        case FinaliseAbks():
            return {analysis.unit for analysis in command.analyses}
        case _:
            return set()
