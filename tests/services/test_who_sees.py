"""Who sees what of a case and of a proposal, and what the pages offer to whom."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from events.personnel import PositionRegistered
from services.mutations import reading, sight
from services.mutations.forms import meanings
from services.personnel.commands import RegisterPositions
from tests.services.test_bad_forms import Page
from tests.town import COUNTER, DONOR, PAPER, PERSON, acting, browsing, drafted, give
from tests.worlds import World

NONE = "0190a000-0000-7000-8000-000000000001"
WORDS = "Ibu saya dirawat di Ternate"


@pytest.fixture(scope="module")
def unwilling(place: World) -> str:
    """A case that the employee answered: unwilling, for health, in words of their own to the secretary."""
    case = drafted_by_hand(place)
    give(acting(place, "verifier"), f"/api/mutations/{case}/screen", {"outcome": "pass"})
    refusal = {"answer": "unwilling", "reason_class": "health", "words": WORDS}
    assert give(acting(place, "ana"), f"/api/mutations/{case}/answer", refusal).status_code == 200
    return case


def drafted_by_hand(place: World, person: str = "ana", **papers: str) -> str:
    officer = acting(place, "officer")
    case = str(give(officer, "/api/mutations/", drafted(person)).get_json()["mutation"])
    give(officer, f"/api/mutations/{case}/submit", {"documents": papers or {"G2": PAPER}})
    return case


@pytest.mark.parametrize(("part", "told"), [("ana", True), ("sekda", True), ("donor", False), ("counter", False)])
def test_why_an_employee_is_unwilling_is_told_to_those_who_decide_and_not_to_the_agencies(
    place: World, unwilling: str, part: str, told: bool
) -> None:
    page = browsing(place, part).get(f"/mutations/{unwilling}").text
    assert "tidak bersedia" in page
    assert ("kesehatan" in page, WORDS in page) == (told, told)
    answers: list[Any] = [acting(place, part).get(f"/api/mutations/{unwilling}{more}") for more in ("", "/history")]
    reply = answers[0].get_json()["case"]["replies"]["employee"]
    (event,) = (e for e in answers[1].get_json()["events"] if e["type"] == "consultation.employee_recorded")
    assert (reply["answer"], event["data"]["answer"]) == ("unwilling", "unwilling")
    assert {reply["reason_class"], event["data"]["reason_class"]} == ({"health"} if told else {None})


@pytest.mark.parametrize("roles", [(), ("auditor",), ("operator@8200",), ("names@8200",)])
@pytest.mark.parametrize("part", [*PERSON, ""])
def test_who_may_see_a_case_is_the_same_in_a_list_and_for_a_command(
    place: World, unwilling: str, part: str, roles: tuple[str, ...]
) -> None:
    person = PERSON[part] if part else None
    with place.app.web.app_context():
        known, today = reading.authority(), reading.today()
        found = reading.case(unwilling, sa.true())
        assert found is not None
        listed = reading.case(unwilling, sight.visible(known, person, today, roles)) is not None
        assert sight.sees(known, person, today, roles, found[1]) == listed


@pytest.mark.parametrize("headers", [{}, {"If_Match": '"7"'}])
def test_a_case_that_one_may_not_see_answers_a_command_as_one_that_does_not_exist(
    place: World, unwilling: str, headers: dict[str, str]
) -> None:
    outsider, told = acting(place, "budi"), []
    for case in (unwilling, NONE):
        answer = give(outsider, f"/api/mutations/{case}/cancel", {"reason_class": "need_gone"}, **headers)
        told.append((answer.status_code, {k: str(v).replace(case, "") for k, v in answer.get_json().items()}))
    hidden, missing = told
    assert hidden[0] == missing[0] == 404
    assert {k: v for k, v in hidden[1].items() if k != "instance"} == {
        k: v for k, v in missing[1].items() if k != "instance"
    }


def test_an_account_without_a_person_is_asked_nothing(place: World, unwilling: str) -> None:
    assert acting(place, "donor").get("/api/mutations/inbox").get_json()["duties"] != []
    assert acting(place, "", "webhooks@8200").get("/api/mutations/inbox").get_json()["duties"] == []


@pytest.mark.parametrize("path", ["/optimizer/", "/api/optimizer/proposals", f"/api/optimizer/plans/{NONE}"])
def test_proposals_are_read_by_those_who_read_of_people(place: World, path: str) -> None:
    assert browsing(place, "ana").get(path).status_code == 403
    assert browsing(place, "", "webhooks@8200").get(path).status_code == 403
    assert browsing(place, "officer", "names@8200").get(path).status_code in (200, 404)


def test_nobody_is_offered_to_withdraw_what_is_not_theirs(place: World, unwilling: str) -> None:
    page = browsing(place, "ana").get(f"/mutations/{unwilling}").text
    assert "/act/withdraw" not in page


def test_a_form_asks_for_the_papers_that_the_case_lacks(place: World) -> None:
    officer = acting(place, "officer")
    case = str(give(officer, "/api/mutations/", drafted("budi")).get_json()["mutation"])
    page = browsing(place, "officer").get(f"/mutations/{case}").text
    assert 'name="documents.G2" type="file" required' in page
    give(officer, f"/api/mutations/{case}/submit", {})
    asked = browsing(place, "verifier").get(f"/mutations/{case}").text
    assert 'name="documents.G2" type="file"' in asked
    give(acting(place, "verifier"), f"/api/mutations/{case}/screen", {"outcome": "pass", "documents": {"G2": PAPER}})
    assert "documents.G2" not in browsing(place, "verifier").get(f"/mutations/{case}").text


@pytest.fixture(scope="module")
def full(place: World) -> str:
    """A position of the counter without a free place."""
    position = PositionRegistered(
        position=f"{COUNTER}.full",
        unit=COUNTER,
        title="Penuh",
        kind="pelaksana",
        family="layanan",
        job_class=6,
        places=0,
    )
    place.submit("personnel", RegisterPositions(positions=[position]))
    place.drain()
    return position.position


def test_a_permanent_move_to_a_full_post_is_told_before_it_is_drafted(place: World, full: str) -> None:
    page = Page(browsing(place, "officer"), "/mutations/new")
    asked = drafted("inspector", to_position=full, mode="permanent", until=None)
    answer = page.send("/mutations/new", **asked, **{"from": DONOR, "to": COUNTER, "words": "Kurang orang"})
    assert "meskipun semua setuju" in answer.text
    assert "place_free" in answer.text
    assert "Tidak ada aturan yang dilanggar" not in answer.text


def test_a_move_within_a_unit_changes_nobodys_load(place: World, full: str) -> None:
    page = Page(browsing(place, "officer"), "/mutations/new")
    asked = drafted("counter", to_position=full, person=PERSON["counter"])
    answer = page.send("/mutations/new", **asked, **{"from": COUNTER, "to": COUNTER, "words": "Ganti tugas"})
    section = answer.text.partition('id="consequences"')[2].partition("</table>")[0]
    assert section.count('<th scope="row">') == 1


def test_a_case_opened_by_hand_says_why(place: World) -> None:
    page = Page(browsing(place, "officer"), "/mutations/new")
    answer = page.send("/mutations/new", **drafted("budi"), **{"from": DONOR, "to": COUNTER, "words": " "})
    assert (answer.status_code, "words: wajib diisi" in answer.text) == (422, True)


def test_every_dissent_has_its_words() -> None:
    answers = {"employee": ("unwilling", "conditional"), "source": ("no",), "receiver": ("no",)}
    codes = {f"{party}_{answer}" for party, given in answers.items() for answer in (*given, "no_response")}
    assert codes - meanings().keys() == set()
