"""What the service knows of people, positions and units: its projections, kept in memory from batch to batch.

They change only when an event is applied. Most are applied as they are read, and a position moves. Those that waited
are applied by a retry, and then one event fewer waits; if another waits instead, a position has moved for that. So the
positions and the number of events that wait, read with each batch, tell whether what was read before still holds,
whichever instance applied them. A minute is the limit all the same: a rebuild mends tables without either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from events import bulk
from services.db import table
from services.mutations.models import Person, Position, Unit
from services.mutations.reservations import Book, Thing
from services.transaction import Place, Row, Tx

if TYPE_CHECKING:
    from services.mutations.facts import Site

#: The person and the target position of a case. They never change, so whoever once knew a case may lock what it can
#: reserve in the same breath as the case itself.
Move = tuple[str, str]

person, position, unit = table(Person), table(Position), table(Unit)
PERSON, POSITION, UNIT = (tuple(of.columns.keys()) for of in (person, position, unit))

KEPT = timedelta(minutes=1)
#: Rows in memory at most; beyond it everything is read anew.
MOST = 200_000


class Knowledge:
    """Rows by table and key, and how many people each position has; true as of some positions and waiting events."""

    def __init__(self, as_of: object, since: datetime, moves: dict[str, Move]):
        self.as_of, self.since, self.moves = as_of, since, moves
        self.rows: dict[Place, Row | None] = {}
        self.occupied: dict[str, int] = {}
        #: What `facts` makes of the rows of a position and its unit.
        self.sites: dict[str, Site] = {}

    def ask(self, conn: Connection, people: Iterable[str]) -> tuple[list[str], bulk.Found]:
        """Ask for the people who are not known, together with other questions; `meet` takes the answer."""
        strangers = self._unknown(person, people)
        return strangers, bulk.lookup(conn, person, "id", strangers, PERSON)

    def meet(self, strangers: Collection[str], found: bulk.Found) -> None:
        self._add(person, strangers, found)

    def learn(
        self, tx: Tx, people: Collection[str], positions: Iterable[str], book: Book, things: Iterable[Thing]
    ) -> None:
        """Read what is not known yet of these people, positions and their units; into the book, who holds `things`."""
        conn = tx._conn
        with bulk.together(conn):
            asked = self.ask(conn, people)
            reserved = book.ask(conn, things)
        self.meet(*asked)
        book.enter(reserved)
        homes = {row["position"] for p in people if (row := self.rows[person, (p,)])}
        if places := self._unknown(position, homes.union(positions)):
            with bulk.together(conn):
                posts = bulk.lookup(conn, position, "id", places, POSITION)
                units = bulk.lookup(conn, unit, "id", places, UNIT, via=position.c.unit)
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


def kept(conn: Connection) -> Knowledge:
    """What was known at the last batch; whether it still holds shows when this batch has read its positions."""
    known = _kept.get(conn.engine)
    if known is None:
        known = _kept[conn.engine] = Knowledge(None, datetime.min.replace(tzinfo=UTC), {})
    return known


def knowledge(tx: Tx, as_of: object) -> Knowledge:
    """What is known as of these positions and waiting events."""
    known = kept(tx._conn)
    if known.as_of != as_of or tx.wall - known.since > KEPT or len(known.rows) + len(known.moves) > MOST:
        moves = known.moves if len(known.moves) <= MOST // 2 else {}
        known = _kept[tx._conn.engine] = Knowledge(as_of, tx.wall, moves)
    return known
