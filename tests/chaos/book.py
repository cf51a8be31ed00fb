"""What clients did and were told: the ledger is checked against it, and so is the order of each mutation's history."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Given:
    """A command from its first sending to its last answer, times in ns; `status` 0 and no end: never answered."""

    login: str
    service: str
    command: str
    key: str
    mutation: str = ""
    expected: int | None = None
    called: int = field(default_factory=time.monotonic_ns)
    returned: int | None = None
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    tries: int = 0

    @property
    def acknowledged(self) -> bool:
        return 200 <= self.status < 300

    @property
    def stale(self) -> bool:
        """Whether it was refused because the case was at another version."""
        return self.status == 412

    @property
    def open(self) -> bool:
        """Whether nobody knows if it had its effect: the law refused it, but an earlier sending may be on its way."""
        return not (self.acknowledged or self.stale) and (self.tries > 1 or self.returned is None)


@dataclass(frozen=True)
class Seen:
    """A case as somebody read it."""

    mutation: str
    called: int
    returned: int
    version: int
    state: str


class Book:
    """Written by all clients at once; appending to a list needs no lock."""

    def __init__(self) -> None:
        self.given: list[Given] = []
        self.seen: list[Seen] = []
        self.statuses: Counter[str] = Counter()

    @property
    def acknowledged(self) -> list[Given]:
        return [given for given in list(self.given) if given.acknowledged]

    def history(self) -> Iterator[dict[str, Any]]:
        """The operations on mutations, as the checker in linearizable/ reads them.

        What was refused by the law with certainty says nothing of the version and is left out.
        """
        for seen in self.seen:
            yield {"op": "read", "outcome": "ok", **vars(seen)}
        for given in self.given:
            if not given.mutation or not (given.acknowledged or given.stale or given.open):
                continue
            operation = {"op": "write", "mutation": given.mutation, "called": given.called, "expected": given.expected}
            if given.open:
                yield operation | {"outcome": "unknown"}
            elif given.stale:
                yield operation | {"outcome": "stale", "returned": given.returned}
            else:
                told = {name: given.answer[name] for name in ("version", "state")}
                yield operation | {"outcome": "ok", "returned": given.returned, **told}
