"""Clients who never give up: real doors, a key for each command, sent again with it until its outcome is known."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests
import sqlalchemy as sa

from events import ids
from services.app import Application
from services.auth import User, issue
from services.identity.models import Account
from tests.chaos.book import Book, Given, Seen

#: Seconds for which one request is waited for. A frozen process keeps it for longer.
ANSWER = 5.0
#: Seconds after which nobody asks any more, and an outcome stays unknown.
PATIENCE = 180.0
#: Seconds before the next try.
AGAIN = 0.25
#: Answers that leave the outcome open, or ask to come again. The queue of 429 is full: nothing was recorded.
ASK_AGAIN = {429, 500, 502, 503, 504}

Request = Callable[[], requests.Response]
#: The bearer token of a login, fresh each time.
Tokens = Callable[[str], str]


def tokens(app: Application) -> Tokens:
    """What the doors give whoever signs in. Hashing a password takes longer than all that is done with the token."""
    with app.databases.reader("identity").connect() as conn:
        accounts = {row.login: row for row in conn.execute(sa.select(Account.__table__))}

    def token(login: str) -> str:
        row = accounts[login]
        since = datetime.now(UTC).timestamp()
        with app.web.app_context():
            return issue(User(row.id, row.person, row.label, tuple(row.roles.split()), since, by_cookie=False))

    return token


class Unanswered(Exception):
    """Nobody answered for longer than anyone waits"""


class Client:
    """One person at one device, for one thread at a time."""

    def __init__(self, url: str, login: str, tokens: Tokens, book: Book):
        self.url, self.login, self.tokens, self.book = url, login, tokens, book
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {tokens(login)}"

    def read(self, mutation: str) -> Seen:
        """The case as it is now; only the last try counts."""
        called = 0

        def look() -> requests.Response:
            nonlocal called
            called = time.monotonic_ns()
            return self._session.get(f"{self.url}/api/mutations/{mutation}", timeout=ANSWER)

        case = self._insist(look).json()
        seen = Seen(mutation, called, time.monotonic_ns(), case["version"], case["state"])
        self.book.seen.append(seen)
        return seen

    def give(
        self,
        command: str,
        path: str,
        body: dict[str, Any],
        *,
        service: str = "mutations",
        mutation: str = "",
        expected: int | None = None,
    ) -> Given:
        """Give a command until its outcome is known. One that opens a case learns its mutation from the answer."""
        given = Given(self.login, service, command, ids.new(), mutation, expected)
        self.book.given.append(given)
        headers = {"Idempotency-Key": given.key} | ({} if expected is None else {"If-Match": f'"{expected}"'})

        def send() -> requests.Response:
            given.tries += 1
            return self._session.post(self.url + path, json=body, headers=headers, timeout=ANSWER)

        response = self._insist(send)
        given.status, given.returned = response.status_code, time.monotonic_ns()
        answer = response.json()
        if given.acknowledged:
            given.answer, given.mutation = answer, answer.get("mutation", "")
        self.book.statuses[f"{command} {given.status} {answer.get('rule', '')}".rstrip()] += 1
        return given

    def _insist(self, request: Request) -> requests.Response:
        deadline = time.monotonic() + PATIENCE
        while (response := self._try(request)) is None:
            if time.monotonic() > deadline:
                raise Unanswered(self.login)
            time.sleep(AGAIN)
        return response

    def _try(self, request: Request) -> requests.Response | None:
        """The answer, or nothing when the outcome is open. A token that is old is replaced."""
        try:
            response = request()
        except requests.RequestException as error:
            self.book.statuses[type(error).__name__] += 1
            return None
        if response.status_code == 401:
            self._session.headers["Authorization"] = f"Bearer {self.tokens(self.login)}"
        elif response.status_code not in ASK_AGAIN:
            return response
        bug = response.text[:200] if response.status_code == 500 else ""
        self.book.statuses[f"again {response.status_code} {bug}".rstrip()] += 1
        return None
