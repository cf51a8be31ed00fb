"""Who may act for an office, judged at the moment of action.

An office has one holder at a time for a kind of decision: the one for the day (Plh), else the one acting in a vacancy
(Plt), else the definitive one; who is barred from it is passed over. A delegate acts for that holder, in the kinds and
days of the order; only a holder delegates, so nothing is delegated twice. Nobody decides their own case, not by proxy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Literal

import msgspec

from workflow.mutation import Seat
from workflow.refusal import Candidate

Capacity = Literal["definitive", "plt", "plh"]
_RANK: dict[Capacity, int] = {"plh": 0, "plt": 1, "definitive": 2}


class Office(msgspec.Struct, frozen=True, kw_only=True):
    """A seat to which duties belong: the `role` for the `scope`, an OPD or an instansi."""

    id: str
    role: str
    scope: str
    title: str


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A person in an office by an order, `until` inclusive. `barred`: class names of commands not theirs to give."""

    office: str
    person: str
    capacity: Capacity
    order: str
    since: date
    until: date | None = None
    barred: frozenset[str] = frozenset()

    def runs(self, day: date) -> bool:
        """Whether it is in force on a day."""
        return self.since <= day and (self.until is None or day <= self.until)


class Delegation(msgspec.Struct, frozen=True, kw_only=True):
    """The holder `by_person` lets `to_person` give the named commands, from `since` to `until` inclusive."""

    office: str
    to_person: str
    by_person: str
    order: str
    commands: frozenset[str]
    since: date
    until: date


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """Offices, who holds them and who acts for them, by office and by person; `position`: how far the topic `authority`
    was read.
    """

    offices: Mapping[str, Office]
    seats: Mapping[tuple[str, str], list[Office]]
    holdings: Mapping[str, list[Holding]]
    delegations: Mapping[str, list[Delegation]]
    held_by: Mapping[str, list[Holding]]
    delegated_to: Mapping[str, list[Delegation]]
    position: int | None = None

    @classmethod
    def of(
        cls,
        offices: Iterable[Office],
        holdings: Iterable[Holding],
        delegations: Iterable[Delegation] = (),
        position: int | None = None,
    ) -> Authority:
        """Index plain records. Holdings are ordered by who comes first: Plh, Plt, definitive; the later order first."""
        by_id = {office.id: office for office in offices}
        seats = defaultdict(list)
        held, delegated = defaultdict(list), defaultdict(list)
        held_by, delegated_to = defaultdict(list), defaultdict(list)
        for office in by_id.values():
            seats[office.role, office.scope].append(office)
        for holding in sorted(holdings, key=lambda h: (_RANK[h.capacity], -h.since.toordinal(), h.person)):
            held[holding.office].append(holding)
            held_by[holding.person].append(holding)
        for delegation in delegations:
            delegated[delegation.office].append(delegation)
            delegated_to[delegation.to_person].append(delegation)
        return cls(
            offices=by_id,
            seats=seats,
            holdings=held,
            delegations=delegated,
            held_by=held_by,
            delegated_to=delegated_to,
            position=position,
        )

    def offices_of(self, seat: Seat) -> list[Office]:
        """The offices that a seat means: one by id, or all of a role and scope."""
        if seat.office:
            return [self.offices[seat.office]] if seat.office in self.offices else []
        return self.seats.get((seat.role, seat.scope), [])


def candidates(
    authority: Authority,
    seat: Seat,
    command: str,
    on: date,
    barred: Mapping[str, str],
    spent: Collection[str] = (),
    definitive: Collection[str] = (),
) -> list[Candidate]:
    """Everyone with a claim to a seat for a command on a day, each with the rule that speaks against them, if any.

    `barred`: person -> rule (own case, four eyes, voted already). `spent`: offices that have voted already.
    `definitive`: roles in which only the definitive holder may give this command.
    """
    if seat.person:
        return [Candidate(person=seat.person, capacity="employee")]
    found = [
        claim
        for office in authority.offices_of(seat)
        for claim in _of_office(authority, office, command, on, barred, office.role in definitive)
    ]
    if not spent:
        return found
    return [msgspec.structs.replace(c, objection="already_voted") if c.office in spent else c for c in found]


def _of_office(
    authority: Authority, office: Office, command: str, on: date, barred: Mapping[str, str], definitive: bool
) -> list[Candidate]:
    found: list[Candidate] = []
    taken = False
    for holding in authority.holdings.get(office.id, []):
        if not holding.runs(on):
            continue
        objection = _against(holding, command, definitive) or barred.get(holding.person)
        if objection is None and taken:
            objection = "another_holds_office"
        taken = taken or objection is None
        found.append(
            Candidate(
                person=holding.person,
                capacity=holding.capacity,
                office=office.id,
                title=office.title,
                order=holding.order,
                objection=objection,
            )
        )
    holders = {holder.person: holder.objection for holder in found}
    for delegation in authority.delegations.get(office.id, []):
        if command in delegation.commands and delegation.since <= on <= delegation.until:
            found.append(
                Candidate(
                    person=delegation.to_person,
                    capacity="delegate",
                    office=office.id,
                    title=office.title,
                    order=delegation.order,
                    on_behalf_of=delegation.by_person,
                    objection=_against_delegate(delegation, holders, barred),
                )
            )
    return found


def _against(holding: Holding, command: str, definitive: bool) -> str | None:
    if command in holding.barred:
        return "acting_barred"
    return "acting_needs_consideration" if definitive and holding.capacity != "definitive" else None


def _against_delegate(
    delegation: Delegation, holders: Mapping[str, str | None], barred: Mapping[str, str]
) -> str | None:
    if delegation.to_person in barred:
        return barred[delegation.to_person]
    principal = holders.get(delegation.by_person, "delegation_void")
    if principal == "own_case":
        return "own_case_by_proxy"
    return "delegation_void" if principal == "another_holds_office" else principal
