"""The lanes of a process: who waits for whom, who is sent away, and how a connection ends."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from itertools import islice
from typing import Any

import pytest
import waitress
from waitress import wasyncore
from werkzeug.test import create_environ

from services import serving
from services.http import FULL
from services.serving import COMMANDS, ROOM, Lanes


class Site:
    """A server whose commands stand still until `go`; it tells its clients whether it was to refuse them."""

    def __init__(self) -> None:
        self.go, self.ended = threading.Event(), threading.Event()
        self.begun = threading.Semaphore(0)
        self.clients = ThreadPoolExecutor(100)
        self.sockets: dict[int, Any] = {}
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._turn)
        self.thread.start()
        self.ready.wait(10)

    def _turn(self) -> None:
        self.lanes = Lanes()
        web = self.lanes.marked(self._answer)
        self.server = waitress.create_server(web, port=0, map=self.sockets, _dispatcher=self.lanes)
        self.ready.set()
        while not self.ended.is_set():
            wasyncore.loop(timeout=0.05, map=self.sockets, count=1, use_poll=True)
            self.lanes.refuse()
        wasyncore.close_all(self.sockets)

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST" and not environ[FULL]:
            self.begun.release()
            self.go.wait(10)
        start_response("429 Full" if environ[FULL] else "200 OK", [("Content-Length", "0")])
        return [b""]

    def ask(self, method: str, path: str = "/") -> tuple[int, str | None]:
        """Status and the header Connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.effective_port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.headers["Connection"]
        finally:
            connection.close()

    def crowd(self, commands: int) -> list[Future[tuple[int, str | None]]]:
        """So many commands at once; returns when all threads for commands stand still."""
        sent = [self.clients.submit(self.ask, "POST") for _ in range(commands)]
        for _ in range(min(commands, COMMANDS)):
            assert self.begun.acquire(timeout=10)
        return sent

    def close(self) -> None:
        self.go.set()
        self.clients.shutdown()
        self.ended.set()
        with suppress(OSError):
            self.server.pull_trigger()
        self.thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.close()


def test_reads_and_operators_do_not_wait_for_commands_that_stand_still(site: Site) -> None:
    sent = site.crowd(COMMANDS + ROOM)
    assert [site.ask("GET"), site.ask("GET", "/healthz")] == [(200, None)] * 2
    assert not any(future.done() for future in sent)
    site.go.set()
    assert {future.result(10) for future in sent} == {(200, None)}


def test_who_finds_no_room_is_sent_away_at_once_and_keeps_the_connection(site: Site) -> None:
    sent = site.crowd(COMMANDS + ROOM + 5)
    assert {future.result() for future in islice(as_completed(sent, 10), 5)} == {(429, None)}
    site.go.set()
    assert sorted(future.result(10)[0] for future in sent) == [200] * (COMMANDS + ROOM) + [429] * 5


def test_who_waited_too_long_is_not_begun_any_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = site.crowd(COMMANDS + 3)
    monkeypatch.setattr(serving, "PATIENCE", 0.0)
    site.go.set()
    assert sorted(future.result(10)[0] for future in sent) == [200] * COMMANDS + [429] * 3


def test_a_process_that_ends_ends_the_connections_of_those_whom_it_answers(site: Site) -> None:
    site.lanes.closing = True
    assert site.ask("GET") == (200, "close")


def test_above_half_of_all_connections_none_outlasts_its_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CONNECTIONS", 1)
    assert site.ask("GET") == (200, "close")


def test_a_refusal_is_worded_once_for_all_programs_and_names_its_own_address_on_a_page() -> None:
    worded: list[str] = []

    def web(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        worded.append(environ["PATH_INFO"])
        start_response("429 Full", [("X-Request-Id", "of this one"), ("Retry-After", "1")])
        return [environ["PATH_INFO"].encode()]

    def told(path: str, cookie: str = "") -> tuple[bytes, Any]:
        begun: list[Any] = []
        (body,) = refuse({**create_environ(path), "HTTP_COOKIE": cookie}, lambda *given: begun.extend(given))
        return body, begun[1]

    refuse = Lanes().marked(web)  # by the thread that made it, everybody is refused
    assert told("/api/mutations/") == told("/api/workload/reports") == (b"/api/mutations/", [("Retry-After", "1")])
    assert [told(path)[0] for path in ("/mutations/1", "/mutations/2", "/mutations/1")] == [
        b"/mutations/1",
        b"/mutations/2",
        b"/mutations/1",
    ]
    told("/api/mutations/", "lang=en")
    assert worded == ["/api/mutations/", "/mutations/1", "/mutations/2", "/api/mutations/"]
