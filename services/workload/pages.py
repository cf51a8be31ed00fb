"""The screens of workload: the picture of all units, and one unit whose figures open to their working."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flask import Blueprint, abort, make_response, render_template, request
from werkzeug.wrappers import Response

from services.auth import actor, requires
from services.language import language
from services.service import Words
from services.workload import reading
from services.workload.freshness import STALE_AFTER
from services.workload.measure import Thresholds, grade

door = Blueprint("workload", __name__, url_prefix="/workload", template_folder="templates")

ALARMS = 3
"""Alarms above the picture; the table below has them all."""

SPARK = (240, 48)
"""Width and height of the trend's line."""


@door.get("/")
@requires()
def picture() -> Response:
    """Who drowns, who idles, and who has not reported; the heaviest first."""
    today, limits, opd = reading.today(), Thresholds(), request.args.get("opd") or None
    units = sorted(reading.summaries(today), key=lambda row: (-(row["ratio"] or 0), row["unit"]))
    silent, everyone = reading.silent_opds(units)
    page = render_template(
        "workload/picture.html",
        units=units,
        thresholds={"idle": limits.idle, "overload": limits.overload},
        opd=opd,
        silent=silent,
        everyone=everyone,
        alarms=reading.alarms(units)[:ALARMS],
        stale_after=STALE_AFTER,
    )
    return _conditional(page, reading.fingerprint(units, opd, today))


@door.get("/units/<unit>")
@requires()
def unit(unit: str) -> Response:
    """One unit; `?measurement=`, or the last day of its report as `?as_of=`, opens an earlier figure to its working."""
    today, earlier = reading.today(), request.args.get("measurement", "")
    if as_of := request.args.get("as_of", ""):
        earlier = _measured(unit, as_of)
    found = reading.view(unit, today, earlier)
    if found is None:
        en = f"There is no unit {unit}, or it has no such measurement."
        abort(404, Words(f"Tidak ada unit {unit}, atau pengukuran itu tidak ada padanya.", en))
    annual = found.figures.get("annual")
    page = render_template(
        "workload/unit.html",
        today=today,
        earlier=bool(earlier),
        grade=grade(annual.value) if annual else None,
        spark=sparkline([row.ratio for row in reversed(found.trend)]),
        size=SPARK,
        stale_after=STALE_AFTER,
        counts=reading.counts(found),
        **{name: getattr(found, name) for name in ("summary", "measured", "figures", "abk", "reports", "trend")},
    )
    return _conditional(page, reading.fingerprint(found.etag, today))


def _measured(unit: str, as_of: str) -> str:
    """The measurement of a unit by its report that ended on a day, which is text from an address."""
    try:
        found = reading.measured_on(unit, date.fromisoformat(as_of))
    except ValueError:
        found = None
    return found or abort(404, Words(f"Unit {unit} belum diukur pada {as_of}.", f"{unit} was not measured on {as_of}."))


def sparkline(ratios: Sequence[float]) -> str:
    """The points of a line through these ratios, oldest first; 1.00 is half the height unless one exceeds 2."""
    width, height = SPARK
    top = max(2.0, *ratios) if ratios else 2.0
    step = width / max(1, len(ratios) - 1)
    return " ".join(f"{n * step:.1f},{height * (1 - ratio / top):.1f}" for n, ratio in enumerate(ratios))


def _conditional(page: str, etag: str) -> Response:
    """A page is the same for whom the data, the language and the account are."""
    response = make_response(page)
    response.set_etag(reading.fingerprint(etag, language(), actor().account))
    return response.make_conditional(request)
