"""Somebody else's system: an HTTP receiver that checks signatures by the published recipe, with no code of ours.

Source: Standard Webhooks 1.0.0, symmetric scheme: HMAC-SHA256 over `id.timestamp.body`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300


class Receiver:
    """Listens on 127.0.0.1; `verified` holds the ids whose signature was right, `rejected` counts the others."""

    def __init__(self) -> None:
        self.secret = ""
        self.verified: dict[str, int] = {}
        self.rejected = 0
        receiver, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    right = receiver.is_right(body, {k.lower(): v for k, v in self.headers.items()})
                    if right:
                        key = self.headers["webhook-id"]
                        receiver.verified[key] = receiver.verified.get(key, 0) + 1
                    else:
                        receiver.rejected += 1
                self.send_response(204 if right else 400)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def is_right(self, body: bytes, headers: dict[str, str]) -> bool:
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        fresh = abs(time.time() - int(headers["webhook-timestamp"])) <= TOLERANCE_SECONDS
        return fresh and any(hmac.compare_digest(expected, each) for each in headers["webhook-signature"].split())

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
