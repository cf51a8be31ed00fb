"""Promises of the kernel broken on purpose, so that it is seen that the simulation would notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from events import bulk, inbox
from services import batch, committer
from services.batch import Batch
from services.committer import Answers, Committer
from services.incoming import Incoming
from services.service import Answer, Command, Service
from services.transaction import Tx

Defect = Callable[[pytest.MonkeyPatch], None]


def positions_first(patch: pytest.MonkeyPatch) -> None:
    """The position of a consumer is committed before the effects of what it read."""
    admit, commit = batch._admit, Committer._commit

    def commit_twice(self: Committer, service: Service, work: Batch, verdict: Exception | None) -> Answers:
        if work.records:
            with self.databases.writer(service.name).begin() as conn:
                fresh, moved = admit(service, conn, work.records)
                inbox.move(conn, service.inbox, moved)
                work = replace(work, records=fresh)
        return commit(self, service, work, verdict)

    patch.setattr(batch, "_admit", lambda service, conn, records: (list(records), {}))
    patch.setattr(Committer, "_commit", commit_twice)


def versions_unchecked(patch: pytest.MonkeyPatch) -> None:
    """A copy of an event is applied like the first; gaps still wait. The audit log is spared: its table refuses a
    second seal, and a handler that fails is another promise.
    """
    run = Incoming.run

    def run_copies_too(self: Incoming) -> None:
        read, self.incoming = self.incoming, []
        run(self)
        self.retry = []
        for record, e in read:
            last = self.applied.get(e.subject, 0)
            self.incoming = [(record, e)]
            if e.subjectversion > last:
                run(self)
            elif self.tx.service.name != "audit" and self._handle(e, record.body, None):
                self.applied[e.subject] = last

    patch.setattr(Incoming, "run", run_copies_too)


def claims_ignored(patch: pytest.MonkeyPatch) -> None:
    """A repeated command takes effect again. Its sender hears the first answer, so that only the effect betrays it."""
    claimed, claim = batch._claimed, batch._claim

    def claimed_too_late(tx: Tx, commands: Sequence[Command]) -> bulk.Found:
        """Nothing before they are handled."""
        handled = tx.memo.setdefault("handled", False)
        tx.memo["handled"] = True
        return claimed(tx, commands if handled else [])

    def claim_the_new(tx: Tx, commands: Sequence[Command], answers: dict[str, Answer | Exception]) -> None:
        answers |= (first := batch._repeats(commands, claimed(tx, commands)))
        claim(tx, [command for command in commands if command.id not in first], answers)

    patch.setattr(batch, "_claimed", claimed_too_late)
    patch.setattr(batch, "_claim", claim_the_new)


def undo_forgotten(patch: pytest.MonkeyPatch) -> None:
    """An item that fails leaves in memory what it changed there."""
    patch.setattr(Tx, "undo", lambda self, action: None)


def timers_kept(patch: pytest.MonkeyPatch) -> None:
    """A timer that fired stays set."""
    patch.setattr(Tx, "disarm", lambda self, subject, name: None)


def answers_before_commit(patch: pytest.MonkeyPatch) -> None:
    """A command is acknowledged although the database failed at its COMMIT."""
    told: dict[str, Any] = {}
    apply, run = committer.apply, Committer.run

    def remember(*args: Any, **more: Any) -> Answers:
        answers = apply(*args, **more)
        told.update(answers)
        return answers

    def hurried(self: Committer, service: Service, work: Batch) -> Answers:
        told.clear()
        try:
            return self._commit(service, work, None)
        except committer.sa.exc.OperationalError:
            if work.commands and len(told) == len(work.commands):
                return dict(told)
            return run(self, service, work)

    patch.setattr(committer, "apply", remember)
    patch.setattr(Committer, "run", hurried)


#: Each defect, and what the judge must say of it: that something else broke as well is no proof.
DEFECTS: dict[str, tuple[Defect, str]] = {
    defect.__name__: (defect, words)
    for defect, words in (
        (positions_first, "a consumer passed over an event"),
        (versions_unchecked, "an effect happened twice"),
        (claims_ignored, "an effect happened twice"),
        (undo_forgotten, "the history has version|replayed: "),
        (timers_kept, "timers "),
        (answers_before_commit, "acknowledged, and lost"),
    )
}
