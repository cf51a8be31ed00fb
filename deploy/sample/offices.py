"""Offices of the sample and who holds them: heads of OPDs and units, and those the law of a mutation needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from random import Random
from uuid import UUID

from deploy.sample.model import Official, Person
from deploy.sample.seats import Seat
from deploy.sample.source import OfficeRow, Source
from events.authority import HolderAppointed, OfficeEstablished

INAUGURATED = date(2025, 2, 20)


def officials(source: Source, rng: Random) -> list[Official]:
    """Elected leaders, with invented names."""
    return [
        Official(
            person=str(UUID(int=rng.getrandbits(128), version=4)),
            name=f"{rng.choice(source.names.male + source.names.female)} {rng.choice(source.names.family)}",
            title=row.elected,
        )
        for row in source.offices
        if row.elected
    ]


def officers(source: Source) -> set[tuple[str, int]]:
    """(unit, member) of the seats whose holders also hold an office."""
    return {(row.staff_of, row.nth) for row in source.offices if row.staff_of}


def held_offices(
    seats: Sequence[Seat], people: Sequence[Person], elected: Sequence[Official], source: Source
) -> Iterator[tuple[OfficeEstablished, HolderAppointed]]:
    """Each office with its definitive holder, in the order in which they are established."""
    seated = list(zip(seats, people, strict=True))
    heads = {seat.leads: person for seat, person in seated if seat.leads}
    staff = {(seat.unit.unit, seat.member): person for seat, person in seated}
    leaders = {official.title: official.person for official in elected}

    for row in source.offices:
        if row.elected:
            yield _held(row, leaders[row.elected], INAUGURATED)
        else:
            holder = heads[row.head_of] if row.head_of else staff[row.staff_of, row.nth]
            yield _held(row, holder.person, holder.since)
    for seat, person in seated:
        if seat.leads:
            head = OfficeRow(office=f"{seat.leads}.head", role="unit_head", scope=seat.leads, title=seat.family.title)
            yield _held(head, person.person, person.since)


def _held(row: OfficeRow, person: str, since: date) -> tuple[OfficeEstablished, HolderAppointed]:
    office = OfficeEstablished(
        office=row.office, role=row.role, scope=row.scope, instansi=row.office.partition(".")[0], title=row.title
    )
    order = f"CONTOH/{row.office}/{since.year}"
    return office, HolderAppointed(office=row.office, person=person, capacity="definitive", order=order, since=since)
