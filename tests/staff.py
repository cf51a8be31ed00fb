"""A small staff for testing `personnel`: three units, three people in them, and a governor."""

from __future__ import annotations

import time
from collections import Counter
from datetime import date
from typing import Any

from flask.testing import FlaskClient

from events import envelope, ids
from events.personnel import PositionRegistered, UnitRegistered
from services import personnel
from services.auth import COOKIE, User, issue
from services.db import table
from services.personnel.commands import (
    NewOfficial,
    NewPerson,
    RegisterOfficials,
    RegisterPeople,
    RegisterPositions,
    RegisterUnits,
)
from services.personnel.models import Person
from tests.worlds import World

COUNTER, DONOR, TIDORE = "8200.dukcapil.loket", "8200.dpmptsp.loket", "8272.dinkes.posko"
ANA, BUDI, CITRA, GOVERNOR = (f"00000000-0000-4000-8000-00000000000{i}" for i in (1, 2, 3, 9))
NUMBERS = {ANA: "198703142011012001", BUDI: "199005202015031002", CITRA: "199101012016012003"}
NAMES = {ANA: "Ana Hatari", BUDI: "Budi Samad", CITRA: "Citra Djafar"}
CASE, OTHER_CASE = (f"00000000-0000-4000-9000-00000000000{i}" for i in (1, 2))
SINCE = date(2020, 1, 1)


def small_world(url: str) -> World:
    """Three units with one position each; Ana and Budi at the donor's, Citra in Tidore; a governor."""
    world = World(url, [personnel.SERVICE], ["mutations"])
    units = [unit(COUNTER, dukcapil=True), unit(DONOR), unit(TIDORE)]
    world.submit("personnel", RegisterUnits(units=units))
    world.submit("personnel", RegisterPositions(positions=[position(u.unit) for u in units]))
    people = [new(ANA), new(BUDI), new(CITRA, TIDORE)]
    world.submit("personnel", RegisterPeople(people=people))
    governor = NewOfficial(person=GOVERNOR, name="Gani Tuhulele", title="Gubernur Maluku Utara")
    world.submit("personnel", RegisterOfficials(officials=[governor]))
    return world


def unit(code: str, **more: Any) -> UnitRegistered:
    instansi, opd, _ = code.split(".")
    return UnitRegistered(
        unit=code, name=code.upper(), opd=f"{instansi}.{opd}", opd_name=opd, instansi=instansi, instansi_name=instansi,
        region="8272", island="halmahera", **more,
    )  # fmt: skip


def position(code: str, places: int = 7) -> PositionRegistered:
    return PositionRegistered(
        position=f"{code}.p", unit=code, title="Pengelola Layanan", kind="pelaksana", family="layanan", job_class=6,
        places=places,
    )  # fmt: skip


def new(of: str, at: str = DONOR, **changed: Any) -> NewPerson:
    usual = {
        "person": of, "name": NAMES[of], "nip": NUMBERS[of], "status": "pns", "grade": 9,
        "position": f"{at}.p", "unit": at, "since": SINCE, "appointed_on": date(2016, 1, 1),
        "retires_on": date(2049, 1, 1), "skills": ["layanan"], "home": "halmahera",
    }  # fmt: skip
    return NewPerson(**(usual | changed))


def described(**changed: Any) -> dict[str, Any]:
    """A fourth person, as a client would send it."""
    usual = {
        "name": "Dewi Kaunar", "nip": "199207082018012004", "status": "pns", "grade": 9, "position": f"{DONOR}.p",
        "unit": DONOR, "since": "2020-01-01", "appointed_on": "2018-01-01", "retires_on": "2050-08-01",
        "skills": ["layanan"], "home": "halmahera",
    }  # fmt: skip
    return {key: value for key, value in (usual | changed).items() if value is not None}


def signed_in(world: World, *roles: str, person: str | None = None) -> FlaskClient:
    """A browser, and a program too, of someone with these roles."""
    client = world.app.web.test_client()
    with world.app.web.app_context():
        token = issue(User("account-1", person, "Seseorang", roles, time.time()))
    client.set_cookie(COOKIE, token)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def post(client: FlaskClient, path: str, body: dict[str, Any], key: str | None = None) -> Any:
    return client.post(f"/api/personnel{path}", json=body, headers={"Idempotency-Key": key or ids.new()})


def told(world: World, type: str, **only: Any) -> list[Any]:
    """Payloads of the events of a type, in the order in which they were recorded."""
    found = []
    for row in world.rows("personnel", personnel.SERVICE.outbox.event):
        wrapped = envelope.decode(row["body"])
        if wrapped.type == type:
            found.append(envelope.payload(wrapped))
    return [e for e in found if all(getattr(e, name) == value for name, value in only.items())]


def heads(world: World) -> Counter[str]:
    """People by the unit of their home post."""
    return Counter(row["unit"] for row in world.rows("personnel", table(Person)))
