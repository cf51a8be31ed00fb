"""The service `personnel`: registration that names what is wrong, incumbency that conserves heads, names under guard."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import envelope, ids
from events.authority import HolderAppointed, OfficeEstablished
from events.mutation import Act, Move, PlacementStarted, TempEnded, TempExtended
from events.mutation import Place as Where
from events.personnel import IncumbencyChanged, PositionRegistered, UnitRegistered
from services import personnel
from services.auth import COOKIE, User, issue
from services.db import table
from services.personnel.cards import masked
from services.personnel.commands import (
    AppointHolders,
    Delegate,
    EndHolding,
    EstablishOffices,
    NewOfficial,
    NewPerson,
    RegisterOfficials,
    RegisterPeople,
    RegisterPositions,
    RegisterUnits,
)
from services.personnel.models import Card, Duty, Holding, Incumbency, Person, keys
from services.service import Refused
from tests.worlds import World

COUNTER, DONOR, TIDORE = "8200.dukcapil.loket", "8200.dpmptsp.loket", "8272.dinkes.posko"
ANA, BUDI, CITRA, GOVERNOR = (f"00000000-0000-4000-8000-00000000000{i}" for i in (1, 2, 3, 9))
NUMBERS = {ANA: "198703142011012001", BUDI: "199005202015031002", CITRA: "199101012016012003"}
NAMES = {ANA: "Ana Hatari", BUDI: "Budi Samad", CITRA: "Citra Djafar"}
CASE, OTHER_CASE = (f"00000000-0000-4000-9000-00000000000{i}" for i in (1, 2))
SINCE = date(2020, 1, 1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = small_world(f"sqlite:///{tmp_path / 'imbang.db'}")
    yield made
    made.close()


def small_world(url: str) -> World:
    """Three units with one position each; Ana and Budi at the donor's, Citra in Tidore; a governor."""
    world = World(url, [personnel.SERVICE], ["mutations"])
    units = [unit(COUNTER, dukcapil=True), unit(DONOR), unit(TIDORE)]
    world.submit("personnel", RegisterUnits(units=units))
    world.submit("personnel", RegisterPositions(positions=[position(u.unit) for u in units]))
    people = [new(ANA), new(BUDI), new(CITRA, TIDORE)]
    world.submit("personnel", RegisterPeople(people=people))
    governor = NewOfficial(person=GOVERNOR, name="Gani Tuhulele", title="Gubernur Maluku Utara")
    world.submit("personnel", RegisterOfficials(officials=[governor]))
    return world


def unit(code: str, **more: Any) -> UnitRegistered:
    instansi, opd, _ = code.split(".")
    return UnitRegistered(
        unit=code, name=code.upper(), opd=f"{instansi}.{opd}", opd_name=opd, instansi=instansi, instansi_name=instansi,
        region="8272", island="halmahera", **more,
    )  # fmt: skip


def position(code: str, places: int = 7) -> PositionRegistered:
    return PositionRegistered(
        position=f"{code}.p", unit=code, title="Pengelola Layanan", kind="pelaksana", family="layanan", job_class=6,
        places=places,
    )  # fmt: skip


def new(person: str, at: str = DONOR, **changed: Any) -> NewPerson:
    usual = {
        "person": person, "name": NAMES[person], "nip": NUMBERS[person], "status": "pns", "grade": 9,
        "position": f"{at}.p", "unit": at, "since": SINCE, "appointed_on": date(2016, 1, 1),
        "retires_on": date(2049, 1, 1), "skills": ["layanan"], "home": "halmahera",
    }  # fmt: skip
    return NewPerson(**(usual | changed))


def described(**changed: Any) -> dict[str, Any]:
    """A fourth person, as a client would send it."""
    usual = {
        "name": "Dewi Kaunar", "nip": "199207082018012004", "status": "pns", "grade": 9, "position": f"{DONOR}.p",
        "unit": DONOR, "since": "2020-01-01", "appointed_on": "2018-01-01", "retires_on": "2050-08-01",
        "skills": ["layanan"], "home": "halmahera",
    }  # fmt: skip
    return {key: value for key, value in (usual | changed).items() if value is not None}


