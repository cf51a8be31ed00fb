"""The world of the benchmark: one government, 998 agencies with 1,000 offices in all, a person for each case."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import bulk
from services.db import table
from services.mutations import SERVICE
from services.mutations.models import HoldingRow, OfficeRow, Person, Position, Unit
from tests.bench import flow

SINCE = date(2020, 1, 1)


def settle(conn: Connection, people: int) -> None:
    """Write what the service would know from its projections, with statistics for the planner."""
    agencies = range(flow.AGENCIES)
    _insert(conn, table(Unit), map(_unit, agencies))
    _insert(conn, table(Position), map(_position, agencies))
    _insert(conn, table(Person), map(_person, range(people)))
    offices = {f"head-{n:03d}": ("unit_head", flow.agency(n)) for n in agencies}
    offices |= {"officer": ("personnel_officer", flow.GOVERNMENT), "sekda": ("pyb", flow.GOVERNMENT)}
    _insert(conn, table(OfficeRow), (_office(who, role, scope) for who, (role, scope) in offices.items()))
    _insert(conn, table(HoldingRow), map(_holding, offices))
    conn.execute(sa.text("ANALYZE"))


def refresh(conn: Connection, at: datetime) -> None:
    """Say that what is known of offices is complete until now, as a watermark of `personnel` would."""
    bulk.upsert(conn, SERVICE.inbox.position, ("topic", "part", "next", "fresh_at"), [("authority", 0, 0, at)])


def _unit(number: int) -> dict[str, Any]:
    opd = flow.agency(number)
    return {
        "id": f"{opd}.loket",
        "name": opd,
        "opd": opd,
        "opd_name": opd,
        "instansi": flow.GOVERNMENT,
        "instansi_name": "Maluku Utara",
        "ministerial": False,
        "ratio": 1.1,
        "staff": 9.0,
        "floor": 4.0,
    }


def _position(number: int) -> dict[str, Any]:
    unit = f"{flow.agency(number)}.loket"
    return {"id": flow.position(number), "unit": unit, "title": "Pengelola", "kind": "pelaksana", "places": 9}


def _person(number: int) -> dict[str, Any]:
    return {
        "id": flow.person(number),
        "status": "pns",
        "position": flow.position(flow.home(number)),
        "since": SINCE,
        "retires_on": date(2060, 1, 1),
        "eligible": True,
        "last_duty_ended": None,
    }


def _office(who: str, role: str, scope: str) -> dict[str, Any]:
    return {"id": f"office.{who}", "role": role, "scope": scope, "title": role}


def _holding(who: str) -> dict[str, Any]:
    return {
        "office": f"office.{who}",
        "person": who,
        "capacity": "definitive",
        "order": "SK-1",
        "since": SINCE,
        "until": None,
        "barred": "[]",
    }


def _insert(conn: Connection, of: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    written = list(rows)
    bulk.insert(conn, of, tuple(written[0]), [tuple(row.values()) for row in written])
