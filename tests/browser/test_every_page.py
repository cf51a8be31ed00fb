"""Every page that can be reached by links, as different people: it is there, quiet, narrow enough, and stays at home.

A visitor's `troubles` (console messages, violations of the Content-Security-Policy, requests elsewhere) fail a test in
the fixture `visit`.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest
from playwright.sync_api import expect

from deploy.daemon import wait_until
from deploy.sample import browserless
from deploy.sample.accounts import PASSWORD, employee_login
from deploy.sample.browserless import OverNetwork
from deploy.sample.days import province
from events import ids
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.browser.visitor import PATIENCE_SECONDS, Visitor

pytestmark = [pytest.mark.timeout(300)]

EMPLOYEE = employee_login(province().planted.unwilling)
#: Of pages that differ by an id alone, a few are looked at.
ALIKE = re.compile(r"/[^/]*\d[^/]*")
FEW = 2


def crawl(visitor: Visitor) -> list[str]:
    """Follow every link to a page from where the visitor is; returns the addresses, in the order of the visits."""
    links, seen, looked_at = ["/"], list[str](), Counter[str]()
    while links:
        path = links.pop(0)
        kind = ALIKE.sub("/…", path.partition("?")[0])
        if path in seen or looked_at[kind] >= FEW or path.startswith(("/api/", "/static/")) or path.endswith(".tar"):
            continue
        seen.append(path)
        looked_at[kind] += 1
        visitor.open(path)
        assert visitor.fits(), f"{path} is wider than the screen"
        found = visitor.page.locator("a[href]").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        links += [href.partition("#")[0] for href in found if href.startswith("/")]
    return seen


@pytest.fixture(scope="module")
def surging(site: Site) -> Site:
    """The site after two days of the surge: an alarm, a proposal and its case, an endpoint with a message."""
    officer, operator = (browserless.Visitor(OverNetwork(site.url), login, PASSWORD) for login in ("bkd", "operator"))
    for _ in range(2):
        officer.post("/demo/next-day", {})
    assert wait_until(lambda: bool(officer.cases("DRAFT")), PATIENCE_SECONDS), "no case was drafted"
    described = {"key": ids.new(), "url": "http://127.0.0.1:9/hook", "scope": "8200", "scheme": "v1"}
    operator.post("/webhooks/new", described)
    officer.act(officer.cases("DRAFT")[0]["id"], "submit", **{"documents.G2": "5" * 64})
    assert wait_until(lambda: "mutation.proposed" in endpoint_page(operator), PATIENCE_SECONDS), "no message was queued"
    return site


def endpoint_page(operator: browserless.Visitor) -> str:
    found = re.search(r"/webhooks/endpoints/[0-9a-f-]+", operator.http.get("/webhooks/").text)
    assert found is not None, "the endpoint is not in the list"
    return operator.http.get(found.group()).text


@pytest.mark.parametrize("login", ["operator", "bkd", EMPLOYEE], ids=["operator", "bkd", "employee"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_every_page_is_quiet_and_fits_the_screen(surging: Site, visit: Visit, login: str, phone: bool) -> None:
    seen = crawl(visit(surging, login, phone=phone))
    assert {"/workload/", "/mutations/inbox", "/mutations/"} <= set(seen)
    assert ("/optimizer/" in seen) == (login != EMPLOYEE), "nobody reads of people about whom nothing is decided"
    assert ("/operations/" in seen) == (login == "operator"), "the menu shows what the reader may open"
    assert any(re.match("/mutations/[0-9a-f]{8}-", path) for path in seen), "no case was among them"


def test_the_language_is_switched_on_any_page_and_stays(surging: Site, visit: Visit) -> None:
    visitor = visit(surging, "bkd")
    page = visitor.page
    visitor.open("/workload/?opd=8200.dukcapil")
    expect(page.locator("html")).to_have_attribute("lang", "id")
    page.locator(".foot a", has_text="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("h1")).to_have_text("Workload")
    assert "opd=8200.dukcapil" in page.url, "the page is the same, in another language"
    page.locator("nav a", has_text="Transfers").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.locator(".foot a", has_text="Bahasa Indonesia").click()
    expect(page.locator("h1")).to_have_text("Mutasi")


def test_pages_show_their_substance_without_scripts(surging: Site, visit: Visit) -> None:
    visitor = visit(surging, "bkd", scripts=False)
    for name in ("Tugas saya", "Mutasi", "Usulan", "Beban kerja"):
        link = visitor.page.locator("nav a", has_text=name)
        expect(link).to_be_visible()
        link.click()
        expect(visitor.page.locator("h1")).to_have_text(name)
    assert visitor.page.locator("#alarms li").count() > 0
