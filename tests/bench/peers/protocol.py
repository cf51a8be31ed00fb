"""How a peer's program is driven: lines of JSON on its standard input and output. It runs in an environment of its own,
which has the standard library and what its peer asks for, no more.

A line in is `{"do": "take" | "give", "messages": [...]}` or `{"do": "finished"}`. `take` works in the peer's best way,
`give` hands over one message after the other, each done before the next. A line out holds `seconds`, `cpu` (seconds)
and `waits` (seconds a message, of `give` only), or `finished`, a number of cases.
"""

from __future__ import annotations

import json
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Message = dict[str, Any]
#: What the answers of a case are, in any order.
ANSWERS = ("answer", "release", "receive")
NEXT = {
    ("new", "draft"): "proposed",
    ("proposed", "submit"): "consulted",
    **{("consulted", answer): "consulted" for answer in ANSWERS},
    ("agreed", "sign"): "placed",
}


class Program(ABC):
    """One peer's way of doing the steps."""

    def take(self, messages: list[Message]) -> None:
        """Do all; the messages of a case are in order, and cases are mixed."""
        for message in messages:
            self.give(message)

    @abstractmethod
    def give(self, message: Message) -> None:
        """Do one step; it is durable when this returns."""

    @abstractmethod
    def finished(self) -> int:
        """How many cases went all the way, with six records each. Raises AssertionError for any that did not."""

    def cpu(self) -> float:
        """CPU seconds so far, without the database's."""
        return time.process_time()

    @abstractmethod
    def close(self) -> None:
        """End what was started."""


def step_of(message: Message) -> str:
    return str(message["command"]["command"])


def case_of(message: Message) -> str:
    return str(message["command"]["mutation"])


def after(state: str, step: str, agreed: set[str]) -> str:
    """The state that a step leads to; `agreed` are the answers, this one included. KeyError when it is not its turn."""
    reached = NEXT[state, step]
    return "agreed" if reached == "consulted" and agreed == set(ANSWERS) else reached


def by_case(messages: Iterable[Message]) -> list[list[Message]]:
    """The messages of each case, in order."""
    cases: dict[str, list[Message]] = {}
    for message in messages:
        cases.setdefault(case_of(message), []).append(message)
    return list(cases.values())


def at_once(cases: list[list[Message]], threads: int, work: Callable[[list[Message]], object]) -> None:
    """So many cases at a time. Raises what the first of them raised."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, cases))


def serve(start: Callable[[], Program]) -> None:
    """Answer line by line until there is no more input. Whatever the peer prints goes to standard error."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    program = start()
    try:
        for answer in (_answered(program, json.loads(line)) for line in sys.stdin):
            print(json.dumps(answer), file=out, flush=True)
    finally:
        program.close()


def _answered(program: Program, asked: dict[str, Any]) -> dict[str, Any]:
    if asked["do"] == "finished":
        return {"finished": program.finished()}
    waits: list[float] = []
    began, cpu = time.perf_counter(), program.cpu()
    if asked["do"] == "take":
        program.take(asked["messages"])
    else:
        waits = list(_one_by_one(program, asked["messages"]))
    return {"seconds": time.perf_counter() - began, "cpu": program.cpu() - cpu, "waits": waits}


def _one_by_one(program: Program, messages: Iterable[Message]) -> Iterator[float]:
    for message in messages:
        began = time.perf_counter()
        program.give(message)
        yield time.perf_counter() - began
