"""Offices: who may hold them beside whom, and what may be delegated."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from events.authority import HolderAppointed, OfficeEstablished
from services.db import table
from services.personnel.commands import (
    AppointHolders,
    Delegate,
    EndHolding,
    EstablishOffices,
)
from services.personnel.models import Holding
from services.service import Refused
from tests.staff import (
    ANA,
    BUDI,
    CASE,
    CITRA,
    post,
    signed_in,
    told,
)
from tests.worlds import World

OFFICE = "8200.pyb"


def seat(staffed: World, **changed: Any) -> None:
    usual = {"office": OFFICE, "person": ANA, "capacity": "definitive", "order": "SK/1", "since": date(2025, 1, 1)}
    staffed.submit("personnel", AppointHolders(holders=[HolderAppointed(**(usual | changed))]))


@pytest.fixture
def seated(staffed: World) -> World:
    office = OfficeEstablished(office=OFFICE, role="pyb", scope="8200", instansi="8200", title="Sekretaris Daerah")
    staffed.submit("personnel", EstablishOffices(offices=[office]))
    seat(staffed)
    return staffed


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
    left = EndHolding(office=OFFICE, person=ANA, capacity="definitive", on=date(2026, 1, 31), order="SK/2")
    seated.submit("personnel", left)
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
