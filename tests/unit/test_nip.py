"""The numbers of civil servants: what is valid, what is refused and how the refusal speaks."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.personnel.nip import FAULTS, InvalidNip, Nip, Sex, parse

PNS = "196608011988031001"
PPPK = "200012312024211001"


def test_a_pns_number_tells_birth_month_of_appointment_sex_and_serial() -> None:
    assert parse(PNS) == Nip("pns", date(1966, 8, 1), date(1988, 3, 1), "male", 1)


def test_a_pppk_number_is_told_apart_by_its_thirteenth_digit() -> None:
    assert parse(PPPK) == Nip("pppk", date(2000, 12, 31), date(2024, 1, 1), "male", 1, frequency=1)


def test_blanks_between_the_parts_are_allowed() -> None:
    assert parse(" 19660801 198803 1 001\n") == parse(PNS)


@pytest.mark.parametrize(
    ("number", "rule", "digits"),
    [
        ("19660801198803100", "length", "1-18"),
        ("1966080119880310012", "length", "1-18"),
        ("1966080119880310O1", "length", "1-18"),
        ("١٩٦٦٠٨٠١١٩٨٨٠٣١٠٠١", "length", "1-18"),
        ("196602301988031001", "birth", "1-8"),
        ("000008011988031001", "birth", "1-8"),
        ("196608011988131001", "appointed", "9-14"),
        ("196608011988001001", "appointed", "9-14"),
        ("196608011988331001", "appointed", "9-14"),
        ("200012312024201001", "frequency", "13-14"),
        ("196608011988030001", "sex", "15"),
        ("196608011988033001", "sex", "15"),
        ("196608011988031000", "serial", "16-18"),
        ("196608011983071001", "age", "1-14"),
    ],
)
def test_a_refusal_names_the_digits(number: str, rule: str, digits: str) -> None:
    with pytest.raises(InvalidNip) as refused:
        parse(number)
    assert refused.value.rule == rule
    assert refused.value.text("id").startswith(f"Angka {digits}: ")
    assert refused.value.text("en").startswith(f"Digits {digits}: ")


@pytest.mark.parametrize("rule", FAULTS)
def test_each_refusal_says_the_remedy_in_both_languages(rule: str) -> None:
    refused, fault = InvalidNip(rule), FAULTS[rule]
    assert fault.remedy_id in refused.text("id")
    assert fault.remedy_en in refused.text("en")
    assert fault.remedy_id != fault.remedy_en


def test_seventeen_in_the_month_of_appointment_is_old_enough() -> None:
    assert parse("196608311983081001").appointed == date(1983, 8, 1)


def test_neither_errors_nor_parsed_numbers_disclose_the_number() -> None:
    with pytest.raises(InvalidNip) as refused:
        parse("196608011988033001")
    shown = f"{refused.value!r} {refused.value} {refused.value.text()} {parse(PNS)!r} {refused.value.__cause__}"
    assert "1966" not in shown
    assert "1988" not in shown


def test_a_number_that_could_not_be_read_back_cannot_be_made() -> None:
    with pytest.raises(InvalidNip):
        Nip("pns", date(1990, 1, 1), date(2015, 1, 1), "female", 1000)
    with pytest.raises(InvalidNip):
        Nip("pppk", date(1990, 1, 1), date(2021, 1, 1), "female", 901)
    with pytest.raises(InvalidNip):
        Nip("pns", date(1990, 1, 1), date(2021, 1, 1), "female", 901, frequency=1)


@given(
    birth=st.dates(date(1950, 1, 1), date(2000, 12, 31)),
    months=st.integers(18 * 12, 40 * 12),
    sex=st.sampled_from(get_args(Sex)),
    serial=st.integers(1, 999),
    frequency=st.integers(0, 9),
)
def test_every_number_is_read_back_as_it_was_made(
    birth: date, months: int, sex: Sex, serial: int, frequency: int
) -> None:
    year, month = divmod(birth.year * 12 + birth.month - 1 + months, 12)
    if frequency:
        made = Nip("pppk", birth, date(year, 1, 1), sex, serial, frequency)
    else:
        made = Nip("pns", birth, date(year, month + 1, 1), sex, serial)
    assert parse(made.number()) == made
