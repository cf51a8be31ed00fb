"""Void sign-ins. Every service with doors hears of them by event, so each process keeps revoked sessions out by itself.

`<service>_revoked` is a projection like any other: it survives a restart, and a rebuild fills it again.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from events import bulk

if TYPE_CHECKING:
    from services.service import Event
    from services.transaction import Tx


def table(metadata: sa.MetaData, service: str) -> sa.Table:
    """Accounts of which every sign-in before a moment is void."""
    return sa.Table(
        f"{service}_revoked",
        metadata,
        sa.Column("account", sa.String(36), primary_key=True),
        sa.Column("before", bulk.Instant, nullable=False),
    )


def void_sign_ins(tx: Tx, event: Event) -> None:
    """Remember the latest revocation of an account."""
    revoked, account, before = tx.service.revoked, event.data.account, event.data.issued_before
    known = tx.get(revoked, account)
    if known is None or known["before"] < before:
        tx.upsert(revoked, {"account": account, "before": before})


class Revocations:
    """What one service of this process has heard. One lookup by key a request, so nothing here can be stale.

    A route that only gives a command does without: there the batch asks, together with the command.
    """

    def __init__(self, engine: Engine, revoked: sa.Table):
        # One question needs no transaction around it, which would cost two more.
        self._engine, self._revoked = engine.execution_options(isolation_level="AUTOCOMMIT"), revoked

    def void(self, account: str, signed_in: datetime) -> bool:
        """Is this sign-in revoked? The moment of signing in counts, so that renewing a session does not save it."""
        before = sa.select(self._revoked.c.before).where(self._revoked.c.account == account)
        with self._engine.connect() as conn:
            moment = conn.scalar(before)
        return moment is not None and signed_in < moment