def signed_in(world: World, *roles: str, person: str | None = None) -> FlaskClient:
    """A browser, and a program too, of someone with these roles."""
    client = world.app.web.test_client()
    with world.app.web.app_context():
        token = issue(User("account-1", person, "Seseorang", roles, time.time()))
    client.set_cookie(COOKIE, token)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def post(client: FlaskClient, path: str, body: dict[str, Any], key: str | None = None) -> Any:
    return client.post(f"/api/personnel{path}", json=body, headers={"Idempotency-Key": key or ids.new()})


def told(world: World, type: str, **only: Any) -> list[Any]:
    """Payloads of the events of a type, in the order in which they were recorded."""
    found = []
    for row in world.rows("personnel", personnel.SERVICE.outbox.event):
        wrapped = envelope.decode(row["body"])
        if wrapped.type == type:
            found.append(envelope.payload(wrapped))
    return [e for e in found if all(getattr(e, name) == value for name, value in only.items())]


# -- what mutations tell -----------------------------------------------------------------------------------------------


def about(person: str, mutation: str, on: date) -> dict[str, Any]:
    """What every event of a mutation carries; `at` is eight in the morning of Maluku Utara."""
    return {
        "mutation": mutation, "person": person, "agencies": [], "definition": "R1@1", "pack": "2026", "row": "20",
        "act": Act(command="Start", actor="x", capacity="definitive"), "state": "PLACEMENT.STARTED",
        "at": datetime(on.year, on.month, on.day, tzinfo=UTC).replace(hour=1),
    }  # fmt: skip


def move(to: str, start: date, until: date | None = None, share: float = 1.0) -> Move:
    def where(code: str) -> Where:
        return Where(position=f"{code}.p", unit=code, opd=code.rpartition(".")[0], instansi="8200")

    mode = "temporary" if until else "permanent"
    return Move(source=where(DONOR), target=where(to), mode=mode, start=start, until=until, share=share)


def begin(
    world: World, person: str, to: str, on: date, mutation: str = CASE, *, converts: str | None = None, **more: Any
) -> None:
    begun = PlacementStarted(**about(person, mutation, on), move=move(to, on, **more), started_on=on, converts=converts)
    world.tell(f"mutations/mutation/{mutation}", begun)


def finish(world: World, on: date, until: date, began: date | None = date(2026, 3, 2)) -> None:
    over = TempEnded(
        **about(ANA, CASE, on), move=move(COUNTER, date(2026, 3, 2), until), cause="recall", started_on=began
    )
    world.tell(f"mutations/mutation/{CASE}", over)


def heads(world: World) -> Counter[str]:
    """People by the unit of their home post."""
    return Counter(row["unit"] for row in world.rows("personnel", table(Person)))


def changes(world: World, person: str = ANA) -> list[tuple[str, str, str, date]]:
    found: list[IncumbencyChanged] = told(world, "personnel.incumbency_changed", person=person)
    return [(e.kind, e.from_unit, e.to_unit, e.on) for e in found]


def test_a_definitive_move_moves_the_home_post_and_conserves_heads(world: World) -> None:
    begin(world, ANA, COUNTER, date(2026, 3, 2))
    world.drain()
    assert heads(world) == {COUNTER: 1, DONOR: 1, TIDORE: 1}
    assert changes(world) == [("definitive", DONOR, COUNTER, date(2026, 3, 2))]
    history = [(r["since"], r["position"]) for r in world.rows("personnel", table(Incumbency)) if r["person"] == ANA]
    assert history == [(SINCE, f"{DONOR}.p"), (date(2026, 3, 2), f"{COUNTER}.p")]


def test_temporary_duty_keeps_the_home_post_and_ends_the_day_after_its_last(world: World) -> None:
    begin(world, ANA, COUNTER, date(2026, 3, 2), until=date(2026, 4, 30), share=0.6)
    finish(world, on=date(2026, 5, 4), until=date(2026, 4, 30))
    world.drain()
    assert heads(world) == {DONOR: 2, TIDORE: 1}
    assert changes(world) == [
        ("temporary", DONOR, COUNTER, date(2026, 3, 2)),
        ("returned", COUNTER, DONOR, date(2026, 5, 1)),
    ]
    assert [e.share for e in told(world, "personnel.incumbency_changed")] == [0.6, 0.6]


