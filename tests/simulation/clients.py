"""What clients sent and were told. They are patient: a command whose outcome is unknown is sent again with its id."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa

from services.batch import Batch, Reused
from services.service import Answer, Command, Refused, Retry
from tests.simulation.instance import Instance
from tests.simulation.mortal import Died


@dataclass
class Sent:
    """One command of one client, and everything that was said of it."""

    service: str
    command: Command
    answer: Answer | None = None
    #: Somebody was left without an answer, so that it may have been committed.
    doubtful: bool = False


@dataclass
class Ledger:
    """All that was promised, kept outside the engine; `complaints` are promises that were broken in the telling."""

    sent: dict[str, Sent] = field(default_factory=dict)
    acknowledged: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)

    def give(self, instance: Instance, service: str, commands: list[Command]) -> None:
        """Send commands together, as clients do whose commands meet in one batch. Raises Died with the process."""
        batch = {command.id: self.sent.setdefault(command.id, Sent(service, command)) for command in commands}
        committer = instance.app.committer
        try:
            if len(commands) == 1:
                answers = {commands[0].id: _one(instance, service, commands[0])}
            else:
                answers = committer.run(committer.services[service], Batch(commands=commands))
        except (Died, sa.exc.OperationalError, sa.exc.InterfaceError):
            self._doubt(batch)
            raise
        for command in commands:
            self._hear(batch[command.id], command, answers[command.id])

    def _doubt(self, batch: dict[str, Sent]) -> None:
        for key, sent in batch.items():
            if sent.answer is None and not sent.doubtful:
                sent.doubtful = True
                self.doubtful.append(key)

    def _hear(self, sent: Sent, command: Command, answer: Answer | Exception) -> None:
        same = command.fingerprint == sent.command.fingerprint
        match answer:
            case Reused():
                if same:
                    self.complaints.append(f"{command.id}: a repeat was called another command")
            case Refused():
                self.refusals[answer.rule] += 1
                if sent.answer is not None:
                    self.complaints.append(f"{command.id}: acknowledged, then refused by {answer.rule}")
            case Retry():
                self._doubt({command.id: sent})
            case Exception():
                self.complaints.append(f"{command.id}: {type(command.data).__name__} failed: {answer!r}")
            case _:
                self._acknowledge(sent, command, answer, same)

    def _acknowledge(self, sent: Sent, command: Command, answer: Answer, same: bool) -> None:
        if not same and sent.answer is not None:
            self.complaints.append(f"{command.id}: another command was answered with the id of the first")
        if sent.answer is None:
            # An id that was refused is free: who used it first for something accepted owns it.
            sent.answer, sent.command = answer, command
            self.acknowledged.append(command.id)
        elif sent.answer != answer:
            self.complaints.append(f"{command.id}: answered {sent.answer}, then {answer}")

    def broken(self, conn: sqlite3.Connection, since: int = 0) -> Iterator[str]:
        """Complaints, and acknowledged commands (from the `since`-th on) that the database does not hold as told."""
        yield from self.complaints
        for key in self.acknowledged[since:]:
            sent = self.sent[key]
            row = conn.execute(
                f"SELECT fingerprint, answer FROM {sent.service}_claim WHERE command_id = ?", (key,)
            ).fetchone()
            if row is None:
                yield f"{key}: acknowledged, and lost"
            elif (row[0], json.loads(row[1])) != (sent.command.fingerprint, sent.answer):
                yield f"{key}: acknowledged as {sent.answer}, kept as {row[1]!r}"
            elif sent.service == "mutations":
                yield from _without_effect(conn, key, sent.answer or {})

    def groundless(self, conn: sqlite3.Connection) -> Iterator[str]:
        """Effects of commands that were refused each time they were sent."""
        refused = {key for key, sent in self.sent.items() if sent.answer is None and not sent.doubtful}
        for service in {sent.service for sent in self.sent.values()}:
            for (cause,) in conn.execute(f"SELECT DISTINCT causation FROM {service}_event"):
                if cause in refused:
                    yield f"{cause}: refused, and yet {service} recorded an event of it"


def _one(instance: Instance, service: str, command: Command) -> Answer | Exception:
    try:
        return instance.app.committer.submit(service, command)
    except (sa.exc.OperationalError, sa.exc.InterfaceError):
        raise
    except Exception as error:
        return error


def _without_effect(conn: sqlite3.Connection, key: str, answer: dict[str, Any]) -> Iterator[str]:
    """The last event that a command caused on its case is the one its answer speaks of."""
    if "mutation" not in answer:
        return
    subject = f"mutations/mutation/{answer['mutation']}"
    row = conn.execute(
        "SELECT subject_version, body FROM mutations_event WHERE causation = ? AND subject = ? "
        "ORDER BY subject_version DESC LIMIT 1",
        (key, subject),
    ).fetchone()
    if row is None or (row[0], json.loads(row[1])["data"]["state"]) != (answer["version"], answer["state"]):
        yield f"{key}: answered version {answer['version']} in {answer['state']}, recorded {row and row[0]}"


def command_of(key: str, data: msgspec.Struct, **more: Any) -> Command:
    """A command as a door makes it: the fingerprint is its content."""
    return Command(id=key, data=data, fingerprint=msgspec.json.encode(data), **more)
