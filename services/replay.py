"""Rebuild what a service has projected: read the whole log again beside the living tables, then swap.

The rebuild is an ordinary consumer whose tables are temporary ones of the same names, which its connection sees first.
Only `projects` handlers run in it. It reads up to where the living consumer stands; there, with that consumer locked,
the projected tables change places in one transaction. What an operator dismissed it passes over too. It gives up when
it has not applied exactly what the living consumer has: that one keeps its own list of what waits.

Nobody else writes its tables, so it knows without asking what they hold, as long as its memory has room for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import inbox
from events.log import LogCut, Place, Position, Record
from services.batch import Batch, apply
from services.clock import Moment
from services.incoming import ConsumerStopped
from services.service import Command, Event, Firing, Service
from services.transaction import Place as Key
from services.transaction import Row, Tx

if TYPE_CHECKING:
    from services.app import Application


#: Events a transaction: nobody waits for one, so that what each costs by itself is shared by many.
BATCH = 4000
#: Rows in memory at most; beyond it they are read from their tables.
MOST = 300_000


class NotRebuilt(Exception):
    """The projections were not rebuilt; nothing has changed"""


def rebuild(app: Application, name: str) -> dict[str, int]:
    """Build the projections of a service anew; returns the rows of each table. Raises NotRebuilt."""
    service = next((s for s in app.services if s.name == name), None)
    if service is None:
        raise NotRebuilt(f"{name} does not run in this process; see IMBANG_SERVICES")
    written = Written()
    projector = service.projector(prepare=written.recall, finish=written.note)
    with app.databases.writer(name).connect() as conn:
        living = "public" if conn.dialect.name == "postgresql" else "main"
        shadowed = [t for t in service.metadata.sorted_tables if t is not service.outbox.event]
        with conn.begin():
            dismissed = _dismissed(conn, service)
            for table in shadowed:
                _shadow(conn, table, living)
        rebuilding = Rebuild(app, projector, conn, living, dismissed)
        try:
            rebuilding.read_up()
            return rebuilding.swap()
        except (LogCut, ConsumerStopped) as error:
            raise NotRebuilt(f"{type(error).__doc__}: {error}") from error
        finally:
            with conn.begin():
                for table in shadowed:
                    conn.exec_driver_sql(f'DROP TABLE "{table.name}"')


def _dismissed(conn: Connection, service: Service) -> set[tuple[str, int]]:
    """Subject and version of what an operator passed over."""
    d = service.inbox.dismissed
    return {(subject, version) for subject, version in conn.execute(sa.select(d.c.subject, d.c.version))}


def _shadow(conn: Connection, table: sa.Table, living: str) -> None:
    """A temporary table of the same name and shape, empty; unqualified names mean it from now on."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f'CREATE TEMP TABLE "{table.name}" (LIKE {living}."{table.name}" INCLUDING ALL)')
        return
    written = conn.exec_driver_sql("SELECT sql FROM main.sqlite_master WHERE name = ?", (table.name,)).scalar_one()
    conn.exec_driver_sql(written.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))


