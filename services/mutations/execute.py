"""The hot path: read the cases of a batch once, decide in memory, write what changed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import bulk, inbox, outbox
from events import ids as identifiers
from events.authority import HolderAppointed, HolderEnded
from events.proposal import ProposalDrafted, ProposalOutdated
from services import vault
from services.db import table
from services.mutations import facts as read
from services.mutations.knowledge import Move, kept, knowledge
from services.mutations.models import Asked, Case, OfficeRow, Person, Words, keys
from services.mutations.refusals import (
    changes_wait,
    no_person,
    not_known,
    out_of_date,
    refused,
    stale_version,
    unknown_case,
    words_too_long,
)
from services.mutations.reservations import Book, held_by, things
from services.mutations.sight import sees
from services.service import Answer, Command, Event, Firing, NotYet, Refused
from services.transaction import Tx
from workflow import commands as cmd
from workflow.decision import decide
from workflow.definition import Definition
from workflow.evolution import evolve
from workflow.facts import Facts
from workflow.library import definition, definition_for
from workflow.mutation import Duty, Mutation
from workflow.refusal import Refused as AgainstTheLaw

PREFIX = "mutations/mutation/"
#: Knowledge of offices older than this judges nobody.
STALE = timedelta(seconds=60)
#: How the subjects begin that tell of offices: theirs, and those that keep unreadable records of their topic.
OF_OFFICES = ("personnel/office/", "log/authority/")
LONGEST_WORDS = 5000
#: Of a position in the log: how far it was read, and until when that was known to be everything.
READ_TO = ("topic", "part", "next", "fresh_at")

_decode = msgspec.json.Decoder(Mutation).decode
_encode = msgspec.json.Encoder().encode


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """A command of the law, and what its author wrote beside it. The words never leave this service."""

    command: cmd.Command
    words: str | None = None


class Loaded(msgspec.Struct):
    """A case in this batch: as it was read, and as it is now. `changed_at`: the time of its last event, as read."""

    before: Mutation | None
    now: Mutation
    opened_at: datetime
    changed_at: datetime


def drafted_from(proposal: str) -> str:
    """The id of the case that a proposal becomes."""
    return identifiers.derived("mutation", proposal)


def prepare(tx: Tx, items: Sequence[Command | Event | Firing]) -> None:
    """Lock cases, then what they may reserve, and read all that deciding will need."""
    ids: set[str] = set()
    moves: dict[str, Move] = {}
    for item in items:
        match item:
            case Command(data=Act(command=cmd.Draft() as draft)):
                moves[draft.mutation] = (draft.person, draft.to_position)
            case Command(data=Act(command=command)):
                ids.add(command.mutation)
            case Command(data=data):
                ids.update(getattr(data, "members", ()))
            case Firing():
                ids.add(item.subject.removeprefix(PREFIX))
            case Event(data=ProposalDrafted() as proposal):
                moves[drafted_from(proposal.proposal)] = (proposal.person, proposal.to_position)
            case Event(data=HolderAppointed() | HolderEnded() as changed):
                ids.update(_voted(tx._conn, changed.office))
            case Event(data=ProposalOutdated() as outdated):
                ids.add(drafted_from(outdated.proposal))
    book = Book()
    tx.memo |= {"cases": {}, "book": book, "occupied": {}, "sites": {}}
    if not ids and not moves:
        return
    conn, before = tx._conn, kept(tx._conn)
    foreseen = {i: before.moves[i] for i in ids if i in before.moves} | moves
    if not ids <= foreseen.keys():
        foreseen = {}  # to lock a part now and a part later would not be one order
    with bulk.together(conn):
        stored = read.read_cases(conn, ids)
        read_to = bulk.lookup(conn, tx.service.inbox.position, "topic", tx.service.topics, READ_TO)
        waits = inbox.waits(conn, tx.service.inbox, OF_OFFICES)
        strangers = before.ask(conn, {person for person, _ in foreseen.values()})
        reserved = book.ask(conn, [t for move in foreseen.values() for t in things(*move)])
    for i, body, opened, changed in stored:
        state = _decode(body)
        tx.memo["cases"][i] = Loaded(state, state, opened, changed)
        moves[i] = (state.person, state.move.target.position)
    book.enter(reserved)
    sources = [case.now.move.source.position for case in cases(tx).values()]
    people, targets = {person for person, _ in moves.values()}, {position for _, position in moves.values()}
    ((waiting, tx.memo["unapplied"]),) = waits
    known = knowledge(tx, (waiting, [row[:3] for row in read_to]))
    known.meet(*strangers)
    known.learn(tx, people, targets.union(sources), book, [t for move in moves.values() for t in things(*move)])
    known.moves |= moves
    tx.memo["occupied"], tx.memo["sites"], tx.remembered = known.occupied, known.sites, known.rows
    # How far the topic `authority` was read, and until when that is known to be everything.
    offset, tx.memo["fresh_at"] = next((row[2:] for row in read_to if row[0] == "authority"), (0, None))
    tx.memo["authority"] = read.authority(tx._conn, offset, tx.memo["unapplied"])


def _voted(conn: Connection, office: str) -> Iterable[str]:
    """The cases before a panel in which an office may have voted: those of its government."""
    offices = table(OfficeRow)
    government = sa.select(offices.c.scope).where(offices.c.id == office, offices.c.role == "panel_member")
    found = sa.select(table(Case).c.id).where(
        table(Case).c.state == "APPROVAL.PANEL", table(Case).c.target_instansi.in_(government)
    )
    return conn.scalars(found)


def cases(tx: Tx) -> dict[str, Loaded]:
    """The cases of this batch by id."""
    loaded: dict[str, Loaded] = tx.memo["cases"]
    return loaded


def act(tx: Tx, command: Command) -> Answer:
    """Decide a command of a signed-in person. To whom may not see the case there is none, whatever else was wrong."""
    data: Act = command.data  # type: ignore[assignment]
    case = cases(tx).get(data.command.mutation)
    try:
        return _act(tx, command, data, case)
    except Refused:
        if case is not None and not _seen(tx, command, case.now):
            raise unknown_case(data.command.mutation) from None
        raise


def _seen(tx: Tx, command: Command, mutation: Mutation) -> bool:
    who, known, today = command.actor, tx.memo["authority"], read.calendar().today(tx.now)
    return who is not None and sees(known, who.person, today, who.roles, mutation)


def _act(tx: Tx, command: Command, data: Act, case: Loaded | None) -> Answer:
    person = command.actor.person if command.actor else None
    if case is None and not isinstance(data.command, cmd.Draft):
        raise unknown_case(data.command.mutation)
    if person is None:
        raise no_person()
    _require_fresh_authority(tx)
    found = case.now.version if case else 0
    if command.expected_version not in (None, found):
        raise stale_version(found, command.expected_version)
    try:
        mutation = execute(tx, _with_words(tx, data, case, person), person)
    except AgainstTheLaw as refusal:
        raise refused(refusal) from refusal
    except NotYet as missing:
        raise not_known(missing.subject) from missing
    return {"mutation": mutation.id, "version": mutation.version, "state": mutation.state}


def _require_fresh_authority(tx: Tx) -> None:
    """Nobody's authority is judged by old knowledge: an order or a revocation may be on its way, or wait here."""
    if tx.memo.get("unapplied"):
        raise changes_wait()
    fresh = tx.memo.get("fresh_at")
    # A watermark from a future that was taken back proves nothing of now.
    if fresh is None or abs(tx.wall - fresh) > STALE:
        raise out_of_date()


