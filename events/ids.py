"""Time-ordered ids (UUIDv7): new rows land at the end of their index, which keeps the database fast as it grows.

Source: RFC 9562, section 5.7, with a counter in the twelve random bits so that one process never goes backwards.
"""

from __future__ import annotations

import os
import threading
import time
import uuid

_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


class _Source:
    """A millisecond, a counter, and randomness of its own for each id.

    Randomness is drawn for many at once: each time, Python would let other threads go first.
    """

    def __init__(self) -> None:
        self.lock, self.ms, self.n = threading.Lock(), 0, 0
        self.random = ""
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self.random = ""

    def next(self) -> str:
        with self.lock:
            now = time.time_ns() // 1_000_000
            if now > self.ms:
                self.ms, self.n = now, 0
            elif self.n == 0xFFF:
                self.ms, self.n = self.ms + 1, 0
            else:
                self.n += 1
            ms, n = self.ms, self.n
            if not self.random:
                self.random = os.urandom(8 * 256).hex()
            r, self.random = self.random[:16], self.random[16:]
        t = f"{ms:012x}"
        return f"{t[:8]}-{t[8:]}-7{n:03x}-{'89ab'[int(r[0], 16) & 3]}{r[1:4]}-{r[4:]}"


new = _Source().next


def derived(*parts: str) -> str:
    """The id that always follows from these parts: a timer's firing, a client's idempotency key."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))