class Written(Mapping[Key, Row | None]):
    """All rows that a rebuild has written, for `tx.get` to find: what is not here does not exist.

    It gives up for good when there are too many, or when something was written past it; then nothing is here, and the
    tables are asked.
    """

    def __init__(self) -> None:
        self.rows: dict[Key, Row | None] = {}
        self.complete = True

    def recall(self, tx: Tx, items: Sequence[Command | Event | Firing]) -> None:
        """Before a batch."""
        tx.remembered = self

    def note(self, tx: Tx) -> None:
        """After its handlers: what they have written."""
        if tx.remembered is not self or len(self.rows) > MOST:
            self.complete = False
            self.rows.clear()
        if self.complete:
            for place, row in tx._read.items():
                self._note(place, row)
            for table, rows in tx._done.rows.items():
                for key, row in rows.items():
                    self._note((table, key), row)

    def _note(self, place: Key, row: Row | None) -> None:
        """An upsert leaves the columns alone that it does not name."""
        if row is not None and len(row) < len(place[0].columns):
            row = (self.rows.get(place) or dict.fromkeys(place[0].columns.keys())) | row
        self.rows[place] = row

    def __contains__(self, place: object) -> bool:
        return self.complete

    def __getitem__(self, place: Key) -> Row | None:
        return self.rows.get(place)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Rebuild:
    """A consumer on shadow tables: an unqualified name means the shadow, `living` is the schema of the real ones."""

    app: Application
    projector: Service
    conn: Connection
    living: str
    dismissed: Collection[tuple[str, int]]

    def read_up(self) -> None:
        """Apply everything up to where the living consumer stood when this began, batch by batch."""
        with self.conn.begin():
            goal = self._goal(lock=False)
        self._apply_until(goal, self.conn.begin)

    def swap(self) -> dict[str, int]:
        """Stop the living consumer where it is, apply the rest, and put the new rows in place of the old."""
        rows: dict[str, int] = {}
        with self.conn.begin():
            goal = self._goal(lock=True)
            self._apply_until(goal, nullcontext)
            self._compare()
            for table in self.projector.projections:
                name = table.name
                self.conn.exec_driver_sql(f'DELETE FROM {self.living}."{name}"')
                self.conn.exec_driver_sql(f'INSERT INTO {self.living}."{name}" SELECT * FROM "{name}"')
                rows[name] = self.conn.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one()
        return rows

    def _goal(self, *, lock: bool) -> dict[Place, int]:
        """Where the living consumer stands in the topics that project. Raises NotRebuilt while something is parked."""
        box, name = self.projector.inbox, self.projector.name
        parked = f"SELECT count(*) FROM {self.living}.\"{box.waiting.name}\" WHERE reason = '{inbox.FAILED}'"
        if self.conn.exec_driver_sql(parked).scalar_one():
            raise NotRebuilt(f"{name} has parked events; settle them first: imbang parked")
        query = f'SELECT topic, part, next FROM {self.living}."{box.position.name}" ORDER BY topic, part'
        locking = lock and self.conn.dialect.name == "postgresql"
        positions = self.conn.exec_driver_sql(query + (" FOR UPDATE" if locking else "")).all()
        if locking:  # a retry moves no position
            self.conn.exec_driver_sql(f'LOCK TABLE {self.living}."{box.applied.name}" IN EXCLUSIVE MODE')
        goal = {(r.topic, r.part): r.next for r in positions if r.topic in self.projector.topics}
        ends = {(t, part): end for t in self.projector.topics for part, end in self.app.event_log.ends(t).items()}
        for place, offset in goal.items():
            if ends.get(place, offset) < offset:
                raise LogCut(f"{place[0]}/{place[1]} ends at {ends[place]}, {name} is at {offset}")
        return goal

    def _apply_until(self, goal: Mapping[Place, int], begin: Callable[[], AbstractContextManager[object]]) -> None:
        """Read and apply until each place stands at its goal and nothing is due; every batch inside a `begin`."""
        here: dict[Place, Position] = {}
        reader = self.app.event_log.reader(f"{self.projector.name}-rebuild", self.projector.topics, here.copy)
        with closing(reader):
            while True:
                with begin():
                    now = inbox.positions(self.conn, self.projector.inbox)
                here |= {place: now.get(place, Position()) for place in goal}
                if all(here[place].offset >= offset for place, offset in goal.items()):
                    break
                records = [r for r in reader.read(BATCH) if r.offset < goal.get((r.topic, r.part), 0)]
                with begin():
                    self._apply(self.app.clock.read(self.conn), records=records)
        with begin():
            moment = self.app.clock.read(self.conn)
            while due := inbox.due(self.conn, self.projector.inbox, moment.wall, BATCH):
                self._apply(moment, due=due)  # what must wait again is due after this moment

    def _apply(self, moment: Moment, *, records: Sequence[Record] = (), due: Sequence[str] = ()) -> None:
        batch = Batch(records=list(records), due=list(due), dismissed=self.dismissed)
        with self.conn.begin_nested():
            apply(self.projector, self.conn, self.app.event_log, lambda _: lambda: moment, batch)

    def _compare(self) -> None:
        """Raise NotRebuilt unless shadow and living consumer have applied the same versions of all they know."""
        waiting, applied = self.projector.inbox.waiting.name, self.projector.inbox.applied.name
        missing = self.conn.exec_driver_sql(
            f'SELECT w.subject, w.version, w.detail FROM "{waiting}" w JOIN {self.living}."{applied}" a '
            "ON a.subject = w.subject AND w.version <= a.version ORDER BY w.version LIMIT 1"
        ).first()
        if missing:
            where = f"version {missing.version} of {missing.subject}"
            raise NotRebuilt(f"{where} was applied once, but cannot be now: {missing.detail}")
        ahead = self.conn.exec_driver_sql(
            f'SELECT s.subject, s.version FROM "{applied}" s LEFT JOIN {self.living}."{applied}" a '
            "ON a.subject = s.subject WHERE s.version > coalesce(a.version, 0) LIMIT 1"
        ).first()
        if ahead:
            raise NotRebuilt(
                f"{ahead.subject} still waits in {self.projector.name}, and would be applied twice; try again when the "
                "page of operations shows it no more"
            )
