"""What a step leaves where the peer does not keep it itself: the case, a record of the step, an outgoing event."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from tests.bench.peers.protocol import Message, case_of, step_of

TABLES = (
    "CREATE TABLE case_state (id text PRIMARY KEY, state text NOT NULL, agreed text NOT NULL, version int NOT NULL,"
    " body text)",
    "CREATE TABLE audit (seq bigserial PRIMARY KEY, id text NOT NULL, step text NOT NULL, actor text NOT NULL,"
    " after text NOT NULL, message text NOT NULL)",
    "CREATE INDEX audit_of_case ON audit (id)",
    "CREATE TABLE outbox (seq bigserial PRIMARY KEY, id text NOT NULL, event text NOT NULL)",
    "CREATE TABLE inbox (message text PRIMARY KEY)",
)
CLAIM = sa.text("INSERT INTO inbox VALUES (:message) ON CONFLICT DO NOTHING RETURNING message")
READ = sa.text("SELECT state, agreed, version, body FROM case_state WHERE id = :id FOR UPDATE")
WRITE = sa.text(
    "INSERT INTO case_state VALUES (:id, :state, :agreed, :version, :body) ON CONFLICT (id) DO UPDATE"
    " SET state = excluded.state, agreed = excluded.agreed, version = excluded.version, body = excluded.body"
)
RECORD = sa.text("INSERT INTO audit (id, step, actor, after, message) VALUES (:id, :step, :actor, :state, :message)")
TELL = sa.text("INSERT INTO outbox (id, event) VALUES (:id, :event)")


def engine(url: str) -> sa.Engine:
    """The tables, and an engine for as many threads as any peer has."""
    made = sa.create_engine(driver(url), pool_size=32)
    with made.begin() as conn:
        for statement in TABLES:
            conn.execute(sa.text(statement))
    return made


def driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def write(conn: Any, message: Message, state: str, version: int, agreed: str = "", body: str | None = None) -> None:
    """What a step leaves, in the transaction of a connection or session."""
    case, step = case_of(message), step_of(message)
    conn.execute(WRITE, {"id": case, "state": state, "agreed": agreed, "version": version, "body": body})
    told = {"id": case, "step": step, "actor": message["person"], "state": state, "message": json.dumps(message)}
    conn.execute(RECORD, told)
    event = {"case": case, "state": state, "version": version, "cause": message["id"]}
    conn.execute(TELL, {"id": case, "event": json.dumps(event)})


def finished(engine: sa.Engine) -> int:
    """How many cases went all the way; AssertionError when one did not, or left more or fewer records than six."""
    counts = "SELECT count(*), count(*) FILTER (WHERE state = 'placed' AND version = 6) FROM case_state"
    with engine.connect() as conn:
        cases, placed = conn.execute(sa.text(counts)).one()
        records, events = (conn.scalar(sa.text(f"SELECT count(*) FROM {table}")) for table in ("audit", "outbox"))
    if not cases == placed == records / 6 == events / 6:
        raise AssertionError(f"{cases} cases, {placed} placed, {records} records, {events} events")
    return int(placed)
