"""Bad input in the forms of pages: the same refusals, said on the page, which keeps what was typed."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from events import ids
from services.webhooks.commands import RegisterEndpoint
from tests.town import COUNTER, DONOR, PAPER, PASSWORD, acting, browsing, drafted, everything, give
from tests.worlds import World

TYPED = "Loket penuh & antre sampai jalan"
NEW = drafted() | {"from": DONOR, "to": COUNTER, "words": TYPED}
ROLES = ("operator@imbang", "webhooks@8200")


class Page:
    """A browser on a page with forms."""

    def __init__(self, browser: FlaskClient, path: str):
        self.browser = browser
        found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(path).text)
        assert found, "the page has no form"
        self.token = found[1]

    def send(self, path: str, **form: Any) -> Any:
        filled = {"csrf_token": self.token, "key": ids.new()} | {k: v for k, v in form.items() if v is not None}
        return self.browser.post(path, data=filled, headers={"Accept": "text/html"})


@pytest.fixture
def page(place: World) -> Page:
    return Page(browsing(place, "officer", *ROLES), "/mutations/new")


@pytest.fixture(scope="module")
def submitted(place: World) -> str:
    """A case that waits for screening."""
    officer = acting(place, "officer")
    mutation = str(give(officer, "/api/mutations/", drafted("budi")).get_json()["mutation"])
    give(officer, f"/api/mutations/{mutation}/submit", {"documents": {"G2": PAPER}})
    return mutation


@pytest.fixture(scope="module")
def endpoint(place: World) -> str:
    key = ids.new()
    place.submit("webhooks", RegisterEndpoint(endpoint=key, scope="8200", url="https://192.0.2.1/"))
    return key


def alerts(answer: Any) -> str:
    """What the page says went wrong."""
    found = re.findall(r'role="alert">(.*?)</(?:article|p)>', answer.text, re.DOTALL)
    return unescape(re.sub("<[^>]+>", " ", " ".join(found)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start": "2026-02-30"}, "start: bukan tanggal yang mungkin"),
        ({"start": "9999-12-31"}, "start: bukan tanggal yang mungkin"),
        ({"start": ""}, "start: wajib diisi"),
        ({"mode": "sideways"}, "mode: bukan salah satu pilihan"),
        ({"person": "<script>"}, "person: bentuknya keliru"),
        ({"person": "nobody"}, "Pegawai nobody tidak dikenal"),
        ({"to_position": "nowhere"}, "Jabatan nowhere tidak dikenal"),
        ({"words": TYPED + "x" * 5000, "confirmed": "1"}, "Alasan paling banyak 5000 huruf"),
    ],
)
def test_a_case_opened_by_hand_wrongly_is_refused_and_nothing_typed_is_lost(
    place: World, page: Page, change: dict[str, str], said: str
) -> None:
    before = everything(place)
    answer = page.send("/mutations/new", **(NEW | change))
    assert answer.status_code == 422
    assert said in alerts(answer)
    assert TYPED in unescape(answer.text)
    assert f'value="{NEW["until"]}"' in answer.text
    assert "<script>" not in answer.text
    assert everything(place) == before


@pytest.mark.parametrize(
    ("name", "form", "status", "said"),
    [
        ("sign", {"number": "", "words": TYPED}, 422, "number: wajib diisi"),
        ("sign", {"number": "1", "decree_date": "2026-02-30", "effective_on": "x", "words": TYPED}, 422, "decree_date"),
        ("settle", {"outcome": "maybe", "reason_class": "other", "words": TYPED}, 422, "outcome"),
        ("cancel", {"reason_class": "need_gone", "version": "1", "words": TYPED}, 412, "kini versi 2, bukan 1"),
        ("return_home", {}, 404, ""),
        ("fire_timer", {}, 404, ""),
        ("draft", {}, 404, ""),
    ],
)
def test_a_command_that_is_refused_keeps_its_form(
    place: World, page: Page, submitted: str, name: str, form: dict[str, str], status: int, said: str
) -> None:
    before = everything(place)
    answer = page.send(f"/mutations/{submitted}/act/{name}", **form)
    assert answer.status_code == status
    assert said in alerts(answer)
    if status != 404 and 'name="words"' in answer.text:
        assert TYPED in unescape(answer.text)
    assert everything(place) == before


def test_a_decision_the_state_forbids_keeps_what_was_written(place: World, page: Page, submitted: str) -> None:
    decree = {"number": "800/1", "decree_date": "2026-03-02", "effective_on": "2026-03-16", "words": TYPED}
    before = everything(place)
    answer = page.send(f"/mutations/{submitted}/act/sign", **decree)
    assert answer.status_code == 409
    assert "tidak berlaku pada tahap" in alerts(answer)
    assert TYPED in unescape(answer.text)
    assert all(f'value="{decree[name]}"' in answer.text for name in ("number", "decree_date", "effective_on"))
    assert everything(place) == before


def test_a_form_pressed_twice_is_one_command(page: Page) -> None:
    sent = NEW | {"confirmed": "1", "key": ids.new()}
    first, second = (page.send("/mutations/new", **sent).headers["Location"] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "path", ["/mutations/new", "/webhooks/new", "/identity/password", "/operations/parked/audit/release"]
)
def test_a_form_of_another_site_does_nothing(place: World, path: str) -> None:
    before = everything(place)
    browser = browsing(place, "officer", *ROLES)
    for form in (NEW, NEW | {"csrf_token": "forged"}):
        assert browser.post(path, data=form).status_code == 400
    assert everything(place) == before


@pytest.mark.parametrize("text", ["a\0b", "\x1b[31m"])
def test_control_characters_are_refused_in_forms_too(place: World, page: Page, text: str) -> None:
    before = everything(place)
    assert page.send("/mutations/new", **(NEW | {"words": text})).status_code == 400
    assert everything(place) == before


@pytest.mark.parametrize(("length", "status"), [(10**6, 422), (9 * 10**6, 413)])
def test_a_form_beyond_all_bounds_is_refused(place: World, page: Page, length: int, status: int) -> None:
    before = everything(place)
    assert page.send("/mutations/new", **(NEW | {"words": "x" * length, "confirmed": "1"})).status_code == status
    assert everything(place) == before


def test_an_endpoint_that_cannot_be_keeps_its_form(place: World) -> None:
    page = Page(browsing(place, "officer", *ROLES), "/webhooks/new")
    before = everything(place)
    answer = page.send("/webhooks/new", scope="8200", url="https://127.0.0.1/masuk", types="decree.issued")
    assert answer.status_code == 422
    assert 'value="https://127.0.0.1/masuk"' in answer.text
    assert everything(place) == before


@pytest.mark.parametrize("days", ["", "0", "999", "-1", "x", "²", "0001" + "9" * 3000])
def test_a_number_of_days_that_is_none_is_refused(place: World, endpoint: str, days: str) -> None:
    page = Page(browsing(place, "officer", *ROLES), f"/webhooks/endpoints/{endpoint}")
    before = everything(place)
    assert page.send(f"/webhooks/endpoints/{endpoint}/recover", days=days).status_code == 400
    assert everything(place) == before


@pytest.mark.parametrize(
    ("service", "form", "status"),
    [
        ("nothing", {"subject": "x", "event_version": "1"}, 404),
        ("audit", {}, 400),
        ("audit", {"subject": "x", "event_version": "9" * 30}, 400),
        ("audit", {"subject": "x", "event_version": "²"}, 400),
        ("audit", {"subject": "x", "event_version": "1"}, 409),
    ],
)
def test_an_event_that_is_not_parked_cannot_be_released(
    place: World, page: Page, service: str, form: dict[str, str], status: int
) -> None:
    before = everything(place)
    assert page.send(f"/operations/parked/{service}/release", **form).status_code == status
    assert everything(place) == before


@pytest.mark.parametrize("login", ["rаhma", "rahma\t", "' OR 1=1 --", "x" * 10**5])
def test_a_login_that_only_looks_right_lets_nobody_in(place: World, login: str) -> None:
    page = Page(place.app.web.test_client(), "/identity/sign-in")
    answer = page.send("/identity/sign-in", login=login, password=PASSWORD + ("" if login != "rahma\t" else "x"))
    assert answer.status_code == 401
    assert login.strip().lower() in unescape(answer.text), "what was typed is kept"
    assert "imbang_session" not in answer.headers.get("Set-Cookie", "")
