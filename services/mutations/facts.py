"""What the law may know when it judges a command: read in bulk for a batch, from this service's own tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from typing import Any
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
    Reservation,
    Unit,
)
from services.service import NotYet
from services.transaction import Tx
from workflow.authority import Authority, Delegation, Holding, Office
from workflow.calendar import Calendar, Zone
from workflow.facts import Facts, LoadFacts, PersonFacts, PostFacts
from workflow.library import calendar as calendar_of
from workflow.library import pack_on
from workflow.mutation import Mutation

person, position, unit = table(Person), table(Position), table(Unit)
reservation = table(Reservation)

#: The time zone of the province's offices (Maluku Utara: UTC+9).
ZONE: Zone = "WIT"

_authorities: WeakKeyDictionary[Engine, tuple[int, Authority]] = WeakKeyDictionary()


class Book:
    """Who holds what, as the cases of this batch leave it."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], dict[str, float]] = {}
        self.changed: dict[tuple[str, str, str], float | None] = {}

    def load(self, conn: Connection, keys: Collection[tuple[str, str]], *, lock: bool = True) -> None:
        """Lock these reservations against other instances, in order, and read them."""
        wanted = sorted(k for k in keys if k not in self.held)
        if not wanted:
            return
        if lock and conn.dialect.name == "postgresql":
            one = sa.text(
                "SELECT pg_advisory_xact_lock(hashtextextended(k, 0)) FROM unnest(CAST(:keys AS text[])) AS k"
            )
            conn.execute(one, {"keys": [f"{kind}/{key}" for kind, key in wanted]})
        self.held |= {k: {} for k in wanted}
        columns = ("key", "kind", "mutation", "share")
        for key, kind, mutation, share in bulk.lookup(conn, reservation, "key", {k for _, k in wanted}, columns):
            self.held.setdefault((kind, key), {})[mutation] = share

    def others(self, kind: str, key: str, mutation: str) -> dict[str, float]:
        return {m: share for m, share in self.held.get((kind, key), {}).items() if m != mutation}

    def set(self, mutation: str, wanted: dict[tuple[str, str], float]) -> Callable[[], None]:
        """Make these the reservations of a case; returns how to take that back."""
        held, changed = {k: dict(v) for k, v in self.held.items() if mutation in v or k in wanted}, dict(self.changed)

        def undo() -> None:
            self.held |= held
            self.changed = changed

        for (kind, key), holders in self.held.items():
            if mutation in holders and (kind, key) not in wanted:
                del holders[mutation]
                self.changed[kind, key, mutation] = None
        for (kind, key), share in wanted.items():
            if self.held.setdefault((kind, key), {}).get(mutation) != share:
                self.held[kind, key][mutation] = share
                self.changed[kind, key, mutation] = share
        return undo


def calendar() -> Calendar:
    return calendar_of(ZONE)


def reservation_keys(person_id: str, position_id: str) -> list[tuple[str, str]]:
    """Everything a case of this person and target may hold."""
    return [("person", person_id), ("place", position_id), ("share", person_id)]


def preload(tx: Tx, people: Iterable[str], positions: Iterable[str]) -> None:
    """Read people, positions and their units in three queries, for `tx.get` to find."""
    conn = tx._conn
    found = _rows(conn, person, people)
    tx.preload(person, found, [(p,) for p in people])
    wanted = {*positions, *(row["position"] for row in found)}
    posts = _rows(conn, position, wanted)
    tx.preload(position, posts, [(p,) for p in wanted])
    homes = {row["unit"] for row in posts}
    tx.preload(unit, _rows(conn, unit, homes), [(u,) for u in homes])
    here = person.c.position
    taken = sa.select(here, sa.func.count().label("n")).where(here.in_(wanted)).group_by(here)
    tx.memo["occupied"] = dict.fromkeys(wanted, 0) | {row.position: row.n for row in conn.execute(taken)}


def place(tx: Tx, position_id: str) -> Place:
    """A position with where it stands; NotYet when `personnel` has not told of it."""
    post = tx.get(position, position_id)
    if post is None:
        raise NotYet(f"personnel/position/{position_id}")
    home = tx.get(unit, post["unit"])
    if home is None:
        raise NotYet(f"personnel/unit/{post['unit']}")
    return Place(
        position=position_id,
        unit=home["id"],
        opd=home["opd"],
        instansi=home["instansi"],
        kind=post["kind"],
        ministerial=home["ministerial"],
    )


def facts(
    tx: Tx, authority: Authority, actor: str | None, mutation: str, person_id: str, to: str, source: str | None
) -> Facts:
    """The world as it is now for one case; `source` is the position it starts from, the person's own when it is new."""
    row = tx.get(person, person_id)
    if row is None:
        raise NotYet(f"personnel/person/{person_id}")
    book: Book = tx.memo["book"]
    here, there = place(tx, source or row["position"]), place(tx, to)
    post = tx.get(position, to) or {}
    occupied = tx.memo["occupied"]
    if to not in occupied:
        occupied[to] = tx.read(sa.select(sa.func.count()).where(person.c.position == to)).scalar_one()
    return Facts(
        now=tx.now,
        actor=actor,
        authority=authority,
        calendar=calendar(),
        pack=pack_on(calendar().today(tx.now)),
        person=PersonFacts(
            status=row["status"],
            since=row["since"],
            retires_on=row["retires_on"],
            eligible=row["eligible"],
            open_case=next(iter(sorted(book.others("person", person_id, mutation))), None),
            running_share=sum(book.others("share", person_id, mutation).values()),
            last_duty_ended=row["last_duty_ended"],
        ),
        source=here,
        target=there,
        post=PostFacts(places=post["places"], occupied=occupied[to], reserved=len(book.others("place", to, mutation))),
        source_load=_load(tx, here.unit),
        target_load=_load(tx, there.unit),
    )


def _load(tx: Tx, unit_id: str) -> LoadFacts | None:
    row = tx.get(unit, unit_id)
    if row is None or row["ratio"] is None:
        return None
    return LoadFacts(ratio=row["ratio"], staff=row["staff"], floor=row["floor"] or 0.0)


def authority(conn: Connection, read_to: int) -> Authority:
    """Offices, holders and delegations as of a position in the topic `authority`; kept until that moves on."""
    kept = _authorities.get(conn.engine)
    if kept is None or kept[0] != read_to:
        kept = _authorities[conn.engine] = (read_to, read_authority(conn, read_to))
    return kept[1]


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


def read_cases(conn: Connection, ids: Iterable[str]) -> dict[str, tuple[bytes, Any]]:
    """The stored state of these cases, locked in the order of their ids; with the moment they were opened."""
    rows = bulk.lookup(conn, table(Case), "id", ids, ("id", "body", "opened_at"), lock=True)
    return {i: (body, opened) for i, body, opened in rows}


def reserved_by(mutation: Mutation, reserves: Iterable[str]) -> dict[tuple[str, str], float]:
    """What a case holds in its present state."""
    keys = {"person": mutation.person, "place": mutation.move.target.position, "share": mutation.person}
    return {(kind, keys[kind]): mutation.move.share for kind in reserves}


def _rows(conn: Connection, of: sa.Table, keys: Iterable[str]) -> list[dict[str, Any]]:
    names = [c.name for c in of.columns]
    return [dict(zip(names, row, strict=True)) for row in bulk.lookup(conn, of, "id", keys, names)]
