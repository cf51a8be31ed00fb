"""The tables of `identity`. Secrets are here as hashes only."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from events import bulk


class Base(DeclarativeBase):
    metadata = sa.MetaData()


class Account(Base):
    """Who may sign in. `label` is what its own pages call it; `roles` are separated by blanks."""

    __tablename__ = "identity_account"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    login: Mapped[str] = mapped_column(sa.String(60), unique=True)
    label: Mapped[str] = mapped_column(sa.String(80))
    kind: Mapped[str] = mapped_column(sa.String(12))
    person: Mapped[str | None] = mapped_column(sa.String(36), index=True)
    roles: Mapped[str] = mapped_column(sa.Text)
    password_hash: Mapped[str | None] = mapped_column(sa.String(200))
    opened_at: Mapped[datetime] = mapped_column(bulk.Instant)


class ApiKey(Base):
    """A key of an account, by the SHA-256 of its secret: 256 random bits need no slow hash."""

    __tablename__ = "identity_key"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    account: Mapped[str] = mapped_column(sa.String(36), index=True)
    label: Mapped[str] = mapped_column(sa.String(80))
    secret_hash: Mapped[bytes]
    issued_at: Mapped[datetime] = mapped_column(bulk.Instant)


class Attempt(Base):
    """Failed sign-ins of a login, known or not: who guesses logins learns nothing from being made to wait."""

    __tablename__ = "identity_attempt"
    login_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(bulk.Instant, index=True)
    closed_until: Mapped[datetime] = mapped_column(bulk.Instant)
