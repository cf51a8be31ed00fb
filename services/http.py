"""What every door shares: commands from requests, headers, health, metrics."""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import msgspec
import sqlalchemy as sa
from flask import Blueprint, Flask, Response, abort, current_app, g, request

from events import ids
from services import clock
from services.auth import open_door, signed_in
from services.committer import Busy
from services.db import db
from services.service import Answer, Command, Words

if TYPE_CHECKING:
    from services.app import Application

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)
KEY = "Idempotency-Key"
#: In the WSGI environment: there is no room for this request.
FULL = "imbang.full"
#: Paths for operators, who are answered however many others wait.
OPERATIONS = ("/healthz", "/readyz", "/metrics")
#: Control characters but tab and line breaks: no field has a use for them, and PostgreSQL cannot keep NUL.
#: Those of Unicode that turn the order of a line or cannot be seen make one name look like another.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
CONTROL_FOUND = Words(
    "Ada karakter kendali dalam teks; hanya tab dan ganti baris yang diterima.",
    "A text holds a control character; only tabs and line breaks are taken.",
)
NO_KEY = Words(
    f"Kirim kepala {KEY} sepanjang 1 sampai 200 karakter, sama untuk setiap ulangan perintah ini.",
    f"Send a header {KEY} of 1 to 200 characters, the same for every repeat of this command.",
)
CLOCK = "see `imbang clock`, then confirm it or put the clock right"
_VERSION = re.compile(r'(?:W/)?"?([0-9]{1,18})"?')


def application() -> Application:
    return cast("Application", current_app.extensions["imbang"])


def submit(service: str, data: msgspec.Struct, meant: msgspec.Struct | None = None, *part: str) -> Answer:
    """Commit a command of the signed-in user; its answer is on disk when this returns.

    An API request brings an `Idempotency-Key`, a form a hidden field `key`. `If-Match` (or a field `version`) makes it
    conditional on the version that was read. `meant` is what a repeat has in common with `data`, if not all of it.
    `part` tells the commands of one request apart.
    """
    user = signed_in()
    key = request.headers.get(KEY) or request.form.get("key")
    if not key or len(key) > 200:
        abort(400, NO_KEY)
    command = Command(
        id=ids.derived("http", user.account, service, key, *part),
        data=data,
        actor=user.actor,
        signed_in=user.since,
        correlation=g.request_id,
        fingerprint=_fingerprint(meant or data),
        expected_version=_expected_version(),
    )
    if db.session.registry.has():
        db.session.rollback()  # who waits holds no connection, and reads anew afterwards
    return application().committer.submit(service, command)


def _fingerprint(data: msgspec.Struct) -> bytes:
    """Tells commands apart. Keyed, since `data` may hold a name and a number, and these can be guessed from a hash."""
    told = type(data).__name__.encode() + b"\0" + msgspec.json.encode(data)
    return hmac.digest(application().config.secret_key.encode(), told, hashlib.sha256)


def _expected_version() -> int | None:
    given = request.headers.get("If-Match") or request.form.get("version")
    if given is None or given == "*":
        return None
    match = _VERSION.fullmatch(given)
    if match is None:
        shown = repr(given[:40])
        en = f"If-Match is the version you read, in quotes; got {shown}."
        abort(400, Words(f"If-Match memuat versi yang Anda baca, dalam tanda kutip; yang datang {shown}.", en))
    return int(match[1])


def refuse_control_characters(texts: Iterable[str]) -> None:
    """400 for a text that no page or program sends by intent."""
    if any(map(_CONTROL.search, texts)):
        abort(400, CONTROL_FOUND)


def install_http(app: Flask) -> None:
    """Request ids, security headers, legible requests, and the routes for operators."""

    @app.before_request
    def identify() -> None:
        given = request.headers.get("X-Request-Id", "")
        try:
            g.request_id = str(uuid.UUID(given))
        except ValueError:
            g.request_id = ids.new()
        if request.environ.get(FULL):
            raise Busy("too many requests are waiting")

    @app.before_request
    def read() -> None:
        sent = (*request.args.lists(), *request.form.lists())
        refuse_control_characters((request.path, *(text for key, values in sent for text in (key, *values))))

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", CSP)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers["X-Request-Id"] = g.get("request_id", "")
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.teardown_request
    def let_go(_: BaseException | None) -> None:
        """A database that went away meanwhile does not spoil the answer, which is there already."""
        if db.session.registry.has():
            with suppress(sa.exc.DBAPIError):
                db.session.close()

    app.register_blueprint(_operations())


def _operations() -> Blueprint:
    door = Blueprint("operations", __name__)

    @door.get("/healthz")
    @open_door
    def healthz() -> dict[str, Any]:
        """The process runs."""
        return {"status": "ok"}

    @door.get("/readyz")
    @open_door
    def readyz() -> tuple[dict[str, Any], int]:
        """The process can do its work: its databases answer and take what is written, and no consumer has stopped.

        `told` is what an operator should see to, but keeps nobody from working: timers that stand still.
        """
        app = application()
        faults = {f"consumer {name}": why for name, why in app.runtime.stopped.items()}
        if app.runtime.leaving:
            faults["process"] = "is stopping"
        faults |= {f"database {name}": why for name, why in dict(app.committer.failing).items()}
        told = {}
        for service in app.services:
            try:
                for reading in (app.databases.reader(service.name), db.engines[service.metadata.info.get("bind_key")]):
                    with reading.connect() as conn:
                        stopped = clock.kept(conn).stopped
                if stopped and service.timers:
                    told[f"timers {service.name}"] = (
                        f"stand still: the clock jumped to {stopped:%Y-%m-%d %H:%M} UTC; {CLOCK}"
                    )
            except sa.exc.DBAPIError as error:
                faults[f"database {service.name}"] = type(error).__name__
        return {"status": "stopped" if faults else "ready", "faults": faults, "told": told}, 503 if faults else 200

    @door.get("/metrics")
    @open_door
    def metrics() -> Response:
        """What an operator watches, in the text format of Prometheus."""
        from services import metrics as meters

        return Response(meters.render(application()), content_type=meters.CONTENT_TYPE)

    return door
