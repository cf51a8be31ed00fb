"""Restate, a virtual object for each case: its server, the service behind granian, and who drives them. Each message
is a request to its ingress with the id as idempotency key. The client's own CPU is not counted.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from deploy.daemon import Daemon, wait_until
from deploy.native import free_ports
from tests.bench.peers.protocol import Message, Program, at_once, by_case, case_of, serve, step_of

AT_ONCE = 64
ROOT = Path(__file__).resolve().parents[3]
TICKS = os.sysconf("SC_CLK_TCK")


class Objects(Program):
    def __init__(self, directory: Path, server: str):
        self.ingress, admin, node, behind = free_ports(4)
        self.mine, self.placed = threading.local(), set[str]()
        self.server, self.service = Daemon(directory / "server"), Daemon(directory / "service")
        self.server.environment = {
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{self.ingress}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
            "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_NODE_NAME": "peer",
            "RUST_LOG": "warn",
        }
        self.service.environment = {"PYTHONPATH": str(ROOT)}
        for daemon in (self.server, self.service):
            daemon.directory.mkdir(parents=True)
        granian = [f"{Path(sys.executable).parent}/granian", "--interface", "asgi", "--http", "2", "--no-access-log"]
        at = ["--host", "127.0.0.1", "--port", str(behind), "--working-dir", str(self.service.directory)]
        self.service.spawn([*granian, *at, "tests.bench.peers.restate_app:app"], lambda: True, 60)
        data = f"--base-dir={self.server.directory}/data"
        self.server.spawn([server, data], lambda: _answers(f"http://127.0.0.1:{admin}/health"), 60)
        told = json.dumps({"uri": f"http://127.0.0.1:{behind}", "force": True}).encode()
        if not wait_until(lambda: _answers(f"http://127.0.0.1:{admin}/deployments", told), 60, every=0.5):
            raise RuntimeError("Restate does not find the service")

    def take(self, messages: list[Message]) -> None:
        at_once(by_case(messages), AT_ONCE, lambda case: [self.give(message) for message in case])

    def give(self, message: Message) -> None:
        if not hasattr(self.mine, "conn"):
            self.mine.conn = http.client.HTTPConnection("127.0.0.1", self.ingress)
        told = {"Content-Type": "application/json", "Idempotency-Key": message["id"]}
        self.mine.conn.request("POST", f"/Case/{case_of(message)}/on_message", json.dumps(message), told)
        with self.mine.conn.getresponse() as answer:
            text = answer.read().decode()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {text}")
        if step_of(message) == "sign":
            if json.loads(text) != "placed 6":
                raise AssertionError(text)
            self.placed.add(case_of(message))

    def finished(self) -> int:
        return len(self.placed)

    def cpu(self) -> float:
        pids = [pid for daemon in (self.server, self.service) for pid in _family(daemon.pid or 0)]
        return sum(sum(map(int, _stat(pid)[11:13])) for pid in pids) / TICKS

    def close(self) -> None:
        for daemon in (self.server, self.service):
            daemon.kill()


def _answers(url: str, told: bytes | None = None) -> bool:
    asked = urllib.request.Request(url, told, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return bool(answer.status < 300)
    except OSError:
        return False


def _family(pid: int) -> Iterator[int]:
    """A process and all that come from it."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _family(int(child))


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


if __name__ == "__main__":
    serve(lambda: Objects(Path(sys.argv[1]), sys.argv[2]))
