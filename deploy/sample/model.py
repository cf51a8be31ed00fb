"""What a sample province is made of. Units, positions, offices and holdings are the payloads of their events."""

from __future__ import annotations

from datetime import date

import msgspec

from deploy.sample.source import Region
from events.authority import HolderAppointed, OfficeEstablished
from events.personnel import EmploymentStatus, PersonRegistered, PositionRegistered, UnitRegistered
from services.personnel.nip import Sex, parse
from services.workload.measure import Report, Task, need, yearly_load


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A civil servant: what `personnel` keeps to itself (name, NIP, place of residence) and what others may know.

    `home` is the island of residence, so that it compares with the island of a unit.
    """

    person: str
    name: str
    nip: str
    status: EmploymentStatus
    grade: int
    position: str
    unit: str
    since: date
    appointed_on: date
    retires_on: date
    skills: list[str]
    home: str
    place: str
    eligible: bool

    @property
    def birth(self) -> date:
        return parse(self.nip).birth

    @property
    def sex(self) -> Sex:
        return parse(self.nip).sex

    def registered(self) -> PersonRegistered:
        """The event by which others come to know this person: without name, NIP or place."""
        return msgspec.convert(self, PersonRegistered, from_attributes=True)


class Official(msgspec.Struct, frozen=True, kw_only=True):
    """An elected leader: holds an office, is no civil servant and has no NIP."""

    person: str
    name: str
    title: str


class Abk(msgspec.Struct, frozen=True, kw_only=True):
    """A workload analysis of a unit. Only a final one counts as need; a draft is not signed."""

    unit: str
    version: int
    tasks: list[Task]
    wke: int
    signed_on: date | None

    @property
    def final(self) -> bool:
        return self.signed_on is not None

    @property
    def minutes(self) -> float:
        """Minutes of work a year."""
        return yearly_load(self.tasks).value

    @property
    def need(self) -> int:
        """People, rounded half up."""
        return int(need(yearly_load(self.tasks), self.wke).value)


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """Units by their part in the stories, and the best candidate for the counter, who will say no."""

    counter: str
    counter_donor: str
    vaccination: str
    vaccination_donor: str
    unwilling: str


class Province(msgspec.Struct, frozen=True, kw_only=True):
    """The sample: made of data files and a seed, the same for the same seed and day.

    `reports` are those of the five working days before `day_zero`; `surges` the reports that follow in a story, each
    with its working day counted from day zero.
    """

    seed: int
    day_zero: date
    regions: list[Region]
    units: list[UnitRegistered]
    positions: list[PositionRegistered]
    people: list[Person]
    officials: list[Official]
    offices: list[OfficeEstablished]
    holdings: list[HolderAppointed]
    abk: list[Abk]
    reports: list[Report]
    surges: dict[str, list[tuple[int, Report]]]
    planted: Planted
