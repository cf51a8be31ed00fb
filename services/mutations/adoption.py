"""What follows from events of cases that a restored database lacked: the cases as they were, decided by nobody anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from events.mutation import MutationEvent
from events.outcome import GroupDecided
from services.db import table
from services.mutations.execute import PREFIX, case_row, duty_row, keep_clocks
from services.mutations.facts import read_cases
from services.mutations.models import Asked, Case, Words
from services.mutations.reservations import Book, held_by, things
from services.service import Adopted, Answer, Event
from services.transaction import Tx
from workflow.evolution import evolve
from workflow.library import definition
from workflow.mutation import Mutation

words = table(Words)


def adopt(tx: Tx, events: Sequence[Event]) -> Adopted:
    """Evolve each case, with its duties, clocks and reservations. A clock gets the arming that it had."""
    told = [event for event in events if isinstance(event.data, MutationEvent)]
    stored = read_cases(tx._conn, {event.data.mutation for event in told})
    cases = {i: msgspec.json.decode(body, type=Mutation) for i, body, _, _ in stored}
    opened, changed = {i: at for i, _, at, _ in stored}, {}
    before, answers = dict(cases), dict[str, Answer]()
    for event in told:
        i = event.data.mutation
        law = definition(event.data.definition)
        now = evolve(law, cases.get(i), event.data)
        with tx.item(event.causation, event.correlation):
            keep_clocks(tx, cases.get(i), now)
        cases[i] = now
        opened.setdefault(i, event.time)
        changed[i] = event.time
        answers[event.causation] = {"mutation": i, "version": now.version, "state": now.state}
    with tx.item("", ""):
        for i, at in changed.items():
            tx.upsert(table(Case), case_row(cases[i], opened[i], at))
            _keep_duties(tx, before.get(i), cases[i])
        _reserve(tx, [cases[i] for i in changed])
    for event in events:
        if isinstance(event.data, GroupDecided):
            answers[event.causation] = {"group": event.data.group, "members": event.data.members}
    return Adopted(answers, _lost_words(tx, told))


def _keep_duties(tx: Tx, before: Mutation | None, now: Mutation) -> None:
    for name in before.duties.keys() - now.duties.keys() if before else ():
        tx.delete(table(Asked), now.id, name)
    for name, duty in now.duties.items():
        tx.upsert(table(Asked), duty_row(now.id, name, duty))


def _reserve(tx: Tx, cases: Sequence[Mutation]) -> None:
    book = Book()
    book.load(tx._conn, {thing for case in cases for thing in things(case.person, case.move.target.position)})
    for case in cases:
        book.set(case.id, held_by(case, definition(case.definition).states[case.state].reserves))
    book.write(tx)


def _lost_words(tx: Tx, told: Sequence[Event]) -> list[str]:
    said: dict[str, Any] = {e.data.words_hash: e.subject for e in told if e.data.words_hash}
    kept = set(tx.read(sa.select(words.c.hash).where(words.c.hash.in_(said))).scalars()) if said else set()
    cases = sorted({subject.removeprefix(PREFIX) for hash, subject in said.items() if hash not in kept})
    return [f"words that were written on {len(cases)} cases: {', '.join(cases)}"] if cases else []
