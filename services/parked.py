"""Subjects stopped by a failed handler: seen, tried again, or passed over by a named person with a reason.

The two commands below are known to every service, beside its own; they go through the committer like all writing.
Passing over is for events that no mended handler could apply: what they say is then missing here, for ever, so the
skipped version, who skipped it and why stay in the table `<service>_dismissed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import envelope, inbox
from events.inbox import Inbox
from services.service import Answer, Command, Refused, Words

if TYPE_CHECKING:
    from services.app import Application
    from services.transaction import Tx

PAGE = 50
REASON_LENGTH = 500


class Release(msgspec.Struct, frozen=True):
    """Try the parked event of a subject again, at once; what waits behind it follows in order."""

    subject: str
    version: int


class Dismiss(msgspec.Struct, frozen=True):
    """Pass over the parked event of a subject; what waits behind it goes on."""

    subject: str
    version: int
    reason: str


class Stuck(msgspec.Struct, frozen=True, kw_only=True):
    """A subject that does not go on: its first waiting event, why it waits (`reason`, `detail`), since when.

    `reason` is one of those of events/inbox.py; `behind` counts the events that wait behind it. `type` is empty when
    the bytes are no event. `retry_at` is None until someone acts or what it awaits arrives.
    """

    subject: str
    version: int
    type: str
    reason: str
    detail: str
    awaits: str | None
    since: datetime
    retry_at: datetime | None
    attempts: int
    behind: int


def stuck(conn: Connection, box: Inbox, *, parked: bool, after: str = "", limit: int = PAGE) -> list[Stuck]:
    """The next subjects after `after`, in their order: those parked by a failure, or those that wait for the world."""
    w, other = box.waiting, box.waiting.alias()
    same = other.c.subject == w.c.subject
    first = ~sa.exists().where(same, other.c.version < w.c.version)
    behind = sa.select(sa.func.count()).where(same, other.c.version > w.c.version).scalar_subquery()
    rows = conn.execute(
        sa.select(w, behind.label("behind"))
        .where(first, (w.c.reason == inbox.FAILED) == parked, w.c.subject > after)
        .order_by(w.c.subject)
        .limit(limit)
    )
    return [
        Stuck(
            subject=row.subject,
            version=row.version,
            type=_type(row.body),
            reason=row.reason,
            detail=row.detail,
            awaits=row.awaits,
            since=row.since,
            retry_at=row.retry_at,
            attempts=row.attempts,
            behind=row.behind,
        )
        for row in rows
    ]


def listing(app: Application) -> list[dict[str, Any]]:
    """The parked subjects of every service of the process, for the command line."""
    found: list[dict[str, Any]] = []
    for service in app.services:
        with app.databases.reader(service.name).connect() as conn:
            after = ""
            while page := stuck(conn, service.inbox, parked=True, after=after):
                found += [{"service": service.name} | msgspec.to_builtins(each) for each in page]
                after = page[-1].subject
    return found


def release(tx: Tx, command: Command) -> Answer:
    """Let the next turn try the event again. Bytes that are no event cannot be tried, only passed over."""
    asked = command.data
    assert isinstance(asked, Release)
    row = _parked(tx, asked.subject, asked.version)
    if row["version"] == 0:
        raise Refused(
            "parked.unreadable",
            Words("Catatan ini bukan peristiwa yang dapat dibaca.", "This record is not an event that can be read."),
            Words("Abaikan dengan alasan.", "Dismiss it with a reason."),
        )
    tx.upsert(tx.service.inbox.waiting, row | {"retry_at": tx.wall})
    return {"subject": asked.subject, "version": asked.version}


def dismiss(tx: Tx, command: Command) -> Answer:
    """Count the event as applied without applying it, and let what waited behind it go on."""
    asked = command.data
    assert isinstance(asked, Dismiss)
    reason = asked.reason.strip()
    if not 0 < len(reason) <= REASON_LENGTH:
        raise Refused(
            "parked.reason_missing",
            Words("Alasan wajib, paling banyak 500 huruf.", "A reason is needed, of at most 500 letters."),
            Words("Tulis alasannya.", "Write the reason."),
            status=422,
            field="reason",
        )
    row = _parked(tx, asked.subject, asked.version)
    box, key = tx.service.inbox, (asked.subject, asked.version)
    tx.delete(box.waiting, *key)
    if asked.version:
        tx.upsert(box.applied, {"subject": asked.subject, "version": asked.version})
    if following := tx.get(box.waiting, asked.subject, asked.version + 1):
        tx.upsert(box.waiting, following | {"retry_at": tx.wall})
    tx.upsert(
        box.dismissed,
        {
            "subject": asked.subject,
            "version": asked.version,
            "event_id": row["event_id"],
            "detail": row["detail"],
            "account": command.actor.account if command.actor else "",
            "reason": reason,
            "at": tx.wall,
        },
    )
    return {"subject": asked.subject, "version": asked.version}


#: What every service takes beside its own commands.
COMMANDS: Mapping[type[msgspec.Struct], Callable[[Tx, Command], Answer]] = {Release: release, Dismiss: dismiss}


def _parked(tx: Tx, subject: str, version: int) -> dict[str, Any]:
    """The parked row, locked in the order of the batches (positions, waiting, applied); refused when it is no more."""
    box = tx.service.inbox
    tx.read(sa.select(box.position).order_by(box.position.c.topic, box.position.c.part).with_for_update())
    w = box.waiting
    here = (w.c.subject == subject) & (w.c.version == version) & (w.c.reason == inbox.FAILED)
    row = tx.read(sa.select(w).where(here).with_for_update()).mappings().first()
    tx.read(sa.select(box.applied).where(box.applied.c.subject == subject).with_for_update())
    if row is None:
        raise Refused(
            "parked.gone",
            Words("Peristiwa ini tidak lagi terparkir.", "This event is no longer parked."),
            Words("Muat ulang halaman operasi.", "Load the page of operations again."),
        )
    return dict(row)


def _type(body: bytes) -> str:
    try:
        return envelope.decode(body).type
    except msgspec.MsgspecError:
        return ""
