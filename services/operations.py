"""What an operator sees and does: how far each consumer is, what waits or is parked and why, jobs, timers.

Everything is read from the tables when asked for. A database or log that is away is told and does not hide the rest.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import marshmallow as ma
import msgspec
import sqlalchemy as sa
from flask import Blueprint, Response, abort, flash, jsonify, make_response, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy.engine import Connection
from werkzeug.wrappers import Response as AnyResponse

from events import documents, ids, inbox
from events.log import Position
from services.auth import open_door, requires
from services.clock import Moment
from services.doors import JsonDoor
from services.http import application, submit
from services.incoming import PARKED_LIMIT
from services.parked import PAGE, Dismiss, Release, Stuck, stuck
from services.service import Service, Words

if TYPE_CHECKING:
    from services.app import Application

ROLE = "operator"
Ends = dict[str, dict[int, int]]


class Consumer(msgspec.Struct, frozen=True):
    """How far a service is in one partition: the next offset it takes, and the end where the log could tell."""

    topic: str
    part: int
    position: int
    end: int | None
    lag: int | None


class Jobs(msgspec.Struct, frozen=True):
    """Slow work of one kind: all of it, what runs now, what failed and is tried again, and one of those errors."""

    kind: str
    all: int
    running: int
    failing: int
    error: str | None


class Timers(msgspec.Struct, frozen=True):
    """Timers of one name: all that are set, those that are due by business time, and the next."""

    name: str
    all: int
    due: int
    next_at: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One service. `fault` says why its consumer in this process stopped or its database could not be read, if so.

    `parked` is complete, `waiting` a page of subjects that ends before `waiting_after` if there are more.
    """

    service: str
    fault: str = ""
    unpublished: int = 0
    consumers: list[Consumer] = []
    parked: list[Stuck] = []
    waiting: list[Stuck] = []
    waiting_after: str = ""
    jobs: list[Jobs] = []
    timers: list[Timers] = []


def states(app: Application, *, only: str = "", after: str = "") -> list[State]:
    """All services, also those of other processes, or `only` one; its waiting subjects from `after` on."""
    ends, found = _ends(app), []
    for service in app.everyone:
        if only in ("", service.name):
            try:
                with app.databases.reader(service.name).connect() as conn:
                    found.append(_state(app, service, conn, ends, after))
            except sa.exc.DBAPIError as error:
                found.append(State(service=service.name, fault=f"database: {type(error).__name__}"))
    return found


def _state(app: Application, service: Service, conn: Connection, ends: Ends, after: str) -> State:
    box, moment = service.inbox, app.clock.read(conn)
    waiting = stuck(conn, box, parked=False, after=after)
    return State(
        service=service.name,
        fault=app.runtime.stopped.get(service.name, ""),
        unpublished=conn.scalar(sa.select(sa.func.count()).select_from(service.outbox.unpublished)) or 0,
        consumers=_consumers(service, conn, ends),
        parked=stuck(conn, box, parked=True, limit=PARKED_LIMIT),
        waiting=waiting,
        waiting_after=waiting[-1].subject if len(waiting) == PAGE else "",
        jobs=_jobs(service.job, conn, moment),
        timers=_timers(service.timer, conn, moment),
    )


def _ends(app: Application) -> Ends:
    """The end of each partition that somebody reads; a log that is away tells nothing, and the page says so."""
    ends: Ends = {}
    for topic in sorted({topic for service in app.everyone for topic in service.topics}):
        try:
            ends[topic] = app.event_log.ends(topic)
        except (sa.exc.DBAPIError, OSError):
            ends[topic] = {}
    return ends


def _consumers(service: Service, conn: Connection, ends: Ends) -> list[Consumer]:
    positions = inbox.positions(conn, service.inbox)
    places = {place for place in positions if place[0] in service.topics}
    places |= {(topic, part) for topic in service.topics for part in ends[topic]}
    found = []
    for topic, part in sorted(places):
        position, end = positions.get((topic, part), Position()).offset, ends[topic].get(part)
        found.append(Consumer(topic, part, position, end, None if end is None else end - position))
    return found


