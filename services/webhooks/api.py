"""The JSON door of webhooks: endpoints and their health, messages and the log of attempts."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
from flask import Response, jsonify, request

from services.auth import requires
from services.doors import JsonDoor
from services.http import KEY, application, submit
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
from services.webhooks.keys import shown
from services.webhooks.models import Delivery, Endpoint
from services.webhooks.schemas import DeliveryPage, Page, Recovery, Registration, Rotation

door = JsonDoor("webhooks_api", __name__, url_prefix="/api/webhooks", description="Signed messages to other systems")
allowed = requires(*reading.ROLES)


def described(row: Endpoint, waiting: int) -> dict[str, Any]:
    """An endpoint and its health: `delivered` of `attempts` arrived; the public key, but never a secret."""
    names = ("id", "scope", "url", "ordered", "scheme", "state", "reason", "attempts", "delivered")
    moments = ("created_at", "delivered_at", "failing_since", "paused_until")
    public = {"public_key": shown(application().config.secret_key, owning.columns(row))} if row.scheme == "v1a" else {}
    return (
        {name: getattr(row, name) for name in names}
        | {name: at.isoformat() if (at := getattr(row, name)) else None for name in moments}
        | {"types": json.loads(row.types), "waiting": waiting}
        | public
    )


def summary(row: Delivery) -> dict[str, Any]:
    names = ("endpoint", "event", "type", "subject", "sequence", "state", "attempts")
    next_at = row.next_at.isoformat() if row.next_at else None
    return {name: getattr(row, name) for name in names} | {
        "created_at": row.created_at.isoformat(),
        "next_at": next_at,
    }


@door.get("/endpoints")
@allowed
@door.arguments(Page, location="query")
def endpoints(query: dict[str, Any]) -> Response:
    """The endpoints of the user's agencies."""
    rows = reading.endpoints(query["after"], query["limit"])
    page = rows[: query["limit"]]
    waiting = reading.waiting([row.id for row in page])
    following = page[-1].id if len(rows) > len(page) else None
    return jsonify(endpoints=[described(row, waiting.get(row.id, 0)) for row in page], next=following)


@door.post("/endpoints")
@allowed
@door.arguments(Registration)
def register(body: dict[str, Any]) -> tuple[Response, int]:
    """Register an endpoint. Its secret is in this answer only, and in that to a repeat with the same key."""
    return jsonify(owning.register(request.headers.get(KEY, ""), **body)), 201


@door.get("/endpoints/<uuid:key>")
@allowed
def endpoint(key: Any) -> Response:
    """One endpoint."""
    row = reading.endpoint(str(key))
    return jsonify(described(row, reading.waiting([row.id]).get(row.id, 0)))


@door.delete("/endpoints/<uuid:key>")
@allowed
def remove(key: Any) -> Response:
    """Forget an endpoint, its messages and its log."""
    return _give(RemoveEndpoint(reading.endpoint(str(key)).id))


@door.post("/endpoints/<uuid:key>/rotate-secret")
@allowed
@door.arguments(Rotation)
def rotate(body: dict[str, Any], key: Any) -> Response:
    """Sign with a new secret, and with the old one until the overlap ends."""
    overlap = timedelta(hours=body["overlap_hours"])
    return jsonify(owning.rotate(RotateSecret(endpoint=reading.endpoint(str(key)).id, overlap=overlap)))


@door.post("/endpoints/<uuid:key>/pause")
@allowed
def pause(key: Any) -> Response:
    """Keep messages until the endpoint is enabled again."""
    return _give(PauseEndpoint(reading.endpoint(str(key)).id))


@door.post("/endpoints/<uuid:key>/enable")
@allowed
def enable(key: Any) -> Response:
    """Serve the endpoint again, what has waited first."""
    return _give(EnableEndpoint(reading.endpoint(str(key)).id))


@door.post("/endpoints/<uuid:key>/ping")
@allowed
def ping(key: Any) -> Response:
    """Send a message that says nothing, to try the receiver."""
    return _give(Ping(reading.endpoint(str(key)).id))


@door.post("/endpoints/<uuid:key>/recover")
@allowed
@door.arguments(Recovery)
def recover(body: dict[str, Any], key: Any) -> Response:
    """Send again what came up since a moment and did not arrive."""
    return _give(RecoverSince(reading.endpoint(str(key)).id, body["since"]))


@door.get("/deliveries")
@allowed
@door.arguments(DeliveryPage, location="query")
def deliveries(query: dict[str, Any]) -> Response:
    """Messages to the user's endpoints, newest first."""
    rows = reading.deliveries(query["endpoint"], query["state"], query["after"], query["limit"])
    page = rows[: query["limit"]]
    following = reading.token(page[-1]) if len(rows) > len(page) else None
    return jsonify(deliveries=[summary(row) for row in page], next=following)


@door.get("/deliveries/<uuid:key>/<uuid:event>")
@allowed
def delivery(key: Any, event: Any) -> Response:
    """One message with its body and every attempt."""
    row = reading.delivery(str(key), str(event))
    names = ("number", "duration", "outcome", "status", "error", "excerpt")
    log = [{name: getattr(one, name) for name in names} | {"at": one.at.isoformat()} for one in reading.attempts(row)]
    return jsonify(summary(row) | {"body": msgspec.json.decode(row.body), "log": log})


@door.post("/deliveries/<uuid:key>/<uuid:event>/redeliver")
@allowed
def redeliver(key: Any, event: Any) -> Response:
    """Send a message again under its own id, whatever became of it."""
    row = reading.delivery(str(key), str(event))
    return _give(Redeliver(row.endpoint, row.event))


def _give(command: msgspec.Struct) -> Response:
    return jsonify(submit("webhooks", command))
