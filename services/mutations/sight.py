"""Who may see a case: its person, those who hold an office on one of its sides, auditors and operators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from services.mutations.models import Case
from workflow.authority import Authority
from workflow.mutation import Mutation

Visible = sa.ColumnElement[bool]
#: Roles of accounts that see every case.
ALL_SEEING = ("operator", "auditor")


def seats_of(known: Authority, person: str, on: date) -> list[str]:
    """Ids of the offices for which a person may act on a day, in whatever capacity; limits are judged when they act."""
    held = {holding.office for holding in known.held_by.get(person, ()) if holding.runs(on)}
    acts_for = {d.office for d in known.delegated_to.get(person, ()) if d.since <= on <= d.until}
    return sorted(held | acts_for)


def visible(known: Authority, person: str | None, on: date, roles: Sequence[str]) -> Visible:
    """The cases someone may open, as a clause.

    A clause of the query and never a sieve behind it: pages are full, and nothing tells how many others there are.
    """
    if _sees_all(roles):
        return sa.true()
    if person is None:
        return sa.false()
    scopes = _scopes(known, person, on)
    sides = (Case.source_opd, Case.target_opd, Case.source_instansi, Case.target_instansi)
    return sa.or_(Case.person == person, *(side.in_(scopes) for side in sides))


def sees(known: Authority, person: str | None, on: date, roles: Sequence[str], mutation: Mutation) -> bool:
    """The same of one case."""
    if _sees_all(roles) or person is None:
        return _sees_all(roles)
    source, target = mutation.move.source, mutation.move.target
    sides = {source.opd, source.instansi, target.opd, target.instansi}
    return mutation.person == person or not sides.isdisjoint(_scopes(known, person, on))


def _sees_all(roles: Sequence[str]) -> bool:
    return any(role.partition("@")[0] in ALL_SEEING for role in roles)


def _scopes(known: Authority, person: str, on: date) -> set[str]:
    return {known.offices[office].scope for office in seats_of(known, person, on) if office in known.offices}
