"""Story 5: as acting head (Plh) for three days."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from deploy.sample.accounts import employee_login
from tests.browser.conftest import Visit
from tests.browser.errands import TEMPORARY, Errands, desk, volunteers
from tests.browser.film import Film
from tests.browser.site import Site

pytestmark = pytest.mark.timeout(300)

OFFICE = "8200.dpmptsp.head"
#: What the screens say in either language: the duty of a head, the capacity, the answers.
WORDS = {
    "id": {"duty": "Lepaskan pegawai", "own": "Sampaikan pendapat", "order": "dasar SP-7/2026"},
    "en": {"duty": "Release the employee", "own": "State your view", "order": "SP-7/2026"},
}


def duties(page: Page, words: str) -> Locator:
    return page.locator("#duties article.duty").filter(has_text=words)


@pytest.mark.parametrize("language", ["id", "en"])
def test_an_acting_head_has_the_duties_for_her_days_but_not_in_her_own_case(
    own_site: Site, visit: Visit, language: str
) -> None:
    words, film, others = WORDS[language], Film(f"story-05-{language}"), Errands(own_site)
    acting, colleague, another = volunteers()[:3]
    case = others.consulting(colleague, desk(), TEMPORARY)
    order = {"person": acting, "capacity": "plh", "order": "SP-7/2026", "since": "2026-03-02", "until": "2026-03-04"}
    others.of("bkd").post_json(f"/api/personnel/offices/{OFFICE}/holders", order)
    own, later = (others.consulting(person, desk(), TEMPORARY) for person in (acting, another))
    assert others.stuck() == []

    me = visit(own_site, employee_login(acting), language=language)
    page = me.wait_for("/mutations/inbox", lambda page: duties(page, words["duty"])).page
    expect(duties(page, words["own"])).to_have_count(1)
    film.take(page, "the duty that was already waiting is in my inbox")

    me.open(f"/mutations/{case}")
    me.act("release", answer="yes", handover_planned="1", floor_kept="1")
    entry = page.locator(".timeline li").filter(has_text="Plh ")
    expect(entry).to_contain_text(words["order"])
    film.take(page, "I consent as Plh, under my order")

    me.open(f"/mutations/{own}")
    expect(page.locator('form[action$="/act/answer"]')).to_have_count(1)
    expect(page.locator('form[action$="/act/release"]')).to_have_count(0)
    barred = page.request.get(f"/api/mutations/{own}/why").json()["waits"]
    (release,) = [each for each in barred if each["duty"] == "source"]
    assert [who["objection"] for who in release["barred"]] == ["own_case"]
    assert [who["capacity"] for who in release["who"]] == ["definitive"], "the head herself acts in my case"
    film.take(page, "my own transfer is not mine to consent to")

    head = visit(own_site, "kepala.8200.dpmptsp", language=language)
    officer = visit(own_site, "bkd", language=language)
    for _ in range(3):
        assert others.stuck() == []
        officer.next_day()
    assert others.stuck() == []
    me.open("/mutations/inbox")
    expect(duties(page, words["duty"])).to_have_count(0)
    film.take(page, "on day four my inbox is empty of it")
    head.open("/mutations/inbox")
    expect(head.page.locator(f'#duties a[href="/mutations/{later}"]')).to_have_count(1)
    film.take(head.page, "and the rest is back with the head")
    film.cut(officer.context.new_page())
