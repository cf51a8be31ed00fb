"""A log at its worst: it also reorders across keys, and consumers lose their place."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from deploy.sample.faults import FaultyLog
from events.log import EventLog, Place, Position, Positions, Reader, Record


class UnrulyLog(FaultyLog):
    """`moves`: how often a consumer lost what it had in hand and began again where its database says, or behind it."""

    def __init__(self, inner: EventLog, seed: int, rate: float):
        super().__init__(inner, seed, rate)
        self.moves = 0

    def reader(self, consumer: str, topics: Sequence[str], positions: Positions) -> Reader:
        return _UnrulyReader(self, consumer, topics, positions)


class _UnrulyReader:
    """Keeps its places in memory, as a reader of Kafka does, until it is told or happens to forget them."""

    def __init__(self, log: UnrulyLog, consumer: str, topics: Sequence[str], positions: Positions):
        self.log, self.stored = log, positions
        self.at: dict[Place, Position] | None = None
        self.before: list[Record] = []
        self.inner = log.inner.reader(consumer, topics, self._places)

    def _places(self) -> dict[Place, Position]:
        if self.at is None:
            self.at = dict(self.stored())
        return self.at

    def read(self, limit: int) -> list[Record]:
        log = self.log
        if self.before and log.strikes():
            log.repeats += len(self.before)
            repeated, self.before = self.before, []
            return repeated
        if log.strikes():
            log.moves += 1
            self.at = None
        places = self._places()
        self.before = _shuffled(log.random, log.held_back(self.inner.read(limit)), log.rate > 0)
        for record in self.before:
            place = (record.topic, record.part)
            places[place] = places.get(place, Position()).after(record)
        return self.before

    def rewind(self) -> None:
        self.at, self.before = None, []
        self.inner.rewind()

    def close(self) -> None:
        self.inner.close()


def _shuffled(random: Random, records: list[Record], unruly: bool) -> list[Record]:
    """Only the order inside a partition is kept; some partitions are late, of others a part arrives."""
    if not unruly:
        return records
    queues: dict[Place, list[Record]] = {}
    for record in records:
        queues.setdefault((record.topic, record.part), []).append(record)
    late = {place for place in queues if random.random() < 0.3}
    rest = [q[: random.randint(1, len(q))] if random.random() < 0.2 else q for p, q in queues.items() if p not in late]
    mixed = []
    while rest:
        queue = random.choice(rest)
        mixed.append(queue.pop(0))
        rest = [q for q in rest if q]
    return mixed
