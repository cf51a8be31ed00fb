"""The tables of `optimizer`: what it knows of units, posts and people, which moves are under way, what it planned."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from events import bulk


class Base(DeclarativeBase):
    metadata = sa.MetaData()


class Unit(Base):
    """A unit with its load. `load` and `staff` are full-time people; `version` is that of `workload/unit/<unit>`."""

    __tablename__ = "optimizer_unit"
    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    opd: Mapped[str] = mapped_column(sa.String(40))
    instansi: Mapped[str] = mapped_column(sa.String(10))
    instansi_name: Mapped[str] = mapped_column(sa.String(120))
    island: Mapped[str] = mapped_column(sa.String(40))
    load: Mapped[float | None]
    staff: Mapped[float]
    need: Mapped[int | None]
    lasting: Mapped[int]
    level: Mapped[str] = mapped_column(sa.String(12))
    as_of: Mapped[date | None]
    version: Mapped[int]


class Position(Base):
    """A position with its places. `version` is that of `personnel/position/<position>`."""

    __tablename__ = "optimizer_position"
    id: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    unit: Mapped[str] = mapped_column(sa.String(40))
    kind: Mapped[str] = mapped_column(sa.String(20))
    family: Mapped[str] = mapped_column(sa.String(40))
    job_class: Mapped[int]
    places: Mapped[int]
    version: Mapped[int]


class Person(Base):
    """A person at home in a position. `skills` is a JSON list; `cooling_until` the last day without a new duty."""

    __tablename__ = "optimizer_person"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    position: Mapped[str] = mapped_column(sa.String(60), index=True)
    unit: Mapped[str] = mapped_column(sa.String(40))
    status: Mapped[str] = mapped_column(sa.String(20))
    since: Mapped[date]
    retires_on: Mapped[date]
    skills: Mapped[str] = mapped_column(sa.Text)
    home: Mapped[str] = mapped_column(sa.String(40))
    eligible: Mapped[bool]
    cooling_until: Mapped[date | None]
    running_share: Mapped[float]
    version: Mapped[int]


class Move(Base):
    """A move under way: proposed, drafted or open. It counts as made in the next plan, so nothing is planned twice.

    `id` is the proposal's, or the mutation's for one opened by hand.
    """

    __tablename__ = "optimizer_move"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    mutation: Mapped[str | None] = mapped_column(sa.String(36), index=True)
    person: Mapped[str] = mapped_column(sa.String(36), index=True)
    from_unit: Mapped[str] = mapped_column(sa.String(40))
    to_unit: Mapped[str] = mapped_column(sa.String(40), index=True)
    to_position: Mapped[str] = mapped_column(sa.String(60))
    mode: Mapped[str] = mapped_column(sa.String(10))
    share: Mapped[float]
    state: Mapped[str] = mapped_column(sa.String(10))


class Refusal(Base):
    """A move that people or the law refused; not proposed again until the premise has another version."""

    __tablename__ = "optimizer_refusal"
    person: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    to_unit: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    premise: Mapped[str] = mapped_column(sa.String(120))
    premise_version: Mapped[int]
    times: Mapped[int]


class PlanRow(Base):
    """A solved plan: its figures, hints and untouched units as solver.Plan; the input that reproduces it."""

    __tablename__ = "optimizer_plan"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    at: Mapped[datetime] = mapped_column(bulk.Instant, index=True)
    body: Mapped[bytes]
    picture: Mapped[bytes]


class ProposalRow(Base):
    """A proposal as it was recorded (events.proposal.ProposalDrafted), and what became of it."""

    __tablename__ = "optimizer_proposal"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    plan: Mapped[str] = mapped_column(sa.String(36), index=True)
    at: Mapped[datetime] = mapped_column(bulk.Instant, index=True)
    state: Mapped[str] = mapped_column(sa.String(12))
    mutation: Mapped[str | None] = mapped_column(sa.String(36))
    body: Mapped[bytes]


class Assessment(Base):
    """The data-protection impact assessment without which nothing is proposed (UU 27/2022 art. 34)."""

    __tablename__ = "optimizer_assessment"
    instansi: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    document: Mapped[str] = mapped_column(sa.String(64))
    signed_by: Mapped[str] = mapped_column(sa.String(36))
    signed_at: Mapped[datetime] = mapped_column(bulk.Instant)
