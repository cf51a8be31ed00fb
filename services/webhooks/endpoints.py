"""What owners do with their endpoints."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from services.db import table
from services.service import Answer, Command, Refused, Words
from services.transaction import Row, Tx
from services.webhooks.commands import EnableEndpoint, PauseEndpoint, RegisterEndpoint, RemoveEndpoint, RotateSecret
from services.webhooks.keys import LONGEST_OVERLAP, rotated
from services.webhooks.models import ENABLED, PAUSED, Delivery, Endpoint, Try
from services.webhooks.public import EVERYONE, public_types
from services.webhooks.rounds import serve

#: The house is kept once a day (see handlers.prune).
HOUSEKEEPING, DAILY = "webhooks/housekeeping", timedelta(days=1)
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")

endpoint = table(Endpoint)


def register(tx: Tx, command: Command) -> Answer:
    asked: RegisterEndpoint = command.data  # type: ignore[assignment]
    if asked.scope != EVERYONE and not _SCOPE.fullmatch(asked.scope):
        raise Refused(
            "webhooks.scope_malformed",
            Words("Bukan kode instansi atau perangkat daerah.", "This is not the code of an agency."),
            Words("Tulis kode, misalnya 8200, atau * untuk semua.", "Write a code, for example 8200, or * for all."),
            status=422,
            field="scope",
        )
    if unknown := sorted(set(asked.types) - public_types().keys()):
        raise Refused(
            "webhooks.type_unknown",
            Words(f"Bukan jenis peristiwa publik: {unknown[0]}.", f"Not a public event type: {unknown[0]}."),
            Words("Pilih dari daftar di /webhooks/docs.", "Choose from the list at /webhooks/docs."),
            status=422,
            field="types",
        )
    row = {
        "id": asked.endpoint,
        "scope": asked.scope,
        "url": asked.url,
        "types": json.dumps(sorted(set(asked.types))),
        "ordered": asked.ordered,
        "scheme": asked.scheme,
        "key": 1,
        "retiring": "[]",
        "state": ENABLED,
        "reason": "",
        "created_at": tx.wall,
        "created_by": command.actor.account if command.actor else "",
        "attempts": 0,
        "delivered": 0,
        "delivered_at": None,
        "failing_since": None,
        "paused_until": None,
    }
    tx.upsert(endpoint, row)
    tx.arm(HOUSEKEEPING, "prune", tx.now + DAILY)
    return answer(row)


def rotate(tx: Tx, command: Command) -> Answer:
    asked: RotateSecret = command.data  # type: ignore[assignment]
    if not timedelta(0) <= asked.overlap <= LONGEST_OVERLAP:
        raise Refused(
            "webhooks.overlap_too_long",
            Words("Kunci lama berlaku paling lama 30 hari lagi.", "The old secret stays for 30 days at most."),
            Words("Tulis 0 sampai 720 jam.", "Give 0 to 720 hours."),
            status=422,
            field="overlap_hours",
        )
    row = taken(tx, asked.endpoint)
    return _change(tx, row, **rotated(row, tx.wall, asked.overlap))


def pause(tx: Tx, command: Command) -> Answer:
    asked: PauseEndpoint = command.data  # type: ignore[assignment]
    return _change(tx, taken(tx, asked.endpoint), state=PAUSED, reason="")


def enable(tx: Tx, command: Command) -> Answer:
    asked: EnableEndpoint = command.data  # type: ignore[assignment]
    return _change(tx, taken(tx, asked.endpoint), state=ENABLED, reason="", failing_since=None, paused_until=None)


def remove(tx: Tx, command: Command) -> Answer:
    asked: RemoveEndpoint = command.data  # type: ignore[assignment]
    row = taken(tx, asked.endpoint)
    for belongings in (table(Try), table(Delivery)):
        tx.execute(belongings.delete().where(belongings.c.endpoint == row["id"]))
    tx.delete(endpoint, row["id"])
    return answer(row | {"state": "removed"})


def taken(tx: Tx, key: str) -> Row:
    """The row of an endpoint, locked: its counters are changed by all instances."""
    found = tx.read(sa.select(endpoint).where(endpoint.c.id == key).with_for_update()).mappings().first()
    if found is None:
        raise Refused(
            "webhooks.endpoint_unknown",
            Words("Tujuan webhook ini tidak ada lagi.", "This endpoint does not exist any more."),
            Words("Lihat daftar di /webhooks/.", "See the list at /webhooks/."),
            status=404,
        )
    return dict(found)


def answer(row: Row) -> Answer:
    """What a command says of the endpoint: never its secret, since answers are kept for repeats."""
    return {"endpoint": row["id"], "state": row["state"], "key": row["key"]}


def _change(tx: Tx, row: Row, **columns: Any) -> Answer:
    changed = row | columns
    tx.upsert(endpoint, changed)
    serve(tx, changed)
    return answer(changed)
