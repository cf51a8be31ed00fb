"""What the engine meets outside, made repeatable: its ids, and the receivers of webhooks."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Any

import pytest

from events import ids
from services.webhooks import rounds
from services.webhooks.delivery import Attempt


class Receivers:
    """All receivers of webhooks, and what they took. `rude`: how often one says that it is out of order."""

    def __init__(self, seed: int, rude: float = 0.15):
        self.seed, self.rude = seed, rude
        self.taken: set[tuple[str, str]] = set()
        self.tries: Counter[tuple[str, str, str]] = Counter()

    def deliver(self, url: str, message: str, body: bytes, keys: Any, *, now: datetime, admission: Any) -> Attempt:
        """One attempt. What comes of it follows from the message and the number of the attempt alone: many threads call
        this, in an order that no seed decides."""
        key = (url, message, hashlib.sha256(body).hexdigest())
        self.tries[key] += 1
        drawn = hashlib.sha256(f"{self.seed}/{key}/{self.tries[key]}".encode()).digest()[0] / 256
        if drawn < self.rude:
            return Attempt(message=message, at=now, duration=0.0, outcome="failed", status=500, error="unsuccessful")
        self.taken.add((url, message))
        return Attempt(message=message, at=now, duration=0.0, outcome="delivered", status=200)

    def broken(self, conn: sqlite3.Connection) -> Iterator[str]:
        """Messages that changed between two attempts, and deliveries that nobody took."""
        bodies = Counter((url, message) for url, message, _ in self.tries)
        yield from (f"the message {message} has {n} bodies" for (_, message), n in bodies.items() if n > 1)
        delivered = conn.execute(
            "SELECT e.url, d.event FROM webhooks_delivery d JOIN webhooks_endpoint e ON e.id = d.endpoint "
            "WHERE d.state = 'delivered'"
        )
        yield from (f"{event} was not delivered to {url}" for url, event in delivered if (url, event) not in self.taken)


@contextmanager
def tamed(random: Random, receivers: Receivers) -> Iterator[pytest.MonkeyPatch]:
    """Ids that follow from the seed, in order, and receivers in memory."""
    count = 0

    def new() -> str:
        nonlocal count
        count += 1
        head, tail = f"{count:012x}", f"{random.getrandbits(60):015x}"
        return f"{head[:8]}-{head[8:]}-7{tail[:3]}-8{tail[3:6]}-{tail[3:]}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "new", new)
        patch.setattr(rounds, "deliver", receivers.deliver)
        yield patch
