"""Who people are: sealed when they are registered, opened for those who need to know, and every opening recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from events import bulk
from events.personnel import CardViewed
from services import vault
from services.auth import User
from services.db import table
from services.personnel.commands import ViewCards
from services.personnel.models import Card, Person, Position, Unit, keys
from services.service import Answer, Command
from services.transaction import Tx

card = table(Card)

#: Roles whose scope (an instansi or an OPD) says whose names they may read.
READERS = ("names", "personnel")
#: What a card shows.
FIELDS = ["name", "nip_masked", "position", "unit"]
#: The key that belongs to nobody, by which numbers are compared.
NUMBERS = "numbers"


@dataclass(frozen=True)
class Face:
    """A card as it is shown. No name: not allowed to be read, or erased (`erased`)."""

    person: str
    name: str = ""
    nip: str = ""
    position: str = ""
    unit: str = ""
    erased: bool = False


def seal_card(
    tx: Tx, person: str, name: str, *, digits: str | None = None, number: str | None = None, title: str | None = None
) -> None:
    """Keep who a person is, under a key of their own."""
    key = vault.key_of(tx, keys, person)
    sealed = vault.seal(key, digits) if digits else None
    tx.upsert(card, {"person": person, "name": vault.seal(key, name), "nip": sealed, "number": number, "title": title})


def number_of(tx: Tx, digits: str) -> str:
    """The keyed hash by which a number is found again. The first writer's key counts, whoever wrote beside it."""
    if NUMBERS not in tx.memo:
        bulk.claim(tx._conn, keys, ("person", "key"), [(NUMBERS, AESGCM.generate_key(256))])
        tx.memo[NUMBERS] = tx._conn.execute(sa.select(keys.c.key).where(keys.c.person == NUMBERS)).scalar_one()
    return vault.commitment(tx.memo[NUMBERS], digits)


def record_view(tx: Tx, command: Command) -> Answer:
    """One event a view, before anything is shown: if it cannot be recorded, it is not read."""
    data: ViewCards = command.data  # type: ignore[assignment]
    assert command.actor is not None
    viewed = CardViewed(
        viewer=command.actor.account, people=data.people, fields=FIELDS, purpose=data.purpose, mutation=data.mutation
    )
    return {"event": tx.record(f"personnel/access/{uuid4()}", viewed)}


def readable(session: Session, user: User, people: Sequence[str]) -> list[str]:
    """Those of these people whose names the user needs to know: their own, and those in the scopes of their roles.

    Elected leaders are no staff of any unit; whoever may read anybody's name may read theirs.
    """
    scopes = {scope for role in user.roles for name, _, scope in [role.partition("@")] if name in READERS}
    at_work = sa.select(Person.id, Unit.opd, Unit.instansi).join(Unit, Unit.id == Person.unit)
    homes = {p: {opd, instansi} for p, opd, instansi in session.execute(at_work.where(Person.id.in_(people)))}
    known = set(session.scalars(sa.select(Card.person).where(Card.person.in_(people))))
    return [p for p in people if p == user.person or (p in known and scopes and scopes & homes.get(p, scopes))]


def faces(session: Session, people: Sequence[str]) -> dict[str, Face]:
    """The opened cards of these people."""
    found = sa.select(Card, keys.c.key, Position.title, Unit.name)
    found = found.outerjoin(keys, keys.c.person == Card.person).outerjoin(Person, Person.id == Card.person)
    found = found.outerjoin(Position, Position.id == Person.position).outerjoin(Unit, Unit.id == Person.unit)
    rows = session.execute(found.where(Card.person.in_(people)))
    return {kept.person: _face(kept, key, title or kept.title or "", name or "") for kept, key, title, name in rows}


def _face(kept: Card, key: bytes | None, title: str, unit: str) -> Face:
    if key is None:
        return Face(kept.person, erased=True)
    number = masked(vault.unseal(key, kept.nip)) if kept.nip else ""
    return Face(kept.person, vault.unseal(key, kept.name), number, title, unit)


def masked(digits: str) -> str:
    """The first four and last three digits: enough to tell two people of one name apart, too little to misuse."""
    return f"{digits[:4]}{'•' * (len(digits) - 7)}{digits[-3:]}"
