"""What doors and pages read of cases: duties of a person, lists, histories."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from flask import abort

from events import envelope, outbox
from events.mutation import MutationEvent
from services.db import db
from services.http import application
from services.mutations import facts
from services.mutations.execute import PREFIX
from services.mutations.models import Asked, Case, OfficeRow
from workflow.authority import Authority, candidates
from workflow.library import calendar
from workflow.mutation import Mutation, Seat

PAGE = 50

_decode = msgspec.json.Decoder(Mutation).decode


class Cursor(NamedTuple):
    """The last row of a page, newest first."""

    opened_at: datetime
    id: str


def token(row: Case) -> str:
    """A cursor as it travels in addresses."""
    return f"{row.opened_at.isoformat()}~{row.id}"


def cursor(text: str) -> Cursor | None:
    """The cursor in an address, None for the first page; 400 for what is not one."""
    if not text:
        return None
    at, _, row = text.partition("~")
    try:
        return Cursor(datetime.fromisoformat(at), row)
    except ValueError:
        abort(400, "`after` is the `next` of the page before.")


def now() -> datetime:
    """Business time, by the process's clock."""
    return application().clock.read(db.session.connection(bind_arguments={"mapper": Case})).now


def today() -> date:
    return calendar().today(now())


def case(mutation: str) -> tuple[Case, Mutation] | None:
    """A case and its state; None when there is none."""
    row = db.session.get(Case, mutation)
    return (row, _decode(row.body)) if row is not None else None


def history(mutation: str) -> list[tuple[envelope.Envelope, MutationEvent]]:
    """All events of a case, oldest first, in their newest shape."""
    connection = db.session.connection(bind_arguments={"mapper": Case})
    store = outbox_of()
    found = []
    for body in outbox.stream(connection, store, PREFIX + mutation):
        wrapped = envelope.decode(body)
        payload = envelope.payload(wrapped)
        assert isinstance(payload, MutationEvent)
        found.append((wrapped, payload))
    return found


def outbox_of() -> outbox.Outbox:
    return next(s.outbox for s in application().services if s.name == "mutations")


def authority() -> Authority:
    return facts.read_authority(db.session.connection(bind_arguments={"mapper": OfficeRow}))


def seats_of(known: Authority, person: str, on: date) -> list[str]:
    """Ids of the offices for which a person may act today, in whatever capacity; limits are judged when they act."""
    held = {
        holding.office
        for holdings in known.holdings.values()
        for holding in holdings
        if holding.person == person and holding.since <= on and (holding.until is None or on <= holding.until)
    }
    acts_for = {
        delegation.office
        for delegations in known.delegations.values()
        for delegation in delegations
        if delegation.to_person == person and delegation.since <= on <= delegation.until
    }
    return sorted(held | acts_for)


def inbox(known: Authority, person: str, on: date, limit: int = PAGE) -> Sequence[tuple[Asked, Case]]:
    """What is asked of a person: through the offices held today, and of themselves; what is due first comes first."""
    mine = [known.offices[o] for o in seats_of(known, person, on) if o in known.offices]
    wanted = [Asked.person == person]
    if mine:
        wanted.append(sa.tuple_(Asked.role, Asked.scope).in_([(o.role, o.scope) for o in mine]))
        wanted.append(Asked.office.in_([o.id for o in mine]))
    statement = (
        sa.select(Asked, Case)
        .join(Case, Case.id == Asked.mutation)
        .where(sa.or_(*wanted))
        .order_by(Asked.due.is_(None), Asked.due, Asked.mutation)
        .limit(limit)
    )
    return [(asked, found) for asked, found in db.session.execute(statement)]


def listing(after: Cursor | None, *, state: str = "", opd: str = "", limit: int = PAGE) -> Sequence[Case]:
    """Cases, newest first, after a cursor."""
    statement = sa.select(Case).order_by(Case.opened_at.desc(), Case.id.desc()).limit(limit + 1)
    if after is not None:
        older = (Case.opened_at == after.opened_at) & (Case.id < after.id)
        statement = statement.where((Case.opened_at < after.opened_at) | older)
    if state:
        statement = statement.where(Case.state == state)
    if opd:
        statement = statement.where((Case.source_opd == opd) | (Case.target_opd == opd))
    return db.session.scalars(statement).all()


def concerned(known: Authority, row: Case, person: str | None, on: date, roles: Sequence[str]) -> bool:
    """Who may open a case: the employee, holders of offices of a side, the deciding and overseeing offices, operators."""
    if any(role.partition("@")[0] in ("operator", "auditor") for role in roles):
        return True
    if person is None:
        return False
    scopes = {row.source_opd, row.target_opd, row.source_instansi, row.target_instansi}
    return person == row.person or any(
        known.offices[office].scope in scopes for office in seats_of(known, person, on) if office in known.offices
    )


def may_act(known: Authority, mutation: Mutation, seat: Seat, command: str, person: str, on: date) -> bool:
    """Whether a person is among those who can act for a seat; the engine judges again when they do."""
    return any(c.person == person and c.objection is None for c in candidates(known, seat, command, on, {}))
