"""The tables of `workload`: who works where, final analyses, reports, and what was measured from them."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from events import bulk


class Base(DeclarativeBase):
    metadata = sa.MetaData()


class Unit(Base):
    """A unit and its OPD, as `personnel` tells of them."""

    __tablename__ = "workload_unit"
    id: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    opd: Mapped[str] = mapped_column(sa.String(40), index=True)
    opd_name: Mapped[str] = mapped_column(sa.String(120))


class Position(Base):
    """A position and its places by the final ABK, as `personnel` tells of it."""

    __tablename__ = "workload_position"
    id: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    unit: Mapped[str] = mapped_column(sa.String(40), index=True)
    title: Mapped[str] = mapped_column(sa.String(120))
    places: Mapped[int]


HOME = ""
"""The `mutation` of a seat that is a home post."""


class Seat(Base):
    """Where a person works with which share of working time: the home post, and one row for each temporary duty."""

    __tablename__ = "workload_seat"
    person: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    mutation: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    position: Mapped[str] = mapped_column(sa.String(60), index=True)
    unit: Mapped[str] = mapped_column(sa.String(40), index=True)
    share: Mapped[float]


class Abk(Base):
    """A final workload analysis. `minutes` of work a year, `need` in whole people, at `wke` minutes a person."""

    __tablename__ = "workload_abk"
    unit: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    wke: Mapped[int]
    minutes: Mapped[float]
    need: Mapped[int]
    signed_on: Mapped[date]


class AbkTask(Base):
    """A line of an analysis: `volume` results a year at `norm` minutes; `place` keeps the order of its lines."""

    __tablename__ = "workload_task"
    unit: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    place: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(160))
    volume: Mapped[float]
    norm: Mapped[float]
    counted: Mapped[bool]


class Report(Base):
    """What a unit did in a period: results by task as JSON. A correction of the same period replaces it."""

    __tablename__ = "workload_report"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    unit: Mapped[str] = mapped_column(sa.String(40))
    period_from: Mapped[date]
    period_to: Mapped[date]
    days: Mapped[int]
    absent_days: Mapped[float]
    counts: Mapped[str] = mapped_column(sa.Text)
    submitted_at: Mapped[datetime] = mapped_column(bulk.Instant)
    account: Mapped[str | None] = mapped_column(sa.String(120))
    replaced_by: Mapped[str | None] = mapped_column(sa.String(36))
    __table_args__ = (sa.Index("workload_report_by_period", "unit", "period_to"),)


class Load(Base):
    """Where a unit stands: its ABK, newest report and measurement in force, and what others were last told."""

    __tablename__ = "workload_load"
    unit: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    abk: Mapped[int]
    report: Mapped[str | None] = mapped_column(sa.String(36))
    as_of: Mapped[date | None]
    measurement: Mapped[str | None] = mapped_column(sa.String(36))
    said_ratio: Mapped[float | None]
    said_level: Mapped[str | None] = mapped_column(sa.String(10))


class Measurement(Base):
    """A measured load; its id is that of the event, `working` the figures as JSON with every line behind them."""

    __tablename__ = "workload_measurement"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    unit: Mapped[str] = mapped_column(sa.String(40))
    at: Mapped[datetime] = mapped_column(bulk.Instant)
    cause: Mapped[str] = mapped_column(sa.String(10))
    report: Mapped[str] = mapped_column(sa.String(36))
    abk: Mapped[int]
    period_from: Mapped[date]
    period_to: Mapped[date]
    staff: Mapped[float]
    ratio: Mapped[float]
    level: Mapped[str] = mapped_column(sa.String(10))
    needed: Mapped[float]
    lasting: Mapped[int]
    working: Mapped[bytes]
    __table_args__ = (sa.Index("workload_measurement_by_unit", "unit", "id"),)
