"""The screens of webhooks: endpoints with their health, messages with every attempt, and how to receive them."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup, escape
from werkzeug.wrappers import Response

from events import ids
from services.auth import requires
from services.http import submit
from services.problems import pick
from services.service import Refused, Words
from services.webhooks import owning, reading
from services.webhooks.commands import (
    EnableEndpoint,
    PauseEndpoint,
    Ping,
    RecoverSince,
    Redeliver,
    RemoveEndpoint,
    RotateSecret,
)
from services.webhooks.delivery import ERRORS, TIMEOUT
from services.webhooks.handlers import KEPT
from services.webhooks.keys import OVERLAP
from services.webhooks.public import public_types
from services.webhooks.schedule import DELAYS, PATIENCE
from services.webhooks.signing import TOLERANCE

door = Blueprint("webhooks", __name__, url_prefix="/webhooks", template_folder="templates")
allowed = requires(*reading.ROLES)

#: Receivers to copy from, as the page shows them.
RECEIVERS = {path.suffix: path.read_text() for path in sorted((Path(__file__).parent / "receivers").glob("verify.*"))}


@door.get("/")
@allowed
def endpoints() -> str:
    """The user's endpoints, with state and health."""
    rows = reading.endpoints(request.args.get("after", ""))
    page = rows[: reading.PAGE]
    return render_template(
        "webhooks/list.html",
        endpoints=page,
        waiting=reading.waiting([row.id for row in page]),
        next_url=f"/webhooks/?after={page[-1].id}" if len(rows) > len(page) else "",
        paged="after" in request.args,
    )


@door.get("/new")
@allowed
def new() -> str:
    """The form of a new endpoint."""
    return _form(ids.new(), None)


@door.post("/new")
@allowed
def register() -> Response:
    """Register, and show the secret once; a refusal keeps what was typed."""
    form = request.form
    try:
        answer = owning.register(
            form.get("key", ""),
            scope=form.get("scope", "").strip(),
            url=form.get("url", "").strip(),
            types=form.getlist("types"),
            ordered="ordered" in form,
            scheme="v1a" if form.get("scheme") == "v1a" else "v1",
        )
    except Refused as refusal:
        return make_response(_form(form.get("key", ""), refusal), refusal.status)
    shown = {"endpoint": answer["endpoint"], "secret": answer["secret"], "overlap": None}
    return make_response(render_template("webhooks/secret.html", **shown))


def _form(key: str, refusal: Refused | None) -> str:
    problem = {"detail": pick(refusal.detail), "remedy": pick(refusal.remedy), **refusal.more} if refusal else None
    scopes = sorted(reading.scopes())
    return render_template(
        "webhooks/new.html", form=request.form, key=key, problem=problem, scopes=scopes, types=public_types()
    )


@door.get("/endpoints/<uuid:key>")
@allowed
def endpoint(key: Any) -> str:
    """One endpoint: its health, what can be done, its messages."""
    row = reading.endpoint(str(key))
    state = request.args.get("state", "")
    rows = reading.deliveries(row.id, state, request.args.get("after", ""))
    page = rows[: reading.PAGE]
    here = f"/webhooks/endpoints/{row.id}?state={state}"
    return render_template(
        "webhooks/endpoint.html",
        endpoint=row,
        types=json.loads(row.types),
        waiting=reading.waiting([row.id]).get(row.id, 0),
        deliveries=page,
        state=state,
        next_url=f"{here}&after={reading.token(page[-1])}" if len(rows) > len(page) else "",
        first_url=here if "after" in request.args else "",
        new_key=ids.new,
        hours=int(OVERLAP / timedelta(hours=1)),
        kept=KEPT.days,
    )


@door.post("/endpoints/<uuid:key>/<act>")
@allowed
def change(key: Any, act: str) -> Response:
    """Pause, enable, ping, recover or remove."""
    place = reading.endpoint(str(key)).id
    match act:
        case "pause":
            submit("webhooks", PauseEndpoint(place))
        case "enable":
            submit("webhooks", EnableEndpoint(place))
        case "ping":
            submit("webhooks", Ping(place))
        case "recover":
            submit("webhooks", RecoverSince(place, _days_ago(request.form.get("days", ""))))
        case "remove":
            submit("webhooks", RemoveEndpoint(place))
        case _:
            abort(404)
    flash(_("Tersimpan."), "success")
    return redirect("/webhooks/" if act == "remove" else f"/webhooks/endpoints/{place}")


def _days_ago(text: str) -> datetime:
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= KEPT.days:
        most = KEPT.days
        en = f"Messages are kept for {most} days: write 1 to {most}."
        abort(400, Words(f"Pesan disimpan {most} hari: tulis 1 sampai {most}.", en))
    return reading.wall() - timedelta(days=int(text))


@door.post("/endpoints/<uuid:key>/rotate")
@allowed
def rotate(key: Any) -> str:
    """Rotate the secret, and show the new one once."""
    answer = owning.rotate(RotateSecret(endpoint=str(key)))
    return render_template("webhooks/secret.html", endpoint=str(key), secret=answer["secret"], overlap=OVERLAP)


@door.get("/deliveries/<uuid:key>/<uuid:event>")
@allowed
def delivery(key: Any, event: Any) -> str:
    """One message: its body as it is sent, and every attempt."""
    row = reading.delivery(str(key), str(event))
    return render_template(
        "webhooks/delivery.html",
        delivery=row,
        endpoint=reading.endpoint(row.endpoint),
        body=json.dumps(json.loads(row.body), indent=2, ensure_ascii=False),
        attempts=reading.attempts(row),
        errors={code: pick(Words(*words)) for code, words in ERRORS.items()},
        new_key=ids.new,
    )


@door.post("/deliveries/<uuid:key>/<uuid:event>/redeliver")
@allowed
def redeliver(key: Any, event: Any) -> Response:
    """Send a message again under its own id."""
    row = reading.delivery(str(key), str(event))
    submit("webhooks", Redeliver(row.endpoint, row.event))
    flash(_("Pesan dikirim ulang."), "success")
    return redirect(f"/webhooks/deliveries/{row.endpoint}/{row.event}")


def prose(doc: str) -> Markup:
    """A docstring for a reader: `code` and *stress* marked as such."""
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(doc)))
    return Markup(re.sub(r"\*([^*]+)\*", r"<em>\1</em>", coded))


@door.get("/docs")
@requires()
def docs() -> str:
    """How to receive: headers, how to verify, retries, order, what is promised."""
    return render_template(
        "webhooks/docs.html",
        types=public_types(),
        prose=prose,
        receivers=RECEIVERS,
        delays=DELAYS,
        timeout=int(TIMEOUT),
        tolerance=TOLERANCE,
        patience=PATIENCE,
        kept=KEPT,
    )
