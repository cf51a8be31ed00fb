"""The invented people of the sample: status, career, number, name and home, drawn from the seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import cycle, islice
from random import Random
from typing import NamedTuple
from uuid import UUID

from deploy.sample.model import Person
from deploy.sample.seats import Seat
from deploy.sample.source import Instansi, Names, Source
from events.personnel import EmploymentStatus
from services.personnel.nip import Kind, Nip, Sex

FIRST_SERIAL = 900
"""Generated numbers use serials 900-999, which no real cohort of one birthday and month of appointment reaches."""

LARGE = 40
"""Staff of a unit that may have part-time people, so that a half share hardly moves its ratio."""

SIDE_SKILLS = ("administrasi-umum", "keuangan", "perencanaan", "teknologi-informasi")
HIGHEST_OF_STAFF = 12
GRADES = {"jpt": 15, "administrator": 13, "pengawas": 11}
DAYS_A_YEAR = 365.25


class Career(NamedTuple):
    birth: date
    appointed: date
    since: date
    frequency: int


Serials = Counter[tuple[date, date, Sex]]
"""How many numbers were given to a birthday, date of appointment and sex."""


def people(
    seats: Sequence[Seat],
    officers: set[tuple[str, int]],
    source: Source,
    day_zero: date,
    serials: Serials,
    rng: Random,
) -> Iterator[Person]:
    """One person for each seat of one instansi.

    `officers` are (unit, member) of seats that only a PNS may hold; `serials` is shared by all governments, since a
    NIP is unique in the country.
    """
    instansi = source.instansi[seats[0].instansi]
    statuses = _statuses(seats, officers, instansi, rng)
    places = _places(seats, instansi, rng)
    for seat, status, place in zip(seats, statuses, places, strict=True):
        career = _career(seat, status, day_zero, rng)
        sex: Sex = rng.choice(("male", "female"))
        kind: Kind = "pppk" if career.frequency else "pns"
        in_number = career.appointed.replace(month=1) if kind == "pppk" else career.appointed
        serials[career.birth, in_number, sex] += 1
        serial = FIRST_SERIAL + serials[career.birth, in_number, sex]
        number = Nip(kind, career.birth, in_number, sex, serial, career.frequency).number()
        yield Person(
            person=str(UUID(int=rng.getrandbits(128), version=4)),
            name=_name(source.names, sex, rng),
            nip=number,
            status=status,
            grade=_grade(seat, status, career, day_zero),
            position=seat.position,
            unit=seat.unit.unit,
            since=career.since,
            appointed_on=career.appointed,
            retires_on=_retirement(career.birth, seat.family.retires_at),
            skills=_skills(seat, rng),
            home=source.places[place].island,
            place=place,
            eligible=bool(seat.leads or seat.planted) or rng.random() < 0.97,
        )


def _statuses(
    seats: Sequence[Seat], officers: set[tuple[str, int]], instansi: Instansi, rng: Random
) -> list[EmploymentStatus]:
    """Exactly the numbers of the instansi; heads and officers are PNS, part-time people sit in large units."""
    drawn: dict[int, EmploymentStatus] = {}
    for i, seat in enumerate(seats):
        if seat.leads or (seat.unit.unit, seat.member) in officers:
            drawn[i] = "pns"
        elif seat.planted:
            drawn[i] = seat.planted.status
    large = [i for i, seat in enumerate(seats) if i not in drawn and seat.unit.staff >= LARGE]
    part_time = instansi.status.get("pppk_part_time", 0)
    drawn.update(dict.fromkeys(rng.sample(large, part_time), "pppk_part_time"))
    pool = list((Counter(instansi.status) - Counter(drawn.values())).elements())
    rng.shuffle(pool)
    rest = iter(pool)
    return [drawn[i] if i in drawn else next(rest) for i in range(len(seats))]


def _places(seats: Sequence[Seat], instansi: Instansi, rng: Random) -> list[str]:
    """Where people live: at their unit outside Sofifi; those who work in Sofifi share what is left of the numbers."""
    settled = [
        (seat.planted and seat.planted.place) or (seat.unit.place if seat.unit.place != "Sofifi" else "")
        for seat in seats
    ]
    pool = list((Counter(instansi.homes) - Counter(settled)).elements())
    pool += islice(cycle(instansi.commuters), settled.count("") - len(pool))
    rng.shuffle(pool)
    rest = iter(pool)
    return [place or next(rest) for place in settled]


def _career(seat: Seat, status: EmploymentStatus, day_zero: date, rng: Random) -> Career:
    year = day_zero.year
    frequency = 0
    if status == "pns":
        senior = seat.leads or seat.planted
        age = rng.randrange(42 if senior else 27, seat.family.retires_at)
        birth = _day(year - age, rng)
        appointed = date(birth.year + rng.randrange(20, min(31, age - 2)), rng.choice((1, 3, 4, 12)), 1)
    elif status == "cpns":
        birth, appointed = _day(year - rng.randrange(22, 34), rng), date(year - 1, 6, 1)
    else:
        birth, frequency = _day(year - rng.randrange(24, 56), rng), 1
        appointed = date(year - 1, 10, 1) if status == "pppk_part_time" else date(year - rng.randrange(1, 6), 7, 1)
    years = seat.planted.years if seat.planted else 0
    tenure = years or min(12.0, rng.expovariate(0.2)) + 0.1
    return Career(birth, appointed, max(appointed, day_zero - timedelta(days=int(tenure * DAYS_A_YEAR))), frequency)


def _grade(seat: Seat, status: EmploymentStatus, career: Career, day_zero: date) -> int:
    """Golongan as a number (9 is III/a or PPPK IX), by what the post asks for and, for a PNS, years of service."""
    if seat.planted and seat.planted.grade:
        return seat.planted.grade
    entry = 9 if seat.family.job_class >= 8 else 7 if seat.family.job_class >= 7 else 5
    if status != "pns":
        return entry
    earned = min(HIGHEST_OF_STAFF, entry + (day_zero.year - career.appointed.year) // 4)
    return max(earned, GRADES.get(seat.family.kind, 0))


def _skills(seat: Seat, rng: Random) -> list[str]:
    """The family of the post, with another in one case of five; planted people have exactly what is written down."""
    side = rng.choice(SIDE_SKILLS) if rng.random() < 0.2 else ""
    if seat.planted:
        return seat.planted.skills
    return [seat.family.family, side] if side and side != seat.family.family else [seat.family.family]


def _name(names: Names, sex: Sex, rng: Random) -> str:
    return f"{rng.choice(names.male if sex == 'male' else names.female)} {rng.choice(names.family)}"


def _day(year: int, rng: Random) -> date:
    return date(year, rng.randrange(1, 13), rng.randrange(1, 29))


def _retirement(birth: date, age: int) -> date:
    """The first day of the month after the birthday at which retirement is due."""
    years, month = divmod(birth.month, 12)
    return date(birth.year + age + years, month + 1, 1)
