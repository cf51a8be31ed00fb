"""A database that dies or falters between any two statements, before a COMMIT, or after it with the answer lost.

It sits at the driver: every statement of every connection of a process passes here, whoever sends it. A process that
died says nothing more; its open transactions are rolled back, as by the kernel of a machine that closes its files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from random import Random
from typing import Any, Literal, NamedTuple

from sqlalchemy import event
from sqlalchemy.engine import Engine

Moment = Literal["statement", "commit", "committed"]


class Died(BaseException):
    """The process was killed"""


class Blow(NamedTuple):
    """What happens at the `nth` moment of its kind from now: `deadly` ends the process, else one statement fails."""

    deadly: bool
    moment: Moment
    nth: int

    @property
    def name(self) -> str:
        where = {"statement": "between statements", "commit": "before commit", "committed": "after commit"}
        return f"{'death' if self.deadly else 'failure'} {where[self.moment]}"


def drawn(random: Random, deadliness: float) -> Blow:
    """A blow at a statement that a step may reach, or at its COMMIT."""
    moment: Moment = random.choice(("statement", "statement", "commit", "committed"))
    return Blow(random.random() < deadliness, moment, random.randint(1, 24) if moment == "statement" else 1)


class Fate:
    """What awaits the connections of one process."""

    def __init__(self) -> None:
        self.dead = False
        self.struck: Blow | None = None
        self._blow: Blow | None = None
        self._left = 0

    def threaten(self, blow: Blow | None) -> None:
        self._blow, self.struck = blow, None
        self._left = blow.nth if blow else 0

    def meet(self, moment: Moment) -> None:
        if self.dead:
            raise Died
        if self._blow is None or self._blow.moment != moment:
            return
        self._left -= 1
        if self._left == 0:
            self.struck, self._blow = self._blow, None
            self.dead = self.struck.deadly
            raise Died if self.dead else sqlite3.OperationalError("disk I/O error")


def endanger(engine: Engine, fate: Fate) -> None:
    """Have all connections of an engine, from now on, meet this fate."""

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
            fate.meet("statement")
            return super().execute(sql, parameters)

        def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
            fate.meet("statement")
            return super().executemany(sql, parameters)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: type[sqlite3.Cursor] | None = None) -> sqlite3.Cursor:
            return super().cursor(Cursor)

        def commit(self) -> None:
            fate.meet("commit")
            super().commit()
            fate.meet("committed")

    def connect(_: Any, __: Any, arguments: Sequence[Any], named: dict[str, Any]) -> sqlite3.Connection:
        return sqlite3.connect(*arguments, **named, factory=Connection)

    event.listen(engine, "do_connect", connect)
    engine.dispose()
