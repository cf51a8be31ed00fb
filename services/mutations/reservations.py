"""What cases hold reserved: read and locked with a batch, changed in memory, written when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy.engine import Connection

from events import bulk
from services.db import table
from services.mutations.models import Reservation
from services.transaction import Tx
from workflow.mutation import Mutation

reservation = table(Reservation)

#: What can be reserved: a kind (`person`, `place` or `share`), and of which person or position.
Thing = tuple[str, str]


class Book:
    """Who holds what, as the cases of this batch leave it."""

    def __init__(self) -> None:
        self.held: dict[Thing, dict[str, float]] = {}
        self._of: dict[str, set[Thing]] = {}
        self._changed: dict[tuple[str, Thing], float | None] = {}

    def load(self, conn: Connection, things: Iterable[Thing], *, lock: bool = True) -> None:
        """Lock these things against other instances, in order, and read who holds them."""
        self.enter(self.ask(conn, things, lock=lock))

    def ask(self, conn: Connection, things: Iterable[Thing], *, lock: bool = True) -> bulk.Found:
        """The first half of `load`, to travel together with other questions."""
        wanted = sorted({t for t in things if t not in self.held})
        if lock:
            bulk.lock(conn, [f"{kind}/{key}" for kind, key in wanted])
        self.held |= {t: {} for t in wanted}
        columns = ("key", "kind", "mutation", "share")
        return bulk.lookup(conn, reservation, "key", {key for _, key in wanted}, columns)

    def enter(self, found: bulk.Found) -> None:
        """The second half of `load`."""
        for key, kind, mutation, share in found:
            self._hold((kind, key), mutation, share)

    def others(self, kind: str, key: str, mutation: str) -> dict[str, float]:
        """The other cases that hold a thing, each with its share."""
        holders = self.held.get((kind, key))
        if not holders or (len(holders) == 1 and mutation in holders):
            return {}
        return {m: share for m, share in holders.items() if m != mutation}

    def set(self, mutation: str, wanted: Mapping[Thing, float]) -> Callable[[], object]:
        """Make these the reservations of a case; returns how to take that back."""
        before = {t: self.held[t][mutation] for t in self._of.get(mutation, ())}
        if before == wanted:
            return lambda: None
        changed = dict(self._changed)

        def undo() -> None:
            self._replace(mutation, before)
            self._changed = changed

        self._replace(mutation, wanted)
        self._changed |= {(mutation, t): wanted.get(t) for t in before.keys() | wanted.keys()}
        return undo

    def write(self, tx: Tx) -> None:
        """Write what changed."""
        for (mutation, (kind, key)), share in self._changed.items():
            if share is None:
                tx.delete(reservation, kind, key, mutation)
            else:
                tx.upsert(reservation, {"kind": kind, "key": key, "mutation": mutation, "share": share})

    def _replace(self, mutation: str, wanted: Mapping[Thing, float]) -> None:
        for thing in self._of.pop(mutation, ()):
            del self.held[thing][mutation]
        for thing, share in wanted.items():
            self._hold(thing, mutation, share)

    def _hold(self, thing: Thing, mutation: str, share: float) -> None:
        self.held.setdefault(thing, {})[mutation] = share
        self._of.setdefault(mutation, set()).add(thing)


def things(person: str, position: str) -> list[Thing]:
    """Everything that a case of this person and target may hold."""
    return [("person", person), ("place", position), ("share", person)]


def held_by(mutation: Mutation, kinds: Iterable[str]) -> dict[Thing, float]:
    """What a case holds in a state that reserves these kinds."""
    keys = {"person": mutation.person, "place": mutation.move.target.position, "share": mutation.person}
    return {(kind, keys[kind]): mutation.move.share for kind in kinds}
