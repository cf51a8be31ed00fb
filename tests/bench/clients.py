"""Clients that cost little: one thread, a kept connection each, the next request when the last one is answered.

`python -m tests.bench.clients PORT` reads the requests of each client as JSON, a list of lists of texts, from standard
input, and writes what `Asked` holds to standard output. A process of its own, so that its CPU is nobody else's.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from tests.bench.gauges import quantile
from tests.bench.stage import ROOT

END = b"\r\n\r\n"
LENGTH = b"content-length:"


class Asked(NamedTuple):
    """The whole took `seconds`; a request took one of `waits`, in seconds; `cpu` seconds were the clients' own."""

    seconds: float
    cpu: float
    waits: list[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.waits) / self.seconds

    def quantile(self, share: float) -> float:
        """Of the waits, in milliseconds."""
        return quantile(self.waits, share) * 1e3


class Client:
    """One connection and what is still to be asked on it."""

    def __init__(self, port: int, requests: Sequence[str]):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests = [r.encode() for r in reversed(requests)]
        self.answer, self.began = b"", 0.0

    def ask(self) -> bool:
        """Send the next request; False when there is none."""
        if not self.requests:
            return False
        self.answer, self.began = b"", time.perf_counter()
        self.socket.sendall(self.requests.pop())
        return True

    def hear(self) -> bool:
        """Take what has arrived; True when the answer is complete. Raises RuntimeError for any answer but success."""
        part = self.socket.recv(1 << 16)
        if not part:
            raise RuntimeError("the server closed a connection")
        self.answer += part
        head, end, body = self.answer.partition(END)
        if not end:
            return False
        length = int(head.lower().split(LENGTH, 1)[1].split(b"\r\n", 1)[0])
        if len(body) < length:
            return False
        if not head.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(self.answer.decode())
        return True


def run(port: int, requests: Sequence[Sequence[str]]) -> Asked:
    """All clients at once, until every request is answered."""
    clients = [Client(port, of) for of in requests]
    waits: list[float] = []
    began, cpu = time.perf_counter(), time.process_time()
    with selectors.DefaultSelector() as ready:
        for client in clients:
            ready.register(client.socket, selectors.EVENT_READ, client)
            client.ask()
        open_ = len(clients)
        while open_:
            for key, _ in ready.select():
                client = key.data
                if client.hear():
                    waits.append(time.perf_counter() - client.began)
                    open_ -= not client.ask()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    for client in clients:
        client.socket.close()
    return Asked(seconds, cpu, waits)


def apart(port: int, requests: Sequence[Sequence[str]]) -> Asked:
    """`run` in a process of its own."""
    program = [sys.executable, "-m", __name__, str(port)]
    ran = subprocess.run(program, cwd=ROOT, input=json.dumps(requests), capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return Asked(*json.loads(ran.stdout))


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), json.load(sys.stdin))))
