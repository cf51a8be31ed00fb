"""Story 1: as head of the personnel agency on my first day.

`IMBANG_SCREENSHOT=deploy/screenshot.png make stories` also takes the README's picture of the load page.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.film import Film
from tests.browser.site import Site
from tests.browser.visitor import DESK

pytestmark = pytest.mark.timeout(300)

NAME = "Loket Layanan Adminduk Sofifi"
#: What the screens say in either language: the alarm, the quotient, its lines, and why nobody moves for good.
WORDS = {
    "id": {
        "ratio": "1,42",
        "quotient": "637.500 ÷ (6 × 75.000) = 1,4167",
        "line": ["÷ 5 × 250 × 15 = 360.000", "÷ 5 × 250 × 20 = 192.000", "÷ 5 × 250 × 30 = 52.500"],
        "age": "hari lalu",
        "help": "Bantuan sementara",
        "wrong": "Mutasi tetap keliru atas bukti ini",
    },
    "en": {
        "ratio": "1.42",
        "quotient": "637,500 ÷ (6 × 75,000) = 1.4167",
        "line": ["÷ 5 × 250 × 15 = 360,000", "÷ 5 × 250 × 20 = 192,000", "÷ 5 × 250 × 30 = 52,500"],
        "age": "days ago",
        "help": "Temporary help",
        "wrong": "A permanent move would be wrong on this evidence",
    },
}


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_first_day_of_the_head_of_the_personnel_agency(own_site: Site, visit: Visit, language: str) -> None:
    words, film = WORDS[language], Film(f"story-01-{language}")
    head = visit(own_site, "bkd", language=language)
    page = head.page
    film.take(page, "signed in, on the first morning")

    for _ in range(5):
        head.next_day()
    alarm = page.locator("#alarms li").filter(has_text=NAME)
    expect(alarm).to_contain_text(words["ratio"])
    expect(page.locator("#alarms li").first).to_contain_text(NAME)
    film.take(page, "five working days later: an alarm")
    if language == "en" and (picture := os.environ.get("IMBANG_SCREENSHOT")):
        head.open("/workload/")
        page.set_viewport_size({"width": 1280, "height": 1040})
        expect(page.locator("#picture svg text").filter(has_text="1.10")).to_be_visible()
        page.screenshot(path=Path(picture))
        page.set_viewport_size(DESK)

    alarm.locator("small a").click()
    working = page.locator("#window")
    expect(working).to_contain_text(words["quotient"])
    for line, count in zip(words["line"], (480, 192, 35), strict=True):
        row = working.locator("tr").filter(has_text=line)
        counted, _, _ = row.locator("td").first.inner_text().partition(")")
        assert sum(map(int, re.findall(r"\d+", counted))) == count, "the counts of the reports, one by one"
        expect(row.locator("td").last).to_contain_text(words["age"])
        assert row.locator("a").count() == 5, "each line names the reports it was counted from"
    for row in working.locator("tbody tr").all():
        assert row.locator("td").last.inner_text(), "every line says where it comes from"
    film.take(page, "1.42 opens to its working")

    first = head.wait_for("/optimizer/", lambda page: page.locator("tbody tr").filter(has_text=f"→ {NAME}")).page
    first.locator("tbody tr").filter(has_text=f"→ {NAME}").last.locator("th a").click()
    expect(page.locator(".lede")).to_contain_text(words["help"])
    expect(page.locator(".reasons")).to_contain_text(words["wrong"])
    film.take(page, "the first proposal: help that ends by itself")

    assert own_site.events("personnel", "personnel.card_viewed") == 0, "a name was read before anybody asked for one"
    page.locator("details summary").click()
    card = page.frame_locator("iframe.cards").locator(".face b")
    expect(card).to_be_visible()
    assert len(card.inner_text()) > 3
    assert own_site.events("personnel", "personnel.card_viewed") == 1
    film.take(page, "a name, opened")

    operator = visit(own_site, "operator", language=language)
    reading = operator.wait_for("/audit/", lambda page: page.locator("tr").filter(has_text="personnel.card_viewed"))
    film.take(reading.page, "and that reading is on record")
    reading.locator("a").first.click()
    expect(operator.page.locator("pre.sealed")).to_contain_text('"purpose":"proposal"')
    film.cut(operator.context.new_page())