def test_who_is_recalled_is_back_that_day(world: World) -> None:
    begin(world, ANA, COUNTER, date(2026, 3, 2), until=date(2026, 4, 30))
    finish(world, on=date(2026, 3, 9), until=date(2026, 4, 30))
    world.drain()
    assert changes(world)[-1] == ("returned", COUNTER, DONOR, date(2026, 3, 9))


def test_an_extended_duty_lasts_longer_and_nobody_moves(world: World) -> None:
    begin(world, ANA, COUNTER, date(2026, 3, 2), until=date(2026, 4, 30))
    longer = move(COUNTER, date(2026, 3, 2), date(2026, 6, 30))
    world.tell(f"mutations/mutation/{CASE}", TempExtended(**about(ANA, CASE, date(2026, 4, 20)), move=longer))
    world.drain()
    assert [row["until"] for row in world.rows("personnel", table(Duty))] == [date(2026, 6, 30)]
    assert len(changes(world)) == 1


def test_a_duty_that_never_began_changes_nothing(world: World) -> None:
    finish(world, on=date(2026, 3, 9), until=date(2026, 4, 30), began=None)
    world.drain()
    assert changes(world) == []


def test_a_duty_that_becomes_permanent_ends_first(world: World) -> None:
    begin(world, ANA, COUNTER, date(2026, 4, 1), OTHER_CASE, converts=CASE)
    world.drain()
    assert changes(world) == [], "the temporary case has not been heard of yet"
    begin(world, ANA, COUNTER, date(2026, 3, 2), until=date(2026, 4, 30))
    world.drain()
    assert changes(world) == [
        ("temporary", DONOR, COUNTER, date(2026, 3, 2)),
        ("returned", COUNTER, DONOR, date(2026, 4, 1)),
        ("definitive", DONOR, COUNTER, date(2026, 4, 1)),
    ]


def test_a_start_told_twice_happens_once(world: World) -> None:
    for _ in range(2):
        begin(world, ANA, COUNTER, date(2026, 3, 2))
        begin(world, BUDI, COUNTER, date(2026, 3, 2), OTHER_CASE, until=date(2026, 4, 30))
    world.drain()
    assert len(changes(world)) == len(changes(world, BUDI)) == 1


def test_a_start_before_the_present_post_is_kept_for_someone_to_look_at(world: World) -> None:
    begin(world, ANA, COUNTER, date(2019, 3, 2))
    world.drain()
    waiting = world.rows("personnel", personnel.SERVICE.inbox.waiting)
    assert [(row["subject"], row["reason"]) for row in waiting] == [(f"mutations/mutation/{CASE}", "failed")]
    assert heads(world) == {DONOR: 2, TIDORE: 1}


STARTS = st.tuples(
    st.sampled_from([ANA, BUDI]), st.sampled_from([COUNTER, DONOR, TIDORE]), st.integers(0, 20), st.booleans()
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STARTS, max_size=6))
def test_whatever_starts_nobody_has_two_home_posts_and_no_head_is_lost(
    tmp_path_factory: pytest.TempPathFactory, starts: list[tuple[str, str, int, bool]]
) -> None:
    world = small_world(f"sqlite:///{tmp_path_factory.mktemp('heads') / 'imbang.db'}")
    for i, (person, to, day, temporary) in enumerate(starts):
        until = {"until": date(2026, 12, 31)} if temporary else {}
        begin(world, person, to, date(2026, 3, 1 + day), f"case-{i}", **until)
    world.drain()
    today = world.rows("personnel", table(Person))
    latest = {r["person"]: r["position"] for r in world.rows("personnel", table(Incumbency))}
    world.close()
    assert heads(world).total() == len(today) == 3
    assert latest == {row["id"]: row["position"] for row in today}


# -- registration ------------------------------------------------------------------------------------------------------


