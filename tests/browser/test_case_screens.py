"""A case from draft to decree, by the people whose inboxes ask for it, each at their own screen."""

from __future__ import annotations

import hashlib
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from deploy.sample.accounts import employee_login
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.timeout(300)]

PAPER = "Anjab dan ABK loket Sofifi"
DONOR, RECEIVER = "kepala.8200.dpmptsp", "kepala.8200.dukcapil"


def duty(page: Page) -> Locator:
    return page.locator("#duties article.duty")


def open_first_case(officer: Visitor) -> None:
    """Two days into the surge the optimizer's first proposal has become a case."""
    officer.next_day()
    officer.next_day()
    officer.wait_for("/mutations/inbox", lambda page: page.locator("#drafts a").first).click()
    expect(officer.page.locator("#actions")).to_be_visible()


def employee_of(visitor: Visitor) -> str:
    """The login of the person whom a case is about, from the random id in the frame of their name."""
    frame = visitor.page.locator("iframe.cards").get_attribute("src") or ""
    found = re.search(r"ids=([0-9a-f-]{36})", frame)
    assert found is not None, frame
    return employee_login(found.group(1))


def paper_of(officer: Visitor) -> str:
    """What the case on the officer's page keeps of its workload analysis."""
    case = officer.page.request.get(officer.page.url.replace("/mutations/", "/api/mutations/")).json()["case"]
    return str(case["documents"]["G2"])


def number(text: str) -> float:
    return float(text.replace(",", "."))


def assert_loads_open_to_their_working(page: Page) -> None:
    """Before and after, for both units: the unit's report and the plan's calculation, each with its source and day."""
    figures = page.locator("section", has=page.get_by_role("heading", name="Mengapa diusulkan")).locator("td .figure")
    expect(figures).to_have_count(6)
    for source, opens in (("laporan unit", "/workload/units/"), ("hitungan rencana", "#effects")):
        figure = figures.filter(has_text=source).first
        expect(figure.locator("small")).to_contain_text(re.compile(r"per \d+ \w+ \d{4}"))
        assert opens in str(figure.locator("a").get_attribute("href"))
    page.goto(page.url.rsplit("/mutations/", 1)[0] + str(figures.last.locator("a").get_attribute("href")))
    working = page.locator("#effects-working dd").first
    staff = re.search(r"sebelum ([\d,]+)", working.inner_text())
    assert staff is not None
    work, shown = (place.first.inner_text() for place in (working.locator("a"), page.locator("#effects td .figure a")))
    assert abs(number(work) / number(staff[1]) - number(shown)) < 0.01
    page.go_back()


def test_everybody_acts_from_their_inbox_and_the_employee_from_a_phone_without_scripts(
    own_site: Site, visit: Visit
) -> None:
    officer, verifier = visit(own_site, "bkd"), visit(own_site, "verifikator")
    verifier.open("/mutations/inbox")
    expect(duty(verifier.page)).to_have_count(0)
    open_first_case(officer)
    assert_loads_open_to_their_working(officer.page)
    officer.act("submit", **{"documents.G2": PAPER})
    expect(officer.page.locator(".flash.success")).to_be_visible()
    assert paper_of(officer) == hashlib.sha256(PAPER.encode()).hexdigest()

    verifier.open("/mutations/inbox")
    expect(duty(verifier.page)).to_have_count(1)
    duty(verifier.page).locator("h3 a").click()
    login = employee_of(verifier)
    verifier.act("screen", outcome="pass")
    verifier.open("/mutations/inbox")
    expect(duty(verifier.page)).to_have_count(0)

    employee = visit(own_site, login, phone=True, scripts=False)
    employee.open("/mutations/inbox")
    assert employee.fits()
    duty(employee.page).locator("h3 a").click()
    assert employee.page.locator("script").count() == 0
    assert employee.fits()
    employee.act("answer", answer="willing")
    expect(employee.page.locator(".flash.success")).to_be_visible()

    for head, answers in (
        (DONOR, {"release": {"answer": "yes", "handover_planned": "1", "floor_kept": "1"}}),
        (RECEIVER, {"receive": {"answer": "yes", "budgeted": "1"}}),
    ):
        visitor = visit(own_site, head)
        visitor.open("/mutations/inbox")
        duty(visitor.page).locator("h3 a").first.click()
        ((command, fields),) = answers.items()
        visitor.act(command, **fields)
        expect(visitor.page.locator(".flash.success")).to_be_visible()

    secretary = visit(own_site, "sekda")
    secretary.wait_for("/mutations/inbox", duty).locator("h3 a").click()
    dates = {"decree_date": "2026-03-04", "effective_on": "2026-03-02"}
    secretary.act("sign", number="800.1.3.1/17/2026", **dates)
    refusal = secretary.refused(422)
    for part in ("TMT", "tidak sebelum tanggal keputusan", "Dasar:", "decree_in_order"):
        expect(refusal).to_contain_text(part)
    number = secretary.page.locator("#sign-number")
    assert number.input_value() == "800.1.3.1/17/2026", "what was typed is kept"
    secretary.act("sign", effective_on="2026-03-25")
    expect(secretary.page.locator(".timeline")).to_contain_text("Keputusan ditandatangani")

    officer.open("/mutations/inbox")
    expect(duty(officer.page)).to_contain_text("Sampaikan keputusan")


def test_a_list_is_where_it_was_left_after_looking_at_one_of_its_rows(site: Site, visit: Visit) -> None:
    visitor = visit(site, "bkd")
    page = visitor.page
    visitor.open("/workload/")
    page.locator("#opd").select_option(label="Dinas Kependudukan dan Pencatatan Sipil")
    page.locator(".filter button").click()
    expect(page).to_have_url(re.compile("opd="))
    expect(page.locator("tbody tr").last).to_be_visible()
    left = page.url
    rows = page.locator("tbody tr").count()
    page.locator("tbody th a").last.click()
    expect(page).to_have_url(re.compile("/workload/units/"))
    unit = page.url
    page.go_back()
    expect(page).to_have_url(left)
    expect(page.locator("tbody tr")).to_have_count(rows)
    expect(page.locator("#opd option:checked")).to_have_text("Dinas Kependudukan dan Pencatatan Sipil")
    page.go_forward()
    expect(page).to_have_url(unit)
