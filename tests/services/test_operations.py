"""What an operator sees and does, on a service that counts loads and fails when told to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from flask import Blueprint
from flask.testing import FlaskClient

from events.workload import WorkloadChanged
from services.auth import COOKIE, User, issue
from services.jobs import Job
from services.operations import states
from services.service import Command, Event, Firing, NotYet, Service, reacts
from services.transaction import Tx
from tests.worlds import World


class Solved(msgspec.Struct, frozen=True):
    unit: str


def load(unit: str) -> WorkloadChanged:
    return WorkloadChanged(
        unit=unit, report="r", ratio=1.4, previous_ratio=1.0, level="overload", staff=6, needed=2, lasting=0,
        as_of=date(2026, 3, 2),
    )  # fmt: skip


class Gauge:
    """A service that arms a timer and asks for a job at each load; it fails at unit `bad` until mended."""

    def __init__(self) -> None:
        self.mended = False
        self.service = Service(
            name="optimizer",
            metadata=sa.MetaData(),
            commands={Solved: self.solved},
            subscriptions=[reacts(WorkloadChanged, self.weigh)],
            timers={"remind": self.remind},
            jobs={"solve": self.solve},
            doors=(Blueprint("gauge", __name__),),
        )

    def weigh(self, tx: Tx, event: Event) -> None:
        if event.data.unit == "early":
            raise NotYet("workload/place/early")
        if event.data.unit == "bad" and not self.mended:
            raise ValueError("cannot weigh <b>this</b>")
        tx.arm(event.subject, "remind", tx.now + timedelta(days=1))
        tx.enqueue("solve", event.data.unit, event.data)

    def solve(self, job: Job, read: object) -> Solved:
        raise OSError("solver is away")

    def solved(self, tx: Tx, command: Command) -> dict[str, Any]:
        return {}

    def remind(self, tx: Tx, firing: Firing) -> None: ...


@pytest.fixture
def gauge() -> Gauge:
    return Gauge()


@pytest.fixture
def world(gauge: Gauge, tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}", [gauge.service], ["workload"])
    for unit in ("good", "bad", "bad", "early"):
        made.tell(f"workload/unit/{unit}", load(unit))
    made.drain()
    yield made
    made.close()


@pytest.fixture
def operator(world: World) -> FlaskClient:
    return signed_in(world, "operator@imbang")


def signed_in(world: World, *roles: str) -> FlaskClient:
    client = world.app.web.test_client()
    with world.app.web.test_request_context():
        user = User("account-of-an-operator", None, "Operator", roles, datetime.now(UTC).timestamp())
        client.set_cookie(COOKIE, issue(user))
    return client


def send(client: FlaskClient, act: str, **more: str) -> int:
    """Send the form of the page for the parked event, as a browser would."""
    page = client.get("/operations/").get_data(as_text=True)
    (form,) = (f for f in re.findall(r"<form.*?</form>", page, re.DOTALL) if f"/parked/optimizer/{act}" in f)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    return client.post(f"/operations/parked/optimizer/{act}", data=fields | more).status_code


def test_the_state_tells_positions_lag_and_what_is_unpublished(world: World) -> None:
    world.tell("workload/unit/good", load("good"))
    workload, optimizer = sorted(states(world.app), key=lambda state: state.service, reverse=True)
    assert (workload.unpublished, optimizer.unpublished) == (1, 0)
    world.app.runtime.relay(next(s for s in world.app.services if s.name == "workload"))
    (state,) = states(world.app, only="optimizer")
    assert [(c.position, c.end, c.lag) for c in state.consumers if c.topic == "workload"] == [(4, 5, 1)]


def test_the_state_tells_jobs_that_fail_and_timers_that_are_due(world: World) -> None:
    world.clock.advance(timedelta(days=2))
    (state,) = states(world.app, only="optimizer")
    assert [(j.kind, j.all, j.running, j.failing, j.error) for j in state.jobs] == [
        ("solve", 1, 0, 1, "OSError('solver is away')")
    ]
    assert [(t.name, t.all, t.due) for t in state.timers] == [("remind", 1, 1)]


def test_the_state_tells_what_is_parked_and_what_waits(world: World) -> None:
    (state,) = states(world.app, only="optimizer")
    assert [(s.subject, s.reason, s.behind) for s in state.parked] == [("workload/unit/bad", "failed", 1)]
    assert [(s.subject, s.reason, s.awaits) for s in state.waiting] == [
        ("workload/unit/early", "not_yet", "workload/place/early")
    ]


def test_the_page_shows_a_parked_event_with_its_cause_escaped(operator: FlaskClient) -> None:
    page = operator.get("/operations/").get_data(as_text=True)
    assert "workload/unit/bad" in page
    assert "ValueError: cannot weigh &lt;b&gt;this&lt;/b&gt;" in page
    assert "workload/place/early" in page


def test_the_page_is_sent_again_only_when_something_changed(world: World, operator: FlaskClient) -> None:
    etag = operator.get("/operations/").headers["ETag"]
    assert operator.get("/operations/", headers={"If-None-Match": etag}).status_code == 304
    world.tell("workload/unit/good", load("good"))
    assert operator.get("/operations/", headers={"If-None-Match": etag}).status_code == 200


def test_the_same_is_told_as_json(operator: FlaskClient) -> None:
    told = operator.get("/api/operations/?service=optimizer").get_json()["services"]
    assert [(s["service"], s["parked"][0]["subject"]) for s in told] == [("optimizer", "workload/unit/bad")]


def test_a_stopped_consumer_is_announced(world: World, operator: FlaskClient) -> None:
    world.app.runtime.stopped["optimizer"] = "The log no longer holds what this consumer has already applied"
    page = operator.get("/operations/").get_data(as_text=True)
    assert re.search(r'role="alert".*optimizer.*The log no longer holds', page)


def test_a_log_that_is_away_hides_nothing_else(
    world: World, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(topic: str) -> dict[int, int]:
        raise OSError("no route to the log")

    monkeypatch.setattr(world.app.event_log, "ends", away)
    page = operator.get("/operations/").get_data(as_text=True)
    assert "log tidak menjawab" in page
    assert "workload/unit/bad" in page


def test_a_mended_event_is_released_from_the_page(world: World, gauge: Gauge, operator: FlaskClient) -> None:
    gauge.mended = True
    assert send(operator, "release") == 302
    world.drain()
    assert states(world.app, only="optimizer")[0].parked == []
    assert {row["subject"] for row in world.rows("optimizer", gauge.service.timer)} == {
        "workload/unit/bad",
        "workload/unit/good",
    }


def test_an_event_is_dismissed_from_the_page_by_name_and_reason(
    world: World, gauge: Gauge, operator: FlaskClient
) -> None:
    assert send(operator, "dismiss", reason="") == 422
    assert send(operator, "dismiss", reason="laporan ganda") == 302
    (dismissed,) = world.rows("optimizer", gauge.service.inbox.dismissed)
    assert (dismissed["subject"], dismissed["version"]) == ("workload/unit/bad", 1)
    assert (dismissed["account"], dismissed["reason"]) == ("account-of-an-operator", "laporan ganda")


def test_a_double_click_is_one_act(world: World, gauge: Gauge, operator: FlaskClient) -> None:
    form = {"subject": "workload/unit/bad", "event_version": "1", "reason": "laporan ganda", "key": "once"}
    page = operator.get("/operations/").get_data(as_text=True)
    form["csrf_token"] = re.findall(r'name="csrf_token" value="([^"]+)"', page)[0]
    answers = [operator.post("/operations/parked/optimizer/dismiss", data=form).status_code for _ in range(2)]
    assert answers == [302, 302]
    assert len(world.rows("optimizer", gauge.service.inbox.dismissed)) == 1


def test_a_service_that_does_not_run_here_is_not_found(operator: FlaskClient) -> None:
    page = operator.get("/operations/").get_data(as_text=True)
    form = {"subject": "x", "event_version": "1", "key": "k"}
    form["csrf_token"] = re.findall(r'name="csrf_token" value="([^"]+)"', page)[0]
    assert operator.post("/operations/parked/nobody/release", data=form).status_code == 404


@pytest.mark.parametrize("path", ["/operations/", "/api/operations/"])
def test_operations_are_for_operators(world: World, path: str) -> None:
    assert signed_in(world, "reports@8200").get(path).status_code == 403
    assert world.app.web.test_client().get(path).status_code in (302, 401)


def test_the_page_speaks_english_on_request(operator: FlaskClient) -> None:
    page = operator.get("/operations/?lang=en").get_data(as_text=True)
    assert "Parked events" in page
    assert "what it needs has not arrived" in page
