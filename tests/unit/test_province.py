"""The sample province: its size, its planted figures, and that it is the same each time."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from datetime import date, timedelta

import msgspec
import pytest

from deploy.sample.model import Abk, Person, Province
from deploy.sample.province import DAY_ZERO, generate
from services.personnel.nip import parse
from services.workload.measure import Measurement, Report, measure

PROVINCE = generate()
PEOPLE = {person.person: person for person in PROVINCE.people}
UNITS = {unit.unit: unit for unit in PROVINCE.units}
STAFF: defaultdict[str, list[Person]] = defaultdict(list)
for _person in PROVINCE.people:
    STAFF[_person.unit].append(_person)
FINAL = {abk.unit: abk for abk in PROVINCE.abk if abk.final}
REPORT = {report.unit: report for report in PROVINCE.reports}
PLANTED = PROVINCE.planted


def measured(unit: str, *later: Report, staff: int | None = None) -> Measurement:
    """A unit's load by its final ABK after its ordinary week and later reports."""
    return measure(FINAL[unit].tasks, [REPORT[unit], *later], staff or len(STAFF[unit]))


def ratio(unit: str, *later: Report, staff: int | None = None) -> float:
    return measured(unit, *later, staff=staff).ratio.value


def of_instansi(code: str) -> list[Person]:
    return [person for person in PROVINCE.people if UNITS[person.unit].instansi == code]


def draft_of(unit: str) -> Abk:
    return next(abk for abk in PROVINCE.abk if abk.unit == unit and not abk.final)


def surge_up_to(story: str, day: int) -> list[Report]:
    return [report for offset, report in PROVINCE.surges[story] if offset <= day]


def fingerprint(province: Province) -> str:
    return hashlib.sha256(msgspec.json.encode(province)).hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_people() -> None:
    assert fingerprint(generate()) == fingerprint(PROVINCE)
    other = generate(seed=83)
    assert fingerprint(other) != fingerprint(PROVINCE)
    assert other.units == PROVINCE.units


def test_the_province_has_ten_thousand_people_in_forty_five_opds() -> None:
    assert len(of_instansi("8200")) == 10_000
    assert len({unit.opd for unit in PROVINCE.units if unit.instansi == "8200"}) == 45
    assert len(PROVINCE.regions) == 10
    assert sum(region.ektp_obligated for region in PROVINCE.regions) == 899_353
    assert sum(region.ektp_unrecorded for region in PROVINCE.regions) == 72_915


def test_sixty_of_a_hundred_are_pns_or_cpns_and_more_than_ninety_are_part_time() -> None:
    statuses = Counter(person.status for person in of_instansi("8200"))
    assert statuses["pns"] + statuses["cpns"] == 6_000
    assert statuses["pppk_part_time"] == 94


def test_homes_are_in_ternate_in_sofifi_and_oba_and_elsewhere() -> None:
    homes = Counter(person.place for person in of_instansi("8200"))
    assert homes["Ternate"] == 6_000
    assert homes["Sofifi"] + homes["Oba"] == 2_500


def test_every_number_is_valid_generated_unique_and_agrees_with_the_person() -> None:
    assert len({person.nip for person in PROVINCE.people}) == len(PROVINCE.people)
    for person in PROVINCE.people:
        number = parse(person.nip)
        assert number.serial > 900
        assert number.kind == ("pppk" if person.status.startswith("pppk") else "pns")
        assert (number.birth, number.sex) == (person.birth, person.sex)
        assert number.appointed.year == person.appointed_on.year


def test_dates_of_a_career_are_in_order_and_nobody_is_retired() -> None:
    for person in PROVINCE.people:
        assert person.birth < person.appointed_on <= person.since < DAY_ZERO < person.retires_on


def test_everybody_sits_in_a_position_of_their_unit_and_knows_its_family() -> None:
    positions = {position.position: position for position in PROVINCE.positions}
    assert len(positions) == len(PROVINCE.positions)
    for person in PROVINCE.people:
        position = positions[person.position]
        assert position.unit == person.unit
        assert position.family in person.skills


def test_places_of_a_unit_are_the_people_that_its_final_abk_needs() -> None:
    places: Counter[str] = Counter()
    for position in PROVINCE.positions:
        places[position.unit] += position.places
    assert dict(places) == {unit: FINAL[unit].need for unit in UNITS}


def test_what_others_learn_of_a_person_has_no_name_number_or_residence() -> None:
    person = PROVINCE.people[0]
    told = msgspec.json.encode(person.registered()).decode()
    assert person.person in told
    assert not any(secret in told for secret in (person.nip, person.name, person.place))


def test_every_opd_and_unit_has_a_head_who_works_there() -> None:
    holders = {holding.office: holding.person for holding in PROVINCE.holdings}
    assert len(holders) == len(PROVINCE.offices)
    for unit in PROVINCE.units:
        assert PEOPLE[holders[f"{unit.unit}.head"]].unit == unit.unit
        assert UNITS[PEOPLE[holders[f"{unit.opd}.head"]].unit].opd == unit.opd


@pytest.mark.parametrize("instansi", ["8200", "8272"])
def test_each_government_can_decide_a_case_with_different_people(instansi: str) -> None:
    holders = {holding.office: holding.person for holding in PROVINCE.holdings}
    by_role: defaultdict[str, list[str]] = defaultdict(list)
    for office in PROVINCE.offices:
        if office.scope == instansi:
            by_role[office.role].append(holders[office.office])
    assert len(set(by_role["panel_member"])) == 5
    assert len(set(by_role["personnel_verifier"])) >= 2
    assert by_role["pyb"][0] in by_role["panel_member"]
    apart = by_role["personnel_officer"] + by_role["personnel_verifier"] + by_role["inspector"] + by_role["pyb"]
    assert len(set(apart)) == len(apart)
    assert by_role["ppk"][0] in {official.person for official in PROVINCE.officials}


