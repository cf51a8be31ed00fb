"""What the service knows of people, positions and units: its projections, kept in memory from batch to batch.

They change only when an event is applied. Most are applied as they are read, and a position moves. Those that waited
are applied by a retry, and then one event fewer waits; if another waits instead, a position has moved for that. So the
positions and the number of events that wait, read with each batch, tell whether what was read before still holds,
whichever instance applied them. A minute is the limit all the same: a rebuild mends tables without either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from events import bulk
from services.db import table
from services.mutations.models import Person, Position, Unit
from services.mutations.reservations import Book, Thing
from services.transaction import Place, Row, Tx

person, position, unit = table(Person), table(Position), table(Unit)

KEPT = timedelta(minutes=1)
#: Rows in memory at most; beyond it everything is read anew.
MOST = 200_000


class Knowledge:
    """Rows by table and key, and how many people each position has; true as of some positions and waiting events."""

    def __init__(self, as_of: object, since: datetime):
        self.as_of, self.since = as_of, since
        self.rows: dict[Place, Row | None] = {}
        self.occupied: dict[str, int] = {}

    def learn(
        self, tx: Tx, people: Collection[str], positions: Iterable[str], book: Book, things: Iterable[Thing]
    ) -> None:
        """Read what is not known yet of these people, positions and their units; into the book, who holds `things`."""
        conn, strangers = tx._conn, self._unknown(person, people)
        with bulk.together(conn):
            found = bulk.lookup(conn, person, "id", strangers, person.columns.keys())
            reserved = book.ask(conn, things)
        self._add(person, strangers, found)
        book.enter(reserved)
        homes = {row["position"] for p in people if (row := self.rows[person, (p,)])}
        if places := self._unknown(position, homes.union(positions)):
            with bulk.together(conn):
                posts = bulk.lookup(conn, position, "id", places, position.columns.keys())
                units = bulk.lookup(conn, unit, "id", places, unit.columns.keys(), via=position.c.unit)
                taken = bulk.count(conn, person, "position", places)
            self._add(position, places, posts)
            self._add(unit, (), units)
            self.occupied |= dict.fromkeys(places, 0) | dict(taken)

    def _unknown(self, of: sa.Table, keys: Iterable[str]) -> list[str]:
        return [key for key in keys if (of, (key,)) not in self.rows]

    def _add(self, of: sa.Table, asked: Collection[str], found: Iterable[bulk.Row]) -> None:
        names = of.columns.keys()
        self.rows |= {(of, (key,)): None for key in asked}
        self.rows |= {(of, row[:1]): dict(zip(names, row, strict=True)) for row in found}


_kept: WeakKeyDictionary[Engine, Knowledge] = WeakKeyDictionary()


def knowledge(tx: Tx, as_of: object) -> Knowledge:
    """What is known as of these positions and waiting events."""
    kept = _kept.get(tx._conn.engine)
    if kept is None or kept.as_of != as_of or tx.wall - kept.since > KEPT or len(kept.rows) > MOST:
        kept = _kept[tx._conn.engine] = Knowledge(as_of, tx.wall)
    return kept
