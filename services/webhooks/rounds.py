"""The job `deliver`: one round of attempts at one endpoint.

One job an endpoint, so a slow receiver occupies one worker and delays nobody else's messages; inside a round a few
connections run side by side. A round that finds trouble ends early, and an endpoint in trouble is probed with a single
message until it answers. What was sent but not recorded, because the process died, is sent again with the same id.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event as Flag
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.db import table
from services.jobs import Job, Read
from services.transaction import Tx
from services.webhooks.admission import Admission
from services.webhooks.commands import RecordAttempts
from services.webhooks.delivery import Attempt, deliver
from services.webhooks.keys import keyring
from services.webhooks.models import ENABLED, OPEN, Delivery, Endpoint

KIND = "deliver"
#: Connections to one receiver at a time, and messages a round: 5 × (15 + 5) s at worst, within the lease of the job.
CONNECTIONS, ROUND = 8, 40

endpoint, delivery = table(Endpoint), table(Delivery)


def serve(tx: Tx, row: Mapping[str, Any]) -> None:
    """Have a round made when the next message of an endpoint is due, and not before its pause ends."""
    if row["state"] != ENABLED:
        return
    due = tx.read(sa.select(sa.func.min(delivery.c.next_at)).where(_sendable(row))).scalar()
    if due is not None:
        serve_at(tx, row, due)


def serve_at(tx: Tx, row: Mapping[str, Any], due: datetime) -> None:
    """As `serve`, for whoever knows that nothing is due earlier."""
    if row["state"] == ENABLED:
        start = max(due, row["paused_until"] or due, tx.wall)
        tx.enqueue(KIND, row["id"], b"", start - tx.wall)


def make_round(job: Job, read: Read) -> RecordAttempts:
    """Attempt what is due. Nothing is written here; the answer always comes, so that the next round is planned."""
    with read() as conn:
        found = conn.execute(sa.select(endpoint).where(endpoint.c.id == job.key)).mappings().first()
        row = dict(found or {})
        waiting = _due(conn, row, job.wall) if row else []
    if not waiting:
        return RecordAttempts(job.key, [])
    keys = keyring(read.config.secret_key, row)
    admission = Admission.parse(",".join(read.config.webhook_networks))
    began, trouble = time.monotonic(), Flag()

    def attempt(event: str, body: bytes) -> Attempt | None:
        if trouble.is_set():
            return None
        now = job.wall + timedelta(seconds=time.monotonic() - began)
        made = deliver(row["url"], event, body, keys.at(now), now=now, admission=admission)
        if made.outcome != "delivered":
            trouble.set()
        return made

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        made = list(pool.map(attempt, *zip(*waiting, strict=True)))
    return RecordAttempts(job.key, [one for one in made if one is not None])


def _due(conn: Connection, row: Mapping[str, Any], wall: datetime) -> Sequence[tuple[str, bytes]]:
    """Ids and bodies of the messages to attempt now, the longest due first."""
    if row["state"] != ENABLED or (row["paused_until"] or wall) > wall:
        return []
    statement = (
        sa.select(delivery.c.event, delivery.c.body)
        .where(_sendable(row), delivery.c.next_at <= wall)
        .order_by(delivery.c.next_at, delivery.c.event)
        .limit(1 if row["failing_since"] else ROUND)
    )
    return [(event, body) for event, body in conn.execute(statement)]


def _sendable(row: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    """The open messages of an endpoint; of one that is ordered, the first of each subject."""
    mine = sa.and_(delivery.c.endpoint == row["id"], delivery.c.state.in_(OPEN))
    if not row["ordered"]:
        return mine
    earlier = delivery.alias()
    before = sa.exists().where(
        earlier.c.endpoint == delivery.c.endpoint,
        earlier.c.subject == delivery.c.subject,
        earlier.c.sequence < delivery.c.sequence,
        earlier.c.state.in_(OPEN),
    )
    return sa.and_(mine, ~before)
