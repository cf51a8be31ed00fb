"""After a restore: take back from the log what was recorded after the backup.

For each service that lacks events of its own, in one transaction:

    insert the events -> claim what caused them -> `adopt`: its tables follow -> read on to the end of the log

So whoever sends a command again is told that it was done, and an event whose reaction was recorded already is projected
only. Until that transaction commits nothing has changed, and the service refuses to start. An event that differs from
the stored one of its id or version is a fork: nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import bulk, envelope, inbox, outbox
from events.kafka_scan import OutOfReach, Scan
from events.log import LogCut, Place, Position, Record
from services.batch import Batch, apply
from services.clock import Moment
from services.committer import BATCH
from services.config import EMBEDDED_LOG
from services.incoming import event_of
from services.service import Adopted, Service
from services.transaction import Tx
from services.whole import Forked, NotReconciled, missing

if TYPE_CHECKING:
    from services.app import Application

#: What no event tells of, whichever the service.
UNTOLD = (
    "commands that recorded no event, and answers to those that did",
    "jobs, attempts and sign-ins after the backup; jobs are asked for anew where events call for them",
    "events that were recorded after the backup but never reached the log, with all that only they told",
)


class Reconciled(msgspec.Struct, frozen=True):
    """What one service took back. `read`: events of others that it applied anew. `lost`: what could not come back."""

    service: str
    events: int
    subjects: int
    causes: int
    read: int
    lost: list[str]


class Coming(NamedTuple):
    """An event that comes back: as it stands in the log, and what it says."""

    record: Record
    said: envelope.Envelope


def reconcile(app: Application) -> list[Reconciled]:
    """Have each service take back the events that it lacks; one that lacks none is left as it is.

    Raises NotReconciled, Forked, and LogCut when the log is behind a database; what is done already stays done.
    """
    if app.config.event_log_url == EMBEDDED_LOG:
        return []
    try:
        with Scan(app.config.event_log_url) as scan:
            lacked: dict[str, dict[str, Coming]] = {service.name: {} for service in app.services}
            for page in _pages(scan.since(dict.fromkeys(scan.ends, 0))):
                for service in app.services:
                    _collect(app, service, page, lacked[service.name])
            return [_take_back(app, scan, s, list(lost.values())) for s in app.services if (lost := lacked[s.name])]
    except OutOfReach as error:
        raise NotReconciled(f"the log is out of reach: {error}") from error


def _pages(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    left = iter(records)
    while page := list(islice(left, BATCH)):
        yield page


def _collect(app: Application, service: Service, page: Sequence[Record], lost: dict[str, Coming]) -> None:
    """Add what this service lacks of a page, and compare the rest with what it has. Raises Forked."""
    own = [Coming(r, said) for r in page if (said := _said(r)) and said.source == f"/imbang/{service.name}"]
    absent = {record.event_id for record in missing(app.databases, service, [c.record for c in own])}
    with app.databases.reader(service.name).connect() as conn:
        event = service.outbox.event
        have: dict[str, bytes] = dict(
            bulk.lookup(conn, event, "event_id", {c.said.id for c in own} - absent, ("event_id", "hash"))
        )
        subjects = {c.said.subject for c in own if c.said.id in absent}
        columns = ("subject", "subject_version", "event_id")
        held = {(s, v): i for s, v, i in bulk.lookup(conn, event, "subject", subjects, columns)}
    for coming in own:
        said, body = coming.said, coming.record.body
        before = lost.get(said.id)
        known = have.get(said.id) or (envelope.digest(before.record.body) if before else None)
        if known not in (None, envelope.digest(body)) or (
            said.id in absent and held.get((said.subject, said.subjectversion)) not in (None, said.id)
        ):
            where = f"{coming.record.topic}/{coming.record.part} at {coming.record.offset}"
            raise Forked(f"version {said.subjectversion} of {said.subject} in the log ({where}) is another one here")
        if said.id in absent:
            lost[said.id] = coming


def _said(record: Record) -> envelope.Envelope | None:
    if record.watermark is not None:
        return None
    try:
        return envelope.decode(record.body)
    except msgspec.MsgspecError:
        return None  # no event of ours: consumers park it


def _take_back(app: Application, scan: Scan, service: Service, lost: list[Coming]) -> Reconciled:
    lost.sort(key=lambda c: (c.said.time, c.said.subject, c.said.subjectversion))
    with app.databases.writer(service.name).connect() as conn, conn.begin():
        moment = app.clock.read(conn)
        _require_no_gap(conn, service, lost)
        _insert(conn, service, lost)
        adopted = _adopt(app, conn, service, moment, lost)
        causes = {c.said.causationid for c in lost}
        answers = {cause: msgspec.json.encode(answer) for cause, answer in adopted.answers.items()}
        claims = [(cause, b"", answers.get(cause), moment.wall) for cause in sorted(causes)]
        bulk.claim(conn, service.inbox.claim, ("command_id", "fingerprint", "answer", "at"), claims)
        read = _ReadOn(app, scan, service, conn, moment).to_the_end() if service.topics else 0
    subjects = {c.said.subject for c in lost}
    return Reconciled(service.name, len(lost), len(subjects), len(causes), read, adopted.lost)


def _require_no_gap(conn: Connection, service: Service, lost: Sequence[Coming]) -> None:
    heads = outbox.heads(conn, service.outbox, sorted({c.said.subject for c in lost}))
    following = {subject: head.version for subject, head in heads.items()}
    for said in sorted((c.said for c in lost), key=lambda said: (said.subject, said.subjectversion)):
        last = following.get(said.subject, 0)
        if said.subjectversion <= last:
            raise Forked(f"the log holds two events as version {said.subjectversion} of {said.subject}")
        if said.subjectversion > last + 1:
            raise NotReconciled(
                f"the log holds version {said.subjectversion} of {said.subject}, but neither it nor the database "
                f"holds version {last + 1}; take a newer backup"
            )
        following[said.subject] = said.subjectversion


def _insert(conn: Connection, service: Service, lost: Sequence[Coming]) -> None:
    """The same bytes under the same ids; they are in the log, so no relay has to send them."""
    rows = [
        (e.id, e.subject, e.subjectversion, e.type, e.time, e.correlationid, e.causationid, body, envelope.digest(body))
        for e, body in ((c.said, c.record.body) for c in lost)
    ]
    bulk.insert(conn, service.outbox.event, outbox.EVENT_COLUMNS, rows)


def _adopt(app: Application, conn: Connection, service: Service, moment: Moment, lost: Sequence[Coming]) -> Adopted:
    if service.adopt is None:
        return Adopted({}, [])
    tx = Tx(service, conn, lambda: moment)
    try:
        events = [event_of(c.said, c.record.body) for c in lost]
    except envelope.Unknown as error:
        raise NotReconciled(
            f"{service.name} recorded what only a newer release knows: {error}; install that one"
        ) from error
    adopted = service.adopt(tx, events)
    tx.flush(app.event_log)
    return adopted


class _ReadOn:
    """The service as a consumer, up to the end of the log, inside the transaction of what came back.

    Here and only here it is looked up whether a reaction was recorded already.
    """

    def __init__(self, app: Application, scan: Scan, service: Service, conn: Connection, moment: Moment):
        self.app, self.scan, self.service, self.conn, self.moment = app, scan, service, conn, moment

    def to_the_end(self) -> int:
        stored, topics = inbox.positions(self.conn, self.service.inbox), self.service.topics
        places = {place: stored.get(place, Position()) for place in self.scan.ends if place[0] in topics}
        read = 0
        for page in _pages(self._unread(places)):
            self._apply(Batch(records=list(page), reacted=self._reacted([r.event_id for r in page])))
            read += sum(record.watermark is None for record in page)
        self._settle()
        return read

    def _unread(self, places: dict[Place, Position]) -> Iterator[Record]:
        """The records after these positions. Raises LogCut when the log lost what was applied."""
        for place, position in places.items():
            if self.scan.ends[place] < position.offset:
                raise LogCut(f"{place[0]}/{place[1]} ends before {self.service.name}, at {self.scan.ends[place]}")
        starts = {place: p.offset - 1 if p.last_id else p.offset for place, p in places.items()}
        for record in self.scan.since(starts):
            position = places[record.topic, record.part]
            if record.offset >= position.offset:
                yield record
            elif record.event_id != position.last_id:
                raise LogCut(f"{record.topic}/{record.part} at {record.offset} is not what {self.service.name} passed")

    def _settle(self) -> None:
        """Try again what waits: all that was applied in the lost database, and what is due."""
        w = self.service.inbox.waiting
        rows = self.conn.execute(sa.select(w.c.subject, w.c.event_id)).all()
        reacted = self._reacted([event_id for _, event_id in rows])
        due = {subject for subject, event_id in rows if event_id in reacted}
        while due := due or set(inbox.due(self.conn, self.service.inbox, self.moment.wall, BATCH)):
            self._apply(Batch(due=sorted(due), reacted=reacted))
            due = set()

    def _reacted(self, event_ids: Sequence[str]) -> set[str]:
        w = self.service.inbox.waiting
        waiting = [event_id for (event_id,) in self.conn.execute(sa.select(w.c.event_id))]
        claim = self.service.inbox.claim
        found = bulk.lookup(self.conn, claim, "command_id", {*event_ids, *waiting}, ("command_id",))
        return {str(command_id) for (command_id,) in found}

    def _apply(self, batch: Batch) -> None:
        """As the committer does: all together, else one by one; what fails alone is parked."""
        try:
            self._attempt(batch)
        except (sa.exc.DBAPIError, LogCut):
            raise
        except Exception:
            for single in batch.alone():
                single.reacted = batch.reacted
                try:
                    self._attempt(single)
                except (sa.exc.DBAPIError, LogCut):
                    raise
                except Exception as failure:
                    self._attempt(single, failure)

    def _attempt(self, batch: Batch, verdict: Exception | None = None) -> None:
        with self.conn.begin_nested():
            apply(self.service, self.conn, self.app.event_log, lambda _: lambda: self.moment, batch, verdict)
