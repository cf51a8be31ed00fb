"""Requests that are wrong around their body: keys, versions, cursors, cookies, addresses, methods."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from events import ids
from services import mutations
from services.auth import COOKIE
from tests.town import PAPER, acting, browsing, drafted, everything, give, token
from tests.worlds import World

CASES = "/api/mutations/"
ROLES = ("operator@imbang", "personnel@8200", "webhooks@8200")
NOTHING = "0190a000-0000-7000-8000-000000000001"
BEYOND = 10**23


@pytest.fixture(scope="module")
def client(place: World) -> FlaskClient:
    return acting(place, "officer", *ROLES)


@pytest.fixture(scope="module")
def case(client: FlaskClient) -> str:
    return str(give(client, CASES, drafted()).get_json()["mutation"])


def refused(answer: Any) -> tuple[int, str]:
    """The status of a refusal, and the field at fault where one is."""
    assert answer.content_type == "application/problem+json"
    problem = answer.get_json()
    assert {"type", "title", "detail", "remedy"} <= problem.keys()
    return answer.status_code, problem.get("field", "")


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_command_needs_a_key_of_bounded_length(place: World, client: FlaskClient, key: str) -> None:
    before = everything(place)
    answer = client.post(CASES, json=drafted("budi"), headers={"Idempotency-Key": key} if key else {})
    assert refused(answer)[0] == 400
    assert "Idempotency-Key" in answer.get_json()["detail"]
    assert everything(place) == before


def test_a_repeated_command_is_done_once_and_answered_the_same(place: World, client: FlaskClient) -> None:
    key = ids.new()
    first = give(client, CASES, drafted("budi"), key)
    done = everything(place)
    again = give(client, CASES, drafted("budi"), key)
    assert (first.status_code, first.get_json()) == (again.status_code, again.get_json())
    assert everything(place) == done


def test_a_key_used_for_another_command_is_refused(place: World, client: FlaskClient) -> None:
    key = ids.new()
    give(client, CASES, drafted("budi"), key)
    done = everything(place)
    assert refused(give(client, CASES, drafted("budi", share=0.5), key)) == (422, "Idempotency-Key")
    assert everything(place) == done


def test_who_was_signed_out_gives_no_command_and_learns_nothing_of_an_earlier_one(place: World) -> None:
    officer, key = acting(place, "officer"), ids.new()
    assert give(officer, CASES, drafted("budi"), key).status_code == 201
    done, revoked = everything(place), mutations.SERVICE.revoked
    with place.app.databases.writer("mutations").begin() as conn:
        conn.execute(revoked.insert().values(account="account-officer", before=datetime.now(UTC)))
    try:
        assert refused(give(officer, CASES, drafted("budi")))[0] == 401
        assert refused(give(officer, CASES, drafted("budi"), key))[0] == 401
        assert give(acting(place, "officer"), CASES, drafted("budi"), key).status_code == 201
    finally:
        with place.app.databases.writer("mutations").begin() as conn:
            conn.execute(revoked.delete())
    assert everything(place) == done


def test_a_repeat_with_a_password_is_known_although_its_hash_is_salted(client: FlaskClient) -> None:
    key, account = ids.new(), {"login": "dua-kali", "label": "Dua", "password": "kata sandi panjang"}
    answers = [give(client, "/api/identity/accounts", account, key).get_json() for _ in range(2)]
    assert answers[0] == answers[1]


def test_an_unlucky_command_may_be_sent_again_with_its_key(client: FlaskClient) -> None:
    key = ids.new()
    assert give(client, CASES, drafted("budi", share=9), key).status_code == 422
    assert give(client, CASES, drafted("budi", share=0.5), key).status_code == 201


@pytest.mark.parametrize("version", ["abc", '"', "²", "١", "1" * 5000, "-1", '"1", "2"', "1.0", '"1" OR 1=1'])
def test_a_version_that_is_none_is_refused(client: FlaskClient, case: str, version: str) -> None:
    answer = give(client, f"{CASES}{case}/submit", {"documents": {}}, If_Match=version)
    assert refused(answer)[0] == 400
    assert "If-Match" in answer.get_json()["detail"]


def test_a_stale_version_is_refused_and_the_new_one_named(place: World, client: FlaskClient, case: str) -> None:
    before = everything(place)
    answer = give(client, f"{CASES}{case}/submit", {"documents": {"G2": PAPER}}, If_Match='"7"')
    assert refused(answer) == (412, "If-Match")
    assert "1" in re.findall(r"\d+", answer.get_json()["detail"])
    assert everything(place) == before


def test_a_command_that_the_state_forbids_is_refused_by_its_rule(place: World, client: FlaskClient, case: str) -> None:
    before = everything(place)
    answer = give(client, f"{CASES}{case}/confirm-return", {"returned_on": "2026-03-02"})
    assert (answer.status_code, answer.get_json()["rule"]) == (409, "not_now")
    assert everything(place) == before


def test_someone_elses_case_is_not_there(place: World, case: str) -> None:
    for other in (acting(place, "budi"), acting(place)):
        for path in ("", "/history"):
            assert refused(other.get(f"{CASES}{case}{path}"))[0] == 404
        assert refused(give(other, f"{CASES}{case}/submit", {"documents": {}}, If_Match='"7"'))[0] == 404
        decree = {"number": "1", "decree_date": "2026-03-02", "effective_on": "2026-03-16"}
        assert refused(give(other, f"{CASES}decrees", decree | {"members": [case, NOTHING]}))[0] == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/mutations/?after=zzz", 400),
        ("/api/mutations/?after=0001-01-01T00:00:00%2B14:00~x", 400),
        ("/api/mutations/?limit=0", 422),
        ("/api/mutations/?limit=9e9", 422),
        (f"/api/mutations/?limit={BEYOND}", 422),
        ("/api/mutations/?state=%00", 400),
        ("/api/mutations/not-a-uuid", 404),
        (f"/api/mutations/{NOTHING}", 404),
        (f"/api/audit/entries?after={BEYOND}", 422),
        (f"/api/audit/proof/inclusion?seq={BEYOND}", 404),
        (f"/api/audit/proof/consistency?first=0&second={BEYOND}", 404),
        ("/api/audit/proof/consistency?first=5&second=2", 400),
        ("/api/webhooks/deliveries?after=a~b~c", 400),
        ("/api/webhooks/deliveries?after=0001-01-01T00:00:00%2B14:00~b~c", 400),
        ("/api/workload/units/%00", 400),
        ("/api/workload/units/..%2f..%2fetc%2fpasswd", 404),
        ("/api/optimizer/plans/x", 404),
        ("/api/nothing", 404),
        (f"/audit/entries/{BEYOND}", 404),
        (f"/audit/?before={BEYOND}", 200),
        ("/audit/?before=abc", 200),
        ("/static/..%2f..%2fconfig.py", 404),
        ("/static/../config.py", 404),
        ("/personnel/cards", 400),
        ("/personnel/cards?ids=x", 400),
        ("/personnel/cards?ids=%1b", 400),
        (f"/personnel/cards?ids={NOTHING}&purpose=Just+looking", 400),
        ("/workload/?opd=';DROP+TABLE+x;--", 200),
        ("/mutations/new?from=%3Cscript%3Ealert", 200),
        ("/?lang=klingon", 302),
    ],
)
def test_addresses_nobody_was_given_are_answered_calmly(client: FlaskClient, path: str, status: int) -> None:
    answer = client.get(path, headers={"Accept": "application/json"} if status >= 400 else {})
    assert answer.status_code == status
    assert "<script>alert" not in answer.text
    if status >= 400:
        refused(answer)


def test_the_pages_of_a_list_are_full_and_tell_nothing_of_others(place: World) -> None:
    """Cases that the reader may not open are no holes in the pages of those that they may."""
    officer, helpers = acting(place, "officer"), ("budi", "ana") * 4
    own = [give(officer, CASES, drafted(helper)).get_json()["mutation"] for helper in helpers]
    reader, seen, after, sizes = acting(place, "ana"), [], "", []
    while after is not None:
        page = reader.get(CASES, query_string={"limit": 2, "after": after}).get_json()
        seen += [row["id"] for row in page["mutations"]]
        sizes.append(len(page["mutations"]))
        after = page["next"]
    assert set(own[1::2]) <= set(seen)
    assert not set(own[0::2]) & set(seen)
    assert set(sizes[:-1]) <= {2}
    assert sizes[-1] > 0


def test_the_next_page_of_the_screen_is_reached_by_its_link(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.mutations.reading.PAGE", 2)
    reader = browsing(place, "officer")
    for _ in range(3):
        give(acting(place, "officer"), CASES, drafted())
    first = reader.get("/mutations/?state=DRAFT").text
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following, "there is no next page"
    second = reader.get(following[1].replace("&amp;", "&"))
    assert second.status_code == 200
    links = re.compile(r"/mutations/[0-9a-f-]{36}")
    assert links.findall(second.text)
    assert not set(links.findall(first)) & set(links.findall(second.text))


def test_the_seal_of_a_case_is_offered_to_those_who_may_open_it(place: World, case: str) -> None:
    link = f'href="/audit/?subject=mutations/mutation/{case}"'
    for roles, offered in (((), False), (("personnel@8200",), False), (("auditor@8200",), True), (ROLES, True)):
        browser = browsing(place, "officer", *roles)
        assert (link in browser.get(f"/mutations/{case}").text) == offered
        assert (browser.get(f"/audit/?subject=mutations/mutation/{case}").status_code == 200) == offered


@pytest.mark.parametrize("forged", ["x", "a.b.c", "WyJhIl0.aaaaaa.bbbbbb", "", "а" * 40])
def test_a_forged_session_is_none(place: World, forged: str) -> None:
    browser = place.app.web.test_client()
    browser.set_cookie(COOKIE, forged)
    assert browser.get("/mutations/").headers["Location"].startswith("/identity/sign-in")
    assert refused(browser.get(CASES))[0] == 401


def test_a_session_that_was_changed_or_is_old_is_none(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    good = token(place, "officer", *ROLES)
    told, _, signature = good.rpartition(".")
    for bad in (f"{told}.{signature[::-1]}", good[1:], good + "x"):
        answer = place.app.web.test_client().get(CASES, headers={"Authorization": f"Bearer {bad}"})
        assert refused(answer)[0] == 401
    monkeypatch.setattr("services.auth.SESSION_SECONDS", -1)
    assert refused(place.app.web.test_client().get(CASES, headers={"Authorization": f"Bearer {good}"}))[0] == 401


@pytest.mark.parametrize("method", ["TRACE", "PATCH", "DELETE", "PROPFIND"])
def test_a_method_that_a_route_has_not_is_refused_and_those_it_has_are_named(client: FlaskClient, method: str) -> None:
    answer = client.open(CASES, method=method)
    assert refused(answer)[0] == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_head_has_the_headers_of_get_and_no_body(client: FlaskClient, case: str) -> None:
    asked, told = client.get(f"{CASES}{case}"), client.head(f"{CASES}{case}")
    assert (told.status_code, told.data, told.headers["ETag"]) == (200, b"", asked.headers["ETag"])
    assert client.options(CASES).status_code == 200


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html", True),
        ("*/*", True),
        ("application/json", False),
        ("application/problem+json", False),
        ("text/html;q=0.1, application/json", False),
        ("image/png", False),
        ("garbage;;q=x", False),
    ],
)
def test_a_problem_is_a_page_for_those_who_want_pages(client: FlaskClient, accept: str, page: bool) -> None:
    answer = client.get(f"/mutations/{NOTHING}", headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html" if page else "application/problem+json")


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing(place: World, client: FlaskClient) -> None:
    before = everything(place)
    answer = client.post(
        CASES, data=b'{"person"', content_type="application/json", headers={"Idempotency-Key": ids.new()},
        environ_overrides={"CONTENT_LENGTH": "5000"},
    )  # fmt: skip
    assert refused(answer)[0] == 400
    assert everything(place) == before


def test_a_reader_that_goes_away_in_the_middle_holds_no_connection(place: World, client: FlaskClient) -> None:
    pool = place.app.databases.reader("audit").pool
    held = pool.checkedout()  # type: ignore[attr-defined]
    answer = client.get("/audit/export.tar")
    next(answer.iter_encoded())
    answer.close()
    assert pool.checkedout() == held  # type: ignore[attr-defined]


def test_nobody_takes_an_office_or_a_position_that_others_keep(place: World) -> None:
    """Whoever keeps the records of one government cannot draw an office or post of another to itself."""
    before = everything(place)
    stranger = acting(place, "ana", "personnel@8272")
    office = {"office": "8200.sekda", "role": "pyb", "scope": "8200", "instansi": "8272", "title": "Sekda"}
    position = {
        "position": "8200.umum.loket.p", "unit": "8272.baru", "title": "t", "kind": "pelaksana", "family": "f",
        "job_class": 6, "places": 1,
    }  # fmt: skip
    assert refused(give(stranger, "/api/personnel/offices", office))[0] == 403
    assert refused(give(stranger, "/api/personnel/offices", office | {"office": "8272.x"})) == (422, "scope")
    assert refused(give(stranger, "/api/personnel/positions", position))[0] == 403
    assert refused(give(stranger, "/api/optimizer/assessments", {"instansi": "8200", "document": PAPER}))[0] == 403
    assert everything(place) == before


@pytest.mark.parametrize(("language", "title"), [("id", "Tidak ditemukan"), ("en", "Not found")])
@pytest.mark.parametrize("address", ["/mutations/" + NOTHING, "/nothing", "/workload/units/nowhere"])
def test_a_page_that_is_not_there_says_so_in_the_readers_language(
    place: World, address: str, language: str, title: str
) -> None:
    page = browsing(place, "officer", *ROLES).get(f"{address}?lang={language}", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert re.search(rf"<h1>.*{title}</h1>", page.text, re.DOTALL)