def test_a_registered_person_is_known_to_others_by_a_random_id_only(world: World) -> None:
    answer = post(signed_in(world, "personnel@8200"), "/people", described())
    assert answer.status_code == 201
    (event,) = told(world, "personnel.person_registered", person=answer.get_json()["person"])
    assert (event.unit, event.skills) == (DONOR, ["layanan"])
    everything = repr([world.rows("personnel", of) for of in personnel.SERVICE.metadata.sorted_tables])
    assert [word for word in ("Dewi", "Kaunar", "199207082018012004") if word in everything] == []


def test_sending_a_person_twice_with_one_key_registers_once(world: World) -> None:
    client = signed_in(world, "personnel@8200")
    answers = [post(client, "/people", described(), "the same key").get_json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert heads(world)[DONOR] == 3


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
def test_a_value_of_the_wrong_shape_is_named(world: World, changed: dict[str, Any], field: str) -> None:
    answer = post(signed_in(world, "personnel@8200"), "/people", described(**changed))
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
    world: World, changed: dict[str, Any], rule: str, field: str
) -> None:
    answer = post(signed_in(world, "personnel@8200"), "/people", described(**changed))
    problem = answer.get_json()
    assert (answer.status_code, problem["rule"], problem["field"]) == (422, rule, field)
    assert problem["remedy"]
    assert changed.get("nip", "no number") not in answer.text
    assert heads(world)[DONOR] == 2


def test_a_pppk_with_a_pppk_number_is_registered(world: World) -> None:
    pppk = described(status="pppk", nip="199207082022212004", appointed_on="2022-01-01", since="2022-01-01")
    pppk["since"] = "2022-01-01"
    assert post(signed_in(world, "personnel@8200"), "/people", pppk).status_code == 201


def test_a_batch_with_one_person_at_fault_registers_nobody_and_names_the_row(world: World) -> None:
    good = new(ANA, person=None, nip="199207082018012004")
    with pytest.raises(Refused) as refusal:
        world.submit("personnel", RegisterPeople(people=[good, new(BUDI, person=None)]))
    assert (refusal.value.rule, refusal.value.more["row"]) == ("nip_known", 1)
    with pytest.raises(Refused) as refusal:
        world.submit("personnel", RegisterPeople(people=[good, good]))
    assert refusal.value.rule == "nip_known"
    assert heads(world)[DONOR] == 2


def test_what_is_told_again_unchanged_is_no_event(world: World) -> None:
    world.submit("personnel", RegisterPositions(positions=[position(DONOR), position(COUNTER, places=9)]))
    assert [e.places for e in told(world, "personnel.position_registered")] == [7, 7, 7, 9]


def test_records_are_kept_within_the_scope_of_the_role(world: World) -> None:
    assert post(signed_in(world), "/people", described()).status_code == 403
    assert post(signed_in(world, "personnel@8272"), "/people", described()).status_code == 403
    assert post(signed_in(world, "personnel@8200.dpmptsp"), "/people", described()).status_code == 201
    assert post(world.app.web.test_client(), "/people", described()).status_code == 401


# -- lists -------------------------------------------------------------------------------------------------------------


def test_lists_come_page_by_page(world: World) -> None:
    client, seen, after = signed_in(world), [], ""
    for _ in range(3):
        page = client.get("/api/personnel/positions", query_string={"limit": 1, "after": after}).get_json()
        seen += [(p["position"], p["occupied"]) for p in page["positions"]]
        after = page["next"] or ""
    assert seen == [(f"{DONOR}.p", 2), (f"{COUNTER}.p", 0), (f"{TIDORE}.p", 1)]
    assert after == ""


def test_people_are_listed_by_id_and_only_of_ones_own_agency(world: World) -> None:
    of_province = signed_in(world, "personnel@8200").get("/api/personnel/people").get_json()["people"]
    of_tidore = signed_in(world, "personnel@8272").get("/api/personnel/people").get_json()["people"]
    assert ([p["person"] for p in of_province], [p["person"] for p in of_tidore]) == ([ANA, BUDI], [CITRA])
    assert set(of_tidore[0]) == {"person", "status", "grade", "position", "unit", "eligible", "skills"}
    assert signed_in(world, "names@8200").get("/api/personnel/people").status_code == 403


# -- offices -----------------------------------------------------------------------------------------------------------

OFFICE = "8200.pyb"


