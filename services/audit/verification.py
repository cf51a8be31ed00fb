"""The button "verify now": asked by a command, done by a job outside any transaction, its verdict kept."""

from __future__ import annotations

import msgspec

from services.audit.export import Verdict, examine
from services.audit.models import Verification
from services.db import table
from services.jobs import Job, Read
from services.service import Answer, Command
from services.transaction import Tx

verification = table(Verification)


class Verify(msgspec.Struct, frozen=True):
    """Check the whole log now; asking again while a check runs makes it run once more."""


class Conclude(msgspec.Struct, frozen=True):
    """Keep what a verification found."""

    verdict: Verdict


def ask(tx: Tx, command: Command) -> Answer:
    row = tx.get(verification, 1) or {"id": 1, "done_at": None, "verdict": None}
    asked_by = command.actor.account if command.actor else ""
    tx.upsert(verification, {**row, "asked_by": asked_by, "asked_at": tx.wall})
    tx.enqueue("verify", "log", b"")
    return {"asked_at": tx.wall.isoformat()}


def run(job: Job, read: Read) -> Conclude:
    return Conclude(examine(read, job.wall))


def conclude(tx: Tx, command: Command) -> Answer:
    result = command.data
    assert isinstance(result, Conclude)
    row = tx.get(verification, 1)
    assert row is not None
    tx.upsert(verification, {**row, "done_at": tx.wall, "verdict": msgspec.json.encode(result.verdict)})
    return {"verified": result.verdict["verified"]}
