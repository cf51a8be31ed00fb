"""Every route has a guard, chosen and visible; nothing unsafe is done by a cookie without its CSRF token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from services.app import SERVICES, build
from services.auth import COOKIE, User, issue, open_door, requires
from services.clock import SetClock
from services.config import Config
from services.wiring import FOREIGN, Route, routes, wiring
from tests.worlds import MORNING, prepare

FOLDER = Path(__file__).resolve().parents[2] / "services"
TEMPLATES = sorted(FOLDER.glob("**/templates/**/*.html"))
FORM = re.compile(r"<form\b[^>]*>.*?</form>", re.DOTALL)
UNSAFE = {"DELETE", "PATCH", "POST", "PUT"}
#: Open on purpose: a way in or out, a sign of life, a proof of the audit log; none says anything about anybody.
OPEN = re.compile(
    r"/|/(?:healthz|readyz|metrics|asyncapi\.json)|/demo/[\w-]+|/identity/sign-(?:in|out)|/api/identity/tokens"
    r"|/api/audit/(?:checkpoint|proof/consistency)"
)
SENSELESS = {"content_type": "application/json", "data": b"{"}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The whole web application on an empty database."""
    path = tmp_path_factory.mktemp("web") / "imbang.db"
    config = Config(database_url=f"sqlite:///{path}", secret_key="for tests only")
    prepare(config, SERVICES)
    app = build(config, SetClock(MORNING))
    yield app.web
    app.runtime.stop()


def unguarded(web: Flask) -> list[Route]:
    return [route for route in routes(web) if route.guard is None and route.endpoint not in FOREIGN]


def guarded(web: Flask) -> list[Route]:
    return [route for route in routes(web) if route.guard not in (None, "open")]


def unprotected(template: str) -> list[str]:
    """Forms that change something and carry no token."""
    forms = [form for form in FORM.findall(template) if re.search(r'method="?post', form, re.IGNORECASE)]
    return [form[:80] for form in forms if "csrf()" not in form and "csrf_token" not in form]


def filled(route: Route) -> str:
    """The route's address with an id that nothing has."""
    return re.sub(r"<[^>]+>", "0190a000-0000-7000-8000-000000000001", re.sub(r"<int[^>]+>", "1", route.rule))


def test_every_route_is_guarded(web: Flask) -> None:
    assert len(routes(web)) > 20
    assert unguarded(web) == []


def test_an_open_route_is_open_on_purpose(web: Flask) -> None:
    assert [r.rule for r in routes(web) if r.guard == "open" and not OPEN.fullmatch(r.rule)] == []


def test_a_stranger_is_turned_away_before_anything_sent_is_looked_at(web: Flask) -> None:
    """Programs for want of a session, browsers to the sign-in page; a form of no page of ours for want of its token."""
    strangers = web.test_client()
    for route in guarded(web):
        answer = strangers.open(f"{filled(route)}?limit=no", method=route.method, **SENSELESS)
        page = 400 if route.method in UNSAFE else 302
        assert answer.status_code == (401 if route.rule.startswith("/api/") else page), route


def test_whoever_lacks_the_role_is_turned_away_before_anything_sent_is_looked_at(web: Flask) -> None:
    client = web.test_client()
    with web.test_request_context():
        token = issue(User("a", None, "A", (), datetime.now(UTC).timestamp()))
    for route in guarded(web):
        if route.guard != "signed in":
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.open(f"{filled(route)}?limit=no", method=route.method, headers=headers, **SENSELESS)
            assert answer.status_code == 403, route


def test_nothing_unsafe_is_done_by_a_cookie_without_its_token(web: Flask) -> None:
    browser = web.test_client()
    with web.test_request_context():
        browser.set_cookie(COOKIE, issue(User("a", None, "A", ("operator@imbang",), datetime.now(UTC).timestamp())))
    for route in routes(web):
        if route.method in UNSAFE:
            assert browser.open(filled(route), method=route.method).status_code == 400, route


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_every_unsafe_form_carries_its_token(path: Path) -> None:
    assert unprotected(path.read_text()) == []


def test_both_descriptions_are_served(web: Flask) -> None:
    client = web.test_client()
    assert client.get("/openapi.json").get_json()["openapi"].startswith("3.1")
    assert client.get("/asyncapi.json").get_json()["asyncapi"] == "3.1.0"


def test_the_wiring_shows_the_routes_that_are_served(web: Flask) -> None:
    shown = {(route["method"], route["rule"]) for route in wiring(SERVICES)["routes"]}
    served = {(route.method, route.rule) for route in routes(web) if route.endpoint not in FOREIGN}
    assert shown <= served
    assert {rule for _, rule in served - shown} <= {"/", "/demo/next-day"}


def test_a_route_without_a_guard_is_found() -> None:
    bare = Flask("bare", static_folder=None)
    bare.add_url_rule("/secret", view_func=lambda: "", endpoint="secret")
    bare.add_url_rule("/open", view_func=open_door(lambda: ""), endpoint="open")
    bare.add_url_rule("/roles", view_func=requires("operator", "auditor")(lambda: ""), endpoint="roles")
    assert [route.rule for route in unguarded(bare)] == ["/secret"]
    assert {route.guard for route in routes(bare)} == {None, "open", "operator, auditor"}


def test_a_form_without_a_token_is_found() -> None:
    assert unprotected('<form method="post" action="/x"><button></button></form>') != []
    assert unprotected('<form method="get"></form><form method="post">{{ csrf() }}</form>') == []
