"""A log that misbehaves as logs may: it delivers late and out of turn, delivers again, and holds copies of events.

What it does to the order spares each subject's own: a relay never lets a subject's events overtake each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from random import Random

from sqlalchemy.engine import Connection

from events.log import EventLog, Outgoing, Place, Positions, Reader, Record


class FaultyLog:
    """Around another log. Counts what really happened: `copies`, events that stand in the log once more; `repeats`,
    records delivered to a consumer again; `delays`, records held back from one; `overtaken`, events that stand behind
    others which were recorded later.
    """

    def __init__(self, inner: EventLog, seed: int = 1, rate: float = 0.05):
        self.inner, self.random, self.rate = inner, Random(seed), rate
        self.max_bytes = inner.max_bytes
        self.copies = self.repeats = self.delays = self.overtaken = 0
        self._again: dict[str, list[Outgoing]] = defaultdict(list)

    def strikes(self) -> bool:
        return self.random.random() < self.rate

    def partitions(self, topic: str) -> int:
        return self.inner.partitions(topic)

    def append(self, conn: Connection, service: str, events: Sequence[Outgoing]) -> list[bool]:
        """Some subjects go in behind the others. As by a relay that died between sending and forgetting, some events go
        in again with the next batch: as new records, which only the version of their subject gives away.
        """
        late = {subject for subject in dict.fromkeys(e.subject for e in events) if self.strikes()}
        ordered = sorted(events, key=lambda e: e.subject in late)
        last_in_time = max((n for n, e in enumerate(events) if e.subject not in late), default=0)
        self.overtaken += sum(e.subject in late for e in events[:last_in_time])
        again, self._again[service] = self._again[service], [e for e in events if self.strikes()]
        done = self.inner.append(conn, service, [*ordered, *again])
        self.copies += len(again)
        acknowledged = {e.event_id for e, arrived in zip(ordered, done[: len(events)], strict=True) if arrived}
        return [e.event_id in acknowledged for e in events]

    def reader(self, consumer: str, topics: Sequence[str], positions: Positions) -> Reader:
        return _FaultyReader(self, self.inner.reader(consumer, topics, positions))

    def held_back(self, records: list[Record]) -> list[Record]:
        """What arrives in time; of the other partitions everything comes later."""
        late = {place for place in dict.fromkeys(map(place_of, records)) if self.strikes()}
        in_time = [record for record in records if place_of(record) not in late]
        self.delays += len(records) - len(in_time)
        return in_time

    def ends(self, topic: str) -> dict[int, int]:
        return self.inner.ends(topic)

    def beat(self, conn: Connection, service: str, topic: str, at: datetime) -> bool:
        return self.inner.beat(conn, service, topic, at)

    def close(self) -> None:
        self.inner.close()


def place_of(record: Record) -> Place:
    return record.topic, record.part


class _FaultyReader:
    """Around a reader that goes on from the stored positions each time, so that what is held back comes again."""

    def __init__(self, log: FaultyLog, inner: Reader):
        self.log, self.inner = log, inner
        self.before: list[Record] = []

    def read(self, limit: int) -> list[Record]:
        if self.before and self.log.strikes():
            self.log.repeats += len(self.before)
            repeated, self.before = self.before, []
            return repeated
        self.before = self.log.held_back(self.inner.read(limit))
        return self.before

    def rewind(self) -> None:
        self.before = []
        self.inner.rewind()

    def close(self) -> None:
        self.inner.close()
