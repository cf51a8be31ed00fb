"""What the optimizer knows when it plans: ids, codes and figures, frozen. No names, no clock, no database.

Loads and staff are in full-time equivalents (FTE), moving costs in hours, dates are the first or last day they name.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from datetime import date, timedelta
from typing import Literal

import msgspec

from events.personnel import EmploymentStatus, PositionKind
from events.proposal import Premise

Mode = Literal["temporary", "permanent"]

#: The share of working time that a move takes. Only whole people move so far: the solver's proof rests on it.
SHARE = 1.0


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit and its load. `load` = minutes of work in the window / minutes one person works in it, `staff` = shares of
    the people at work in it, running temporary duties included. `need` is the final ABK's, None while there is none;
    `lasting` people of it are missing. `fresh`: the report behind `load` is recent enough to plan by; `version` is that
    of `workload/unit/<unit>` which was read.
    """

    unit: str
    opd: str
    instansi: str
    island: str
    load: float
    staff: float
    need: int | None
    lasting: int
    as_of: date
    version: int
    fresh: bool = True

    @property
    def takes_part(self) -> bool:
        """A unit that has not reported, or with nobody at work, neither gives nor receives."""
        return self.fresh and self.staff > 0

    def ratio(self, change: float = 0.0) -> float:
        """EJ of the ABK method (load per person at work) after `change` people came or, negative, went."""
        return self.load / (self.staff + change)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A position with its places by final ABK; `occupied` counts those held or reserved. `version`: as for a unit."""

    position: str
    unit: str
    kind: PositionKind
    family: str
    job_class: int
    places: int
    occupied: int
    version: int

    @property
    def free(self) -> int:
        return max(0, self.places - self.occupied)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person at their home post. `since` in that post; `home` is the island they live on; `eligible` as in
    personnel.person_registered; `cooling_until` is the last day on which no new duty may begin; `running_share` of
    working time is bound by temporary duties already; `open_case`: a mutation between submission and start.
    """

    person: str
    position: str
    unit: str
    status: EmploymentStatus
    since: date
    retires_on: date
    skills: tuple[str, ...]
    home: str
    version: int
    eligible: bool = True
    cooling_until: date | None = None
    running_share: float = 0.0
    open_case: bool = False


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A move that people refused. It is not proposed again while `premise.subject` is at `premise.version`."""

    person: str
    to_unit: str
    premise: Premise


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """What a move costs the person, in hours. `crossing`: to a place off the home island; `homecoming`: back to it."""

    handover: int = 80
    crossing: int = 115
    homecoming: int = -40
    other_family: int = 40
    class_step: int = 20
    short_tenure: int = 60


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The rules in force, from the dated rule pack.

    A unit is helped when its EJ is above `help_above`, down to `target`, by nobody for less than `least_help` people
    (overtime or a task shift does it). A donor keeps EJ <= `donor_ceiling` and `floor_share` of its ABK need. A unit
    asks `donors_per_unit` others at most. A plan has `moves_per_plan` at most, as many as people can weigh one by one,
    `permanent_per_plan` of them for good; those need `tenure_months` in post and `horizon_months` to retirement. Only
    posts of `kinds` are left and filled: leading ones are another procedure. `effort` bounds each stage of the solver
    in deterministic seconds, so that a replay stops where the original did.
    """

    help_above: float = 1.10
    target: float = 1.00
    least_help: float = 0.5
    donor_ceiling: float = 1.00
    floor_share: float = 0.95
    donors_per_unit: int = 6
    moves_per_plan: int = 100
    permanent_per_plan: int = 10
    kinds: tuple[PositionKind, ...] = ("pelaksana", "fungsional")
    temporary_months: int = 3
    temporary_statuses: tuple[EmploymentStatus, ...] = ("pns", "pppk")
    permanent_statuses: tuple[EmploymentStatus, ...] = ("pns",)
    tenure_months: int = 24
    horizon_months: int = 24
    prices: Prices = Prices()
    seed: int = 1
    effort: float = 4.0

    def __post_init__(self) -> None:
        if not 1 <= self.temporary_months <= 6:
            raise ValueError(f"temporary help lasts 1 to 6 months, not {self.temporary_months}")


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """The input of a plan. `temporary_from` and `permanent_from` are the first working days on which a duty of that
    mode can begin, by the working calendar. `penalties`: person -> hours added for moves they declined before.
    """

    temporary_from: date
    permanent_from: date
    units: tuple[Unit, ...]
    positions: tuple[Position, ...]
    people: tuple[Person, ...]
    refusals: tuple[Refusal, ...] = ()
    penalties: dict[str, int] = {}
    policy: Policy = Policy()


