"""The events of a batch: those just read, and those that waited. A known version is a copy, a gap waits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

import msgspec
import sqlalchemy as sa
import structlog

from events import bulk, envelope, ids, inbox
from events.inbox import Waiting
from events.log import Record
from services.service import Event, NotYet, Retry, Service
from services.transaction import Tx

log = structlog.get_logger(__name__)

#: A handler that fails on more subjects than this is taken for a bad deploy: the consumer stops.
PARKED_LIMIT = 50
#: So many waiting events of a subject are handled in one batch at most, and known to the service before it begins.
AHEAD = 50
#: An event that waits for another is tried again this often, in case nobody woke it.
RECHECK = timedelta(seconds=1)


class ConsumerStopped(Exception):
    """Too many subjects are parked; the consumer stopped until someone looks"""


class Incoming:
    """The events of a batch: those just read, and those that waited.

    `dismissed`: to be passed over in their turn; `reacted`: ids of those that are projected only.
    """

    def __init__(
        self,
        tx: Tx,
        records: Sequence[Record],
        due: Sequence[str],
        verdict: Exception | None,
        dismissed: Collection[tuple[str, int]] = (),
        reacted: Collection[str] = (),
    ):
        self.tx, self.verdict, self.box = tx, verdict, tx.service.inbox
        self.dismissed, self.reacted = dismissed, reacted
        self.incoming: list[tuple[Record, envelope.Envelope]] = []
        self.changed: dict[tuple[str, int], Waiting | None] = {}
        #: By their bytes, which alone tell an event from another one under the same name.
        self._decoded: dict[bytes, Event] = {}
        for record in records:
            try:
                self.incoming.append((record, envelope.decode(record.body)))
            except msgspec.MsgspecError as error:
                self._park_garbage(record, error)
        subjects = {e.subject for _, e in self.incoming} | set(due)
        # In this order: of a subject's first version there is no row in `applied` yet that could be locked.
        self.waiting = inbox.waiting(tx._conn, self.box, subjects)
        self.applied = inbox.applied(tx._conn, self.box, subjects)
        self.before = dict(self.applied)
        self.retry = list(due)

    def ahead(self) -> list[Event]:
        """What may be handled, for the service to lock and read ahead. Events it cannot decode are left to `run`."""
        found = [(e, record.body) for record, e in self.incoming]
        found += [(envelope.decode(w.body), w.body) for queue in self.waiting.values() for w in queue[:AHEAD]]
        for e, body in found:
            if _handlers(self.tx.service, e.type):
                try:
                    self._decoded[body] = event_of(e, body)
                except (envelope.Unknown, msgspec.MsgspecError):
                    continue
        return list(self._decoded.values())

    def run(self) -> None:
        for subject in self.retry:
            self._drain(subject)
        for record, e in self.incoming:
            queue = self.waiting.get(e.subject, [])
            last = self.applied.get(e.subject, 0)
            if e.subjectversion <= last or any(w.version == e.subjectversion for w in queue):
                continue
            if any(w.version < e.subjectversion for w in queue):
                self._wait(e, record.body, inbox.BEHIND, "waits behind an earlier event of its subject")
            elif e.subjectversion > last + 1:
                self._wait(e, record.body, inbox.GAP, f"version {last + 1} has not arrived", after=RECHECK)
            elif self._handle(e, record.body, None):
                self._drain(e.subject)

    def save(self) -> None:
        """Write what was applied and what waits."""
        conn = self.tx._conn
        bulk.upsert(conn, self.box.applied, ("subject", "version"), self._moved())
        gone = sorted(k for k, w in self.changed.items() if w is None)
        bulk.delete(conn, self.box.waiting, ("subject", "version"), gone)
        rows = sorted((tuple(w) for w in self.changed.values() if w is not None), key=lambda r: r[:2])
        bulk.upsert(conn, self.box.waiting, Waiting._fields, rows)

    def settle(self) -> None:
        """Wake what waited for these subjects; stop where too many handlers failed."""
        conn = self.tx._conn
        inbox.wake(conn, self.box, [subject for subject, _ in self._moved()], self.tx.wall)
        failed = any(w is not None and w.reason == inbox.FAILED for w in self.changed.values())
        if failed and inbox.parked(conn, self.box) > PARKED_LIMIT:
            raise ConsumerStopped(f"{self.tx.service.name}: more than {PARKED_LIMIT} subjects are parked")

    def _moved(self) -> list[tuple[str, int]]:
        return sorted((s, v) for s, v in self.applied.items() if self.before.get(s) != v)

    def _drain(self, subject: str) -> None:
        """Handle what waits for a subject as far as it goes."""
        queue = self.waiting.get(subject, [])
        if queue and queue[0].version > self.applied.get(subject, 0) + 1:
            self.changed[subject, queue[0].version] = queue[0]._replace(retry_at=self.tx.wall + RECHECK)
        for _ in range(AHEAD):
            if not queue or queue[0].version > self.applied.get(subject, 0) + 1:
                return
            first = queue[0]
            if first.version == self.applied.get(subject, 0) + 1 and not self._handle(
                envelope.decode(first.body), first.body, first
            ):
                return
            queue.pop(0)
            self.changed[subject, first.version] = None
        if queue:
            self.changed[subject, queue[0].version] = queue[0]._replace(retry_at=self.tx.wall)

    def _handle(self, e: envelope.Envelope, body: bytes, waited: Waiting | None) -> bool:
        """Apply one event; False when it has to wait."""
        tx, service = self.tx, self.tx.service
        try:
            if self.verdict is not None:
                raise self.verdict
            if _handlers(service, e.type) and (e.subject, e.subjectversion) not in self.dismissed:
                event = self._decoded.pop(body, None) or event_of(e, body)
                with tx.item(e.id, e.correlationid):
                    tx.projecting = True
                    for handler in service.handlers(e.type, "projects"):
                        handler(tx, event)
                    tx.projecting = False
                    for handler in service.handlers(e.type, "reacts") if e.id not in self.reacted else ():
                        handler(tx, event)
        except NotYet as wait:
            self._wait(
                e, body, inbox.NOT_YET, str(wait), awaits=wait.subject, after=timedelta(seconds=1), waited=waited
            )
            return False
        except (Retry, envelope.Unknown) as wait:
            after = wait.after if isinstance(wait, Retry) else timedelta(seconds=10)
            self._wait(e, body, inbox.RETRY, str(wait), after=after, waited=waited)
            return False
        except Exception as error:
            if self.verdict is None:
                raise_if_fatal(error)
            log.exception(
                "event parked", service=service.name, type=e.type, subject=e.subject, version=e.subjectversion
            )
            self._wait(e, body, inbox.FAILED, f"{type(error).__name__}: {error}", waited=waited)
            return False
        self.applied[e.subject] = e.subjectversion
        return True

    def _wait(
        self,
        e: envelope.Envelope,
        body: bytes,
        reason: str,
        detail: str,
        *,
        awaits: str | None = None,
        after: timedelta | None = None,
        waited: Waiting | None = None,
    ) -> None:
        now = self.tx.wall
        row = Waiting(
            e.subject,
            e.subjectversion,
            e.id,
            body,
            reason,
            awaits,
            detail[:2000],
            waited.since if waited else now,
            now + after if after else None,
            waited.attempts + 1 if waited else 0,
        )
        queue = [w for w in self.waiting.get(e.subject, []) if w.version != e.subjectversion]
        self.waiting[e.subject] = sorted([*queue, row], key=lambda w: w.version)
        self.changed[e.subject, e.subjectversion] = row

    def _park_garbage(self, record: Record, error: Exception) -> None:
        """Bytes that are no event of ours: kept for a person to see, under the place where they stood."""
        log.error("not an event", topic=record.topic, part=record.part, offset=record.offset, error=str(error))
        subject = f"log/{record.topic}/{record.part}/{record.offset}"
        event_id = record.event_id or ids.derived("garbage", subject)
        row = Waiting(subject, 0, event_id, record.body, inbox.FAILED, None, str(error)[:2000], self.tx.wall, None, 0)
        self.changed[subject, 0] = row


def _handlers(service: Service, type_string: str) -> list[Callable[[Tx, Event], None]]:
    return service.handlers(type_string, "projects") + service.handlers(type_string, "reacts")


def event_of(e: envelope.Envelope, body: bytes) -> Event:
    return Event(
        id=e.id,
        type=e.type,
        subject=e.subject,
        version=e.subjectversion,
        time=e.time,
        correlation=e.correlationid,
        causation=e.causationid,
        data=envelope.payload(e),
        raw=body,
    )


def raise_if_fatal(error: Exception) -> None:
    """What is wrong with the database or the batch, not with this item, is the committer's to retry."""
    if isinstance(error, (sa.exc.DBAPIError, Retry)):
        raise error
