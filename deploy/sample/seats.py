"""The seats of the sample: positions with their places, and who sits where before anybody has a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import structs

from deploy.sample.source import Family, PlantedPerson, Source, Unit
from events.personnel import PositionRegistered, UnitRegistered

LEADERSHIP = Family(family="kepemimpinan", title="", kind="jpt", job_class=14, retires_at=60)


class Seat(NamedTuple):
    """One person's place. `member` counts from 0, the unit's head; `leads` is the unit or OPD that it heads."""

    unit: Unit
    instansi: str
    code: str
    family: Family
    member: int
    leads: str
    planted: PlantedPerson | None

    @property
    def position(self) -> str:
        return f"{self.unit.unit}.{self.code}"


class _Row(NamedTuple):
    """A position of a unit: how many places it has and how many people sit in it."""

    code: str
    family: Family
    places: int
    staff: int
    leads: str = ""


def registered(unit: Unit, source: Source) -> UnitRegistered:
    opd, place = source.opds[unit.opd], source.places[unit.place]
    return UnitRegistered(
        unit=unit.unit,
        name=unit.name,
        opd=opd.opd,
        opd_name=opd.name,
        instansi=opd.instansi,
        instansi_name=source.instansi[opd.instansi].name,
        region=place.region,
        island=place.island,
        dukcapil=opd.dukcapil,
    )


def seats_of(unit: Unit, need: int, source: Source, *, hosts_head: bool) -> tuple[list[PositionRegistered], list[Seat]]:
    """Positions and seats of a unit that needs `need` people by its final ABK.

    The unit's head comes first, its staff after; the head of the OPD, where this unit hosts that seat, comes last.
    """
    opd, head = source.opds[unit.opd], source.heads[unit.head]
    families = [source.families[family] for family in unit.mix]
    title = head.title.format(unit.name)
    leader = structs.replace(families[0], title=title, kind=head.kind, job_class=head.job_class)
    heads, weights = 2 if hosts_head else 1, list(unit.mix.values())
    places, staff = apportion(max(0, need - heads), weights), apportion(unit.staff - heads, weights)

    rows = [_Row("kepala", leader, 1, 1, unit.unit)]
    rows += [_Row(f.family, f, n_places, n_staff) for f, n_places, n_staff in zip(families, places, staff, strict=True)]
    if hosts_head:
        rows.append(_Row("pimpinan-opd", structs.replace(LEADERSHIP, title=opd.head), 1, 1, opd.opd))

    planted = source.planted.get(unit.unit)
    members = {person.member: person for person in planted.people} if planted else {}
    seats: list[Seat] = []
    for row in rows:
        for _ in range(row.staff):
            member = len(seats)
            seats.append(Seat(unit, opd.instansi, row.code, row.family, member, row.leads, members.get(member)))
    return [_position(unit, row) for row in rows], seats


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` into whole shares by weight, largest remainders first (Hamilton); they sum to `total`."""
    exact = [total * weight / sum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares


def _position(unit: Unit, row: _Row) -> PositionRegistered:
    return PositionRegistered(
        position=f"{unit.unit}.{row.code}",
        unit=unit.unit,
        title=row.family.title,
        kind=row.family.kind,
        family=row.family.family,
        job_class=row.family.job_class,
        places=row.places,
    )
