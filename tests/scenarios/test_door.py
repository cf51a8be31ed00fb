"""The front door of a cluster sends a request on until somebody answers it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from deploy.cluster import GROUPS, FrontDoor
from deploy.native import free_ports
from tests.conftest import available


class Willing(BaseHTTPRequestHandler):
    """Answers whatever is asked."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(port: int) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", port), Willing) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield
        server.shutdown()


def test_who_has_just_come_back_is_asked_as_soon_as_the_other_one_leaves(tmp_path: Path) -> None:
    first, second, front = free_ports(3)
    door = FrontDoor(tmp_path, front, {group: [f"127.0.0.1:{port}" for port in (first, second)] for group in GROUPS})

    def statuses() -> set[int]:
        url = f"http://127.0.0.1:{front}/api/mutations/"
        return {requests.post(url, data=b"{}", timeout=10).status_code for _ in range(6)}

    try:
        with answering(second):
            available("proxy", door.start)
            assert statuses() == {200}
        with answering(first):
            assert statuses() == {200}
        with answering(second):
            assert statuses() == {200}
    finally:
        door.stop()
