"""Story 6: as acting governor (Plt), I sign appointments.

Told on the day of the sample, not in January 2024: what bars the signature is the law of both days.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.errands import PERMANENT, Errands, vacancy, volunteers
from tests.browser.film import Film
from tests.browser.site import Site

pytestmark = pytest.mark.timeout(300)

OFFICE = "8200.ppk"
#: What the screens say in either language.
WORDS = {
    "id": {
        "remedy": "Mintakan pertimbangan Kepala BKN",
        "granted": "Pertimbangan atau izin dicatat",
        "signed": "Keputusan ditandatangani",
    },
    "en": {
        "remedy": "Ask the head of BKN",
        "granted": "A consideration or permit was recorded",
        "signed": "Decree signed",
    },
}


def holder(others: Errands, role: str) -> str:
    """Who holds the province's office of a role."""
    (office,) = others.of("sekda").http.get(f"/api/personnel/offices?scope=8200&role={role}").json()["offices"]
    return str(office["holders"][0]["person"])


@pytest.mark.parametrize("language", ["id", "en"])
def test_an_acting_governor_signs_after_the_consideration_of_bkn_and_not_before(
    own_site: Site, visit: Visit, language: str
) -> None:
    words, film, others = WORDS[language], Film(f"story-06-{language}"), Errands(own_site)
    person = volunteers()[0]
    case = others.consulting(person, vacancy(), PERMANENT)
    others.agreed(person, vacancy(), case)
    governor, secretary = (holder(others, role) for role in ("ppk", "pyb"))
    bkd, place = others.of("bkd"), f"/api/personnel/offices/{OFFICE}"
    bkd.post_json(
        f"{place}/endings", {"person": governor, "capacity": "definitive", "order": "KEP-8/2026", "on": "2026-03-01"}
    )
    order = {"person": secretary, "capacity": "plt", "order": "KEP-9/2026", "since": "2026-03-02"}
    bkd.post_json(f"{place}/holders", order)

    me = visit(own_site, "sekda", language=language)
    page = me.wait_for("/mutations/inbox", lambda page: page.locator(f'#duties a[href="/mutations/{case}"]')).page
    me.open(f"/mutations/{case}")
    dates = {"decree_date": "2026-03-02", "effective_on": "2026-04-01"}
    me.act("sign", number="800.1.3.1/21/2026", **dates)
    refusal = me.refused(403)
    for part in ("Perpres 116/2022", words["remedy"]):
        expect(refusal).to_contain_text(part)
    film.take(page, "refused, with the article and what would unlock it")

    officer = visit(own_site, "bkd", language=language)
    officer.open(f"/mutations/{case}")
    letter = {"reference": "B-12/2026", "dated": "2026-03-02", "letter": "Pertimbangan Kepala BKN"}
    officer.act("grant", grant="acting", outcome="grant", **letter)
    expect(officer.page.locator(".timeline")).to_contain_text(words["granted"])
    film.take(officer.page, "BKN's consideration is recorded with its letter")

    me.open(f"/mutations/{case}")
    me.act("sign", number="800.1.3.1/21/2026", **dates)
    timeline = page.locator(".timeline")
    for part in (words["granted"], words["signed"], "Plt ", "KEP-9/2026"):
        expect(timeline).to_contain_text(part)
    film.take(page, "now I can sign, and the history shows both")
    film.cut(officer.context.new_page())