def execute(tx: Tx, command: cmd.Command, actor: str | None) -> Mutation:
    """Decide, record the events, keep the case as they leave it. After workflow's Refused nothing has happened."""
    case = cases(tx).get(command.mutation)
    mutation = case.now if case else None
    if isinstance(command, cmd.Draft):
        person, to, source = command.person, command.to_position, None
        tx.memo["book"].load(tx._conn, things(person, to))
    elif mutation is None:
        raise unknown_case(command.mutation)
    else:
        person, to = mutation.person, mutation.move.target.position
        source = mutation.move.source.position
    if isinstance(command, cmd.HandOver) and tx.get(table(Person), command.successor) is None:
        raise NotYet(f"personnel/person/{command.successor}")
    # A clock that went back does not make a history go back.
    moment = max(tx.now, case.changed_at) if case else tx.now
    known = read.facts(tx, moment, tx.memo["authority"], actor, command.mutation, person, to, source)
    law = definition(mutation.definition) if mutation else _law(known, command)
    now = mutation
    for event in decide(law, mutation, command, known):
        law = definition(event.definition)
        now = evolve(law, now, event)
        tx.record(PREFIX + now.id, event)
    if now is None:
        raise unknown_case(command.mutation)
    tx.undo(tx.memo["book"].set(now.id, held_by(now, law.states[now.state].reserves)))
    keep_clocks(tx, mutation, now)
    _keep(tx, case, now)
    return now


