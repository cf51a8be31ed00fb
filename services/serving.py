"""How a process answers over HTTP: lanes of threads, a bound on who waits for them, and an orderly end.

Waiting happens here, before anything was done for a request. Commands and reads have threads of their own, so neither
keeps the other waiting; operators have one that nobody else uses. Who finds no room is told so at once (429), which
costs little, so what is accepted goes on at the rate that the process can carry.
"""

from __future__ import annotations

import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from typing import Any

import structlog
import waitress
from waitress import wasyncore
from waitress.server import BaseWSGIServer
from werkzeug import Request

from services.app import Application
from services.config import Misconfigured
from services.http import FULL, OPERATIONS
from services.language import language_of
from services.runtime import long_lived

log = structlog.get_logger(__name__)

#: Open connections at most, below the 1,024 files that a process usually may open. Who comes later is not even
#: accepted; so above half of it no connection outlasts its answer.
CONNECTIONS = 800
#: Commands mostly wait for the commit that they share; reads work.
COMMANDS, READS = 16, 8
#: So many more wait for a thread of these, at most.
ROOM = 32
#: Seconds after which a request that still waits is not begun any more: something stands still.
PATIENCE = 10.0
#: Seconds that requests in hand have to end when the process is told to stop.
GRACE = 10

#: Headers of an answer that are of one request alone.
OF_ONE = ("X-Request-Id", "Set-Cookie")
#: Seconds after which a thread that works lets the one that moves the bytes go on; 0.005 is Python's own.
SWITCH = 0.0005

#: A connection of waitress whose first request is complete.
Channel = Any
Headers = list[tuple[str, str]]
SAFE = ("GET", "HEAD", "OPTIONS")


class Lane:
    """Threads for one kind of request, with room for so many to wait. `late` takes those who waited too long."""

    def __init__(self, name: str, threads: int, late: Callable[[Channel], None]):
        self._late = late
        self._waiting: SimpleQueue[tuple[float, Channel]] = SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True).start()

    def take(self, channel: Channel) -> bool:
        """Whether there was room."""
        if self._waiting.qsize() >= ROOM:
            return False
        self._waiting.put((time.monotonic(), channel))
        return True

    def _serve(self) -> None:
        while True:
            since, channel = self._waiting.get()
            if time.monotonic() - since > PATIENCE:
                self._late(channel)
            else:
                _answer(channel)


class Lanes:
    """Waitress's dispatcher: sends each request to its lane, or away. `closing`: every answer ends its connection.

    The thread that moves the bytes of all connections refuses too: it has the request at hand, and a thread of its own
    would wait for its turn on the processor behind all those who work.
    """

    def __init__(self) -> None:
        self.closing = False
        self._door = threading.current_thread()
        self._away: deque[Channel] = deque()
        self._operations = Lane("operations", 1, self._send_away)
        self._commands = Lane("commands", COMMANDS, self._send_away)
        self._reads = Lane("reads", READS, self._send_away)

    def add_task(self, channel: Channel) -> None:
        """A request is complete. Its channel is locked just now, so nothing can be answered here."""
        request = channel.requests[0]
        if self.closing or len(channel.server.active_channels) > CONNECTIONS // 2:
            request.headers["CONNECTION"] = "close"
        if not self._lane(request).take(channel):
            self._send_away(channel)

    def _send_away(self, channel: Channel) -> None:
        self._away.append(channel)
        channel.server.pull_trigger()

    def refuse(self) -> None:
        """Tell those for whom there is no room."""
        while self._away:
            _answer(self._away.popleft())

    def _lane(self, request: Any) -> Lane:
        if request.error:  # it may be too broken to say what it wants
            return self._reads
        if request.path in OPERATIONS:
            return self._operations
        return self._reads if request.command in SAFE else self._commands

    def marked(self, web: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """The application, told whether it is to refuse. A refusal is worded once and then repeated to all for whom it
        reads the same, since the thread that moves all bytes says it.
        """
        said: dict[tuple[str, ...], tuple[str, Headers, bytes]] = {}

        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ[FULL] = threading.current_thread() is self._door
            if not environ[FULL]:
                return web(environ, start_response)
            wanted = _reads_the_same(Request(environ))
            if wanted not in said:
                if len(said) >= ROOM:
                    said.clear()
                said[wanted] = _said(web, environ)
            status, headers, body = said[wanted]
            start_response(status, headers)
            return [body]

        return answer


def _reads_the_same(sent: Request) -> tuple[str, ...]:
    """What decides how a refusal is worded: to programs always alike, while a page names the address."""
    place = "/api/" if sent.path.startswith("/api/") else sent.path
    return place, sent.method, sent.headers.get("Accept", ""), language_of(sent)


def _said(web: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> tuple[str, Headers, bytes]:
    """What the application answers, but for what is of this request alone."""
    told: list[Any] = []
    body = b"".join(web(environ, lambda *begun: told.extend(begun)))
    return told[0], [(name, value) for name, value in told[1] if name not in OF_ONE], body


def _answer(channel: Channel) -> None:
    try:
        channel.service()
    except Exception:
        log.exception("request failed outside the application")


def serve(app: Application) -> int:
    """Turn the crank and answer requests until SIGINT or SIGTERM; a second signal is not waited for."""
    host, port = app.config.host, app.config.port
    sockets: dict[int, Any] = {}
    lanes = Lanes()
    try:
        waitress.create_server(
            lanes.marked(app.web),
            host=host,
            port=port,
            ident="imbang",
            channel_timeout=60,
            connection_limit=CONNECTIONS,
            map=sockets,
            _dispatcher=lanes,
        )
    except (OSError, ValueError) as error:
        raise Misconfigured(f"cannot listen on {host}:{port} ({error}); set IMBANG_HOST and IMBANG_PORT") from error
    listening = [s for s in sockets.values() if isinstance(s, BaseWSGIServer)]  # a name may have several addresses
    stop = threading.Event()

    def ended(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        stop.set()
        listening[0].pull_trigger()

    signal.signal(signal.SIGINT, ended)
    signal.signal(signal.SIGTERM, ended)
    sys.setswitchinterval(SWITCH)
    long_lived()
    app.runtime.start()
    print(f"Imbang: http://{host}:{port}", flush=True)
    while not stop.is_set():
        wasyncore.loop(timeout=1, map=sockets, count=1, use_poll=True)
        lanes.refuse()
    lanes.closing = app.runtime.leaving = True
    _answer_the_last(sockets, listening, lanes)
    app.runtime.stop()
    return 0


def _answer_the_last(sockets: dict[int, Any], listening: Sequence[Any], lanes: Lanes) -> None:
    """Take no more connections but those that the kernel has made already, and answer what was asked. Waitress itself
    would wait until browsers, which keep their idle connections for minutes, let them go."""
    for server in listening:
        while select.select([server.socket], [], [], 0)[0]:
            server.handle_accept()
        wasyncore.dispatcher.close(server)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and any(
        _in_hand(channel) for server in listening for channel in server.active_channels.values()
    ):
        wasyncore.loop(timeout=0.1, map=sockets, count=1, use_poll=True)
        lanes.refuse()


def _in_hand(channel: Channel) -> bool:
    """Whether somebody waits for an answer here; one who has just come is given a second to ask."""
    if channel.requests or channel.request or channel.total_outbufs_len:
        return True
    return bool(channel.connected and channel.last_activity == channel.creation_time > time.time() - 1)
