"""Contracts of the service `personnel`: units, positions, people (by random id), and who works where."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec

from events.catalog import event
from events.shapes import Code, GovernmentCode, Name, PersonId, SeatCode

EmploymentStatus = Literal["pns", "cpns", "pppk", "pppk_part_time"]
PositionKind = Literal["jpt", "administrator", "pengawas", "pelaksana", "fungsional"]


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    pass


@event("personnel.unit_registered", topic="personnel")
class UnitRegistered(_Payload, frozen=True, kw_only=True):
    """A unit exists, with its place in the tree: instansi (appointing authority) > OPD > unit.

    Subject `personnel/unit/<unit>`. `instansi` is the code of the government (8200 province, 8272 Kota Tidore);
    two positions of one instansi are an internal move, of two instansi another route. `dukcapil`: officials of this
    unit are appointed by the Minister of Home Affairs.
    """

    unit: Code
    name: Name
    opd: Code
    opd_name: Name
    instansi: GovernmentCode
    instansi_name: Name
    region: GovernmentCode
    island: Code
    dukcapil: bool = False


@event("personnel.position_registered", topic="personnel")
class PositionRegistered(_Payload, frozen=True, kw_only=True):
    """A position with its places. Subject `personnel/position/<position>`.

    `places` is the number of people that the final workload analysis (ABK) gives it; `family` the job family that
    a person must have among their skills. `heads_unit`: it leads a unit, as the post of a head of school does.
    """

    position: SeatCode
    unit: Code
    title: Name
    kind: PositionKind
    family: Code
    job_class: Annotated[int, msgspec.Meta(ge=1, le=17)]
    places: Annotated[int, msgspec.Meta(ge=0, le=100_000)]
    heads_unit: bool = False


@event("personnel.person_registered", topic="personnel")
class PersonRegistered(_Payload, frozen=True, kw_only=True):
    """A person is in service, known to all others by a random id only. Subject `personnel/person/<person>`.

    Dates are those the rules need: `since` in the present position, `retires_on`, `appointed_on` of the recruit.
    `eligible` = appraisal good for two years and no open disciplinary process (a band, never the grounds).
    `conflicts`: units in which a conflict of interest bars them from a post, never why.
    """

    person: PersonId
    status: EmploymentStatus
    grade: int
    position: SeatCode
    unit: Code
    since: date
    appointed_on: date
    retires_on: date
    skills: list[Code]
    home: Code
    eligible: bool = True
    conflicts: list[Code] = []


@event("personnel.incumbency_changed", topic="personnel")
class IncumbencyChanged(_Payload, frozen=True, kw_only=True):
    """Someone works elsewhere from a date. Subject `personnel/person/<person>`.

    `kind`: `definitive` moves the post; `temporary` adds duty elsewhere for `share` of working time and keeps the home
    post; `returned` ends the temporary duty. `mutation` is the case that caused it. `since`: in the post since then,
    where a reversal restored what was before.
    """

    person: str
    kind: Literal["definitive", "temporary", "returned"]
    from_position: str
    from_unit: str
    to_position: str
    to_unit: str
    on: date
    until: date | None = None
    share: float = 1.0
    mutation: str
    since: date | None = None


@event("personnel.card_viewed", topic="access")
class CardViewed(_Payload, frozen=True, kw_only=True):
    """Someone read who a person is. Subject `personnel/access/<id>`. One event a view, listing whose cards."""

    viewer: str
    people: list[str]
    fields: list[str]
    purpose: str
    mutation: str | None = None
