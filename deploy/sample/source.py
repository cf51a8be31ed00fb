"""The data files of the sample province, read into typed rows."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from events.personnel import EmploymentStatus, PositionKind

FOLDER = Path(__file__).parent
T = TypeVar("T")


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a data file; a cell left empty has its default."""


class Region(Row, frozen=True):
    """A regency or city: population of 2017; e-KTP duty and backlog of early 2020."""

    code: str
    name: str
    seat: str
    population_2017: int
    ektp_obligated: int
    ektp_unrecorded: int


class Place(Row, frozen=True):
    place: str
    region: str
    island: str


class Instansi(Row, frozen=True):
    name: str
    status: dict[EmploymentStatus, int]
    homes: dict[str, int]
    commuters: list[str]


class Opd(Row, frozen=True):
    instansi: str
    opd: str
    name: str
    head: str
    dukcapil: bool


class Unit(Row, frozen=True):
    """`families` is `family:weight …`, the mix of its staff; `ratio` its load where it is not drawn."""

    opd: str
    unit: str
    name: str
    head: str
    place: str
    families: str
    staff: int
    ratio: float | None = None

    @property
    def mix(self) -> dict[str, int]:
        return {family: int(weight) for family, weight in (part.split(":") for part in self.families.split())}


class Head(Row, frozen=True):
    """What the head of a kind of unit is called; `{}` in the title stands for the unit's name."""

    head: str
    title: str
    kind: PositionKind
    job_class: int


class Family(Row, frozen=True):
    family: str
    title: str
    kind: PositionKind
    job_class: int
    retires_at: int


class FamilyTask(Row, frozen=True):
    family: str
    task: str
    name: str
    norm: int


class PlantedTask(Row, frozen=True):
    """Results in five working days, in ordinary weeks and in the surge."""

    task: str
    name: str
    norm: int
    usual: int
    surge: int = 0


class PlantedPerson(Row, frozen=True):
    """What a member of a planted unit must be; what is left out is drawn."""

    member: int
    status: EmploymentStatus
    skills: list[str]
    place: str = ""
    grade: int = 0
    years: int = 0
    unwilling: bool = False


class PlantedUnit(Row, frozen=True):
    story: str
    tasks: list[PlantedTask]
    begins: int | None = None
    people: list[PlantedPerson] = []


class OfficeRow(Row, frozen=True):
    """The holder is named by exactly one of `head_of`, `staff_of` with `nth`, `elected`."""

    office: str
    role: str
    scope: str
    title: str
    head_of: str = ""
    staff_of: str = ""
    nth: int = 0
    elected: str = ""


class Names(Row, frozen=True):
    male: list[str]
    female: list[str]
    family: list[str]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is written down; the rest is drawn from the seed."""

    regions: list[Region]
    places: dict[str, Place]
    instansi: dict[str, Instansi]
    opds: dict[str, Opd]
    units: list[Unit]
    heads: dict[str, Head]
    families: dict[str, Family]
    tasks: dict[str, list[FamilyTask]]
    planted: dict[str, PlantedUnit]
    offices: list[OfficeRow]
    names: Names


def read() -> Source:
    """Read all files of this folder. Raises msgspec.ValidationError, which names the field that is wrong."""
    tasks: dict[str, list[FamilyTask]] = {}
    for task in _table("tasks.csv", FamilyTask):
        tasks.setdefault(task.family, []).append(task)
    return Source(
        regions=_table("regions.csv", Region),
        places={row.place: row for row in _table("places.csv", Place)},
        instansi=_toml("instansi.toml", dict[str, Instansi]),
        opds={row.opd: row for row in _table("opds.csv", Opd)},
        units=_table("units.csv", Unit),
        heads={row.head: row for row in _table("heads.csv", Head)},
        families={row.family: row for row in _table("families.csv", Family)},
        tasks=tasks,
        planted=_toml("planted.toml", dict[str, dict[str, PlantedUnit]])["unit"],
        offices=_toml("offices.toml", dict[str, list[OfficeRow]])["office"],
        names=_toml("names.toml", Names),
    )


def _table(name: str, shape: type[T]) -> list[T]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        filled = [{key: cell for key, cell in row.items() if cell} for row in csv.DictReader(file)]
    return msgspec.convert(filled, list[shape], strict=False)  # type: ignore[valid-type]


def _toml(name: str, shape: type[T]) -> T:
    return msgspec.convert(tomllib.loads((FOLDER / name).read_text(encoding="utf-8")), shape)
