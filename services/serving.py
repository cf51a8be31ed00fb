"""Serving: the web server and the crank of one process, from its start until it is told to stop."""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Sequence
from typing import Any

import waitress
from waitress import wasyncore
from waitress.server import BaseWSGIServer

from services.app import Application
from services.config import Misconfigured

#: Seconds that requests in hand have to end when the process is told to stop.
GRACE = 10


def serve(app: Application) -> int:
    """Turn the crank and answer requests until SIGINT or SIGTERM; a second signal is not waited for."""
    host, port = app.config.host, app.config.port
    sockets: dict[int, Any] = {}
    try:
        waitress.create_server(
            app.web, host=host, port=port, threads=8, ident="imbang", channel_timeout=60, map=sockets
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
    gc.collect()
    gc.freeze()  # what is built now lives as long as the process: the collector need not look at it again
    app.runtime.start()
    print(f"Imbang: http://{host}:{port}", flush=True)
    while not stop.is_set():
        wasyncore.loop(timeout=1, map=sockets, count=1, use_poll=True)
    _answer_the_last(sockets, listening)
    app.runtime.stop()
    return 0


def _answer_the_last(sockets: dict[int, Any], listening: Sequence[Any]) -> None:
    """Take no more connections, and answer what was asked already. Waitress itself would wait until browsers, which
    keep their idle connections for minutes, let them go."""
    for server in listening:
        wasyncore.dispatcher.close(server)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and any(
        channel.requests or channel.request or channel.total_outbufs_len
        for server in listening
        for channel in server.active_channels.values()
    ):
        wasyncore.loop(timeout=0.1, map=sockets, count=1, use_poll=True)
