"""The two units of oracle 1 in a world: the counter P of six, and the donor Q of seven that could help it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from events import envelope, ids, outbox
from events.personnel import IncumbencyChanged, PersonRegistered, PositionRegistered, UnitRegistered
from events.workload import WorkloadMeasured
from services import workload
from services.auth import User, issue
from services.workload.commands import AbkLine, Counted, FinaliseAbk, SubmitReport, SubmitReports
from tests.worlds import World

MONDAY = date(2026, 2, 23)
COUNTER = [
    AbkLine(task="ktp-el", name="Perekaman KTP-el", volume=24_000, norm=15),
    AbkLine(task="kartu-keluarga", name="Kartu keluarga", volume=9_600, norm=20),
    AbkLine(task="akta-lahir", name="Akta kelahiran", volume=1_750, norm=30),
    AbkLine(task="laporan-harian", name="Laporan harian", volume=250, norm=60, counted=False),
    AbkLine(task="laporan-bulanan", name="Laporan bulanan", volume=12, norm=1_500, counted=False),
]
DONOR = [AbkLine(task="berkas", name="Pemeriksaan berkas", volume=31_500, norm=10)]
BUSY_WEEK = {"ktp-el": 480, "kartu-keluarga": 192, "akta-lahir": 35}
UNITS = {"P": ("dukcapil", 6, 9, COUNTER), "Q": ("dpmptsp", 7, 4, DONOR)}
"""Oracle 1: the counter P and its donor Q with their OPD, staff, places and tasks."""


def register_unit(world: World, unit: str, opd: str, staff: int, places: int) -> None:
    where = {"instansi": "8200", "instansi_name": "Maluku Utara", "region": "8272", "island": "Halmahera"}
    named = UnitRegistered(unit=unit, name=f"Loket {unit}", opd=opd, opd_name=f"Dinas {opd}", **where)
    world.tell(f"personnel/unit/{unit}", named)
    post = PositionRegistered(
        position=f"{unit}-1", unit=unit, title=f"Petugas {unit}", kind="pelaksana", family="f", job_class=7,
        places=places,
    )  # fmt: skip
    world.tell(f"personnel/position/{unit}-1", post)
    for n in range(staff):
        hire(world, f"{unit}{n}", unit)


def hire(world: World, person: str, unit: str) -> None:
    world.tell(
        f"personnel/person/{person}",
        PersonRegistered(
            person=person, status="pns", grade=7, position=f"{unit}-1", unit=unit, since=date(2020, 1, 1),
            appointed_on=date(2015, 1, 1), retires_on=date(2040, 1, 1), skills=["f"], home="Halmahera",
        ),
    )  # fmt: skip


def move(world: World, person: str, kind: Any, source: str, target: str, mutation: str, share: float = 1.0) -> None:
    world.tell(
        f"personnel/person/{person}",
        IncumbencyChanged(
            person=person, kind=kind, from_position=f"{source}-1", from_unit=source, to_position=f"{target}-1",
            to_unit=target, on=date(2026, 3, 2), share=share, mutation=mutation,
        ),
    )  # fmt: skip


def analysis(unit: str, lines: list[AbkLine], version: int = 1) -> FinaliseAbk:
    return FinaliseAbk(unit=unit, version=version, wke=75_000, lines=lines, signed_on=date(2025, 12, 15))


def report(unit: str, counts: dict[str, float], first: date = MONDAY, days: int = 5, **more: Any) -> SubmitReport:
    lines = [Counted(task=task, volume=volume) for task, volume in counts.items()]
    return SubmitReport(unit=unit, period_from=first, period_to=first + timedelta(days=days - 1), lines=lines, **more)


def oracle(path: Path) -> World:
    """Both units with their final analyses; nobody has reported."""
    made = World(f"sqlite:///{path / 'imbang.db'}", [workload.SERVICE], ["personnel"])
    for unit, (opd, staff, places, _) in UNITS.items():
        register_unit(made, unit, opd, staff, places)
    made.drain()
    for unit, (*_, lines) in UNITS.items():
        made.submit("workload", analysis(unit, lines))
    return made


def report_both(world: World) -> None:
    """The week before today: the counter drowns at 1.4167, the donor idles at 0.60."""
    world.submit("workload", SubmitReports(reports=[report("P", BUSY_WEEK), report("Q", {"berkas": 630})]))


def told(world: World, unit: str, kind: type[msgspec.Struct]) -> list[Any]:
    """What was recorded of a unit, oldest first."""
    with world.app.databases.reader("workload").connect() as conn:
        bodies = list(outbox.stream(conn, workload.SERVICE.outbox, f"workload/unit/{unit}"))
    return [data for data in (envelope.payload(envelope.decode(body)) for body in bodies) if isinstance(data, kind)]


def ratio(world: World, unit: str) -> float:
    return round(float(told(world, unit, WorkloadMeasured)[-1].ratio), 4)


def client(world: World, *roles: str) -> FlaskClient:
    """A signed-in browser or program."""
    with world.app.web.app_context():
        token = issue(User("account", None, "Rahma", roles, datetime.now(UTC).timestamp()))
    made = world.app.web.test_client()
    made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return made


def post(world: World, body: dict[str, Any], *roles: str) -> TestResponse:
    headers = {"Idempotency-Key": ids.new()}
    return client(world, *roles).post("/api/workload/reports", json=body, headers=headers)


BODY: dict[str, Any] = {
    "unit": "P", "period_from": "2026-02-23", "period_to": "2026-02-27",
    "lines": [{"task": task, "volume": volume} for task, volume in BUSY_WEEK.items()],
}  # fmt: skip
