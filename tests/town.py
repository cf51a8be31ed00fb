"""A small town on the whole application: all seven services, two units of one province, everyone who must act."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from flask.testing import FlaskClient

from events import ids
from events.authority import HolderAppointed, OfficeEstablished
from events.personnel import PositionRegistered, UnitRegistered
from services.app import SERVICES
from services.auth import COOKIE, User, issue
from services.identity import credentials
from services.identity.commands import OpenAccount
from services.personnel.commands import (
    AppointHolders,
    EstablishOffices,
    NewPerson,
    RegisterPeople,
    RegisterPositions,
    RegisterUnits,
)
from services.workload.commands import AbkLine, Counted, FinaliseAbk, SubmitReport
from tests.worlds import World

COUNTER, DONOR = "8200.umum.loket", "8200.dpmptsp.loket"
OPDS = {COUNTER: "8200.umum", DONOR: "8200.dpmptsp"}
#: Two who may help, then the holders of offices: part -> role and scope.
HELPERS = ("ana", "budi")
OFFICES = {
    "officer": ("personnel_officer", "8200"),
    "verifier": ("personnel_verifier", "8200"),
    "inspector": ("inspector", "8200"),
    "sekda": ("pyb", "8200"),
    "governor": ("ppk", "8200"),
    "donor": ("unit_head", OPDS[DONOR]),
    "counter": ("unit_head", OPDS[COUNTER]),
}
NAMES = {"ana": "Ana Hatari", "budi": "Budi Samad"}
NIPS = {"ana": "198703142011012001", "budi": "199005202015031002"}
PERSON = {part: f"00000000-0000-4000-8000-0000000000{n:02}" for n, part in enumerate((*HELPERS, *OFFICES), start=1)}
LOGIN, PASSWORD = "rahma", "laut yang tenang"
#: The SHA-256 of some paper.
PAPER = "a" * 64


def town(url: str, **config: Any) -> World:
    """The counter drowns, the donor idles; nobody has moved yet."""
    world = World(url, SERVICES, (), **config)
    world.submit("personnel", RegisterUnits(units=[_unit(code) for code in OPDS]))
    world.submit("personnel", RegisterPositions(positions=[_position(code) for code in OPDS]))
    world.submit("personnel", RegisterPeople(people=[_person(part, n) for n, part in enumerate(PERSON, start=1)]))
    world.submit("personnel", EstablishOffices(offices=[_office(part) for part in OFFICES]))
    world.submit("personnel", AppointHolders(holders=[_holder(part) for part in OFFICES]))
    world.drain()
    for code, results in ((COUNTER, 900.0), (DONOR, 200.0)):
        line = AbkLine(task="layanan", name="Layanan", volume=10_000, norm=30)
        abk = FinaliseAbk(unit=code, version=1, wke=75_000, lines=[line], signed_on=date(2026, 1, 5))
        world.submit("workload", abk)
        week = {"period_from": date(2026, 2, 23), "period_to": date(2026, 2, 27)}
        world.submit("workload", SubmitReport(unit=code, lines=[Counted(task="layanan", volume=results)], **week))
    hashed = credentials.hash_password(PASSWORD)
    world.submit("identity", OpenAccount(login=LOGIN, label="Rahma", person=PERSON["officer"], password_hash=hashed))
    world.drain()
    return world


def acting(world: World, part: str = "", *roles: str) -> FlaskClient:
    """A program of a part of the town, with a bearer token; without a part, of somebody who is no civil servant."""
    client = world.app.web.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token(world, part, *roles)}"
    return client


def browsing(world: World, part: str = "", *roles: str) -> FlaskClient:
    """The browser of a part of the town."""
    client = world.app.web.test_client()
    client.set_cookie(COOKIE, token(world, part, *roles))
    return client


def token(world: World, part: str, *roles: str) -> str:
    user = User(f"account-{part}", PERSON[part] if part else None, part or "Tamu", roles, time.time())
    with world.app.web.app_context():
        return issue(user)


def give(client: FlaskClient, path: str, body: Any, key: str | None = None, **more: Any) -> Any:
    """POST a command as JSON; `more` are further headers."""
    headers = {"Idempotency-Key": key or ids.new()} | {name.replace("_", "-"): value for name, value in more.items()}
    return client.post(path, json=body, headers=headers)


def drafted(helper: str = "ana", **changed: Any) -> dict[str, Any]:
    """A temporary help as a client would ask for it."""
    asked = {"person": PERSON[helper], "to_position": f"{COUNTER}.p", "mode": "temporary", "origin": "opd"}
    return asked | {"start": "2026-03-16", "until": "2026-06-12"} | changed


def _unit(code: str) -> UnitRegistered:
    opd = OPDS[code]
    return UnitRegistered(
        unit=code, name=code.upper(), opd=opd, opd_name=opd, instansi="8200", instansi_name="Maluku Utara",
        region="8272", island="halmahera",
    )  # fmt: skip


def _position(code: str) -> PositionRegistered:
    return PositionRegistered(
        position=f"{code}.p", unit=code, title="Pengelola", kind="pelaksana", family="layanan", job_class=6, places=9
    )


def _person(part: str, n: int) -> NewPerson:
    at = COUNTER if part in ("counter", "sekda") else DONOR
    return NewPerson(
        person=PERSON[part], name=NAMES.get(part, part.title()), nip=NIPS.get(part, f"1980010120100110{n:02}"),
        status="pns", grade=9, position=f"{at}.p", unit=at, since=date(2020, 1, 1), appointed_on=date(2010, 1, 1),
        retires_on=date(2045, 1, 1), skills=["layanan"], home="halmahera",
    )  # fmt: skip


def recruits(numbers: range) -> RegisterPeople:
    """People of these numbers, from 10 to 99, all at the counter: one more at work there, so it is measured anew."""
    anyone = _person("counter", 0)
    return RegisterPeople(
        people=[
            msgspec.structs.replace(anyone, person=None, name=f"Calon {n}", nip=f"1980010120100110{n}") for n in numbers
        ]
    )


def _office(part: str) -> OfficeEstablished:
    role, scope = OFFICES[part]
    return OfficeEstablished(office=f"8200.{part}", role=role, scope=scope, instansi="8200", title=part)


def _holder(part: str) -> HolderAppointed:
    return HolderAppointed(
        office=f"8200.{part}", person=PERSON[part], capacity="definitive", order="SK-1", since=date(2025, 1, 1)
    )


def everything(world: World) -> dict[str, Any]:
    """All rows of all tables, to tell that a refusal left nothing behind."""
    with world.app.databases.reader("mutations").connect() as conn:
        tables = conn.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        return {name: conn.execute(sa.text(f'SELECT * FROM "{name}"')).all() for name in tables}
