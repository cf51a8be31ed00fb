"""The numbers of civil servants: NIP of a PNS, NI of a PPPK, 18 digits each.

| digits | PNS            | PPPK                         |
|--------|----------------|------------------------------|
| 1-8    | birth yyyymmdd | birth yyyymmdd               |
| 9-12   | year appointed | year appointed               |
| 13-14  | month 01-12    | `2`, then frequency 1-9      |
| 15     | sex: 1 male, 2 female | the same              |
| 16-18  | serial 001-999 | the same                     |

Digit 13 tells them apart; there is no check digit. A number discloses birth date and sex, so it is never logged: no
error carries it and a parsed number hides itself in `repr`.
Source of the layout: BKN practice, NIP 18 digit and NI PPPK.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple

Kind = Literal["pns", "pppk"]
Sex = Literal["male", "female"]

YOUNGEST = 17
"""Years of age at appointment below which a number is taken for a typing error (a rule of this project, not of law)."""

_SEXES: dict[str, Sex] = {"1": "male", "2": "female"}
_SEX_DIGITS = {sex: digit for digit, sex in _SEXES.items()}


class Fault(NamedTuple):
    """What is wrong with which digits and what to do, in both languages."""

    digits: str
    id: str
    en: str
    remedy_id: str
    remedy_en: str


_CHECK_DECREE = ("cocokkan dengan SK pengangkatan", "compare with the decree of appointment")
_CHECK_BIRTH = ("cocokkan dengan tanggal lahir pada SK atau KTP-el", "compare with the birth date on decree or e-KTP")

FAULTS = {
    "length": Fault(
        "1-18",
        "bukan 18 angka",
        "not 18 digits",
        "tulis ke-18 angka; di lembar kerja, beri kolom ini format teks agar angka akhir tidak hilang",
        "write all 18 digits; in a workbook, format the column as text so that the last digits are not lost",
    ),
    "birth": Fault("1-8", "bukan tanggal lahir yang ada", "not a real birth date", *_CHECK_BIRTH),
    "appointed": Fault(
        "9-14", "bukan tahun dan bulan pengangkatan", "not a year and month of appointment", *_CHECK_DECREE
    ),
    "frequency": Fault("13-14", "frekuensi PPPK bukan 1-9", "the PPPK frequency is not 1-9", *_CHECK_DECREE),
    "sex": Fault("15", "bukan 1 (pria) atau 2 (wanita)", "neither 1 (male) nor 2 (female)", *_CHECK_DECREE),
    "serial": Fault("16-18", "nomor urut bukan 001-999", "the serial is not 001-999", *_CHECK_DECREE),
    "age": Fault(
        "1-14",
        f"umur saat diangkat kurang dari {YOUNGEST} tahun",
        f"younger than {YOUNGEST} at appointment",
        *_CHECK_BIRTH,
    ),
}


class InvalidNip(ValueError):
    """The NIP or NI PPPK is not valid. It names the digits and the remedy, never the number."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.fault = FAULTS[rule]
        super().__init__(self.text("en"))

    def text(self, language: Literal["id", "en"] = "id") -> str:
        """One sentence: which digits, what is wrong, what to do."""
        fault = self.fault
        if language == "id":
            return f"Angka {fault.digits}: {fault.id}; {fault.remedy_id}."
        return f"Digits {fault.digits}: {fault.en}; {fault.remedy_en}."


@dataclass(frozen=True, slots=True)
class Nip:
    """A number taken apart. `appointed` is the first day of the month (PNS) or of the year (PPPK) that it tells.

    `frequency` counts the contracts of a PPPK and is 0 for a PNS. Raises InvalidNip when the parts make no number.
    """

    kind: Kind
    birth: date = field(repr=False)
    appointed: date = field(repr=False)
    sex: Sex = field(repr=False)
    serial: int = field(repr=False)
    frequency: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        if self.frequency not in (range(1, 10) if self.kind == "pppk" else (0,)):
            raise InvalidNip("frequency")
        if not 1 <= self.serial <= 999:
            raise InvalidNip("serial")
        if self._oldest_at_appointment() < YOUNGEST:
            raise InvalidNip("age")

    def number(self) -> str:
        """The 18 digits."""
        middle = f"{self.appointed.month:02}" if self.kind == "pns" else f"2{self.frequency}"
        return f"{self.birth:%Y%m%d}{self.appointed.year:04}{middle}{_SEX_DIGITS[self.sex]}{self.serial:03}"

    def _oldest_at_appointment(self) -> int:
        """Full years on the last day of the month (PNS) or year (PPPK), so that nobody is refused by a missing day."""
        years = self.appointed.year - self.birth.year
        return years - (self.kind == "pns" and self.birth.month > self.appointed.month)


def parse(text: str) -> Nip:
    """Read a number of either kind; blanks between its parts are allowed. Raises InvalidNip."""
    digits = "".join(text.split())
    if len(digits) != 18 or not (digits.isascii() and digits.isdigit()):
        raise InvalidNip("length")
    kind: Kind = "pppk" if digits[12] == "2" else "pns"
    birth = _date(digits[0:8], "birth")
    appointed = _date(digits[8:12] + ("01" if kind == "pppk" else digits[12:14]) + "01", "appointed")
    if digits[14] not in _SEXES:
        raise InvalidNip("sex")
    frequency = int(digits[13]) if kind == "pppk" else 0
    return Nip(kind, birth, appointed, _SEXES[digits[14]], int(digits[15:18]), frequency)


def _date(digits: str, rule: str) -> date:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise InvalidNip(rule) from None
