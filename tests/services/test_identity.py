"""The service `identity`: signing in, being made to wait, keys for programs, and sessions that end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from flask.testing import FlaskClient

from events import ids
from services import identity
from services.auth import COOKIE
from services.db import table
from services.identity import credentials
from services.identity.commands import GrantRoles, IssueKey, OpenAccount, RevokeSessions, WithdrawKey
from services.identity.models import Account, ApiKey, Attempt
from services.service import Refused
from tests.worlds import World

PASSWORD = "laut yang tenang"
HASHED = credentials.hash_password(PASSWORD)
SECOND = timedelta(seconds=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}", [identity.SERVICE], [])
    made.clock.now = datetime.now(UTC)  # sessions live by the wall clock
    yield made
    made.close()


@pytest.fixture
def browser(world: World) -> FlaskClient:
    return world.app.web.test_client()


def opened(world: World, login: str = "rahma", *roles: str, password_hash: str | None = HASHED) -> str:
    command = OpenAccount(login=login, label="Rahma", roles=list(roles), password_hash=password_hash)
    return str(world.submit("identity", command)["account"])


def token_in(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, "the page has no form"
    return found[1]


def sign_in(browser: FlaskClient, login: str = "rahma", password: str = PASSWORD, goal: str = "/") -> tuple[int, str]:
    """The status, and where it leads or what it says."""
    token = token_in(browser.get("/identity/sign-in").text)
    form = {"login": login, "password": password, "next": goal, "csrf_token": token}
    answer = browser.post("/identity/sign-in", data=form)
    said = re.search(r'role="alert">([^<]+)<', answer.text)
    return answer.status_code, answer.headers.get("Location") or (said[1] if said else "")


def is_in(browser: FlaskClient) -> bool:
    return browser.get("/identity/password").status_code == 200


def key_for(world: World, account: str) -> credentials.NewKey:
    key = credentials.new_key()
    world.submit("identity", IssueKey(account=account, key=key.id, label="HRIS", secret_hash=key.secret_hash))
    return key


def operator(world: World) -> FlaskClient:
    """A program of an operator, which brings its bearer token along."""
    key = key_for(world, opened(world, "operator", "operator@imbang", password_hash=None))
    client = world.app.web.test_client()
    token = client.post("/api/identity/tokens", json={"key": key.text}).get_json()["token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def test_a_right_login_opens_a_session_and_leads_back(world: World, browser: FlaskClient) -> None:
    opened(world)
    assert not is_in(browser)
    assert sign_in(browser, goal="/identity/password?a=1&b=2") == (302, "/identity/password?a=1&b=2")
    assert is_in(browser)


def test_who_is_not_signed_in_is_led_back_to_the_whole_address(world: World, browser: FlaskClient) -> None:
    led = browser.get("/identity/password?a=1&b=2").headers["Location"]
    assert led == "/identity/sign-in?next=%2Fidentity%2Fpassword%3Fa%3D1%26b%3D2"
    assert 'value="/identity/password?a=1&amp;b=2"' in browser.get(led).text


@pytest.mark.parametrize("goal", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "x"])
def test_signing_in_never_leads_to_a_stranger(world: World, browser: FlaskClient, goal: str) -> None:
    opened(world)
    assert sign_in(browser, goal=goal) == (302, "/")


def test_a_form_without_its_token_is_refused(world: World, browser: FlaskClient) -> None:
    opened(world)
    assert browser.post("/identity/sign-in", data={"login": "rahma", "password": PASSWORD}).status_code == 400


def test_unknown_logins_and_wrong_passwords_are_answered_the_same(world: World, browser: FlaskClient) -> None:
    opened(world)
    known = [sign_in(browser, "rahma", "salah") for _ in range(6)]
    unknown = [sign_in(browser, "nobody", "salah") for _ in range(6)]
    assert known == unknown
    assert [status for status, _ in known] == [401, 401, 401, 401, 429, 429]


def test_an_unknown_login_costs_a_comparison_too(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    class Hasher:
        def verify(self, hashed: str, password: str) -> bool:
            compared.append(hashed)
            return True

    monkeypatch.setattr(credentials, "_hasher", Hasher())
    monkeypatch.setattr(credentials, "_nobody", lambda: "nobody's")
    assert not credentials.matches("x", None)
    assert compared == ["nobody's"]


def test_after_five_failures_even_the_right_password_waits_a_minute(world: World, browser: FlaskClient) -> None:
    opened(world)
    for _ in range(5):
        sign_in(browser, password="salah")
    status, said = sign_in(browser)
    assert status == 429
    assert "Terlalu banyak percobaan" in said
    world.clock.advance(timedelta(minutes=1))
    assert sign_in(browser)[0] == 302
    assert world.rows("identity", table(Attempt)) == []


def test_pauses_grow_up_to_an_hour() -> None:
    minutes = [credentials.pause(failures) // timedelta(minutes=1) for failures in (1, 4, 5, 6, 7, 10, 11, 1000)]
    assert minutes == [0, 0, 1, 2, 4, 32, 60, 60]


def test_failures_are_forgotten_after_a_day(world: World, browser: FlaskClient) -> None:
    for login in ("rahma", "ismail"):
        sign_in(browser, login, "salah")
    world.clock.advance(timedelta(days=1))
    sign_in(browser, "rahma", "salah")
    assert [row["failures"] for row in world.rows("identity", table(Attempt))] == [1]


def test_signing_out_forgets_the_session(world: World, browser: FlaskClient) -> None:
    opened(world)
    sign_in(browser)
    browser.post("/identity/sign-out", data={"csrf_token": token_in(browser.get("/identity/password").text)})
    assert browser.get_cookie(COOKIE) is None
    assert not is_in(browser)


def test_a_new_password_ends_the_other_sessions_and_not_this_one(world: World, browser: FlaskClient) -> None:
    opened(world)
    other = world.app.web.test_client()
    for client in (browser, other):
        sign_in(client)
    world.clock.advance(SECOND)
    page = browser.get("/identity/password").text
    form = {"csrf_token": token_in(page), "key": ids.new(), "old": PASSWORD, "new": "pulau yang hijau"}
    assert browser.post("/identity/password", data=form).status_code == 302
    world.drain()
    assert [is_in(browser), is_in(other)] == [True, False]
    assert [sign_in(other)[0], sign_in(other, password="pulau yang hijau")[0]] == [401, 302]


@pytest.mark.parametrize(("old", "new"), [("salah", "pulau yang hijau"), (PASSWORD, "pendek")])
def test_a_password_is_not_changed_without_the_old_one_or_to_a_short_one(
    world: World, browser: FlaskClient, old: str, new: str
) -> None:
    opened(world)
    sign_in(browser)
    form = {"csrf_token": token_in(browser.get("/identity/password").text), "key": ids.new(), "old": old, "new": new}
    assert browser.post("/identity/password", data=form).status_code == 422
    assert sign_in(world.app.web.test_client())[0] == 302


def test_revoked_sessions_end_though_they_were_renewed(world: World, browser: FlaskClient) -> None:
    account = opened(world)
    sign_in(browser)
    world.clock.advance(SECOND)
    world.submit("identity", RevokeSessions(account=account))
    assert is_in(browser), "the process has not heard yet, and renews the session"
    world.drain()
    assert not is_in(browser)
    assert sign_in(browser)[0] == 302
    assert is_in(browser)


@pytest.mark.parametrize(("now", "still_in"), [(["reports@8200", "personnel@8200"], True), (["reports@8200"], False)])
def test_taking_a_role_away_ends_sessions_and_giving_one_does_not(
    world: World, browser: FlaskClient, now: list[str], still_in: bool
) -> None:
    account = opened(world, "rahma", "personnel@8200")
    sign_in(browser)
    world.clock.advance(SECOND)
    world.submit("identity", GrantRoles(account=account, roles=now))
    world.drain()
    assert is_in(browser) == still_in


def test_a_program_exchanges_its_key_for_a_token(world: World) -> None:
    answer = operator(world).get("/api/identity/accounts")
    assert [row["login"] for row in answer.get_json()["accounts"]] == ["operator"]


def test_what_is_no_key_is_exchanged_for_nothing(world: World, browser: FlaskClient) -> None:
    key = key_for(world, opened(world))
    for wrong in (f"imbang_{key.id}_x", "imbang_x_y", "x", key.text.replace("imbang", "other")):
        assert browser.post("/api/identity/tokens", json={"key": wrong}).status_code == 401
    assert browser.post("/api/identity/tokens", json={}).status_code == 422


def test_a_withdrawn_key_takes_its_tokens_along(world: World) -> None:
    account = opened(world, "hris", "operator@imbang", password_hash=None)
    key = key_for(world, account)
    client = world.app.web.test_client()
    token = client.post("/api/identity/tokens", json={"key": key.text}).get_json()["token"]
    world.clock.now = datetime.now(UTC) + SECOND
    world.submit("identity", WithdrawKey(account=account, key=key.id))
    world.drain()
    assert client.get("/api/identity/accounts", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert client.post("/api/identity/tokens", json={"key": key.text}).status_code == 401


def test_an_operator_opens_accounts_and_grants_roles(world: World) -> None:
    client = operator(world)
    new = {"login": "rahma", "label": "Rahma", "roles": ["personnel@8200"], "password": PASSWORD}
    answer = client.post("/api/identity/accounts", json=new, headers={"Idempotency-Key": ids.new()})
    assert answer.status_code == 201
    account = answer.get_json()["account"]
    path, roles = f"/api/identity/accounts/{account}", {"roles": ["reports@8200.dukcapil"]}
    assert client.put(f"{path}/roles", json=roles, headers={"Idempotency-Key": ids.new()}).status_code == 200
    key = client.post(f"{path}/keys", json={"label": "HRIS"}, headers={"Idempotency-Key": ids.new()}).get_json()
    assert world.app.web.test_client().post("/api/identity/tokens", json={"key": key["secret"]}).status_code == 200
    assert sign_in(world.app.web.test_client())[0] == 302


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"login": "Rahma Idris"}, "login"),
        ({"roles": ["personnel"]}, "roles"),
        ({"password": "pendek"}, "password"),
        ({"admin": True}, "admin"),
    ],
)
def test_a_wrong_account_is_refused_naming_the_field(world: World, change: dict[str, object], field: str) -> None:
    new = {"login": "rahma", "label": "Rahma"} | change
    answer = operator(world).post("/api/identity/accounts", json=new, headers={"Idempotency-Key": ids.new()})
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert list(answer.get_json()["errors"]["json"]) == [field]


def test_a_login_belongs_to_one_account(world: World) -> None:
    opened(world)
    with pytest.raises(Refused) as refusal:
        opened(world)
    assert refusal.value.rule == "login_taken"


def test_accounts_are_listed_page_by_page_and_only_to_operators(world: World, browser: FlaskClient) -> None:
    client = operator(world)
    for login in ("dewi", "agus", "citra"):
        opened(world, login)
    first = client.get("/api/identity/accounts?limit=2").get_json()
    second = client.get(f"/api/identity/accounts?limit=2&after={first['next']}").get_json()
    assert [[a["login"] for a in page["accounts"]] for page in (first, second)] == [
        ["agus", "citra"],
        ["dewi", "operator"],
    ]
    assert second["next"] is None
    assert browser.get("/api/identity/accounts").status_code == 401
    sign_in(browser, "dewi")
    assert browser.get("/api/identity/accounts").status_code == 403


def test_no_secret_is_kept_and_no_event_tells_a_login(world: World, browser: FlaskClient) -> None:
    account = opened(world, "rahma", "personnel@8200")
    key = key_for(world, account)
    sign_in(browser)
    sign_in(browser, "rahma", "kata sandi salah")
    sign_in(browser, "kata sandi salah", "x")
    service = identity.SERVICE
    kept = [world.rows("identity", of) for of in service.metadata.sorted_tables]
    events = b"".join(row["body"] for row in world.rows("identity", service.outbox.event))
    secret = credentials.parts(key.text)[1]
    assert not [word for word in (PASSWORD, "kata sandi salah", secret) if word in repr(kept)]
    assert b"rahma" not in events.lower()
    assert account.encode() in events
    assert len(world.rows("identity", table(Account))) == len(world.rows("identity", table(ApiKey))) == 1


def test_commands_about_unknown_accounts_are_refused(world: World) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    commands: list[msgspec.Struct] = [RevokeSessions(account=unknown), GrantRoles(account=unknown, roles=[])]
    for command in commands:
        with pytest.raises(Refused) as refusal:
            world.submit("identity", command)
        assert (refusal.value.rule, refusal.value.status) == ("account_unknown", 404)
