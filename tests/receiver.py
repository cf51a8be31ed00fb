"""A receiver of webhooks: a real server on this machine; and a world whose events reach it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from events import ids
from events.mutation import Act, Agency, Move, MutationProposed, Place
from services import webhooks
from services.webhooks.commands import RegisterEndpoint
from services.webhooks.handlers import delivery, endpoint
from services.webhooks.keys import shown
from tests.worlds import World

HERE = ("127.0.0.0/8",)
TIDORE, PROVINCE = Agency("source", "8272", "8272-dukcapil"), Agency("receiver", "8200", "8200-dukcapil")


@dataclass
class Receiver:
    """What reached a server, and how it answers: by a status, after which it may also say when to come back."""

    answer: Callable[[dict[str, Any]], int | tuple[int, str]] = lambda body: 204
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @property
    def ids(self) -> list[str]:
        return [sent["webhook-id"] for sent, _ in self.requests]


@contextmanager
def listening(answer: Callable[[dict[str, Any]], int | tuple[int, str]] = lambda body: 204) -> Iterator[Receiver]:
    receiver = Receiver(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            receiver.arrived.set()
            given = receiver.answer(json.loads(body))
            status, later = given if isinstance(given, tuple) else (given, "")
            self.send_response(status)
            if later:
                self.send_header("Retry-After", later)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # of five, which is the default, a burst is not accepted at once

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def world_on(url: str, networks: tuple[str, ...] = HERE) -> Iterator[World]:
    emitters = ["mutations", "workload", "personnel"]
    made = World(url, [webhooks.SERVICE], emitters, webhook_networks=networks)
    made.clock.now = datetime.now(UTC)  # by which the receiver's library judges the age of a message
    try:
        yield made
    finally:
        made.close()


def carried(mutation: str) -> dict[str, Any]:
    source = Place(position="p1", unit="u1", opd=TIDORE.opd, instansi=TIDORE.instansi)
    target = Place(position="p2", unit="u2", opd=PROVINCE.opd, instansi=PROVINCE.instansi)
    return {
        "mutation": mutation,
        "person": "0190a000-0000-7000-8000-00000000000a",
        "agencies": [TIDORE, PROVINCE],
        "act": Act(command="Submit", actor="account-1", capacity="plt", office="office-1", order="order-1"),
        "definition": "R5",
        "pack": "2026-01",
        "row": "2",
        "state": "SUBMITTED",
        "at": datetime(2026, 3, 2, tzinfo=UTC),
        "move": Move(source=source, target=target, mode="temporary", start=date(2026, 3, 9), until=date(2026, 6, 9)),
        "origin": "leader_instruction",
    }


def proposed(mutation: str) -> MutationProposed:
    return MutationProposed(**carried(mutation), documents={"G1": "ab" * 32})


def tell(world: World, mutation: str) -> None:
    world.tell(f"mutations/mutation/{mutation}", proposed(mutation))
    world.drain()


def register(world: World, url: str, scope: str = "8200", **more: Any) -> str:
    key = ids.new()
    world.submit("webhooks", RegisterEndpoint(endpoint=key, scope=scope, url=url, **more))
    return key


def the(world: World, key: str) -> dict[str, Any]:
    (row,) = [r for r in world.rows("webhooks", endpoint) if r["id"] == key]
    return row


def secret(world: World, key: str) -> str:
    return shown(world.app.config.secret_key, the(world, key))


def states(world: World) -> list[str]:
    return [row["state"] for row in world.rows("webhooks", delivery)]
