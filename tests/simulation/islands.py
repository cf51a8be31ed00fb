"""Two small governments: four agencies, eight units, thirty people, and few enough officials that they meet as rivals.

A verifier sits in the panel, the secretary too: four eyes and own cases are broken here whenever the engine lets them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from events.authority import HolderAppointed, OfficeEstablished
from events.personnel import PositionRegistered, UnitRegistered
from services.optimizer.planning import SignAssessment
from services.personnel import commands as personnel
from services.webhooks.commands import RegisterEndpoint
from services.workload.commands import AbkLine, FinaliseAbk

GOVERNMENTS = ("8200", "8272")
OPDS = {"8200": ("8200.umum", "8200.pendidikan"), "8272": ("8272.kesehatan", "8272.pekerjaan")}
UNITS = [f"{opd}.{unit}" for opds in OPDS.values() for opd in opds for unit in ("loket", "arsip")]
PLACES = 6
#: People of each government; the first eight hold its offices.
PEOPLE = 15
#: Role -> who of the government's people hold an office of it.
SEATS = {
    "personnel_officer": (0,),
    "personnel_verifier": (1,),
    "inspector": (2,),
    "pyb": (3,),
    "ppk": (4,),
    "panel_member": (1, 2, 3, 5, 6),
}
HEADS = (5, 7)
TASK = "layanan"
SCOPES = ("*", "8200", "8272.kesehatan")
ENDPOINTS = {f"00000000-0000-4000-a000-00000000000{n}": scope for n, scope in enumerate(SCOPES)}


def person(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def staff(government: str) -> list[str]:
    first = GOVERNMENTS.index(government) * PEOPLE
    return [person(first + n) for n in range(PEOPLE)]


def post(unit: str) -> str:
    return f"{unit}.p"


def pool(unit: str) -> str:
    """Where recruits begin: a post with places for all of them, so that a full post is always the engine's doing."""
    return f"{unit}.baru"


def founding() -> Iterator[tuple[str, msgspec.Struct]]:
    """The commands that settle the islands: service and command."""
    yield "personnel", personnel.RegisterUnits(units=[unit_of(unit, unit) for unit in UNITS])
    yield "personnel", personnel.RegisterPositions(positions=[*_posts()])
    everybody = [(g, n) for g in GOVERNMENTS for n in range(PEOPLE)]
    yield "personnel", personnel.RegisterPeople(people=[_settler(g, n) for g, n in everybody])
    offices = list(_offices())
    yield "personnel", personnel.EstablishOffices(offices=[office for office, _ in offices])
    yield "personnel", personnel.AppointHolders(holders=[_holder(office.office, who) for office, who in offices])
    for unit in UNITS:
        line = AbkLine(task=TASK, name="Layanan", volume=10_000, norm=30)
        signed = date(2026, 1, 5)
        yield "workload", FinaliseAbk(unit=unit, version=1, wke=75_000, lines=[line], signed_on=signed)
    for government in GOVERNMENTS:
        yield "optimizer", SignAssessment(instansi=government, document="a" * 64)
    for endpoint, scope in ENDPOINTS.items():
        ordered = scope != "*"
        url = f"https://example.org/{endpoint}"
        yield "webhooks", RegisterEndpoint(endpoint=endpoint, scope=scope, url=url, ordered=ordered)


def unit_of(unit: str, name: str) -> UnitRegistered:
    government, opd = unit[:4], unit.rpartition(".")[0]
    return UnitRegistered(
        unit=unit, name=name, opd=opd, opd_name=opd, instansi=government, instansi_name=government, region="8272",
        island="halmahera",
    )  # fmt: skip


def recruit(number: int, unit: str, position: str, since: date) -> personnel.NewPerson:
    """Somebody who is in service since 2010; their number is valid and nobody's."""
    return personnel.NewPerson(
        person=person(number), name=f"Pegawai {number}", nip=f"1980010120100110{number + 1:02}", status="pns",
        grade=9, position=position, unit=unit, since=since, appointed_on=date(2010, 1, 1),
        retires_on=date(2038, 1, 1), skills=[TASK], home="halmahera",
    )  # fmt: skip


def _posts() -> Iterator[PositionRegistered]:
    for unit in UNITS:
        for position, places in ((post(unit), PLACES), (pool(unit), 100)):
            yield PositionRegistered(
                position=position, unit=unit, title="Pengelola", kind="pelaksana", family=TASK, job_class=6,
                places=places,
            )  # fmt: skip


def _settler(government: str, n: int) -> personnel.NewPerson:
    home = UNITS[GOVERNMENTS.index(government) * 4 + n % 4]
    return recruit(GOVERNMENTS.index(government) * PEOPLE + n, home, post(home), date(2020, 1, 1))


def _offices() -> Iterator[tuple[OfficeEstablished, str]]:
    for government in GOVERNMENTS:
        people = staff(government)
        for role, holders in SEATS.items():
            for n, who in enumerate(holders):
                yield _office(f"{government}.{role}.{n}", role, government, government), people[who]
        for opd, who in zip(OPDS[government], HEADS, strict=True):
            yield _office(f"{opd}.head", "unit_head", opd, government), people[who]


def _office(office: str, role: str, scope: str, government: str) -> OfficeEstablished:
    return OfficeEstablished(office=office, role=role, scope=scope, instansi=government, title=role)


def _holder(office: str, who: str) -> HolderAppointed:
    return HolderAppointed(office=office, person=who, capacity="definitive", order="SK-1", since=date(2025, 1, 1))
