"""One transaction for a batch of one service: admit, decide, write, commit.

    positions -> waiting, applied -> the service's rows -> handlers -> jobs, events, rows, timers, claims -> COMMIT

Locks are taken in that order, each sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import msgspec
import structlog
from sqlalchemy.engine import Connection

from events import bulk, ids, inbox
from events.log import EventLog, LogCut, Place, Position, Record
from services import jobs, parked, timers
from services.clock import Moment
from services.incoming import Incoming, raise_if_fatal
from services.service import Answer, Command, Firing, Refused, Service
from services.transaction import Tx

log = structlog.get_logger(__name__)


class Reused(Exception):
    """This Idempotency-Key was used before for another command"""


class SignedOut(Exception):
    """The author of this command has been signed out"""


class AnswerLost(Exception):
    """This command was done, but its answer was lost with a database that was restored"""


@dataclass
class Batch:
    """What one transaction takes: commands, firings, job results, records of the log, subjects to retry."""

    commands: list[Command] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)
    results: list[tuple[jobs.Job, msgspec.Struct | None]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    due: list[str] = field(default_factory=list)
    #: Subject and version of events that a rebuild passes over, since an operator dismissed them.
    dismissed: Collection[tuple[str, int]] = ()
    #: Ids of events whose reactions took effect in a database that was lost, and came back as recorded events.
    reacted: Collection[str] = ()

    def __len__(self) -> int:
        return len(self.commands) + len(self.firings) + len(self.results) + len(self.records) + len(self.due)

    def alone(self) -> Iterator[Batch]:
        """Each item in a batch of its own, in order."""
        yield from (Batch(commands=[c]) for c in self.commands)
        yield from (Batch(firings=[f]) for f in self.firings)
        yield from (Batch(results=[r]) for r in self.results)
        yield from (Batch(records=[r]) for r in self.records)
        yield from (Batch(due=[d]) for d in self.due)


def apply(
    service: Service,
    conn: Connection,
    event_log: EventLog,
    ask: Callable[[Connection], Callable[[], Moment]],
    batch: Batch,
    verdict: Exception | None = None,
    *,
    commit: bool = False,
) -> dict[str, Answer | Exception]:
    """Run a batch inside the open transaction of `conn`; returns the answer or refusal of each command by its id.

    `ask` asks for the moment, as a clock's does. With `commit` the COMMIT travels with the last statements where it
    can; the caller commits all the same. With `verdict` nothing is handled: the lone item of the batch is given up with
    that error (an event is parked). Raises LogCut when records do not continue where this consumer stands.
    """
    records, moved = _admit(service, conn, batch.records)
    with bulk.together(conn):
        tx = Tx(service, conn, ask(conn))
        claimed = _claimed(tx, batch.commands)
        revoked = _revoked(tx, batch.commands)
        events = Incoming(tx, records, batch.due, verdict, batch.dismissed, batch.reacted)
        if service.prepare is not None:
            service.prepare(tx, [*batch.commands, *batch.firings, *events.ahead()])
    answers = _repeats(batch.commands, claimed) | _signed_out(batch.commands, revoked)
    commands = [c for c in batch.commands if c.id not in answers]
    for command in commands:
        answers[command.id] = verdict or _command(tx, command)
    done = [c for c in commands if not isinstance(answers[c.id], Exception)]
    if refused := [c for c in commands if isinstance(answers[c.id], Exception)]:
        # Another instance may have done it while this one waited for a lock: that is why it cannot be done again.
        answers |= _repeats(refused, _claimed(tx, refused))
    _fire(tx, batch.firings, verdict)
    _results(tx, batch.results, verdict)
    events.run()
    if service.finish is not None:
        service.finish(tx)
    tx.employ()
    with bulk.together(conn):
        tx.flush(event_log)
        events.save()
        inbox.move(conn, service.inbox, moved)
        _claim(tx, done, answers)
        if commit and not (records or batch.due):  # else there is more to see to
            bulk.commit(conn)
    events.settle()
    return answers


def _admit(service: Service, conn: Connection, records: Sequence[Record]) -> tuple[list[Record], dict[Place, Position]]:
    """Lock the positions of these records; the events not applied before, and where they lead. A hole is a cut log.

    Positions are moved when all is applied: whoever reads them earlier in the transaction learns what its tables hold.
    """
    if not records:
        return [], {}
    box = service.inbox
    places = {(r.topic, r.part) for r in records}
    positions = inbox.positions(conn, box, lock=places)
    if len(positions) < len(places):
        inbox.ensure_positions(conn, box, places)
        positions = inbox.positions(conn, box, lock=places)
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
    return fresh, positions


def _claimed(tx: Tx, commands: Sequence[Command]) -> bulk.Found:
    """Which of these commands were committed before: id, fingerprint, answer."""
    columns = ("command_id", "fingerprint", "answer")
    return bulk.lookup(tx._conn, tx.service.inbox.claim, "command_id", (c.id for c in commands), columns)


def _revoked(tx: Tx, commands: Sequence[Command]) -> Iterable[tuple[str, datetime]]:
    """Authors of these commands whose sign-ins before a moment are void."""
    authors = {c.actor.account for c in commands if c.actor and c.signed_in}
    return bulk.lookup(tx._conn, tx.service.revoked, "account", authors, ("account", "before")) if authors else ()


def _signed_out(commands: Sequence[Command], revoked: Iterable[tuple[str, datetime]]) -> dict[str, Answer | Exception]:
    """What is said to those who have been signed out since; not even a repeat tells them anything."""
    void = dict(revoked)
    return {
        c.id: SignedOut(f"account {c.actor.account}")
        for c in commands
        if c.actor and c.signed_in and c.actor.account in void and c.signed_in < void[c.actor.account]
    }


def _repeats(commands: Sequence[Command], claimed: bulk.Found) -> dict[str, Answer | Exception]:
    """The stored answers of those that were committed before."""
    sent = {c.id: c for c in commands}
    return {i: _repeat(sent[i], fingerprint, answer) for i, fingerprint, answer in claimed}


def _repeat(command: Command, fingerprint: bytes, answer: bytes | None) -> Answer | Exception:
    """What is said to a repeat. Of a command known by its events alone nobody knows the body, nor always the answer."""
    if fingerprint not in (b"", command.fingerprint):
        return Reused(f"command {command.id}")
    return AnswerLost(f"command {command.id}") if answer is None else cast(Answer, msgspec.json.decode(answer))


def _claim(tx: Tx, commands: Sequence[Command], answers: Mapping[str, Answer | Exception]) -> None:
    """Claim the ids of what was done, with the answers. A refused command changed nothing and may be sent again.

    A conflict, when another instance committed one of them meanwhile, is an IntegrityError: all is tried again.
    """
    rows = [(c.id, c.fingerprint, msgspec.json.encode(answers[c.id]), tx.wall) for c in commands]
    bulk.insert(tx._conn, tx.service.inbox.claim, ("command_id", "fingerprint", "answer", "at"), sorted(rows))


def _command(tx: Tx, command: Command) -> Answer | Exception:
    handler = tx.service.commands.get(type(command.data)) or parked.COMMANDS.get(type(command.data))
    if handler is None:
        return TypeError(f"{tx.service.name} does not know the command {type(command.data).__name__}")
    try:
        with tx.item(command.id, command.correlation):
            return handler(tx, command)
    except Refused as refusal:
        return refusal
    except Exception as error:
        raise_if_fatal(error)
        log.exception("command failed", service=tx.service.name, command=type(command.data).__name__, id=command.id)
        return error


def _fire(tx: Tx, firings: Sequence[Firing], verdict: Exception | None) -> None:
    """Fire the timers that are still set as they were when found due. One that failed is tried again in a minute.

    What an earlier firing of the batch has stopped or set anew is not the timer that was found; nor is it due when the
    clock has been put back since.
    """
    if not firings:
        return
    table = tx.service.timer
    set_now = bulk.lookup(tx._conn, table, "subject", {f.subject for f in firings}, timers.COLUMNS, lock=True)
    armings = {(s, n): a for s, n, a, _ in set_now}
    for f in firings:
        if armings.get((f.subject, f.name)) != f.arming or tx.has_set(f.subject, f.name) or f.due > tx.now:
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
            jobs.fail(tx._conn, tx.service.job, job, repr(verdict), tx.wall, None)
            continue
        if not jobs.finish(tx._conn, tx.service.job, job) or result is None:
            continue
        command_id = ids.derived("job", job.service, job.kind, job.key, job.fence)
        try:
            with tx.item(command_id, ""):
                tx.service.commands[type(result)](tx, Command(id=command_id, data=result))
        except Refused as refusal:
            log.info("job result refused", service=job.service, kind=job.kind, key=job.key, rule=refusal.rule)
