"""Registering people and structure: what is wrong is named, and nobody is known by more than a random id."""

from __future__ import annotations

from typing import Any

import pytest

from services import personnel
from services.personnel.commands import (
    RegisterPeople,
    RegisterPositions,
)
from services.service import Refused
from tests.staff import (
    ANA,
    BUDI,
    CITRA,
    COUNTER,
    DONOR,
    NUMBERS,
    TIDORE,
    described,
    heads,
    new,
    position,
    post,
    signed_in,
    told,
)
from tests.worlds import World


def test_a_registered_person_is_known_to_others_by_a_random_id_only(staffed: World) -> None:
    answer = post(signed_in(staffed, "personnel@8200"), "/people", described())
    assert answer.status_code == 201
    (event,) = told(staffed, "personnel.person_registered", person=answer.get_json()["person"])
    assert (event.unit, event.skills) == (DONOR, ["layanan"])
    everything = repr([staffed.rows("personnel", of) for of in personnel.SERVICE.metadata.sorted_tables])
    assert [word for word in ("Dewi", "Kaunar", "199207082018012004") if word in everything] == []


def test_sending_a_person_twice_with_one_key_registers_once(staffed: World) -> None:
    client = signed_in(staffed, "personnel@8200")
    answers = [post(client, "/people", described(), "the same key").get_json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert heads(staffed)[DONOR] == 3


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"since": "2020-02-30"}, "since"),
        ({"grade": 40}, "grade"),
        ({"status": "honorer"}, "status"),
        ({"name": ""}, "name"),
        ({"home": None}, "home"),
        ({"nik": "8271"}, "nik"),
    ],
)
def test_a_value_of_the_wrong_shape_is_named(calm: World, changed: dict[str, Any], field: str) -> None:
    answer = post(signed_in(calm, "personnel@8200"), "/people", described(**changed))
    assert answer.status_code == 422
    assert list(answer.get_json()["errors"]["json"]) == [field]


@pytest.mark.parametrize(
    ("changed", "rule", "field"),
    [
        ({"nip": "19920708201801200"}, "nip_length", "nip"),
        ({"nip": "199202302018012004"}, "nip_birth", "nip"),
        ({"status": "pppk"}, "nip_of_other_status", "nip"),
        ({"nip": "199207082022212004"}, "nip_of_other_status", "nip"),
        ({"nip": NUMBERS[ANA]}, "nip_known", "nip"),
        ({"unit": "8200.x.y"}, "unit_unknown", "unit"),
        ({"position": "8200.x.y.p"}, "position_unknown", "position"),
        ({"position": f"{COUNTER}.p"}, "position_unknown", "position"),
        ({"since": "2017-12-31"}, "since_before_appointment", "since"),
        ({"retires_on": "2020-01-01"}, "retired", "retires_on"),
    ],
)
def test_a_person_that_cannot_be_is_refused_with_field_and_remedy(
    calm: World, changed: dict[str, Any], rule: str, field: str
) -> None:
    answer = post(signed_in(calm, "personnel@8200"), "/people", described(**changed))
    problem = answer.get_json()
    assert (answer.status_code, problem["rule"], problem["field"]) == (422, rule, field)
    assert problem["remedy"]
    assert changed.get("nip", "no number") not in answer.text
    assert heads(calm)[DONOR] == 2


def test_a_pppk_with_a_pppk_number_is_registered(staffed: World) -> None:
    pppk = described(status="pppk", nip="199207082022212004", appointed_on="2022-01-01", since="2022-01-01")
    assert post(signed_in(staffed, "personnel@8200"), "/people", pppk).status_code == 201


def test_a_batch_with_one_person_at_fault_registers_nobody_and_names_the_row(staffed: World) -> None:
    good = new(ANA, person=None, nip="199207082018012004")
    with pytest.raises(Refused) as refusal:
        staffed.submit("personnel", RegisterPeople(people=[good, new(BUDI, person=None)]))
    assert (refusal.value.rule, refusal.value.more["row"]) == ("nip_known", 2)
    with pytest.raises(Refused) as refusal:
        staffed.submit("personnel", RegisterPeople(people=[good, good]))
    assert refusal.value.rule == "nip_known"
    assert heads(staffed)[DONOR] == 2


def test_what_is_told_again_unchanged_is_no_event(staffed: World) -> None:
    staffed.submit("personnel", RegisterPositions(positions=[position(DONOR), position(COUNTER, places=9)]))
    assert [e.places for e in told(staffed, "personnel.position_registered")] == [7, 7, 7, 9]


def test_records_are_kept_within_the_scope_of_the_role(staffed: World) -> None:
    assert post(signed_in(staffed), "/people", described()).status_code == 403
    assert post(signed_in(staffed, "personnel@8272"), "/people", described()).status_code == 403
    assert post(signed_in(staffed, "personnel@8200.dpmptsp"), "/people", described()).status_code == 201
    assert post(staffed.app.web.test_client(), "/people", described()).status_code == 401


def test_lists_come_page_by_page(staffed: World) -> None:
    client, seen, after = signed_in(staffed), [], ""
    for _ in range(3):
        page = client.get("/api/personnel/positions", query_string={"limit": 1, "after": after}).get_json()
        seen += [(p["position"], p["occupied"]) for p in page["positions"]]
        after = page["next"] or ""
    assert seen == [(f"{DONOR}.p", 2), (f"{COUNTER}.p", 0), (f"{TIDORE}.p", 1)]
    assert after == ""


def test_people_are_listed_by_id_and_only_of_ones_own_agency(staffed: World) -> None:
    of_province = signed_in(staffed, "personnel@8200").get("/api/personnel/people").get_json()["people"]
    of_tidore = signed_in(staffed, "personnel@8272").get("/api/personnel/people").get_json()["people"]
    assert ([p["person"] for p in of_province], [p["person"] for p in of_tidore]) == ([ANA, BUDI], [CITRA])
    assert set(of_tidore[0]) == {"person", "status", "grade", "position", "unit", "eligible", "skills"}
    assert signed_in(staffed, "names@8200").get("/api/personnel/people").status_code == 403
