"""One transaction for a batch of one service: admit, decide, write, commit.

    positions -> applied, waiting -> the service's rows -> handlers -> events, rows, timers, jobs, claims -> COMMIT

Locks are taken in that order, each sorted. An item that fails leaves nothing behind; the others of its batch go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, CursorResult, NestedTransaction

from events import bulk, envelope, ids, inbox, outbox
from events.inbox import Waiting
from events.log import EventLog, LogCut, Record
from services import jobs, timers
from services.clock import Moment
from services.service import Answer, Command, Event, Firing, NotYet, Refused, Retry, Service

log = structlog.get_logger(__name__)

#: A handler that fails on more subjects than this is taken for a bad deploy: the consumer stops.
PARKED_LIMIT = 50
Row = dict[str, Any]


class Reused(Exception):
    """This Idempotency-Key was used before for another command"""


class ConsumerStopped(Exception):
    """Too many subjects are parked; the consumer stopped until someone looks"""


@dataclass
class Batch:
    """What one transaction takes: commands, firings, job results, records of the log, subjects to retry."""

    commands: list[Command] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)
    results: list[tuple[jobs.Job, msgspec.Struct | None]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    due: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.commands) + len(self.firings) + len(self.results) + len(self.records) + len(self.due)

    def alone(self) -> Iterator[Batch]:
        """Each item in a batch of its own, in order."""
        yield from (Batch(commands=[c]) for c in self.commands)
        yield from (Batch(firings=[f]) for f in self.firings)
        yield from (Batch(results=[r]) for r in self.results)
        yield from (Batch(records=[r]) for r in self.records)
        yield from (Batch(due=[d]) for d in self.due)


class _Item:
    """What one item has written so far."""

    def __init__(self, causation: str, correlation: str):
        self.causation, self.correlation = causation, correlation
        self.events: list[outbox.Recorded] = []
        self.rows: dict[sa.Table, dict[tuple[Any, ...], Row | None]] = {}
        self.timers: dict[tuple[str, str], tuple[str, datetime] | None] = {}
        self.jobs: list[tuple[str, str, bytes, datetime]] = []
        self.savepoint: NestedTransaction | None = None


class Tx:
    """What handlers write through. `memo` is free for the service's `prepare`, handlers and `finish`."""

    def __init__(self, service: Service, conn: Connection, moment: Moment):
        self.service, self.now, self.wall = service, moment.now, moment.wall
        self.memo: dict[Any, Any] = {}
        self.known: dict[str, outbox.Head] = {}
        self.projecting = False
        self._conn = conn
        self._done = _Item("", "")
        self._item: _Item = self._done
        self._read: dict[tuple[sa.Table, tuple[Any, ...]], Row | None] = {}

    # -- for handlers ------------------------------------------------------------------------------------------------

    @property
    def cause(self) -> str:
        """The id of the command, event or firing that is being handled."""
        return self._item.causation

    def record(self, subject: str, data: msgspec.Struct, *, correlation: str | None = None) -> str:
        """Append an event to a subject of this service; returns its id. Its version is the subject's next."""
        self._no_effects("record")
        if not subject.startswith(f"{self.service.name}/"):
            raise ValueError(f"{self.service.name} does not write {subject}")
        event_id = ids.new()
        item = self._item
        item.events.append(outbox.Recorded(event_id, subject, data, correlation or item.correlation, item.causation))
        return event_id

    def get(self, table: sa.Table, *key: Any) -> Row | None:
        """One row by primary key as this transaction sees it, buffered writes included."""
        for item in (self._item, self._done):
            if key in item.rows.get(table, ()):
                return item.rows[table][key]
        place = (table, key)
        if place not in self._read:
            match = sa.and_(*(c == v for c, v in zip(table.primary_key.columns, key, strict=True)))
            row = self._conn.execute(sa.select(table).where(match)).mappings().first()
            self._read[place] = dict(row) if row is not None else None
        return self._read[place]

    def preload(self, table: sa.Table, rows: Sequence[Row], keys: Sequence[tuple[Any, ...]]) -> None:
        """Tell `get` in advance what these keys hold: the rows, and nothing for the other keys."""
        names = bulk.primary_key(table)
        self._read |= {(table, key): None for key in keys}
        self._read |= {(table, tuple(row[n] for n in names)): row for row in rows}

    def upsert(self, table: sa.Table, row: Row) -> None:
        """Insert or overwrite a row; `row` has all columns that may not be null."""
        key = tuple(row[n] for n in bulk.primary_key(table))
        self._item.rows.setdefault(table, {})[key] = row

    def delete(self, table: sa.Table, *key: Any) -> None:
        """Delete a row by primary key, if it exists."""
        self._item.rows.setdefault(table, {})[key] = None

    def read(self, statement: sa.Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a query after writing what is buffered, so that it sees this transaction's own writes."""
        self._write_rows(self._done)
        if self._item is not self._done and self._item.rows:
            self._open_savepoint()
            self._write_rows(self._item)
        return self._conn.execute(statement, parameters)

    def execute(self, statement: sa.Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement that writes, for what upsert and delete cannot say."""
        if self._item is not self._done:
            self._open_savepoint()
        result = self.read(statement, parameters)
        self._read.clear()
        return result

    def arm(self, subject: str, name: str, due: datetime) -> None:
        """Set a durable timer; it replaces an earlier one of this name."""
        self._no_effects("arm")
        self._item.timers[subject, name] = (self._item.causation, due)

    def disarm(self, subject: str, name: str) -> None:
        self._no_effects("disarm")
        self._item.timers[subject, name] = None

    def enqueue(self, kind: str, key: str, payload: msgspec.Struct | bytes, after: timedelta = timedelta(0)) -> None:
        """Ask for slow work outside transactions. One waiting job for a (kind, key); the newest payload counts."""
        self._no_effects("enqueue")
        raw = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        self._item.jobs.append((kind, key, raw, self.wall + after))

    # -- for the batch -----------------------------------------------------------------------------------------------

    def _no_effects(self, what: str) -> None:
        if self.projecting:
            raise TypeError(f"a projection may not {what}: it is replayed on a rebuild")

    @contextmanager
    def item(self, causation: str, correlation: str) -> Iterator[None]:
        """All that is written inside takes effect together, or, after an exception, not at all."""
        self._item = item = _Item(causation, correlation or causation)
        try:
            yield
        except BaseException:
            if item.savepoint is not None and item.savepoint.is_active:
                item.savepoint.rollback()
                self._read.clear()
            raise
        else:
            if item.savepoint is not None:
                item.savepoint.commit()
            done = self._done
            done.events += item.events
            done.timers |= item.timers
            done.jobs += item.jobs
            for table, rows in item.rows.items():
                done.rows.setdefault(table, {}).update(rows)
        finally:
            self._item = self._done
            self.projecting = False

    def _open_savepoint(self) -> None:
        if self._item.savepoint is None:
            self._write_rows(self._done)
            self._item.savepoint = self._conn.begin_nested()

    def _write_rows(self, item: _Item) -> None:
        for table in sorted(item.rows, key=lambda t: t.name):
            rows, names = item.rows[table], bulk.primary_key(table)
            bulk.delete(self._conn, table, names, sorted(k for k, row in rows.items() if row is None))
            shapes: dict[tuple[str, ...], list[bulk.Row]] = {}
            for _, row in sorted((k, row) for k, row in rows.items() if row is not None):
                shapes.setdefault(tuple(row), []).append(tuple(row.values()))
            for shape, values in shapes.items():
                bulk.upsert(self._conn, table, shape, values)
            self._read |= {(table, key): row for key, row in rows.items()}
        item.rows = {}

    def flush(self, event_log: EventLog) -> None:
        """Write everything that is still buffered."""
        done, conn, service = self._done, self._conn, self.service
        outbox.record(conn, service.outbox, event_log, done.events, self.known, self.now)
        self._write_rows(done)
        gone = sorted(k for k, timer in done.timers.items() if timer is None)
        bulk.delete(conn, service.timer, ("subject", "name"), gone)
        armed = sorted((*k, *timer) for k, timer in done.timers.items() if timer is not None)
        bulk.upsert(conn, service.timer, timers.COLUMNS, armed)
        for kind, key, payload, run_at in sorted(done.jobs):
            jobs.enqueue(conn, service.job, kind, key, payload, run_at)


def apply(
    service: Service,
    conn: Connection,
    event_log: EventLog,
    moment: Moment,
    batch: Batch,
    verdict: Exception | None = None,
) -> dict[str, Answer | Exception]:
    """Run a batch inside the open transaction of `conn`; returns the answer or refusal of each command by its id.

    With `verdict` nothing is handled: the lone item of the batch is given up with that error (an event is parked).
    Raises LogCut when records do not continue where this consumer stands.
    """
    tx = Tx(service, conn, moment)
    records = _admit(tx, batch.records)
    repeats = _repeats(tx, batch.commands)
    events = _Events(tx, records, batch.due, verdict)
    commands = [c for c in batch.commands if c.id not in repeats]
    if service.prepare is not None:
        service.prepare(tx, [*commands, *batch.firings, *events.ahead()])
    answers: dict[str, Answer | Exception] = dict(repeats)
    for command in commands:
        answers[command.id] = verdict or _command(tx, command)
    _fire(tx, batch.firings, verdict)
    _results(tx, batch.results, verdict)
    events.run()
    if service.finish is not None:
        service.finish(tx)
    tx.flush(event_log)
    events.save()
    _claim(tx, commands, answers)
    return answers


def _admit(tx: Tx, records: Sequence[Record]) -> list[Record]:
    """Lock the positions of these records and move on: the events not applied before. A hole is a cut log."""
    if not records:
        return []
    box = tx.service.inbox
    places = {(r.topic, r.part) for r in records}
    positions = inbox.positions(tx._conn, box, lock=places)
    if len(positions) < len(places):
        inbox.ensure_positions(tx._conn, box, places)
        positions = inbox.positions(tx._conn, box, lock=places)
    fresh = []
    for record in records:
        place = (record.topic, record.part)
        position = positions[place]
        if record.offset < position.offset:
            continue
        if record.offset > position.offset:
            raise LogCut(f"{place[0]}/{place[1]}: got offset {record.offset}, expected {position.offset}")
        positions[place] = position.after(record)
        if record.watermark is None:
            fresh.append(record)
    inbox.move(tx._conn, box, positions)
    return fresh


def _repeats(tx: Tx, commands: Sequence[Command]) -> dict[str, Answer | Exception]:
    """The stored answers of commands that were committed before."""
    if not commands:
        return {}
    sent = {c.id: c for c in commands}
    rows = bulk.lookup(tx._conn, tx.service.inbox.claim, "command_id", sent, ("command_id", "fingerprint", "answer"))
    return {
        i: msgspec.json.decode(answer) if fingerprint == sent[i].fingerprint else Reused(f"command {i}")
        for i, fingerprint, answer in rows
    }


def _claim(tx: Tx, commands: Sequence[Command], answers: Mapping[str, Answer | Exception]) -> None:
    """Claim the ids of what was done, with the answers. A refused command changed nothing and may be sent again."""
    rows = []
    for command in commands:
        answer = answers[command.id]
        if not isinstance(answer, Exception):
            rows.append((command.id, command.fingerprint, msgspec.json.encode(answer), tx.wall))
    rows.sort()
    claimed = bulk.claim(tx._conn, tx.service.inbox.claim, ("command_id", "fingerprint", "answer", "at"), rows)
    if len(claimed) < len(rows):
        raise Retry("another instance committed one of these commands meanwhile")


def _command(tx: Tx, command: Command) -> Answer | Exception:
    handler = tx.service.commands.get(type(command.data))
    if handler is None:
        return TypeError(f"{tx.service.name} does not know the command {type(command.data).__name__}")
    try:
        with tx.item(command.id, command.correlation):
            return handler(tx, command)
    except Refused as refusal:
        return refusal
    except Exception as error:
        _raise_if_fatal(error)
        log.exception("command failed", service=tx.service.name, command=type(command.data).__name__, id=command.id)
        return error


def _fire(tx: Tx, firings: Sequence[Firing], verdict: Exception | None) -> None:
    """Fire the timers that are still set as they were when found due. One that failed is tried again in a minute."""
    if not firings:
        return
    table = tx.service.timer
    set_now = bulk.lookup(tx._conn, table, "subject", {f.subject for f in firings}, timers.COLUMNS, lock=True)
    armings = {(s, n): a for s, n, a, _ in set_now}
    for f in firings:
        if armings.get((f.subject, f.name)) != f.arming:
            continue
        with tx.item(timers.firing_id(tx.service.name, f.subject, f.name, f.arming), ""):
            if verdict is not None:
                log.error("timer failed", service=tx.service.name, subject=f.subject, name=f.name, error=repr(verdict))
                tx.arm(f.subject, f.name, tx.now + timedelta(minutes=1))
            else:
                tx.disarm(f.subject, f.name)
                tx.service.timers[f.name](tx, f)


def _results(tx: Tx, results: Sequence[tuple[jobs.Job, msgspec.Struct | None]], verdict: Exception | None) -> None:
    """Take in what jobs found, unless their lease was lost meanwhile."""
    for job, result in results:
        if verdict is not None:
            jobs.fail(tx._conn, tx.service.job, job, repr(verdict), None)
            continue
        if not jobs.finish(tx._conn, tx.service.job, job) or result is None:
            continue
        command_id = ids.derived("job", job.service, job.kind, job.key, str(job.fence))
        try:
            with tx.item(command_id, ""):
                tx.service.commands[type(result)](tx, Command(id=command_id, data=result))
        except Refused as refusal:
            log.info("job result refused", service=job.service, kind=job.kind, key=job.key, rule=refusal.rule)


class _Events:
    """The events of a batch: those just read, and those that waited."""

    def __init__(self, tx: Tx, records: Sequence[Record], due: Sequence[str], verdict: Exception | None):
        self.tx, self.verdict, self.box = tx, verdict, tx.service.inbox
        self.incoming: list[tuple[Record, envelope.Envelope]] = []
        self.changed: dict[tuple[str, int], Waiting | None] = {}
        for record in records:
            try:
                self.incoming.append((record, envelope.decode(record.body)))
            except msgspec.MsgspecError as error:
                self._park_garbage(record, error)
        subjects = {e.subject for _, e in self.incoming} | set(due)
        self.applied = inbox.applied(tx._conn, self.box, subjects)
        self.waiting = inbox.waiting(tx._conn, self.box, subjects)
        self.before = dict(self.applied)
        self.retry = list(due)

    def ahead(self) -> list[Event]:
        """What may be handled, for the service to read ahead. Events that cannot be decoded are left to `run`."""
        found = [e for _, e in self.incoming]
        found += [envelope.decode(w.body) for s in self.retry for w in self.waiting.get(s, ())[:50]]
        wanted = []
        for e in found:
            if tx_handlers(self.tx.service, e.type):
                try:
                    wanted.append(_event(e, b""))
                except (envelope.Unknown, msgspec.MsgspecError):
                    continue
        return wanted

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
                self._wait(e, record.body, inbox.GAP, f"version {last + 1} has not arrived", awaits=e.subject)
            elif self._handle(e, record.body, None):
                self._drain(e.subject)

    def save(self) -> None:
        """Write what was applied and what waits; wake what waited for these subjects."""
        conn, moved = self.tx._conn, {s: v for s, v in self.applied.items() if self.before.get(s) != v}
        bulk.upsert(conn, self.box.applied, ("subject", "version"), sorted(moved.items()))
        gone = sorted(k for k, w in self.changed.items() if w is None)
        bulk.delete(conn, self.box.waiting, ("subject", "version"), gone)
        rows = sorted((tuple(w) for w in self.changed.values() if w is not None), key=lambda r: r[:2])
        bulk.upsert(conn, self.box.waiting, Waiting._fields, rows)
        inbox.wake(conn, self.box, sorted(moved), self.tx.wall)
        failed = any(w is not None and w.reason == inbox.FAILED for w in self.changed.values())
        if failed and inbox.parked(conn, self.box) > PARKED_LIMIT:
            raise ConsumerStopped(f"{self.tx.service.name}: more than {PARKED_LIMIT} subjects are parked")

    def _drain(self, subject: str) -> None:
        """Handle what waits for a subject as far as it goes."""
        queue = self.waiting.get(subject, [])
        while queue and queue[0].version <= self.applied.get(subject, 0) + 1:
            first = queue[0]
            if first.version == self.applied.get(subject, 0) + 1 and not self._handle(
                envelope.decode(first.body), first.body, first
            ):
                return
            queue.pop(0)
            self.changed[subject, first.version] = None

    def _handle(self, e: envelope.Envelope, body: bytes, waited: Waiting | None) -> bool:
        """Apply one event; False when it has to wait."""
        tx, service = self.tx, self.tx.service
        try:
            if self.verdict is not None:
                raise self.verdict
            if tx_handlers(service, e.type):
                event = _event(e, body)
                with tx.item(e.id, e.correlationid):
                    tx.projecting = True
                    for handler in service.handlers(e.type, "projects"):
                        handler(tx, event)
                    tx.projecting = False
                    for handler in service.handlers(e.type, "reacts"):
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
                _raise_if_fatal(error)
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


def tx_handlers(service: Service, type_string: str) -> list[Callable[[Tx, Event], None]]:
    return service.handlers(type_string, "projects") + service.handlers(type_string, "reacts")


def _event(e: envelope.Envelope, body: bytes) -> Event:
    return Event(
        id=e.id,
        type=e.type,
        subject=e.subject,
        version=e.subjectversion,
        time=e.time,
        correlation=e.correlationid,
        data=envelope.payload(e),
        raw=body,
    )


def _raise_if_fatal(error: Exception) -> None:
    """What is wrong with the database or the batch, not with this item, is the committer's to retry."""
    if isinstance(error, (sa.exc.DBAPIError, Retry)):
        raise error
