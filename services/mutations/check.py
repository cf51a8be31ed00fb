"""Whether what is stored of each case follows from its history: the case, its duties, timers and reservations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from events import bulk, envelope, outbox
from services import timers
from services.db import table
from services.mutations.execute import PREFIX, case_row, duty_row
from services.mutations.models import Asked, Case, Reservation
from services.mutations.reservations import held_by
from services.service import Differs
from workflow.evolution import replay
from workflow.library import definition
from workflow.mutation import Mutation

PAGE = 200

event = outbox.tables(sa.MetaData(), "mutations").event
timer = timers.table(sa.MetaData(), "mutations")
case, asked, reservation = table(Case), table(Asked), table(Reservation)

#: Rows of a table by what they are of.
Rows = dict[str, list[dict[str, Any]]]


def check(engine: Engine) -> Iterator[Differs]:
    """The first case at which each table differs from the histories."""
    told: set[str] = set()
    for differs in _all(engine):
        if differs.where not in told:
            told.add(differs.where)
            yield differs


def _all(engine: Engine) -> Iterator[Differs]:
    after, full = "", True
    while full:
        with engine.connect() as conn:
            if conn.dialect.name == "postgresql":  # cases go on meanwhile: all of a page as of one moment
                conn.execution_options(isolation_level="REPEATABLE READ")
            page = [dict(row) for row in conn.execute(_from(after)).mappings()]
            yield from _of_page(conn, page)
        full = len(page) == PAGE
        after = page[-1]["id"] if page else ""
    with engine.connect() as conn:
        without = (
            sa.select(event.c.subject)
            .outerjoin(case, event.c.subject == PREFIX + case.c.id)
            .where(event.c.subject.startswith(PREFIX, autoescape=True), case.c.id.is_(None))
        )
        if subject := conn.scalar(without.limit(1)):
            yield Differs(case.name, subject, 0)


def _from(after: str) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(case).where(case.c.id > after).order_by(case.c.id).limit(PAGE)


def _of_page(conn: Connection, page: Sequence[dict[str, Any]]) -> Iterator[Differs]:
    ids = [row["id"] for row in page]
    subjects = [PREFIX + i for i in ids]
    histories = _rows(conn, event, "subject", subjects)
    duties, running = _rows(conn, asked, "mutation", ids), _rows(conn, timer, "subject", subjects)
    held = {i: dict[tuple[str, str], float]() for i in ids}
    for r in conn.execute(sa.select(reservation).where(reservation.c.mutation.in_(ids))):
        held[r.mutation][r.kind, r.key] = r.share
    for row, subject in zip(page, subjects, strict=True):
        history = sorted(histories.get(subject, ()), key=lambda e: e["subject_version"])
        try:
            now = replay(definition, [envelope.payload(envelope.decode(e["body"])) for e in history])  # type: ignore[misc]
            same = _same_case(row, now, history[0]["time"], history[-1]["time"])
        except (msgspec.MsgspecError, envelope.Unknown, LookupError, ValueError, TypeError):
            yield Differs(case.name, subject, len(history))  # neither is what this law can have made
            continue
        if not same:
            yield Differs(case.name, subject, now.version)
        if {d["name"]: d for d in duties.get(row["id"], ())} != {
            name: duty_row(now.id, name, duty) for name, duty in now.duties.items()
        }:
            yield Differs(asked.name, subject, now.version)
        # A timer that failed is set later than its case says.
        due = {t["name"]: t["due_at"] for t in running.get(subject, ())}
        if due.keys() != now.timers.keys() or any(due[name] < t.due for name, t in now.timers.items()):
            yield Differs(timer.name, subject, now.version)
        if held[row["id"]] != held_by(now, definition(now.definition).states[now.state].reserves):
            yield Differs(reservation.name, subject, now.version)


def _same_case(row: dict[str, Any], now: Mutation, opened: datetime, changed: datetime) -> bool:
    """Whether a stored case is this one. The same state may have several encodings."""
    return msgspec.json.decode(row["body"], type=Mutation) == now and row | {"body": b""} == case_row(
        now, opened, changed
    ) | {"body": b""}


def _rows(conn: Connection, of: sa.Table, key: str, values: Sequence[str]) -> Rows:
    names, found = of.columns.keys(), Rows()
    for values_of_row in bulk.lookup(conn, of, key, values, names):
        row = dict(zip(names, values_of_row, strict=True))
        found.setdefault(row[key], []).append(row)
    return found
