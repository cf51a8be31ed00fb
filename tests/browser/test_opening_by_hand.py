"""A case opened by hand: what it would do is on the screen before anything is recorded."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.timeout(300)]

DONOR, COUNTER = "8200.dpmptsp.loket-ptsp", "8200.dukcapil.loket-sofifi"
TIDORE = "8272.disdukcapil.loket-sofifi"


@pytest.fixture
def officer(site: Site, visit: Visit) -> Visitor:
    return visit(site, "bkd")


def weighed(officer: Visitor, source: str, target: str, mode: str = "temporary", until: str = "2026-06-12") -> Locator:
    """Choose two units and one of the people of the first, and ask for the consequences of moving them."""
    page = officer.page
    officer.open("/mutations/new")
    page.locator("#from").select_option(source)
    page.locator("#to").select_option(target)
    page.locator("#units button").click()
    page.locator("#person").select_option(index=2)
    page.locator("#mode").select_option(mode)
    page.locator("#start").fill("2026-03-16")
    if mode == "temporary":
        page.locator("#until").fill(until)
    page.locator("#words").fill("Antrean panjang sejak Senin")
    page.locator("#move button").first.click()
    return page.locator("#consequences")


def drafts(officer: Visitor) -> int:
    return officer.site.events("mutations", "mutation.drafted")


def test_both_loads_and_the_broken_rules_are_shown_and_nothing_is_drafted(officer: Visitor) -> None:
    before = drafts(officer)
    seen = weighed(officer, DONOR, COUNTER, until="2028-06-12")
    loads = seen.locator("tbody tr")
    shown = [row.locator("td .figure a").all_inner_texts() for row in loads.all()]
    assert shown == [["0,60", "0,70"], ["0,95", "0,81"]]
    expect(loads.first.locator("small").last).to_contain_text(re.compile(r"per \d+ \w+ \d{4} · [\d,]+ ÷ \d+ orang"))
    rules = seen.locator("article.danger")
    expect(rules.first).to_contain_text("Dasar:")
    assert "within_cap" in " ".join(rules.all_inner_texts())
    assert drafts(officer) == before
    assert officer.page.locator("#start").input_value() == "2026-03-16", "what was typed is kept"


def test_a_lawful_case_is_drafted_on_the_second_press(officer: Visitor) -> None:
    before = drafts(officer)
    seen = weighed(officer, DONOR, COUNTER)
    expect(seen.locator(".flash.success")).to_be_visible()
    officer.page.locator('#move button[name="confirmed"]').click()
    expect(officer.page.locator("h1")).to_contain_text("Loket Layanan Adminduk Sofifi")
    expect(officer.page.locator(".lede .state").first).to_contain_text("Rancangan")
    assert drafts(officer) == before + 1


@pytest.mark.parametrize(("mode", "route"), [("temporary", "R6"), ("permanent", "R2")])
def test_towards_the_counter_of_kota_tidore_the_engine_names_the_other_route_and_its_parties(
    officer: Visitor, mode: str, route: str
) -> None:
    seen = weighed(officer, DONOR, TIDORE, mode=mode)
    for told in (route, "Maluku Utara", "Kota Tidore Kepulauan", "→"):
        expect(seen.locator("#route")).to_contain_text(told)
    expect(seen.locator("article.danger").first).to_contain_text("not_your_office")
    expect(seen.locator(".note").first).to_contain_text("Analis Mutasi BKPSDM")
    assert officer.page.locator('button[name="confirmed"]').count() == 0, "the receiving government proposes"
    expect(seen.locator(".note").last).to_contain_text("Rancangan tidak dapat dibuat")


def test_names_of_candidates_are_opened_only_on_purpose(officer: Visitor) -> None:
    weighed(officer, DONOR, COUNTER)
    before = officer.site.events("personnel", "personnel.card_viewed")
    officer.page.locator("aside summary").click()
    expect(officer.page.frame_locator("iframe.cards").locator(".face b").first).to_be_visible()
    assert officer.site.events("personnel", "personnel.card_viewed") == before + 1
