"""What `personnel` can be asked to do. Registrations come in batches of up to 500, all of it or nothing."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from events.authority import Capacity, HolderAppointed, OfficeEstablished
from events.personnel import EmploymentStatus, PositionRegistered, UnitRegistered
from events.shapes import Code, CommandName, Name, Number, PersonId, SeatCode

Grade = Annotated[int, msgspec.Meta(ge=1, le=17)]


class _Command(msgspec.Struct, frozen=True, kw_only=True):
    pass


class NewPerson(_Command, frozen=True, kw_only=True):
    """A civil servant to register. `name` and `nip` go no further than this service, and into no log."""

    name: Name
    nip: str
    status: EmploymentStatus
    grade: Grade
    position: SeatCode
    unit: Code
    since: date
    appointed_on: date
    retires_on: date
    skills: list[Code]
    home: Code
    eligible: bool = True
    conflicts: list[Code] = []
    person: PersonId | None = None

    def __repr__(self) -> str:
        return f"NewPerson({self.person})"


class NewOfficial(_Command, frozen=True, kw_only=True):
    """An elected leader: holds an office, is no civil servant and has no NIP."""

    person: str
    name: Name
    title: str

    def __repr__(self) -> str:
        return f"NewOfficial({self.person})"


class RegisterUnits(_Command, frozen=True, kw_only=True):
    """Units that exist from now on, or are now as told here."""

    units: list[UnitRegistered]


class RegisterPositions(_Command, frozen=True, kw_only=True):
    """Positions with their places, in units that are known."""

    positions: list[PositionRegistered]


class RegisterPeople(_Command, frozen=True, kw_only=True):
    """People in service, each in a position that is known; those without an id are given a random one."""

    people: list[NewPerson]


class RegisterOfficials(_Command, frozen=True, kw_only=True):
    """The names of elected leaders."""

    officials: list[NewOfficial]


class EstablishOffices(_Command, frozen=True, kw_only=True):
    """Seats to which duties belong."""

    offices: list[OfficeEstablished]


class AppointHolders(_Command, frozen=True, kw_only=True):
    """Seat people in offices, by their orders."""

    holders: list[HolderAppointed]


class EndHolding(_Command, frozen=True, kw_only=True):
    """A person's last day in an office is `on`."""

    office: SeatCode
    person: PersonId
    capacity: Capacity
    on: date
    order: Number


class Delegate(_Command, frozen=True, kw_only=True):
    """The holder of an office lets another take named kinds of decision from `since` to `until`, both inclusive."""

    office: SeatCode
    to_person: PersonId
    by_person: PersonId
    order: Number
    commands: Annotated[list[CommandName], msgspec.Meta(min_length=1)]
    since: date
    until: date


class ViewCards(_Command, frozen=True, kw_only=True):
    """Someone is about to read who these people are, for a purpose."""

    people: list[str]
    purpose: str
    mutation: str | None = None