class Known:
    """A picture by key. Of the refusals it keeps those that still stand."""

    def __init__(self, picture: Picture) -> None:
        self.policy = picture.policy
        self.penalties = picture.penalties
        self.units = {unit.unit: unit for unit in picture.units}
        self.positions = {position.position: position for position in picture.positions}
        self.people = picture.people
        self.staff_of: dict[str, list[Person]] = defaultdict(list)
        for person in picture.people:
            self.staff_of[person.unit].append(person)
        self.posts_of: dict[str, list[Position]] = defaultdict(list)
        for position in picture.positions:
            self.posts_of[position.unit].append(position)
        versions = {unit_subject(unit): unit.version for unit in picture.units}
        versions |= {person_subject(person): person.version for person in picture.people}
        versions |= {position_subject(position): position.version for position in picture.positions}
        self.refused = {
            (refusal.person, refusal.to_unit)
            for refusal in picture.refusals
            if versions.get(refusal.premise.subject, refusal.premise.version) == refusal.premise.version
        }
        self.start: dict[Mode, date] = {"temporary": picture.temporary_from, "permanent": picture.permanent_from}
        #: Last day of a temporary duty.
        self.until = months_after(picture.temporary_from, self.policy.temporary_months) - timedelta(days=1)
        #: Who came to their post later has a short tenure when a move of that mode begins.
        self.tenure = {mode: months_after(start, -self.policy.tenure_months) for mode, start in self.start.items()}
        #: Who retires until then is not moved for good.
        self.horizon = months_after(picture.permanent_from, self.policy.horizon_months)

    def overloaded(self, unit: Unit) -> bool:
        return unit.takes_part and unit.ratio() > self.policy.help_above


def used(picture: Picture) -> Picture:
    """The part of a picture that its plan depends on, in one order: all units, and those whose skills an overloaded
    unit can use. Planning with it gives the same plan, and its hash identifies the input.
    """
    known = Known(picture)
    helped = {unit.unit for unit in picture.units if known.overloaded(unit)}
    families = {position.family for position in picture.positions if position.unit in helped}
    people = sorted((p for p in picture.people if not families.isdisjoint(p.skills)), key=lambda p: p.person)
    named = {person.person for person in people}
    posts = {person.position for person in people}
    return msgspec.structs.replace(
        picture,
        units=tuple(sorted(picture.units, key=lambda u: u.unit)),
        positions=tuple(
            sorted((p for p in picture.positions if p.unit in helped or p.position in posts), key=lambda p: p.position)
        ),
        people=tuple(people),
        refusals=tuple(sorted((r for r in picture.refusals if r.person in named), key=msgspec.json.encode)),
        penalties={person: hours for person, hours in picture.penalties.items() if person in named},
    )


def unit_subject(unit: Unit) -> str:
    return f"workload/unit/{unit.unit}"


def person_subject(person: Person) -> str:
    return f"personnel/person/{person.person}"


def position_subject(position: Position) -> str:
    return f"personnel/position/{position.position}"


def months_after(day: date, months: int) -> date:
    """The same day of a later or earlier month, or that month's last day where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