def seat(world: World, **changed: Any) -> None:
    usual = {"office": OFFICE, "person": ANA, "capacity": "definitive", "order": "SK/1", "since": date(2025, 1, 1)}
    world.submit("personnel", AppointHolders(holders=[HolderAppointed(**(usual | changed))]))


@pytest.fixture
def seated(world: World) -> World:
    office = OfficeEstablished(office=OFFICE, role="pyb", scope="8200", instansi="8200", title="Sekretaris Daerah")
    world.submit("personnel", EstablishOffices(offices=[office]))
    seat(world)
    return world


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"person": BUDI}, "office_held"),
        ({"person": BUDI, "capacity": "plt", "until": date(2026, 6, 1)}, "office_held"),
        ({"person": CASE, "capacity": "plh"}, "person_unknown"),
        ({"office": "8200.x"}, "office_unknown"),
        ({"person": BUDI, "capacity": "plh", "until": date(2024, 1, 1)}, "ends_before_it_begins"),
    ],
)
def test_who_cannot_hold_an_office_is_refused(seated: World, changed: dict[str, Any], rule: str) -> None:
    with pytest.raises(Refused) as refusal:
        seat(seated, **changed)
    assert refusal.value.rule == rule


def test_a_deputy_of_the_day_may_sit_beside_the_holder(seated: World) -> None:
    seat(seated, person=BUDI, capacity="plh", since=date(2026, 3, 2), until=date(2026, 3, 6))
    (office,) = signed_in(seated).get("/api/personnel/offices?role=pyb").get_json()["offices"]
    assert [(h["person"], h["capacity"]) for h in office["holders"]] == [(ANA, "definitive"), (BUDI, "plh")]


def test_an_acting_head_follows_when_the_holder_has_left(seated: World) -> None:
    left = EndHolding(office=OFFICE, person=ANA, capacity="definitive", on=date(2026, 2, 28), order="SK/2")
    seated.submit("personnel", left)
    seat(seated, person=BUDI, capacity="plt", since=date(2026, 3, 1))
    assert [(e.person, e.on) for e in told(seated, "authority.holder_ended")] == [(ANA, date(2026, 2, 28))]
    (office,) = signed_in(seated).get("/api/personnel/offices").get_json()["offices"]
    assert [h["person"] for h in office["holders"]] == [BUDI]
    with pytest.raises(Refused) as refusal:
        seated.submit("personnel", msgspec.structs.replace(left, on=date(2026, 3, 5)))
    assert refusal.value.rule == "not_holder"


DELEGATION = {
    "to_person": BUDI, "by_person": ANA, "order": "ND/1", "commands": ["Release"], "since": "2026-03-02",
    "until": "2026-03-06",
}  # fmt: skip


def test_a_holder_delegates_and_a_stranger_does_not(seated: World) -> None:
    path = f"/offices/{OFFICE}/delegations"
    assert post(signed_in(seated, person=BUDI), path, DELEGATION).status_code == 403
    assert post(signed_in(seated, person=ANA), path, DELEGATION).status_code == 201
    assert [(e.to_person, e.commands) for e in told(seated, "authority.delegated")] == [(BUDI, ["Release"])]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"by_person": BUDI}, "not_holder"),
        ({"to_person": ANA}, "self_delegation"),
        ({"to_person": CASE}, "person_unknown"),
        ({"commands": ["Sign"]}, "barred"),
        ({"until": date(2026, 3, 1)}, "ends_before_it_begins"),
    ],
)
def test_what_cannot_be_delegated_is_refused(seated: World, changed: dict[str, Any], rule: str) -> None:
    seated.submit(
        "personnel", EndHolding(office=OFFICE, person=ANA, capacity="definitive", on=SINCE.replace(2026), order="x")
    )
    seat(seated, capacity="plt", since=date(2026, 2, 1), barred=["Sign"])
    typed = DELEGATION | {"office": OFFICE, "since": date(2026, 3, 2), "until": date(2026, 3, 6)}
    with pytest.raises(Refused) as refusal:
        seated.submit("personnel", Delegate(**(typed | changed)))  # type: ignore[arg-type]
    assert refusal.value.rule == rule


