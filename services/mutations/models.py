"""The tables of `mutations`: its cases, what they ask of whom and hold reserved, and what it knows of the world."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from events import bulk
from services import vault


class Base(DeclarativeBase):
    metadata = sa.MetaData()


keys = vault.table(Base.metadata, "mutations")


class Case(Base):
    """A mutation. `body` is its state as workflow.mutation.Mutation; the other columns are copies to search by."""

    __tablename__ = "mutations_case"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    version: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(60), index=True)
    route: Mapped[str] = mapped_column(sa.String(2))
    person: Mapped[str] = mapped_column(sa.String(36), index=True)
    source_unit: Mapped[str] = mapped_column(sa.String(40))
    source_opd: Mapped[str] = mapped_column(sa.String(40), index=True)
    source_instansi: Mapped[str] = mapped_column(sa.String(10))
    target_unit: Mapped[str] = mapped_column(sa.String(40))
    target_opd: Mapped[str] = mapped_column(sa.String(40), index=True)
    target_instansi: Mapped[str] = mapped_column(sa.String(10))
    mode: Mapped[str] = mapped_column(sa.String(10))
    origin: Mapped[str] = mapped_column(sa.String(30))
    proposal: Mapped[str | None] = mapped_column(sa.String(36), index=True)
    contested: Mapped[bool]
    closed: Mapped[bool]
    opened_at: Mapped[datetime] = mapped_column(bulk.Instant)
    changed_at: Mapped[datetime] = mapped_column(bulk.Instant)
    body: Mapped[bytes]
    __table_args__ = (sa.Index("mutations_case_by_opening", "opened_at", "id"),)


class Asked(Base):
    """A duty that is outstanding: the inbox of offices and people is read from here."""

    __tablename__ = "mutations_duty"
    mutation: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    party: Mapped[str] = mapped_column(sa.String(40))
    role: Mapped[str] = mapped_column(sa.String(40))
    scope: Mapped[str] = mapped_column(sa.String(40))
    office: Mapped[str] = mapped_column(sa.String(60))
    person: Mapped[str] = mapped_column(sa.String(36), index=True)
    since: Mapped[datetime] = mapped_column(bulk.Instant)
    due: Mapped[datetime | None] = mapped_column(bulk.Instant)
    escalated: Mapped[bool]
    __table_args__ = (sa.Index("mutations_duty_by_seat", "role", "scope"),)


class Reservation(Base):
    """What a case holds: `person` (one such case each), `place` of a position, `share` of a person's working time."""

    __tablename__ = "mutations_reservation"
    kind: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(60), primary_key=True, index=True)
    mutation: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    share: Mapped[float]


class Words(Base):
    """What somebody wrote on a case, sealed under the key of the person whose case it is. `hash` is in the history."""

    __tablename__ = "mutations_words"
    hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    mutation: Mapped[str] = mapped_column(sa.String(36), index=True)
    person: Mapped[str] = mapped_column(sa.String(36))
    author: Mapped[str] = mapped_column(sa.String(36))
    sealed: Mapped[bytes]


class Unit(Base):
    """A unit as `personnel` and `workload` tell of it. `as_of`: the last day that `ratio` speaks of; `floor`: the
    full-time people it needs at least."""

    __tablename__ = "mutations_unit"
    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    opd: Mapped[str] = mapped_column(sa.String(40))
    opd_name: Mapped[str] = mapped_column(sa.String(120))
    instansi: Mapped[str] = mapped_column(sa.String(10))
    instansi_name: Mapped[str] = mapped_column(sa.String(120))
    ministerial: Mapped[bool]
    ratio: Mapped[float | None]
    as_of: Mapped[date | None]
    staff: Mapped[float | None]
    floor: Mapped[float | None]


class Position(Base):
    """A position and its places by the final workload analysis."""

    __tablename__ = "mutations_position"
    id: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    unit: Mapped[str] = mapped_column(sa.String(40), index=True)
    title: Mapped[str] = mapped_column(sa.String(120))
    kind: Mapped[str] = mapped_column(sa.String(20))
    places: Mapped[int]
    heads_unit: Mapped[bool] = mapped_column(server_default=sa.false())


class Person(Base):
    """A person by random id, and where they are at home. `conflicts` are units, separated by blanks."""

    __tablename__ = "mutations_person"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    status: Mapped[str] = mapped_column(sa.String(20))
    position: Mapped[str] = mapped_column(sa.String(60), index=True)
    since: Mapped[date]
    retires_on: Mapped[date]
    eligible: Mapped[bool]
    last_duty_ended: Mapped[date | None]
    appointed_on: Mapped[date | None]
    conflicts: Mapped[str] = mapped_column(sa.Text, server_default="")


class OfficeRow(Base):
    """A seat to which duties belong."""

    __tablename__ = "mutations_office"
    id: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    role: Mapped[str] = mapped_column(sa.String(40))
    scope: Mapped[str] = mapped_column(sa.String(40))
    title: Mapped[str] = mapped_column(sa.String(160))


class HoldingRow(Base):
    """Who holds an office, as what, under which order. `barred` is a list of command names."""

    __tablename__ = "mutations_holding"
    office: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    person: Mapped[str] = mapped_column(sa.String(36), primary_key=True, index=True)
    capacity: Mapped[str] = mapped_column(sa.String(12), primary_key=True)
    since: Mapped[date] = mapped_column(primary_key=True)
    until: Mapped[date | None]
    order: Mapped[str] = mapped_column(sa.String(80))
    barred: Mapped[str] = mapped_column(sa.Text)


class DelegationRow(Base):
    """Who acts for the holder of an office, in which kinds of decision."""

    __tablename__ = "mutations_delegation"
    office: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    to_person: Mapped[str] = mapped_column(sa.String(36), primary_key=True, index=True)
    order: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    by_person: Mapped[str] = mapped_column(sa.String(36))
    commands: Mapped[str] = mapped_column(sa.Text)
    since: Mapped[date]
    until: Mapped[date]


class Proposal(Base):
    """What the optimizer gave as its reasons, kept for the pages of the case drafted from it."""

    __tablename__ = "mutations_proposal"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    body: Mapped[bytes]
