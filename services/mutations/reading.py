"""What doors and pages read of cases: duties of a person, lists, histories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, cast

import msgspec
import sqlalchemy as sa
from flask import abort
from msgspec.structs import replace

from events import bulk, envelope, outbox
from events.inbox import waits
from events.mutation import EmployeeRecorded, MutationEvent
from services import vault
from services.db import db
from services.http import application
from services.mutations import facts
from services.mutations.execute import OF_OFFICES, PREFIX
from services.mutations.forms import COMMANDS, lexicon
from services.mutations.models import Asked, Case, OfficeRow, Words, keys
from services.mutations.sight import Visible, seats_of
from services.service import Service
from services.service import Words as Sentence
from workflow.authority import Authority, candidates
from workflow.definition import Definition
from workflow.facts import Facts
from workflow.guards import GUARDS, Question
from workflow.library import definition
from workflow.mutation import Mutation, seat

PAGE = 50
#: Roles of the offices that prepare and decide a case.
DECIDING = {"pyb", "ppk", "personnel_officer", "personnel_verifier", "panel_member"}
#: Guards that ask about nothing but the case itself: they tell already which commands there are for it.
OF_THE_CASE = {"own_request", "agency_need", "at_rest", "objection_open", "no_objection_yet"}

_decode = msgspec.json.Decoder(Mutation).decode


class Cursor(NamedTuple):
    """The last row of a page, newest first."""

    opened_at: datetime
    id: str


def token(row: Case) -> str:
    """A cursor as it travels in addresses."""
    return f"{row.opened_at:%Y-%m-%dT%H:%M:%S.%fZ}~{row.id}"


def cursor(text: str) -> Cursor | None:
    """The cursor in an address, None for the first page; 400 for what is not one."""
    if not text:
        return None
    at, _, row = text.partition("~")
    try:
        return Cursor(datetime.fromisoformat(at).astimezone(UTC), row)
    except (ValueError, OverflowError):
        abort(
            400, Sentence("`after` adalah `next` dari halaman sebelumnya.", "`after` is the `next` of the page before.")
        )


def now() -> datetime:
    """Business time, by the process's clock."""
    return application().clock.read(db.session.connection(bind_arguments={"mapper": Case})).now


def today() -> date:
    return facts.calendar().today(now())


def case(mutation: str, visible: Visible) -> tuple[Case, Mutation] | None:
    """A case and its state; None when there is none to be seen."""
    row = db.session.scalar(sa.select(Case).where(Case.id == mutation, visible))
    return (row, state_of(row)) if row is not None else None


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
    return _service().outbox


def authority() -> Authority:
    """Who may act for which office. A thousand offices take 15 ms to read, so they are read anew only when some of what
    is known of them changed; commands share what they know in the same way."""
    connection, box = db.session.connection(bind_arguments={"mapper": OfficeRow}), _service().inbox
    with bulk.together(connection):
        read_to = bulk.lookup(connection, box.position, "topic", ["authority"], ("next",))
        waiting = waits(connection, box, OF_OFFICES)
    ((_, unapplied),) = waiting
    return facts.authority(connection, next((offset for (offset,) in read_to), 0), unapplied)


def _service() -> Service:
    return next(s for s in application().services if s.name == "mutations")


def inbox(known: Authority, person: str | None, on: date, limit: int = PAGE) -> Sequence[tuple[Asked, Case]]:
    """What is asked of a person: through the offices held today, and of themselves; what is due first comes first.

    An account without a person is asked nothing.
    """
    if person is None:
        return ()
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


def listing(
    visible: Visible, after: Cursor | None, *, state: str = "", opd: str = "", limit: int = PAGE
) -> Sequence[Case]:
    """Cases, newest first, after a cursor; one more than `limit` if there are."""
    statement = sa.select(Case).where(visible).order_by(Case.opened_at.desc(), Case.id.desc()).limit(limit + 1)
    if after is not None:
        older = (Case.opened_at == after.opened_at) & (Case.id < after.id)
        statement = statement.where((Case.opened_at < after.opened_at) | older)
    if state:
        statement = statement.where(Case.state == state)
    if opd:
        statement = statement.where((Case.source_opd == opd) | (Case.target_opd == opd))
    return db.session.scalars(statement).all()


def state_of(row: Case) -> Mutation:
    """Where a case stands, with its move."""
    return _decode(row.body)


def law_of(row: Case) -> Definition:
    """The definition that a case runs by."""
    return definition(state_of(row).definition)


def offered(known: Authority, mutation: Mutation, person: str | None, on: date) -> list[str]:
    """Names of the commands a person may give now, by the seats of the definition; the engine judges again."""
    if person is None:
        return []
    law = definition(mutation.definition)
    names: dict[str, None] = {}
    asked = Question[Any](law, mutation, None, cast(Facts, None))
    for rule in law.transitions:
        name = rule.on.partition(".")[0]
        if mutation.state not in rule.source or name not in lexicon().commands:
            continue
        if mutation.rest is not None and not rule.at_rest:
            continue
        command = COMMANDS[name].__name__
        if rule.duty is not None and rule.duty not in mutation.duties:
            continue
        if not all(GUARDS[guard](asked) for guard in OF_THE_CASE & set(rule.guards)):
            continue
        if any(_seated(known, law, mutation, party, command, person, on) for party in rule.by):
            names[name] = None
    return list(names)


def _seated(
    known: Authority, law: Definition, mutation: Mutation, party: str, command: str, person: str, on: date
) -> bool:
    found = candidates(known, seat(law, mutation, party), command, on, {mutation.person: "own_case"})
    return any(c.person == person and c.objection is None for c in found)


def confides(mutation: Mutation, person: str | None, known: Authority, on: date) -> bool:
    """Whether someone may read why the employee thinks so: the employee, and the offices that prepare and decide.

    The two agencies learn the answer and the condition, not the reason: people would give none that is true.
    """
    if person is None:
        return False
    seats = [known.offices[seat] for seat in seats_of(known, person, on) if seat in known.offices]
    return person == mutation.person or any(
        seat.role in DECIDING and seat.scope == mutation.move.target.instansi for seat in seats
    )


def discreet(mutation: Mutation) -> Mutation:
    """The case for those in whom the employee does not confide."""
    replies = mutation.replies
    if "employee" in replies:
        replies = replies | {"employee": replace(replies["employee"], reason_class=None)}
    return replace(mutation, replies=replies)


def discreet_event(event: MutationEvent) -> MutationEvent:
    """An event of it for them."""
    return replace(event, reason_class=None) if isinstance(event, EmployeeRecorded) else event


def words_for(mutation: str, events: Iterable[MutationEvent], person: str | None, *, confided: bool) -> dict[str, str]:
    """Commitment -> what was written: all of a case to those in whom its person confides, else one's own words."""
    own = {e.words_hash for e in events if person in (e.act.actor, e.act.on_behalf_of)}
    wanted = sa.select(Words.hash, Words.sealed, keys.c.key).join(keys, keys.c.person == Words.person)
    rows = db.session.execute(wanted.where(Words.mutation == mutation))
    return {row.hash: vault.unseal(row.key, row.sealed) for row in rows if confided or row.hash in own}


def working_days_left(due: datetime, on: date) -> int:
    """Working days from a day to the local day on which a deadline ends; negative when it has passed."""
    calendar = facts.calendar()
    return calendar.working_between(on, calendar.last_day(due))
