"""Yardstick (d), what a careful author writes without an engine: a transaction a step, `transitions`, SQLAlchemy Core.

An idempotent message, one state change, one audit row, one outgoing event. No authority, no guards, no duties.
"""

from __future__ import annotations

import json
import threading
import weakref
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from transitions import Machine

from services.config import driver  # of the engine it knows nothing else: its memory is measured too

ANSWERS = ("answer", "release", "receive")

metadata = sa.MetaData()
inbox = sa.Table("inbox", metadata, sa.Column("message", sa.Text, primary_key=True))
case = sa.Table(
    "case_state",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("agreed", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("case", sa.Text, nullable=False, index=True),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

CLAIM = postgresql.insert(inbox).on_conflict_do_nothing().returning(inbox.c.message)
READ = sa.select(case).where(case.c.id == sa.bindparam("case")).with_for_update()
_insert = postgresql.insert(case)
WRITE = _insert.on_conflict_do_update(
    index_elements=["id"],
    set_={name: _insert.excluded[name] for name in ("state", "agreed", "version")},
)


class Model:
    """A case while it is stepped; one a thread, used again and again."""

    step = ""
    agreed: frozenset[str] = frozenset()

    def everyone_agrees(self) -> bool:
        return len(self.agreed) == len(ANSWERS)

    def agree(self) -> None:
        self.agreed |= {self.step}


def machine() -> Machine:
    built = Machine(
        model=None, states=["new", "proposed", "consulted", "placed"], initial="new", auto_transitions=False
    )
    built.add_transition("draft", "new", "proposed")
    built.add_transition("submit", "proposed", "consulted")
    for answer in ANSWERS:
        built.add_transition(answer, "consulted", None, before="agree")
    built.add_transition("sign", "consulted", "placed", conditions="everyone_agrees")
    return built


class StepByStep:
    """The program; `handle` may be called from several threads."""

    def __init__(self, url: str):
        self.engine = sa.create_engine(driver(url), pool_size=32)
        metadata.create_all(self.engine)
        self.machine = machine()
        self._mine = threading.local()
        self._conns = weakref.WeakSet[sa.Connection]()  # those of threads that ended go back to the pool by themselves

    def give(self, raw: bytes) -> None:
        """One step, committed when this returns."""
        conn, model = self._own()
        message = json.loads(raw)
        command = message["command"]
        with conn.begin():
            if conn.execute(CLAIM, {"message": message["id"]}).first() is None:
                return
            row = conn.execute(READ, {"case": command["mutation"]}).first()
            before, version = (row.state, row.version) if row else ("new", 0)
            model.step = command["command"]
            model.agreed = frozenset(filter(None, row.agreed.split(","))) if row else frozenset()
            self.machine.set_state(before, model)
            if not model.trigger(model.step):
                raise AssertionError(f"{model.step} in state {before}")
            after = {"id": command["mutation"], "state": model.state, "version": version + 1}
            conn.execute(WRITE, {**after, "agreed": ",".join(sorted(model.agreed))})
            told = {"case": after["id"], "step": model.step, "actor": message["person"], "before": before}
            conn.execute(sa.insert(audit), {**told, "after": model.state, "message": raw.decode()})
            conn.execute(sa.insert(outbox), {"key": after["id"], "body": json.dumps({**after, "cause": message["id"]})})

    def _own(self) -> tuple[sa.Connection, Any]:
        """The connection and the model of the calling thread."""
        if not hasattr(self._mine, "conn"):
            self._mine.conn, self._mine.model = self.engine.connect(), Model()
            self.machine.add_model(self._mine.model)
            self._conns.add(self._mine.conn)
        return self._mine.conn, self._mine.model

    def finished(self) -> int:
        with self.engine.connect() as conn:
            placed = sa.select(sa.func.count()).where(case.c.state == "placed")
            return conn.scalar(placed) or 0

    def close(self) -> None:
        for conn in list(self._conns):
            conn.close()
        self.engine.dispose()
