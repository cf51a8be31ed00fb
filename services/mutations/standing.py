"""Why cases do not move: of one, and of all that are stuck; and the same step given to many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.db import table
from services.mutations.models import Case
from workflow.authority import Authority
from workflow.definition import Title
from workflow.library import definition, pack_on
from workflow.mutation import Mutation
from workflow.refusal import Candidate, wordings
from workflow.why import Standing, Waiting, why

PAGE = 500

case = table(Case)
_decode = msgspec.json.Decoder(Mutation).decode


def standing(mutation: Mutation, known: Authority, now: datetime, on: date) -> Standing:
    """Where a case stands now, by the rule pack of the day."""
    return why(definition(mutation.definition), mutation, known, now, on, pack_on(on))


def read(conn: Connection, where: sa.ColumnElement[bool]) -> list[Mutation]:
    """The states of the cases of a clause."""
    return [_decode(body) for body in conn.scalars(sa.select(case.c.body).where(where))]


def stuck(
    conn: Connection, known: Authority, now: datetime, on: date, where: sa.ColumnElement[bool], after: str = ""
) -> Iterator[tuple[Mutation, Standing]]:
    """The open cases that do not move by themselves, by id: nobody could act, a deadline has passed, or they rest."""
    full = True
    while full:
        page = sa.select(case.c.id, case.c.body).where(~case.c.closed, case.c.id > after, where).order_by(case.c.id)
        rows = conn.execute(page.limit(PAGE)).all()
        for _, body in rows:
            mutation = _decode(body)
            found = standing(mutation, known, now, on)
            if found.obstacles:
                yield mutation, found
        full = len(rows) == PAGE
        after = rows[-1].id if rows else after


def told(mutation: Mutation, found: Standing) -> dict[str, Any]:
    """It as JSON. Every rule that keeps somebody from acting comes with its words and its legal basis."""
    clock = found.next_clock
    return {
        "mutation": mutation.id,
        "definition": mutation.definition,
        "state": mutation.state,
        "title": _both(found.state),
        "obstacles": list(found.obstacles),
        "rest": msgspec.to_builtins(found.rest) if found.rest else None,
        "next_clock": {"name": clock[0], "due": clock[1].isoformat()} if clock else None,
        "waits": [_waiting(each) for each in found.waits],
    }


def lines(mutation: Mutation, found: Standing) -> Iterator[str]:
    """It for people, one line each."""
    yield f"{mutation.id}  {mutation.definition}  {found.state.en} [{', '.join(found.obstacles) or 'moving'}]"
    if found.rest:
        yield f"  held since {found.rest.since:%F} until {found.rest.until}: {found.rest.reason_class}"
    for each in found.waits:
        late = ", overdue" if each.overdue else ""
        due = f", due {each.due:%F %H:%M} UTC{late}" if each.due else late
        yield f"  {each.duty}: {each.title.en} ({each.party.en}), since {each.since:%F}{due}"
        for claim in each.who:
            yield f"    can act: {_person(claim)}"
        for claim in each.barred:
            rule = wordings()[claim.objection or ""]
            yield f"    cannot: {_person(claim)}: {claim.objection} ({rule.basis})"
        if not each.who:
            yield "    nobody can act: seat a holder, or give it to another office (Reassign)"
    if found.next_clock:
        yield f"  next clock: {found.next_clock[0]} at {found.next_clock[1]:%F %H:%M} UTC"


def _waiting(each: Waiting) -> dict[str, Any]:
    return {
        "duty": each.duty,
        "asks": _both(each.title),
        "party": _both(each.party),
        "command": each.command,
        "since": each.since.isoformat(),
        "due": each.due.isoformat() if each.due else None,
        "overdue": each.overdue,
        "who": [_candidate(claim) for claim in each.who],
        "barred": [_candidate(claim) for claim in each.barred],
    }


def _candidate(claim: Candidate) -> dict[str, Any]:
    told = {name: value for name, value in msgspec.structs.asdict(claim).items() if value is not None}
    if claim.objection is not None:
        rule = wordings()[claim.objection]
        told |= {"why": _both(rule.text), "basis": rule.basis, "remedy": _both(rule.remedy)}
    return told


def _both(title: Title) -> dict[str, str]:
    return {"id": title.id, "en": title.en}


def _person(claim: Candidate) -> str:
    office = f"{claim.title or claim.office or 'the employee'}"
    order = f", {claim.order}" if claim.order else ""
    behalf = f" for {claim.on_behalf_of}" if claim.on_behalf_of else ""
    return f"{office} as {claim.capacity}{behalf} ({claim.person}{order})"
