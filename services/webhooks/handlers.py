"""What happens when events arrive, when attempts have been made, and when messages are asked for again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from services.db import table
from services.service import Answer, Command, Event, Firing, NotYet, Refused, Words
from services.transaction import Row, Tx
from services.webhooks.commands import Ping, RecordAttempts, RecoverSince, Redeliver
from services.webhooks.delivery import Attempt
from services.webhooks.endpoints import DAILY, answer, taken
from services.webhooks.models import DEAD, DELIVERED, DISABLED, FAILED, PENDING, Delivery, Endpoint, Try, Unit
from services.webhooks.public import is_public, public_form
from services.webhooks.rounds import serve, serve_at
from services.webhooks.schedule import Health, judge

#: Messages and attempts are kept this long.
KEPT = timedelta(days=30)
#: An endpoint that fails again is left alone so long before the next probe, however much waits for it.
PROBE = timedelta(seconds=5)

endpoint, delivery, tries, unit = table(Endpoint), table(Delivery), table(Try), table(Unit)


def add_unit(tx: Tx, event: Event) -> None:
    tx.upsert(unit, {"id": event.data.unit, "opd": event.data.opd, "instansi": event.data.instansi})


def fan_out(tx: Tx, event: Event) -> None:
    """A public event becomes a message for each endpoint that may see it and wants it."""
    if not is_public(event.type):
        return
    wanting = [row for row, types in _endpoints(tx) if not types or event.type in types]
    home = _home(tx, event) if wanting else ()
    for row in wanting:
        body = public_form(event, row["scope"], home)
        if body is not None:
            _queue(tx, row, event.id, event.type, event.subject, event.version, body)


def _endpoints(tx: Tx) -> Sequence[tuple[Row, list[str]]]:
    """All endpoints with their types, read once a batch; the commands of a batch come before its events."""
    if endpoint not in tx.memo:
        rows = tx.read(sa.select(endpoint).order_by(endpoint.c.id)).mappings()
        tx.memo[endpoint] = [(dict(row), json.loads(row["types"])) for row in rows]
    found: Sequence[tuple[Row, list[str]]] = tx.memo[endpoint]
    return found


def _home(tx: Tx, event: Event) -> tuple[str, ...]:
    """The agencies of the unit that an event is about, if it is about one."""
    about = getattr(event.data, "unit", None)
    if about is None:
        return ()
    row = tx.get(unit, about)
    if row is None:
        raise NotYet(f"personnel/unit/{about}")
    return row["opd"], row["instansi"]


def _queue(tx: Tx, row: Row, message: str, type: str, subject: str, sequence: int, body: bytes) -> None:
    tx.upsert(
        delivery,
        {
            "endpoint": row["id"],
            "event": message,
            "type": type,
            "subject": subject,
            "sequence": sequence,
            "body": body,
            "state": PENDING,
            "attempts": 0,
            "step": 0,
            "next_at": tx.wall,
            "created_at": tx.wall,
        },
    )
    serve_at(tx, row, tx.wall)


def ping(tx: Tx, command: Command) -> Answer:
    asked: Ping = command.data  # type: ignore[assignment]
    row, subject = taken(tx, asked.endpoint), f"webhooks/endpoint/{asked.endpoint}"
    body = {
        "specversion": "1.0",
        "id": command.id,
        "source": "/imbang/webhooks",
        "type": "webhooks.ping",
        "subject": subject,
        "time": tx.wall,
        "datacontenttype": "application/json",
        "data": {},
    }
    _queue(tx, row, command.id, "webhooks.ping", subject, 0, msgspec.json.encode(body))
    return answer(row) | {"event": command.id}


def redeliver(tx: Tx, command: Command) -> Answer:
    asked: Redeliver = command.data  # type: ignore[assignment]
    row, message = taken(tx, asked.endpoint), tx.get(delivery, asked.endpoint, asked.event)
    if message is None:
        raise Refused(
            "webhooks.message_unknown",
            Words("Pesan ini tidak ada lagi; pesan disimpan 30 hari.", "This message is gone; they are kept 30 days."),
            Words("Ambil keadaan terkini dari API.", "Fetch the current state from the API."),
            status=404,
        )
    tx.upsert(delivery, message | {"state": PENDING, "step": 0, "next_at": tx.wall})
    serve(tx, row)
    return answer(row) | {"event": asked.event}


def recover(tx: Tx, command: Command) -> Answer:
    asked: RecoverSince = command.data  # type: ignore[assignment]
    row = taken(tx, asked.endpoint)
    missing = (delivery.c.endpoint == row["id"]) & (delivery.c.created_at >= asked.since)
    again = delivery.update().where(missing, delivery.c.state.in_((FAILED, DEAD)))
    found = tx.execute(again.values(state=PENDING, step=0, next_at=tx.wall)).rowcount
    serve(tx, row)
    return answer(row) | {"messages": found}


def record_attempts(tx: Tx, command: Command) -> Answer:
    """Keep the log, move each message along its schedule, judge the endpoint, and plan its next round."""
    made: RecordAttempts = command.data  # type: ignore[assignment]
    row = taken(tx, made.endpoint)
    ids = [attempt.message for attempt in made.attempts]
    mine = (delivery.c.endpoint == row["id"]) & delivery.c.event.in_(ids)
    messages = {found["event"]: dict(found) for found in tx.read(sa.select(delivery).where(mine)).mappings()}
    for attempt in made.attempts:
        if attempt.message in messages:
            row |= _count(tx, row, messages[attempt.message], attempt)
    tx.upsert(endpoint, row)
    serve(tx, row)
    return answer(row)


def _count(tx: Tx, row: Row, message: Row, attempt: Attempt) -> dict[str, Any]:
    """Log one attempt and settle its message; returns what changes in the row of the endpoint."""
    number, step = message["attempts"] + 1, message["step"] + 1
    verdict = judge(attempt.message, step, attempt.status, attempt.retry_after, now=tx.wall)
    arrived = verdict.outcome == "delivered"
    settled = {"state": DELIVERED if arrived else FAILED if verdict.retry_at else DEAD, "next_at": verdict.retry_at}
    tx.upsert(delivery, message | settled | {"attempts": number, "step": step})
    tx.upsert(
        tries,
        {
            "endpoint": row["id"],
            "event": attempt.message,
            "number": number,
            "at": attempt.at,
            "duration": attempt.duration,
            "outcome": attempt.outcome,
            "status": attempt.status,
            "error": attempt.error,
            "excerpt": attempt.excerpt,
        },
    )
    health = Health(row["failing_since"]).after(verdict.outcome, tx.wall)
    changes: dict[str, Any] = {"attempts": row["attempts"] + 1, "failing_since": health.failing_since}
    if arrived:
        changes |= {"delivered": row["delivered"] + 1, "delivered_at": tx.wall}
    elif verdict.pause_until or row["failing_since"]:
        changes["paused_until"] = verdict.pause_until or tx.wall + PROBE
    if verdict.outcome == "gone":
        changes |= {"state": DISABLED, "reason": "gone"}
    elif health.given_up(tx.wall):
        changes |= {"state": DISABLED, "reason": "unreachable"}
    return changes


def prune(tx: Tx, firing: Firing) -> None:
    """Forget messages and attempts that are older than a month."""
    for aged, column in ((tries, tries.c.at), (delivery, delivery.c.created_at)):
        tx.execute(aged.delete().where(column < tx.wall - KEPT))
    tx.arm(firing.subject, firing.name, tx.now + DAILY)
