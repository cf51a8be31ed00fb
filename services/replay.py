"""Rebuild what a service has projected: read the whole log again beside the living tables, then swap.

The rebuild is an ordinary consumer whose tables are temporary ones of the same names, which its connection sees first.
Only `projects` handlers run in it. It reads up to where the living consumer stands; there, with that consumer's
positions locked, the projected tables change places in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import inbox
from events.log import Place, Position, Record
from services.batch import Batch, apply
from services.committer import BATCH
from services.service import Service

if TYPE_CHECKING:
    from services.app import Application


class NotRebuilt(Exception):
    """The projections were not rebuilt; nothing has changed"""


def rebuild(app: Application, name: str) -> dict[str, int]:
    """Build the projections of a service anew; returns the rows of each table. Raises NotRebuilt."""
    service = next(s for s in app.services if s.name == name)
    projector = service.projector()
    with app.databases.writer(name).connect() as conn:
        living = "public" if conn.dialect.name == "postgresql" else "main"
        shadowed = [t for t in service.metadata.sorted_tables if t is not service.outbox.event]
        with conn.begin():
            for table in shadowed:
                _shadow(conn, table, living)
        try:
            _read_up(app, projector, conn, living)
            return _swap(app, projector, conn, living)
        finally:
            with conn.begin():
                for table in shadowed:
                    conn.exec_driver_sql(f'DROP TABLE "{table.name}"')


def _shadow(conn: Connection, table: sa.Table, living: str) -> None:
    """A temporary table of the same name and shape, empty; unqualified names mean it from now on."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f'CREATE TEMP TABLE "{table.name}" (LIKE {living}."{table.name}" INCLUDING ALL)')
        return
    written = conn.exec_driver_sql("SELECT sql FROM main.sqlite_master WHERE name = ?", (table.name,)).scalar_one()
    conn.exec_driver_sql(written.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))


def _read_up(app: Application, projector: Service, conn: Connection, living: str) -> None:
    """Apply everything up to where the living consumer stood when this began, batch by batch."""
    with conn.begin():
        goal = _living_positions(conn, projector, living, lock=False)
    _apply_until(app, projector, conn, goal, commit=True)


def _swap(app: Application, projector: Service, conn: Connection, living: str) -> dict[str, int]:
    """Stop the living consumer where it is, apply the rest, and put the new rows in place of the old."""
    rows: dict[str, int] = {}
    with conn.begin():
        goal = _living_positions(conn, projector, living, lock=True)
        _apply_until(app, projector, conn, goal, commit=False)
        for table in projector.projections:
            name = table.name
            conn.exec_driver_sql(f'DELETE FROM {living}."{name}"')
            conn.exec_driver_sql(f'INSERT INTO {living}."{name}" SELECT * FROM "{name}"')
            rows[name] = conn.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one()
    return rows


def _living_positions(conn: Connection, service: Service, living: str, *, lock: bool) -> dict[Place, int]:
    """Where the living consumer stands. Raises NotRebuilt while something of it is parked."""
    box = service.inbox
    parked = f"SELECT count(*) FROM {living}.\"{box.waiting.name}\" WHERE reason = '{inbox.FAILED}'"
    if conn.exec_driver_sql(parked).scalar_one():
        raise NotRebuilt(f"{service.name} has parked events; settle them first: imbang parked")
    query = f'SELECT topic, part, next FROM {living}."{box.position.name}" ORDER BY topic, part'
    locked = " FOR UPDATE" if lock and conn.dialect.name == "postgresql" else ""
    return {(r.topic, r.part): r.next for r in conn.exec_driver_sql(query + locked)}


def _apply_until(
    app: Application, projector: Service, conn: Connection, goal: Mapping[Place, int], *, commit: bool
) -> None:
    """Read and apply until each place stands at its goal; in a transaction for each batch, or in the open one."""
    while True:
        behind = _behind(conn, projector, goal, commit)
        if not behind:
            return
        here = dict(behind)
        reader = app.event_log.reader(f"{projector.name}-rebuild", projector.topics, here.copy)
        try:
            records = [r for r in reader.read(BATCH) if r.offset < goal.get((r.topic, r.part), 0)]
        finally:
            reader.close()
        if commit:
            with conn.begin():
                _apply(app, projector, conn, records)
        else:
            _apply(app, projector, conn, records)


def _behind(conn: Connection, service: Service, goal: Mapping[Place, int], commit: bool) -> dict[Place, Position]:
    """All positions of the rebuild, or nothing when it has arrived."""
    if commit:
        with conn.begin():
            now = inbox.positions(conn, service.inbox)
    else:
        now = inbox.positions(conn, service.inbox)
    arrived = all(now.get(place, Position()).offset >= offset for place, offset in goal.items())
    return {} if arrived else {place: now.get(place, Position()) for place in goal}


def _apply(app: Application, projector: Service, conn: Connection, records: list[Record]) -> None:
    moment = app.clock.read(conn)
    with conn.begin_nested():
        apply(projector, conn, app.event_log, moment, Batch(records=records))
        due = inbox.due(conn, projector.inbox, moment.wall, BATCH)
        if due:
            apply(projector, conn, app.event_log, moment, Batch(due=due))