def _jobs(job: sa.Table, conn: Connection, moment: Moment) -> list[Jobs]:
    running, failing = job.c.lease_until > moment.wall, job.c.attempts > 0
    figures = (sa.func.count(), _how_many(running), _how_many(failing), sa.func.max(job.c.error))
    rows = conn.execute(sa.select(job.c.kind, *figures).group_by(job.c.kind).order_by(job.c.kind))
    return [Jobs(*row) for row in rows]


def _timers(timer: sa.Table, conn: Connection, moment: Moment) -> list[Timers]:
    figures = (sa.func.count(), _how_many(timer.c.due_at <= moment.now), sa.func.min(timer.c.due_at))
    rows = conn.execute(sa.select(timer.c.name, *figures).group_by(timer.c.name).order_by(timer.c.name))
    return [Timers(*row) for row in rows]


def _how_many(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


# -- doors ------------------------------------------------------------------------------------------------------------

door = Blueprint("operators", __name__, url_prefix="/operations", template_folder="templates")
api_door = JsonDoor("operators_api", __name__, url_prefix="/api/operations", description="For operators")
documents_door = Blueprint("documents", __name__)
DOORS: tuple[Blueprint, ...] = (door, api_door, documents_door)


class Narrowed(ma.Schema):
    """One service instead of all, and the subject after which its waiting ones continue."""

    service = ma.fields.String(load_default="")
    after = ma.fields.String(load_default="")


@door.get("/")
@requires(ROLE)
def page() -> AnyResponse:
    """The page of operations; asked again with its ETag it is sent only when something changed."""
    only, after = request.args.get("service", ""), request.args.get("after", "")
    shown = states(application(), only=only, after=after)
    response = make_response(render_template("operations.html", states=shown, after=after, key=ids.new))
    response.set_etag(hashlib.sha256(msgspec.json.encode(shown)).hexdigest())
    return response.make_conditional(request)


@api_door.get("/")  # type: ignore[untyped-decorator]
@requires(ROLE)
@api_door.arguments(Narrowed, location="query")  # type: ignore[untyped-decorator]
def api(query: dict[str, str]) -> Response:
    """How far each service is, what waits or is parked and why, jobs, timers."""
    return jsonify(services=msgspec.to_builtins(states(application(), only=query["service"], after=query["after"])))


@door.post("/parked/<service>/release")
@requires(ROLE)
def release(service: str) -> AnyResponse:
    """Try a parked event again."""
    submit(_known(service), Release(request.form["subject"], _event_version()))
    flash(_("Peristiwa itu dicoba lagi pada putaran berikutnya."), "success")
    return redirect("/operations/")


@door.post("/parked/<service>/dismiss")
@requires(ROLE)
def dismiss(service: str) -> AnyResponse:
    """Pass over a parked event, with a reason that stays on record."""
    reason = request.form.get("reason", "")
    submit(_known(service), Dismiss(request.form["subject"], _event_version(), reason))
    flash(_("Peristiwa itu dilewati; nama dan alasan Anda dicatat."), "success")
    return redirect("/operations/")


@documents_door.get("/asyncapi.json")
@open_door
def asyncapi() -> dict[str, Any]:
    """The events of all services as an AsyncAPI document."""
    return documents.asyncapi()


def _known(service: str) -> str:
    if service not in {each.name for each in application().services}:
        abort(
            404,
            Words(
                f"Proses ini tidak menjalankan layanan {service[:40]!r}.",
                f"This process does not run a service {service[:40]!r}.",
            ),
        )
    return service


def _event_version() -> int:
    given = request.form["event_version"]
    if not re.fullmatch("[0-9]{1,9}", given):
        abort(
            400,
            Words(
                f"event_version adalah angka, bukan {given[:40]!r}.", f"event_version is a number; got {given[:40]!r}."
            ),
        )
    return int(given)
