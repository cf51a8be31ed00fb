"""Bad input at the JSON doors: each gets a problem document that names the field or rule and the remedy, and leaves
nothing half-done."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from events import ids
from tests.town import COUNTER, DONOR, PAPER, PERSON, acting, drafted, everything, give
from tests.worlds import World

ROLES = ("operator@imbang", "personnel@8200", "reports@8200.umum", "webhooks@8200")
NIP = "199207082018012004"
PPPK = "199207082023211004"
HUGE = 10**30

DEWI = {
    "name": "Dewi Kaunar", "nip": NIP, "status": "pns", "grade": 9, "position": f"{DONOR}.p", "unit": DONOR,
    "since": "2020-01-01", "appointed_on": "2018-01-01", "retires_on": "2050-08-01", "skills": ["layanan"],
    "home": "halmahera",
}  # fmt: skip
UNIT = {
    "unit": "8200.umum.baru", "name": "Baru", "opd": "8200.umum", "opd_name": "Umum", "instansi": "8200",
    "instansi_name": "Maluku Utara", "region": "8272", "island": "halmahera",
}  # fmt: skip
POSITION = {
    "position": "8200.umum.baru", "unit": COUNTER, "title": "Pengelola", "kind": "pelaksana", "family": "layanan",
    "job_class": 6, "places": 3,
}  # fmt: skip
OFFICE = {"office": "8200.baru", "role": "unit_head", "scope": "8200.umum", "instansi": "8200", "title": "Kepala"}
HOLDER = {"person": PERSON["ana"], "capacity": "plh", "order": "SK 1", "since": "2026-01-01"}
DELEGATION = {
    "to_person": PERSON["budi"], "by_person": PERSON["sekda"], "order": "SK 2", "commands": ["Sign"],
    "since": "2026-03-01", "until": "2026-04-01",
}  # fmt: skip
REPORT = {"unit": COUNTER, "period_from": "2026-02-16", "period_to": "2026-02-20", "lines": []}
ABK = {
    "unit": COUNTER, "version": 2, "wke": 75_000, "signed_on": "2026-01-05",
    "lines": [{"task": "t", "name": "n", "volume": 1, "norm": 1}],
}  # fmt: skip
ENDPOINT = {"scope": "8200", "url": "https://192.0.2.1/"}
ACCOUNT = {"login": "baru", "label": "Baru"}
ASSESSMENT = {"instansi": "8200", "document": PAPER}
CASE = drafted()

PEOPLE, UNITS, POSITIONS = "/api/personnel/people", "/api/personnel/units", "/api/personnel/positions"
OFFICES, HOLDERS = "/api/personnel/offices", "/api/personnel/offices/8200.sekda/holders"
DELEGATIONS = "/api/personnel/offices/8200.sekda/delegations"
REPORTS, ANALYSES = "/api/workload/reports", "/api/workload/analyses"
ENDPOINTS, ACCOUNTS, ASSESSMENTS = "/api/webhooks/endpoints", "/api/identity/accounts", "/api/optimizer/assessments"
CASES = "/api/mutations/"

#: Path, a good body, what is made bad in it, and the field that the problem must name.
BAD = [
    *((path, good, {"colour": "red"}, "colour") for path, good in [
        (PEOPLE, DEWI), (UNITS, UNIT), (POSITIONS, POSITION), (OFFICES, OFFICE), (HOLDERS, HOLDER),
        (DELEGATIONS, DELEGATION), (REPORTS, REPORT), (ANALYSES, ABK), (ENDPOINTS, ENDPOINT), (ACCOUNTS, ACCOUNT),
        (ASSESSMENTS, ASSESSMENT), (CASES, CASE),
    ]),
    (PEOPLE, DEWI, {"nip": "12345"}, "nip"),
    (PEOPLE, DEWI, {"nip": "199213082018012004"}, "nip"),
    (PEOPLE, DEWI, {"nip": PPPK}, "nip"),
    (PEOPLE, DEWI, {"nip": "١٩٩٢٠٧٠٨٢٠١٨٠١٢٠٠٤"}, "nip"),
    (PEOPLE, DEWI, {"nip": "1" * 10**6}, "nip"),
    (PEOPLE, DEWI, {"unit": "8200.tidak.ada"}, "unit"),
    (PEOPLE, DEWI, {"position": f"{COUNTER}.p"}, "position"),
    (PEOPLE, DEWI, {"since": "2020-02-30"}, "since"),
    (PEOPLE, DEWI, {"since": "2020-01-01T00:00:00"}, "since"),
    (PEOPLE, DEWI, {"retires_on": "9999-12-31"}, "retires_on"),
    (PEOPLE, DEWI, {"grade": "9"}, "grade"),
    (PEOPLE, DEWI, {"grade": True}, "grade"),
    (PEOPLE, DEWI, {"grade": 99}, "grade"),
    (PEOPLE, DEWI, {"name": ""}, "name"),
    (PEOPLE, DEWI, {"name": "x" * 10**6}, "name"),
    (PEOPLE, DEWI, {"skills": ["two words"]}, "skills"),
    (PEOPLE, DEWI, {"person": PERSON["ana"]}, "person"),
    (UNITS, UNIT, {"unit": ""}, "unit"),
    (UNITS, UNIT, {"unit": "../../etc"}, "unit"),
    (UNITS, UNIT, {"unit": "8200.umum\n"}, "unit"),
    (UNITS, UNIT, {"unit": "u" * 41}, "unit"),
    (UNITS, UNIT, {"name": "x" * 121}, "name"),
    (POSITIONS, POSITION, {"unit": "8200.tidak.ada"}, "unit"),
    (POSITIONS, POSITION, {"places": -1}, "places"),
    (POSITIONS, POSITION, {"places": 2**40}, "places"),
    (POSITIONS, POSITION, {"places": HUGE}, "places"),
    (POSITIONS, POSITION, {"kind": "raja"}, "kind"),
    (OFFICES, OFFICE, {"scope": "8272"}, "scope"),
    (OFFICES, OFFICE, {"title": "x" * 121}, "title"),
    (HOLDERS, HOLDER, {"person": "00000000-0000-4000-8000-000000000099"}, "person"),
    (HOLDERS, HOLDER, {"until": "2025-01-01"}, "until"),
    (HOLDERS, HOLDER, {"order": "Ana 198703142011012001"}, "order"),
    (HOLDERS, HOLDER, {"barred": ["Sign everything"]}, "barred"),
    (DELEGATIONS, DELEGATION, {"commands": []}, "commands"),
    (DELEGATIONS, DELEGATION, {"commands": ["Sign\n"]}, "commands"),
    (DELEGATIONS, DELEGATION, {"until": "2026-01-01"}, "until"),
    (REPORTS, REPORT, {"unit": "8200.tidak.ada"}, "unit"),
    (REPORTS, REPORT, {"period_to": "2026-02-10"}, "period_to"),
    (REPORTS, REPORT, {"absent_days": -1}, "absent_days"),
    (REPORTS, REPORT, {"lines": []}, "lines"),
    (REPORTS, REPORT, {"lines": [{"task": "layanan", "volume": "5"}]}, "lines"),
    (ANALYSES, ABK, {"version": HUGE}, "version"),
    (ANALYSES, ABK, {"version": -1}, "version"),
    (ANALYSES, ABK, {"lines": [{"task": "t" * 61, "name": "n", "volume": 1, "norm": 1}]}, "lines"),
    (ENDPOINTS, ENDPOINT, {"url": "https://127.0.0.1/"}, "url"),
    (ENDPOINTS, ENDPOINT, {"url": "https://a:b@192.0.2.1/"}, "url"),
    (ENDPOINTS, ENDPOINT, {"url": "file:///etc/passwd"}, "url"),
    (ENDPOINTS, ENDPOINT, {"types": "all"}, "types"),
    (ACCOUNTS, ACCOUNT, {"login": "rаhma"}, "login"),  # its second letter is Cyrillic
    (ACCOUNTS, ACCOUNT, {"login": "rahma\n"}, "login"),
    (ACCOUNTS, ACCOUNT, {"login": "rahma"}, "login"),
    (ACCOUNTS, ACCOUNT, {"roles": ["operator@imbang\n"]}, "roles"),
    (ACCOUNTS, ACCOUNT, {"person": NIP}, "person"),
    (ACCOUNTS, ACCOUNT, {"password": "short"}, "password"),
    (ACCOUNTS, ACCOUNT, {"password_hash": "x"}, "password_hash"),
    (ASSESSMENTS, ASSESSMENT, {"document": "the paper itself"}, "document"),
    (CASES, CASE, {"person": "nobody"}, "person"),
    (CASES, CASE, {"person": NIP}, "person"),
    (CASES, CASE, {"person": ["a"]}, "person"),
    (CASES, CASE, {"person": "x" * 10**6}, "person"),
    (CASES, CASE, {"to_position": "nowhere"}, "to_position"),
    (CASES, CASE, {"to_position": "'; DROP TABLE mutations_case; --"}, "to_position"),
    (CASES, CASE, {"mode": None}, "mode"),
    (CASES, CASE, {"start": 5}, "start"),
    (CASES, CASE, {"start": "2026-02-30"}, "start"),
    (CASES, CASE, {"start": "9999-12-31"}, "start"),
    (CASES, CASE, {"start": "0001-01-01"}, "start"),
    (CASES, CASE, {"share": "1"}, "share"),
    (CASES, CASE, {"words": "x" * 5001}, "words"),
]  # fmt: skip


@pytest.fixture(scope="module")
def client(place: World) -> FlaskClient:
    return acting(place, "officer", *ROLES)


def refused(answer: Any) -> dict[str, Any]:
    """The problem document of a refusal, complete."""
    assert answer.content_type == "application/problem+json"
    problem: dict[str, Any] = answer.get_json()
    assert problem["status"] == answer.status_code
    assert {"type", "title", "detail", "remedy"} <= problem.keys()
    return problem


@pytest.mark.parametrize(
    ("path", "good", "change", "field"), BAD, ids=[f"{n} {b[0]} {b[3]}" for n, b in enumerate(BAD)]
)
def test_a_wrong_field_is_named_with_the_remedy_and_nothing_is_done(
    place: World, client: FlaskClient, path: str, good: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    before = everything(place)
    answer = give(client, path, good | change)
    assert (answer.status_code, refused(answer)["field"]) in ((422, field), (409, field))
    assert everything(place) == before


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"until": "2026-03-01"}, "dates_in_order"),
        ({"until": None}, "dates_in_order"),
        ({"share": 0}, "share_in_range"),
        ({"share": 2}, "share_in_range"),
        ({"share": -1}, "share_in_range"),
    ],
)
def test_a_move_that_cannot_be_names_its_rule(
    place: World, client: FlaskClient, change: dict[str, Any], rule: str
) -> None:
    before = everything(place)
    answer = give(client, CASES, CASE | change)
    assert (answer.status_code, refused(answer)["rule"]) == (422, rule)
    assert everything(place) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"share": NaN}', 400),
        (b'{"share": Infinity}', 400),
        (b'{"share": 1e999}', 400),
        (b'{"share": 1' + b"0" * 5000 + b"}", 400),
        (b'{"person": "\xff"}', 400),
        (b'{"person": "\\ud800"}', 400),
        (b'{"person": "a\\u0000b"}', 400),
        (b'{"person": "a\\u202eb"}', 400),
        (b'{"words": "\\u001b[31m"}', 400),
        (b'{"a\\u0000b": 1}', 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"a":' * 500 + b"1" + b"}" * 500, 422),
        (b"{", 400),
        (b"\xef\xbb\xbf{}", 400),
        ("{}".encode("utf-16"), 400),
        (b"[]", 422),
        (b'"text"', 422),
        (b"", 422),
        (b'{"words": "' + b"x" * 9_000_000 + b'"}', 413),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else str(value),
)
def test_a_body_that_is_no_good_json_is_refused(place: World, client: FlaskClient, body: bytes, status: int) -> None:
    before = everything(place)
    headers = {"Idempotency-Key": ids.new()}
    answer = client.post(CASES, data=body, content_type="application/json", headers=headers)
    assert answer.status_code == status, refused(answer)
    assert everything(place) == before


@pytest.mark.parametrize(
    "kind", ["application/xml", "text/plain", None, "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_body_of_another_kind_is_not_taken_for_an_empty_one(client: FlaskClient, kind: str | None) -> None:
    body = {"person": "a"} if kind == "multipart/form-data" else b"person=a"
    answer = client.post(CASES, data=body, content_type=kind, headers={"Idempotency-Key": ids.new()})
    assert answer.status_code == 415
    assert "JSON" in refused(answer)["remedy"]


def test_of_a_name_that_comes_twice_the_last_counts(client: FlaskClient) -> None:
    body = b'{"mode": "temporary", "mode": "sideways"}'
    answer = client.post(CASES, data=body, content_type="application/json", headers={"Idempotency-Key": ids.new()})
    assert "mode" in refused(answer)["errors"]["json"]


def test_a_paper_is_told_by_its_hash_and_never_by_words(client: FlaskClient) -> None:
    mutation = give(client, CASES, drafted("budi")).get_json()["mutation"]
    for documents in ({"G2": "Ana Hatari"}, {"G11": PAPER}, {"nama": PAPER}, {"G2": PAPER.upper()}):
        answer = give(client, f"/api/mutations/{mutation}/submit", {"documents": documents})
        assert (answer.status_code, refused(answer)["field"]) == (422, "documents")


@pytest.mark.parametrize("text", ["Nu’u", "𝒯𝑒𝓈𝓉", "🐟 laut", "العربية", "Ñandú", "'; DROP TABLE x; --", "<b>&"])
def test_people_and_units_may_be_called_what_they_are_called(client: FlaskClient, text: str) -> None:
    assert give(client, UNITS, UNIT | {"name": text, "unit": f"8200.umum.{ids.new()[-8:]}"}).status_code == 201
    names = [unit["name"] for unit in client.get("/api/personnel/units?limit=200").get_json()["units"]]
    assert text in names
