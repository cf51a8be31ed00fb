"""The tables of `personnel`: the structure, people in service, where they work, the offices, and who people are."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services import vault


class Base(DeclarativeBase):
    metadata = sa.MetaData()


keys = vault.table(Base.metadata, "personnel")


class Unit(Base):
    """A unit in the tree instansi > OPD > unit."""

    __tablename__ = "personnel_unit"
    id: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(160))
    opd: Mapped[str] = mapped_column(sa.String(60), index=True)
    opd_name: Mapped[str] = mapped_column(sa.String(160))
    instansi: Mapped[str] = mapped_column(sa.String(10), index=True)
    instansi_name: Mapped[str] = mapped_column(sa.String(160))
    region: Mapped[str] = mapped_column(sa.String(10))
    island: Mapped[str] = mapped_column(sa.String(40))
    dukcapil: Mapped[bool]


class Position(Base):
    """A position and its places by the final workload analysis."""

    __tablename__ = "personnel_position"
    id: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    unit: Mapped[str] = mapped_column(sa.String(60), index=True)
    title: Mapped[str] = mapped_column(sa.String(160))
    kind: Mapped[str] = mapped_column(sa.String(20))
    family: Mapped[str] = mapped_column(sa.String(60))
    job_class: Mapped[int]
    places: Mapped[int]
    heads_unit: Mapped[bool] = mapped_column(server_default=sa.false())


class Person(Base):
    """A civil servant by random id, with the home post of today. `skills`, `conflicts` are separated by blanks."""

    __tablename__ = "personnel_person"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    status: Mapped[str] = mapped_column(sa.String(20))
    grade: Mapped[int]
    position: Mapped[str] = mapped_column(sa.String(80), index=True)
    unit: Mapped[str] = mapped_column(sa.String(60), index=True)
    since: Mapped[date]
    appointed_on: Mapped[date]
    retires_on: Mapped[date]
    skills: Mapped[str] = mapped_column(sa.Text)
    home: Mapped[str] = mapped_column(sa.String(40))
    eligible: Mapped[bool]
    conflicts: Mapped[str] = mapped_column(sa.Text, server_default="")


class Card(Base):
    """Who a person is, sealed under their own key: with the key gone nobody reads it. `title` is of officials.

    `number` is the keyed hash of the NIP, by which a second registration is found without reading any number.
    """

    __tablename__ = "personnel_card"
    person: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    name: Mapped[bytes]
    nip: Mapped[bytes | None]
    number: Mapped[str | None] = mapped_column(sa.String(64), unique=True)
    title: Mapped[str | None] = mapped_column(sa.String(160))


class Incumbency(Base):
    """The home post of a person from a day on, until the next row: by its key nobody has two on any day."""

    __tablename__ = "personnel_incumbency"
    person: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    since: Mapped[date] = mapped_column(primary_key=True)
    position: Mapped[str] = mapped_column(sa.String(80), index=True)
    mutation: Mapped[str | None] = mapped_column(sa.String(36))


class Duty(Base):
    """Temporary duty elsewhere for a share of working time; the home post stays. `back_on`: first day back home."""

    __tablename__ = "personnel_duty"
    mutation: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    person: Mapped[str] = mapped_column(sa.String(36), index=True)
    position: Mapped[str] = mapped_column(sa.String(80), index=True)
    since: Mapped[date]
    until: Mapped[date | None]
    share: Mapped[float]
    back_on: Mapped[date | None]


class Office(Base):
    """A seat to which duties belong."""

    __tablename__ = "personnel_office"
    id: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    role: Mapped[str] = mapped_column(sa.String(40))
    scope: Mapped[str] = mapped_column(sa.String(60))
    instansi: Mapped[str] = mapped_column(sa.String(10), index=True)
    title: Mapped[str] = mapped_column(sa.String(160))


class Holding(Base):
    """Who holds an office, as what, under which order. `barred` are command names, separated by blanks."""

    __tablename__ = "personnel_holding"
    office: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    person: Mapped[str] = mapped_column(sa.String(36), primary_key=True, index=True)
    capacity: Mapped[str] = mapped_column(sa.String(12), primary_key=True)
    since: Mapped[date] = mapped_column(primary_key=True)
    until: Mapped[date | None]
    order: Mapped[str] = mapped_column(sa.String(80))
    barred: Mapped[str] = mapped_column(sa.Text)


class Delegation(Base):
    """Who may take which kinds of decision for the holder of an office."""

    __tablename__ = "personnel_delegation"
    office: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    to_person: Mapped[str] = mapped_column(sa.String(36), primary_key=True, index=True)
    order: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    by_person: Mapped[str] = mapped_column(sa.String(36))
    commands: Mapped[str] = mapped_column(sa.Text)
    since: Mapped[date]
    until: Mapped[date]