def _keep(tx: Tx, case: Loaded | None, now: Mutation) -> None:
    """The case as it is now, for later items of this batch; as it was, should this item fail after all."""
    loaded = cases(tx)
    if case is None:
        loaded[now.id] = Loaded(None, now, tx.now, tx.now)
        tx.undo(lambda: loaded.pop(now.id, None))
    else:
        before, case.now = case.now, now
        tx.undo(lambda: setattr(case, "now", before))


def _law(known: Facts, draft: cmd.Command) -> Definition:
    assert isinstance(draft, cmd.Draft), "what has no case was refused before"
    return definition_for(known.source, known.target, draft.mode)


def keep_clocks(tx: Tx, before: Mutation | None, now: Mutation) -> None:
    """Set and clear the durable timers, as the case has them."""
    old = before.timers if before else {}
    for name in old.keys() - now.timers.keys():
        tx.disarm(PREFIX + now.id, name)
    for name, timer in now.timers.items():
        if old.get(name) != timer:
            tx.arm(PREFIX + now.id, name, timer.due)


def _with_words(tx: Tx, data: Act, case: Any, author: str) -> cmd.Command:
    """Keep the words sealed here; the command goes on with their commitment."""
    if not data.words:
        return data.command
    if len(data.words) > LONGEST_WORDS:
        raise words_too_long(LONGEST_WORDS, len(data.words))
    person = data.command.person if isinstance(data.command, cmd.Draft) else case.now.person if case else author
    key = vault.key_of(tx, keys, person)
    committed = vault.commitment(key, data.words)
    tx.upsert(
        table(Words),
        {
            "hash": committed,
            "mutation": data.command.mutation,
            "person": person,
            "author": author,
            "sealed": vault.seal(key, data.words),
        },
    )
    return msgspec.structs.replace(data.command, words_hash=committed)


def finish(tx: Tx) -> None:
    """Write cases, duties and reservations that changed."""
    for case in cases(tx).values():
        if case.now is case.before:
            continue
        now, before = case.now, case.before
        tx.upsert(table(Case), case_row(now, case.opened_at, max(tx.now, case.changed_at)))
        tx.known[PREFIX + now.id] = outbox.Head(before.version if before else 0, case.changed_at)
        for name in before.duties.keys() - now.duties.keys() if before else ():
            tx.delete(table(Asked), now.id, name)
        for name, duty in now.duties.items():
            if before is None or before.duties.get(name) != duty:
                tx.upsert(table(Asked), duty_row(now.id, name, duty))
    tx.memo["book"].write(tx)


def case_row(now: Mutation, opened_at: datetime, changed_at: datetime) -> dict[str, Any]:
    """A case as its table keeps it."""
    source, target = now.move.source, now.move.target
    law = definition(now.definition)
    return {
        "id": now.id,
        "version": now.version,
        "state": now.state,
        "route": law.route,
        "person": now.person,
        "source_unit": source.unit,
        "source_opd": source.opd,
        "source_instansi": source.instansi,
        "target_unit": target.unit,
        "target_opd": target.opd,
        "target_instansi": target.instansi,
        "mode": now.move.mode,
        "origin": now.origin,
        "proposal": now.proposal,
        "contested": now.contested,
        "closed": law.states[now.state].terminal,
        "opened_at": opened_at,
        "changed_at": changed_at,
        "body": _encode(now),
    }


def duty_row(mutation: str, name: str, duty: Duty) -> dict[str, Any]:
    """An open duty of a case as its table keeps it."""
    seat = duty.seat
    return {
        "mutation": mutation,
        "name": name,
        "party": duty.party,
        "role": seat.role,
        "scope": seat.scope,
        "office": seat.office,
        "person": seat.person,
        "since": duty.since,
        "due": duty.due,
        "escalated": duty.escalated_to is not None,
    }
