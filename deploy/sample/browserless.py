"""People of the sample who use the screens without a browser: they sign in, read their inbox, fill in forms.

They take the same way as anyone: the same addresses, sessions, CSRF tokens and forms; no door is opened for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from werkzeug.test import Client as TestClient

from events import ids

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True)
class Reply:
    """What a request brought back."""

    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Http(Protocol):
    """One browser's worth of requests: it keeps its cookies."""

    def get(self, path: str) -> Reply: ...

    def post(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply: ...

    def post_json(self, path: str, body: Any, headers: Mapping[str, str]) -> Reply: ...


class InProcess:
    """Requests to an application in this process."""

    def __init__(self, client: TestClient):
        self.client = client

    def get(self, path: str) -> Reply:
        return self._reply(self.client.get(path))

    def post(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        return self._reply(self.client.post(path, data=dict(form), headers=dict(headers)))

    def post_json(self, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        return self._reply(self.client.post(path, json=body, headers=dict(headers)))

    @staticmethod
    def _reply(response: Any) -> Reply:
        return Reply(response.status_code, response.get_data(as_text=True))


class OverNetwork:
    """Requests to a server elsewhere."""

    def __init__(self, url: str):
        import requests

        self.url, self.session = url, requests.Session()

    def get(self, path: str) -> Reply:
        return self._reply(self.session.get(self.url + path, timeout=30))

    def post(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        sent = self.session.post(
            self.url + path, data=dict(form), headers=dict(headers), timeout=30, allow_redirects=False
        )
        return self._reply(sent)

    def post_json(self, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        return self._reply(self.session.post(self.url + path, json=body, headers=dict(headers), timeout=30))

    @staticmethod
    def _reply(response: Any) -> Reply:
        return Reply(response.status_code, response.text)


class Turned(Exception):
    """The application answered with a problem"""


class Visitor:
    """A person at the screens."""

    def __init__(self, http: Http, login: str, password: str):
        self.http, self.login = http, login
        form = http.get("/identity/sign-in").text
        found = _TOKEN.search(form)
        assert found is not None, "the sign-in form has a CSRF token"
        self.csrf = found.group(1)
        signed = self.post("/identity/sign-in", {"login": login, "password": password, "next": "/"})
        assert signed.status == 302, f"{login} cannot sign in: {signed.status}"

    def post(self, path: str, form: Mapping[str, str]) -> Reply:
        """Send a form; raises Turned with the problem when it is not taken."""
        reply = self.http.post(path, {"csrf_token": self.csrf, **form}, {"Referer": "https://imbang.invalid"})
        if reply.status >= 400:
            raise Turned(f"{self.login} {path}: {reply.status} {_readable(reply.text)}")
        return reply

    def post_json(self, path: str, body: Any) -> Any:
        """Give a command at the JSON door; returns its answer."""
        headers = {"X-CSRFToken": self.csrf, "Idempotency-Key": ids.new()}
        reply = self.http.post_json(path, body, headers)
        if reply.status >= 400:
            raise Turned(f"{self.login} {path}: {reply.status} {reply.text}")
        return reply.json()

    def inbox(self) -> list[dict[str, Any]]:
        """What is asked of this person now."""
        duties: list[dict[str, Any]] = self.http.get("/api/mutations/inbox").json()["duties"]
        return duties

    def cases(self, state: str) -> list[dict[str, Any]]:
        """The cases in a state that this person may see, newest first."""
        found: list[dict[str, Any]] = self.http.get(f"/api/mutations/?state={state}&limit=200").json()["mutations"]
        return found

    def act(self, mutation: str, command: str, **fields: str) -> None:
        """Fill in the form of a command on a case's page and send it."""
        self.post(f"/mutations/{mutation}/act/{command}", {"key": ids.new(), **fields})


def _readable(page: str) -> str:
    """A problem page without its markup."""
    body = page[page.find("<article") :] if "<article" in page else page
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())[:600]
