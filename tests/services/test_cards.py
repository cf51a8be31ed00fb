"""Cards: who may read whose name, what is shown of it, and that every view is recorded."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from services.db import table
from services.personnel.cards import masked
from services.personnel.models import Card, keys
from tests.staff import (
    ANA,
    BUDI,
    CASE,
    CITRA,
    DONOR,
    GOVERNOR,
    NUMBERS,
    signed_in,
    told,
)
from tests.worlds import World


def cards(client: FlaskClient, *people: str, **query: str) -> Any:
    return client.get("/personnel/cards", query_string={"ids": ",".join(people), "case": CASE} | query)


def viewed(staffed: World) -> list[tuple[str, list[str], str, str | None]]:
    return [(e.viewer, e.people, e.purpose, e.mutation) for e in told(staffed, "personnel.card_viewed")]


def test_a_view_of_many_cards_is_one_recorded_event(staffed: World) -> None:
    page = cards(signed_in(staffed, "names@8200"), ANA, BUDI, ANA)
    assert page.status_code == 200
    assert [
        word for word in ("Ana Hatari", "Budi Samad", "Pengelola Layanan", DONOR.upper()) if word not in page.text
    ] == []
    assert viewed(staffed) == [("account-1", [ANA, BUDI], "case", CASE)]


def test_a_number_shows_its_first_four_and_last_three_digits(staffed: World) -> None:
    page = cards(signed_in(staffed, "names@8200"), ANA).text
    assert masked(NUMBERS[ANA]) == "1987•••••••••••001"
    assert masked(NUMBERS[ANA]) in page
    assert NUMBERS[ANA] not in page


def test_names_beyond_the_scope_of_the_role_stay_shut_and_are_not_recorded(staffed: World) -> None:
    page = cards(signed_in(staffed, "names@8272"), ANA, CITRA)
    assert "Citra Djafar" in page.text
    assert "Ana" not in page.text
    assert viewed(staffed) == [("account-1", [CITRA], "case", CASE)]


def test_who_needs_to_know_nobody_sees_nobody_but_themselves(staffed: World) -> None:
    client = signed_in(staffed, "operator@imbang", person=BUDI)
    assert cards(client, ANA).status_code == 403
    assert viewed(staffed) == []
    assert "Budi Samad" in cards(client, ANA, BUDI).text


def test_an_elected_leader_has_a_name_and_no_number(staffed: World) -> None:
    page = cards(signed_in(staffed, "names@8272"), GOVERNOR).text
    assert [word in page for word in ("Gani Tuhulele", "Gubernur Maluku Utara", "NIP")] == [True, True, False]


def test_one_card_is_a_page_of_its_own(staffed: World) -> None:
    page = signed_in(staffed, "names@8200").get(f"/personnel/people/{ANA}/card?case={CASE}&purpose=decree")
    assert "Ana Hatari" in page.text
    assert "<script" not in page.text
    assert viewed(staffed) == [("account-1", [ANA], "decree", CASE)]


def test_once_its_key_is_gone_a_card_cannot_be_opened(staffed: World) -> None:
    with staffed.app.databases.writer("personnel").begin() as conn:
        conn.execute(keys.delete().where(keys.c.person == ANA))
    page = cards(signed_in(staffed, "names@8200"), ANA, BUDI).text
    assert ["Ana" in page, "sudah dihapus" in page, "Budi Samad" in page] == [False, True, True]
    assert any(row["person"] == ANA for row in staffed.rows("personnel", table(Card)))


@pytest.mark.parametrize("query", [{"ids": ""}, {"ids": "x"}, {"case": "x"}, {"purpose": "Ingin tahu!"}])
def test_a_card_is_not_shown_for_a_question_that_makes_no_sense(calm: World, query: dict[str, str]) -> None:
    assert cards(signed_in(calm, "names@8200"), ANA, **query).status_code == 400
    assert viewed(calm) == []


def test_cards_ask_to_sign_in_first(calm: World) -> None:
    assert cards(calm.app.web.test_client(), ANA).headers["Location"].startswith("/identity/sign-in?next=%2Fpersonnel")
