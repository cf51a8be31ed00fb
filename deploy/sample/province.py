"""The sample province: Maluku Utara with 10,000 invented civil servants, and Kota Tidore Kepulauan beside it.

Data files say what a story or a fact rests on; everything else is drawn from the seed. The same seed and day give the
same bytes.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import groupby
from random import Random

from deploy.sample import loads, offices, source
from deploy.sample.model import Abk, Person, Planted, Province
from deploy.sample.people import Serials, people
from deploy.sample.seats import Seat, registered, seats_of
from events.personnel import PositionRegistered
from services.workload.measure import Report

DAY_ZERO = date(2026, 3, 2)


def generate(seed: int = 82, day_zero: date = DAY_ZERO) -> Province:
    """Make the province as it stands on the morning of `day_zero`, a working day. Raises ValueError at a weekend."""
    if day_zero.weekday() > 4:
        raise ValueError(f"day zero {day_zero} is at a weekend; choose a day from Monday to Friday")
    rng = Random(seed)
    written = source.read()

    abk: list[Abk] = []
    reports: list[Report] = []
    positions: list[PositionRegistered] = []
    seats: list[Seat] = []
    hosts = {unit.opd: unit.unit for unit in reversed(written.units)}
    for unit in written.units:
        ratio = loads.drawn_ratio(unit, rng)
        final = loads.final_abk(unit, ratio, written, day_zero, rng)
        abk.append(final)
        reports.append(loads.ordinary_week(unit, ratio, written, day_zero))
        of_unit = seats_of(unit, final.need, written, hosts_head=hosts[unit.opd] == unit.unit)
        positions += of_unit[0]
        seats += of_unit[1]

    surges = {}
    for name, planted in written.planted.items():
        if planted.begins is not None:
            abk.append(loads.draft_abk(name, planted))
            surges[planted.story] = list(loads.surge(name, planted, day_zero))

    officers = offices.officers(written)
    staff: list[Person] = []
    serials: Serials = Counter()
    for _, group in groupby(seats, key=lambda seat: seat.instansi):
        staff += people(list(group), officers, written, day_zero, serials, rng)
    elected = offices.officials(written, rng)
    held = list(offices.held_offices(seats, staff, elected, written))

    return Province(
        seed=seed,
        day_zero=day_zero,
        regions=written.regions,
        units=[registered(unit, written) for unit in written.units],
        positions=positions,
        people=staff,
        officials=elected,
        offices=[office for office, _ in held],
        holdings=[holding for _, holding in held],
        abk=abk,
        reports=reports,
        surges=surges,
        planted=_planted(written, seats, staff),
    )


def _planted(written: source.Source, seats: list[Seat], staff: list[Person]) -> Planted:
    parts = {planted.story: unit for unit, planted in written.planted.items()}
    unwilling = next(
        person.person for seat, person in zip(seats, staff, strict=True) if seat.planted and seat.planted.unwilling
    )
    return Planted(**parts, unwilling=unwilling)
