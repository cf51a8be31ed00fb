"""A crowd at a door: many keep-alive connections in one thread, cheap enough to ask more than a server can answer.

No request is ever sent twice: what a client sees here is what any client sees.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil

#: Seconds after which an answer counts as missing. A server that keeps its bounds answers everything before.
PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
    """What came of a request. `status` 0: no answer, `fault` says why; `key` names the command; seconds."""

    key: str
    status: int
    seconds: float
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str = ""


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire."""

    key: str
    wire: bytes

    @classmethod
    def make(cls, path: str, token: str, body: bytes | None = None, key: str = "") -> Request:
        """GET without a body, else POST of JSON with an Idempotency-Key."""
        lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"Authorization: Bearer {token}"] if token else []
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", f"Idempotency-Key: {key}"]
        return cls(key, "\r\n".join([*lines, "", ""]).encode() + (body or b""))


class Crowd:
    """Clients of one port of this machine. A connection is used again once its answer has come."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: Request) -> Answer:
        """One request on an idle connection, or on a new one."""
        began = time.perf_counter()
        try:
            status, headers, body = await asyncio.wait_for(self._exchange(request), PATIENCE)
        except (TimeoutError, OSError, EOFError) as error:
            return Answer(request.key, 0, time.perf_counter() - began, fault=repr(error))
        return Answer(request.key, status, time.perf_counter() - began, headers, body)

    async def _exchange(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        connection = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = connection
        try:
            writer.write(request.wire)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
            body = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            writer.close()
            raise
        if headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append(connection)
        return int(head[0].split()[1]), headers, body

    async def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def closed_loop(
    crowd: Crowd, clients: int, requests: Iterator[Request], going: Callable[[], bool]
) -> list[Answer]:
    """So many clients, each of whom asks again when answered, while it is `going`."""
    answers: list[Answer] = []

    async def client() -> None:
        while going():
            answers.append(await crowd.ask(next(requests)))

    await asyncio.gather(*(client() for _ in range(clients)))
    return answers


async def open_loop(crowd: Crowd, rate: float, requests: Iterator[Request], seconds: float) -> list[Answer]:
    """So many requests a second, whether the earlier ones have been answered or not."""
    asked: list[asyncio.Task[Answer]] = []
    began = time.perf_counter()
    for number in count():
        due = began + number / rate
        if due > began + seconds:
            break
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        asked.append(asyncio.create_task(crowd.ask(next(requests))))
    return list(await asyncio.gather(*asked))


def for_seconds(seconds: float) -> Callable[[], bool]:
    """True for so long from now."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() < end


def percentile(answers: Sequence[Answer], share: float) -> float:
    """The time within which this share of the answers came, in seconds."""
    waits = sorted(answer.seconds for answer in answers)
    return waits[ceil(share * len(waits)) - 1]


def told(answers: Sequence[Answer]) -> str:
    """How many of each status, and the quantiles, for people."""
    statuses = dict(sorted(Counter(answer.status for answer in answers).items()))
    quantiles = ", ".join(f"p{share * 100:g} {percentile(answers, share) * 1000:.0f} ms" for share in (0.5, 0.99, 1))
    return f"{statuses}, {quantiles}"
