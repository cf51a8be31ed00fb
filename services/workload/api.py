"""The JSON door of workload: units with their loads, one unit with its working, and reports coming in."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import msgspec
from flask import abort, jsonify, request
from werkzeug.wrappers import Response

from events.schema import schema_of
from services.auth import requires
from services.doors import JsonDoor
from services.http import submit
from services.service import Words
from services.workload import reading
from services.workload.commands import FinaliseAbk, SubmitReport
from services.workload.measure import Thresholds
from services.workload.models import Measurement, Report

door = JsonDoor("workload_api", __name__, url_prefix="/api/workload", description="Load of units, and their reports")


class Listing(ma.Schema):
    """What a list may be narrowed to. `after` is the `next` of the page before."""

    after = ma.fields.String(load_default="")
    opd = ma.fields.String(load_default="")
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))


class Measured(ma.Schema):
    """A kept report and what came of it; `measurement`, `ratio` and `level` are null while nobody is at work."""

    report = ma.fields.UUID()
    unit = ma.fields.String()
    measurement = ma.fields.UUID(allow_none=True)
    ratio = ma.fields.Float(allow_none=True)
    level = ma.fields.String(allow_none=True)


class Finalised(ma.Schema):
    """A kept analysis with its need in people."""

    unit = ma.fields.String()
    version = ma.fields.Integer()
    need = ma.fields.Integer()


@door.get("/units")
@requires()
@door.arguments(Listing, location="query")
def units(query: dict[str, Any]) -> Response:
    """Units by id, with load, level and age."""
    size = query["limit"]
    rows = reading.summaries(reading.today(), opd=query["opd"], after=query["after"], limit=size + 1)
    page = rows[:size]
    return jsonify(units=[_plain(row) for row in page], next=page[-1]["unit"] if len(rows) > size else None)


@door.get("/units/<unit>")
@requires()
def unit(unit: str) -> Response:
    """One unit: its figures with every line of their working, the reports they come from, and the trend."""
    found = reading.view(unit, reading.today())
    if found is None:
        abort(404, Words(f"Tidak ada unit {unit}.", f"There is no unit {unit}."))
    abk = found.abk
    response = jsonify(
        unit=_plain(found.summary),
        abk={n: _iso(getattr(abk, n)) for n in ("version", "wke", "minutes", "need", "signed_on")} if abk else None,
        figures=msgspec.to_builtins(found.figures),
        reports=[_report(row) for row in found.reports.values()],
        trend=[_measurement(row) for row in found.trend],
    )
    response.set_etag(found.etag)
    return response.make_conditional(request)


@door.get("/picture")
@requires()
def picture() -> Response:
    """All units at one sight. Ask again with `If-None-Match`: 304 while nothing has changed."""
    rows, limits = reading.summaries(reading.today()), Thresholds()
    silent, everyone = reading.silent_opds(rows)
    response = jsonify(
        units=[_plain(row) for row in rows],
        thresholds={"idle": limits.idle, "overload": limits.overload},
        opds={"silent": silent, "all": everyone},
    )
    response.set_etag(reading.fingerprint(rows))
    return response.make_conditional(request)


@door.post("/reports")
@requires("reports", "operator")
@door.arguments(schema_of(SubmitReport))
@door.response(201, Measured)
def report(body: dict[str, Any]) -> dict[str, Any]:
    """Report what a unit did in a period; whoever reports for its OPD may."""
    return submit("workload", SubmitReport(**body))


@door.post("/analyses")
@requires("operator")
@door.arguments(schema_of(FinaliseAbk))
@door.response(201, Finalised)
def analysis(body: dict[str, Any]) -> dict[str, Any]:
    """Record a final workload analysis (ABK) as signed."""
    return submit("workload", FinaliseAbk(**body))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _iso(value) for name, value in row.items()}


def _iso(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _report(row: Report) -> dict[str, Any]:
    names = ("id", "period_from", "period_to", "days", "absent_days", "submitted_at", "account")
    return {n: _iso(getattr(row, n)) for n in names} | {"counts": msgspec.json.decode(row.counts)}


def _measurement(row: Measurement) -> dict[str, Any]:
    names = ("id", "at", "cause", "report", "abk", "period_from", "period_to", "staff", "ratio", "level", "needed")
    return {n: _iso(getattr(row, n)) for n in names} | {"lasting": row.lasting}
