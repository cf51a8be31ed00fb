"""The tables of `audit`. Entries, nodes and checkpoints are only ever added."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from events import bulk


class Base(DeclarativeBase):
    metadata = sa.MetaData()


class Entry(Base):
    """A sealed event: its bytes as they were received and their leaf hash. The other columns are copies to search by.

    `seq` counts from 1 without gaps. The unique pair is the last guard of "exactly once".
    """

    __tablename__ = "audit_entry"
    seq: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(bulk.Id, unique=True)
    subject: Mapped[str] = mapped_column(sa.String(120))
    subject_version: Mapped[int]
    type: Mapped[str] = mapped_column(sa.String(80))
    time: Mapped[datetime] = mapped_column(bulk.Instant)
    leaf: Mapped[bytes]
    body: Mapped[bytes]
    __table_args__ = (sa.UniqueConstraint("subject", "subject_version"),)


class Node(Base):
    """The hash of a complete subtree, placed as in services/audit/chain.py."""

    __tablename__ = "audit_node"
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes]


class FrontierRow(Base):
    """One row: the right edge of the tree. Whoever appends holds its lock. `peaks` are hashes of 32 bytes in a row."""

    __tablename__ = "audit_frontier"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    peaks: Mapped[bytes]


class CheckpointRow(Base):
    """A signed checkpoint. `note` is its text in UTF-8, `at` the wall time at which it was published."""

    __tablename__ = "audit_checkpoint"
    size: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    note: Mapped[bytes]
    at: Mapped[datetime] = mapped_column(bulk.Instant)


class Verification(Base):
    """One row: the last verification that somebody asked for, in wall time, and what the last one that ended found."""

    __tablename__ = "audit_verification"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    asked_by: Mapped[str] = mapped_column(sa.String(120))
    asked_at: Mapped[datetime] = mapped_column(bulk.Instant)
    done_at: Mapped[datetime | None] = mapped_column(bulk.Instant)
    verdict: Mapped[bytes | None]