def test_the_counter_is_ordinary_on_day_zero_and_fills_to_one_forty_two() -> None:
    assert len(STAFF[PLANTED.counter]) == 6
    days = [ratio(PLANTED.counter, *surge_up_to("counter", day)) for day in range(-1, 6)]
    assert days[0] == 0.95
    assert days == sorted(days)
    assert days[5] == days[6] == 637_500 / (6 * 75_000)


def test_one_forty_two_opens_to_the_lines_of_the_counter() -> None:
    lines = measured(PLANTED.counter, *surge_up_to("counter", 4)).ratio.lines
    assert [line.value for line in lines[:-1]] == [360_000, 192_000, 52_500, 15_000, 18_000, 637_500]
    assert lines[-1].text("en") == "637,500 ÷ (6 × 75,000) = 1.4167"


def test_the_final_abk_of_the_counter_lacks_nobody_and_the_draft_for_nine_does_not_count() -> None:
    assert FINAL[PLANTED.counter].need == len(STAFF[PLANTED.counter])
    draft = draft_of(PLANTED.counter)
    assert (draft.minutes, draft.need, draft.signed_on) == (637_500, 9, None)


def test_the_donor_can_lend_two_people_to_the_counter_and_no_third() -> None:
    donor = PLANTED.counter_donor
    assert UNITS[donor].opd != UNITS[PLANTED.counter].opd
    assert FINAL[donor].need == 4
    assert [round(ratio(donor, staff=n), 4) for n in (7, 6, 5, 4)] == [0.6, 0.7, 0.84, 1.05]
    able = [person for person in STAFF[donor] if "administrasi-kependudukan" in person.skills]
    assert len(able) == 4
    assert all(person.eligible and person.status == "pns" for person in able)


def test_the_best_candidate_is_the_one_who_will_say_no() -> None:
    best = PEOPLE[PLANTED.unwilling]
    able = [person for person in STAFF[PLANTED.counter_donor] if "administrasi-kependudukan" in person.skills]
    assert best.home == UNITS[PLANTED.counter].island
    assert best == min(able, key=lambda person: person.since)
    assert best.grade == max(person.grade for person in able)


def test_the_vaccination_overloads_the_health_office_and_the_education_office_can_cover_it() -> None:
    helped, donor = PLANTED.vaccination, PLANTED.vaccination_donor
    assert UNITS[helped].opd_name == "Dinas Kesehatan"
    assert UNITS[donor].opd_name == "Dinas Pendidikan dan Kebudayaan"
    assert (ratio(helped), ratio(helped, *surge_up_to("vaccination", 9))) == (0.9, 1.5)
    assert ratio(helped, *surge_up_to("vaccination", 9), staff=24) == 1
    assert (ratio(donor), ratio(donor, staff=10)) == (0.5, 0.9)
    skills = Counter(skill for person in STAFF[donor] for skill in person.skills)
    assert (skills["vaksinator"], skills["pendataan"]) == (6, 8)


def test_nobody_can_help_the_few_other_overloaded_units_so_that_the_counter_stands_out() -> None:
    skills: defaultdict[str, set[str]] = defaultdict(set)
    for person in PROVINCE.people:
        for skill in person.skills:
            skills[skill].add(person.unit)
    loads = {unit: ratio(unit) for unit in UNITS}
    overloaded = {unit for unit, load in loads.items() if load > 1.10}
    assert len(overloaded) == 6
    assert 1.5 < max(loads.values()) < 1.6
    assert 0.4 < min(loads.values()) < 0.6
    for position in PROVINCE.positions:
        if position.unit in overloaded:
            assert skills[position.family] == {position.unit}


def test_other_units_that_know_civil_registration_can_lend_nobody() -> None:
    instansi = UNITS[PLANTED.counter].instansi
    able = {person.unit for person in of_instansi(instansi) if "administrasi-kependudukan" in person.skills}
    for unit in able - {PLANTED.counter, PLANTED.counter_donor}:
        assert ratio(unit, staff=len(STAFF[unit]) - 1) > 1


def test_a_counter_of_the_city_stands_in_sofifi_too() -> None:
    city = [unit for unit in PROVINCE.units if unit.instansi == "8272" and unit.dukcapil and unit.island == "halmahera"]
    assert [unit.name for unit in city] == ["Loket Dukcapil Kota Tidore di Sofifi"]


def test_reports_cover_the_five_working_days_before_day_zero() -> None:
    assert {(report.period_from, report.period_to) for report in PROVINCE.reports} == {
        (date(2026, 2, 23), date(2026, 2, 27))
    }
    assert len(PROVINCE.reports) == len(UNITS)


def test_surge_reports_follow_day_by_day_without_weekends() -> None:
    days = [report.period_to for _, report in PROVINCE.surges["counter"]]
    assert days == [DAY_ZERO + timedelta(days=n) for n in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11)]


def test_another_day_zero_moves_the_reports_and_a_weekend_is_refused() -> None:
    wednesday = generate(day_zero=date(2026, 6, 10))
    assert wednesday.reports[0].period_to == date(2026, 6, 9)
    assert wednesday.surges["counter"][0][1].period_from == date(2026, 6, 10)
    with pytest.raises(ValueError, match="weekend"):
        generate(day_zero=date(2026, 3, 1))