def test_holdings_of_an_office_never_contradict_each_other(seated: World) -> None:
    seat(seated, person=BUDI, capacity="plh", since=date(2026, 3, 2), until=date(2026, 3, 6))
    with pytest.raises(Refused):
        seat(seated, person=CITRA, capacity="plh", since=date(2026, 3, 6), until=date(2026, 3, 9))
    seat(seated, person=CITRA, capacity="plh", since=date(2026, 3, 7), until=date(2026, 3, 9))
    assert len(seated.rows("personnel", table(Holding))) == 3


# -- cards -------------------------------------------------------------------------------------------------------------


def cards(client: FlaskClient, *people: str, **query: str) -> Any:
    return client.get("/personnel/cards", query_string={"ids": ",".join(people), "case": CASE} | query)


def viewed(world: World) -> list[tuple[str, list[str], str, str | None]]:
    return [(e.viewer, e.people, e.purpose, e.mutation) for e in told(world, "personnel.card_viewed")]


def test_a_view_of_many_cards_is_one_recorded_event(world: World) -> None:
    page = cards(signed_in(world, "names@8200"), ANA, BUDI, ANA)
    assert page.status_code == 200
    assert [
        word for word in ("Ana Hatari", "Budi Samad", "Pengelola Layanan", DONOR.upper()) if word not in page.text
    ] == []
    assert viewed(world) == [("account-1", [ANA, BUDI], "case", CASE)]


def test_a_number_shows_its_first_four_and_last_three_digits(world: World) -> None:
    page = cards(signed_in(world, "names@8200"), ANA).text
    assert masked(NUMBERS[ANA]) == "1987•••••••••••001"
    assert masked(NUMBERS[ANA]) in page
    assert NUMBERS[ANA] not in page


def test_names_beyond_the_scope_of_the_role_stay_shut_and_are_not_recorded(world: World) -> None:
    page = cards(signed_in(world, "names@8272"), ANA, CITRA)
    assert "Citra Djafar" in page.text
    assert "Ana" not in page.text
    assert viewed(world) == [("account-1", [CITRA], "case", CASE)]


def test_who_needs_to_know_nobody_sees_nobody_but_themselves(world: World) -> None:
    client = signed_in(world, "operator@imbang", person=BUDI)
    assert cards(client, ANA).status_code == 403
    assert viewed(world) == []
    assert "Budi Samad" in cards(client, ANA, BUDI).text


def test_an_elected_leader_has_a_name_and_no_number(world: World) -> None:
    page = cards(signed_in(world, "names@8272"), GOVERNOR).text
    assert [word in page for word in ("Gani Tuhulele", "Gubernur Maluku Utara", "NIP")] == [True, True, False]


def test_one_card_is_a_page_of_its_own(world: World) -> None:
    page = signed_in(world, "names@8200").get(f"/personnel/people/{ANA}/card?case={CASE}&purpose=decree")
    assert "Ana Hatari" in page.text
    assert "<script" not in page.text
    assert viewed(world) == [("account-1", [ANA], "decree", CASE)]


def test_once_its_key_is_gone_a_card_cannot_be_opened(world: World) -> None:
    with world.app.databases.writer("personnel").begin() as conn:
        conn.execute(keys.delete().where(keys.c.person == ANA))
    page = cards(signed_in(world, "names@8200"), ANA, BUDI).text
    assert ["Ana" in page, "sudah dihapus" in page, "Budi Samad" in page] == [False, True, True]
    assert any(row["person"] == ANA for row in world.rows("personnel", table(Card)))


@pytest.mark.parametrize("query", [{"ids": ""}, {"ids": "x"}, {"case": "x"}, {"purpose": "Ingin tahu!"}])
def test_a_card_is_not_shown_for_a_question_that_makes_no_sense(world: World, query: dict[str, str]) -> None:
    assert cards(signed_in(world, "names@8200"), ANA, **query).status_code == 400
    assert viewed(world) == []


def test_cards_ask_to_sign_in_first(world: World) -> None:
    assert cards(world.app.web.test_client(), ANA).headers["Location"].startswith("/identity/sign-in?next=%2Fpersonnel")
