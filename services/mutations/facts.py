"""What the law may know when it judges a command: read in bulk for a batch, from this service's own tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from events import bulk
from events.mutation import Place
from services.db import table
from services.mutations.models import (
    Case,
    DelegationRow,
    HoldingRow,
    OfficeRow,
    Person,
    Position,
    Unit,
)
from services.mutations.reservations import Book
from services.service import NotYet
from services.transaction import Row, Tx
from workflow.authority import Authority, Delegation, Holding, Office
from workflow.calendar import Calendar, Zone
from workflow.facts import Facts, LoadFacts, PersonFacts, PostFacts
from workflow.library import calendar as calendar_of
from workflow.library import pack_on

person, position, unit = table(Person), table(Position), table(Unit)

#: The time zone of the province's offices (Maluku Utara: UTC+9).
ZONE: Zone = "WIT"

_authorities: WeakKeyDictionary[Engine, tuple[object, Authority]] = WeakKeyDictionary()


def calendar() -> Calendar:
    return calendar_of(ZONE)


class Site(NamedTuple):
    """A position where it stands: how many may sit there, and the load of its unit."""

    place: Place
    places: int
    load: LoadFacts | None


def site(tx: Tx, position_id: str) -> Site:
    """What is known of a position and its unit; NotYet when `personnel` has not told of them."""
    known: dict[str, Site] = tx.memo["sites"]
    if tx.wrote_rows:  # maybe of this position
        return read_site(tx, position_id)
    found = known.get(position_id)
    if found is None:
        found = known[position_id] = read_site(tx, position_id)
    return found


def read_site(tx: Tx, position_id: str) -> Site:
    post = tx.get(position, position_id)
    if post is None:
        raise NotYet(f"personnel/position/{position_id}")
    home = tx.get(unit, post["unit"])
    if home is None:
        raise NotYet(f"personnel/unit/{post['unit']}")
    place = Place(
        position=post["id"],
        unit=home["id"],
        opd=home["opd"],
        instansi=home["instansi"],
        kind=post["kind"],
        ministerial=home["ministerial"],
        heads_unit=post["heads_unit"],
    )
    return Site(place, post["places"], _load(home))


def facts(
    tx: Tx,
    now: datetime,
    authority: Authority,
    actor: str | None,
    mutation: str,
    person_id: str,
    to: str,
    source: str | None,
) -> Facts:
    """The world as it is now for one case; `source` is the position it starts from, the person's own when it is new."""
    row = tx.get(person, person_id)
    if row is None:
        raise NotYet(f"personnel/person/{person_id}")
    book: Book = tx.memo["book"]
    here, there = site(tx, source or row["position"]), site(tx, to)
    occupied = tx.memo["occupied"].get(to)
    if occupied is None:
        occupied = tx.read(sa.select(sa.func.count()).where(person.c.position == to)).scalar_one()
    return Facts(
        now=now,
        actor=actor,
        authority=authority,
        calendar=calendar(),
        pack=pack_on(calendar().today(now)),
        person=PersonFacts(
            status=row["status"],
            since=row["since"],
            retires_on=row["retires_on"],
            eligible=row["eligible"],
            open_case=next(iter(sorted(book.others("person", person_id, mutation))), None),
            running_share=sum(book.others("share", person_id, mutation).values()),
            last_duty_ended=row["last_duty_ended"],
            appointed_on=row["appointed_on"],
            conflicts=frozenset(row["conflicts"].split()),
        ),
        source=here.place,
        target=there.place,
        post=PostFacts(places=there.places, occupied=occupied, reserved=len(book.others("place", to, mutation))),
        source_load=here.load,
        target_load=there.load,
    )


def _load(home: Row) -> LoadFacts | None:
    if home["ratio"] is None:
        return None
    return LoadFacts(ratio=home["ratio"], staff=home["staff"], floor=home["floor"] or 0.0)


def authority(conn: Connection, read_to: int, unapplied: int) -> Authority:
    """Offices, holders and delegations as of a position in the topic `authority`; kept until that moves on, or one of
    the events that were read before it, but not applied, is applied or dismissed after all."""
    kept, as_of = _authorities.get(conn.engine), (read_to, unapplied)
    if kept is None or kept[0] != as_of:
        kept = _authorities[conn.engine] = (as_of, read_authority(conn, read_to))
    return kept[1]


def authority_now(tx: Tx) -> Authority:
    """Who may act for which office, by what this transaction has written too; judged by from here on."""
    tx.read(sa.select(sa.literal(1)))  # what is buffered is written before
    tx.memo["authority"] = found = read_authority(tx._conn, tx.memo["authority"].position)
    return found


def read_authority(conn: Connection, read_to: int | None = None) -> Authority:
    office, holding, delegation = table(OfficeRow), table(HoldingRow), table(DelegationRow)
    return Authority.of(
        [Office(id=r.id, role=r.role, scope=r.scope, title=r.title) for r in conn.execute(sa.select(office))],
        [
            Holding(
                office=r.office,
                person=r.person,
                capacity=r.capacity,
                order=r.order,
                since=r.since,
                until=r.until,
                barred=frozenset(json.loads(r.barred)),
            )
            for r in conn.execute(sa.select(holding))
        ],
        [
            Delegation(
                office=r.office,
                to_person=r.to_person,
                by_person=r.by_person,
                order=r.order,
                commands=frozenset(json.loads(r.commands)),
                since=r.since,
                until=r.until,
            )
            for r in conn.execute(sa.select(delegation))
        ],
        read_to,
    )


def read_cases(conn: Connection, ids: Iterable[str]) -> bulk.Found:
    """Id, stored state, opening and last change of these cases, locked in the order of their ids."""
    return bulk.lookup(conn, table(Case), "id", ids, ("id", "body", "opened_at", "changed_at"), lock=True)
