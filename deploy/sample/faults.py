"""A log that misbehaves as logs may: it delivers late, delivers again, and holds copies of events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random

from sqlalchemy.engine import Connection

from events.log import EventLog, Outgoing, Positions, Reader, Record


class FaultyLog:
    """Around another log. `copies`: events appended twice; `repeats`: records delivered again; `delays`: late reads."""

    def __init__(self, inner: EventLog, seed: int = 1, rate: float = 0.05):
        self.inner, self.random, self.rate = inner, Random(seed), rate
        self.max_bytes = inner.max_bytes
        self.copies = self.repeats = self.delays = 0

    def strikes(self) -> bool:
        return self.random.random() < self.rate

    def partitions(self, topic: str) -> int:
        return self.inner.partitions(topic)

    def append(self, conn: Connection, service: str, events: Sequence[Outgoing]) -> list[bool]:
        """As a relay does that died between sending and forgetting: some events go in a second time, in order."""
        again = [e for e in events if self.strikes()]
        done = self.inner.append(conn, service, [*events, *again])
        self.copies += len(again)
        return done[: len(events)]

    def reader(self, consumer: str, topics: Sequence[str], positions: Positions) -> Reader:
        return _FaultyReader(self, self.inner.reader(consumer, topics, positions))

    def ends(self, topic: str) -> dict[int, int]:
        return self.inner.ends(topic)

    def beat(self, conn: Connection, service: str, topic: str, at: datetime) -> bool:
        return self.inner.beat(conn, service, topic, at)

    def close(self) -> None:
        self.inner.close()


class _FaultyReader:
    def __init__(self, log: FaultyLog, inner: Reader):
        self.log, self.inner = log, inner
        self.before: list[Record] = []

    def read(self, limit: int) -> list[Record]:
        if self.log.strikes():
            self.log.delays += 1
            return []
        if self.before and self.log.strikes():
            self.log.repeats += len(self.before)
            repeated, self.before = self.before, []
            return repeated
        self.before = self.inner.read(limit)
        return self.before

    def rewind(self) -> None:
        self.before = []
        self.inner.rewind()

    def close(self) -> None:
        self.inner.close()
