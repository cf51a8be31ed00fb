"""Webhooks from the event to a real receiver on this machine, which checks signatures with a library of others."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from events.mutation import MutationDrafted
from events.personnel import UnitRegistered
from events.workload import WorkloadChanged
from services import jobs, webhooks
from services.batch import Batch
from services.service import Refused
from services.webhooks.commands import (
    EnableEndpoint,
    PauseEndpoint,
    Ping,
    RecoverSince,
    Redeliver,
    RemoveEndpoint,
    RotateSecret,
)
from services.webhooks.handlers import KEPT, delivery, endpoint, tries
from services.webhooks.rounds import make_round
from services.webhooks.schedule import DELAYS, PATIENCE
from tests.receiver import Receiver, carried, listening, proposed, register, secret, states, tell, the, world_on
from tests.worlds import World

SOON = timedelta(seconds=6)  # past the first wait of the schedule


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    lite = request.param == "sqlite"
    with world_on(f"sqlite:///{tmp_path / 'imbang.db'}" if lite else request.getfixturevalue("postgres_url")) as made:
        yield made


def load(unit: str) -> WorkloadChanged:
    return WorkloadChanged(
        unit=unit, report="r", ratio=1.4, previous_ratio=1.0, level="overload", staff=6, needed=2, lasting=0,
        as_of=date(2026, 3, 2),
    )  # fmt: skip


def signed_by(secret: str, request: tuple[dict[str, str], bytes]) -> bool:
    """Whether a message carries the signature that the library computes, whatever its age."""
    sent, body = request
    at = datetime.fromtimestamp(int(sent["webhook-timestamp"]), UTC)
    return Webhook(secret).sign(sent["webhook-id"], at, body.decode()) in sent["webhook-signature"].split(" ")


def test_a_public_event_arrives_and_a_library_of_others_verifies_it(world: World, receiver: Receiver) -> None:
    key = register(world, receiver.url)
    tell(world, "m1")
    ((sent, body),) = receiver.requests
    message = Webhook(secret(world, key)).verify(body, sent)
    assert message["id"] == sent["webhook-id"]
    assert (message["type"], message["subject"]) == ("mutation.proposed", "mutations/mutation/m1")
    assert message["sequence"] == "0000000001"
    assert sent["content-type"] == "application/cloudevents+json"
    assert states(world) == ["delivered"]


def test_a_message_that_failed_is_sent_again_with_the_same_id_and_body(world: World, receiver: Receiver) -> None:
    register(world, receiver.url)
    receiver.answer = lambda body: 500
    tell(world, "m1")
    assert states(world) == ["failed"]
    receiver.answer = lambda body: 200
    world.drain()
    assert len(receiver.requests) == 1
    world.pass_time(SOON)
    first, second = receiver.requests
    assert (first[0]["webhook-id"], first[1]) == (second[0]["webhook-id"], second[1])
    assert [(t["number"], t["status"], t["error"]) for t in world.rows("webhooks", tries)] == [
        (1, 500, "unsuccessful"), (2, 200, None),
    ]  # fmt: skip
    assert states(world) == ["delivered"]


def test_gone_disables_the_endpoint_and_what_comes_then_waits(world: World, receiver: Receiver) -> None:
    key = register(world, receiver.url)
    receiver.answer = lambda body: 410
    tell(world, "m1")
    assert (the(world, key)["state"], the(world, key)["reason"]) == ("disabled", "gone")
    receiver.answer = lambda body: 200
    tell(world, "m2")
    assert len(receiver.requests) == 1
    world.submit("webhooks", EnableEndpoint(key))
    world.drain()
    assert len(receiver.requests) == 2


def test_an_endpoint_is_disabled_after_five_days_of_failures(world: World, receiver: Receiver) -> None:
    key = register(world, receiver.url)
    receiver.answer = lambda body: 500
    tell(world, "m1")
    world.pass_time(PATIENCE)
    assert (the(world, key)["state"], the(world, key)["reason"]) == ("disabled", "unreachable")


def test_a_throttled_endpoint_is_left_alone_as_long_as_it_asks(world: World, receiver: Receiver) -> None:
    register(world, receiver.url)
    receiver.answer = lambda body: (429, "600")
    tell(world, "m1")
    receiver.answer = lambda body: 200
    tell(world, "m2")
    world.pass_time(timedelta(seconds=599))
    assert len(receiver.requests) == 1
    world.pass_time(timedelta(seconds=2))
    assert states(world) == ["delivered", "delivered"]


def test_both_secrets_sign_until_the_overlap_ends(world: World, receiver: Receiver) -> None:
    key = register(world, receiver.url)
    old = secret(world, key)
    world.submit("webhooks", RotateSecret(endpoint=key, overlap=timedelta(hours=1)))
    new = secret(world, key)
    tell(world, "m1")
    world.clock.advance(timedelta(hours=1))
    tell(world, "m2")
    during, after = receiver.requests
    assert [signed_by(old, during), signed_by(new, during)] == [True, True]
    assert [signed_by(old, after), signed_by(new, after)] == [False, True]


def test_an_address_that_became_private_is_not_called(tmp_path: Path, receiver: Receiver) -> None:
    with world_on(f"sqlite:///{tmp_path / 'imbang.db'}", networks=()) as world:
        register(world, receiver.url)
        tell(world, "m1")
        assert [t["error"] for t in world.rows("webhooks", tries)] == ["address_refused"]
        assert receiver.requests == []


def test_an_event_delivered_thrice_to_the_service_is_one_message(world: World, receiver: Receiver) -> None:
    register(world, receiver.url)
    world.tell("mutations/mutation/m1", proposed("m1"))
    (mutations,) = [s for s in world.app.services if s.name == "mutations"]
    world.app.runtime.relay(mutations)
    records = world.app.event_log.reader("copy", ["mutation"], dict).read(100)
    for _ in range(3):
        world.app.committer.offer("webhooks", Batch(records=records))
        world.drain()
    assert len(receiver.requests) == 1


def test_a_message_sent_but_not_recorded_is_sent_again_with_the_same_id(world: World, receiver: Receiver) -> None:
    key = register(world, receiver.url)
    world.submit("webhooks", Ping(key))
    with world.app.databases.writer("webhooks").begin() as conn:
        now = world.clock.now
        (job,) = jobs.lease(conn, webhooks.SERVICE.job, "webhooks", now, now, 1)
    make_round(job, jobs.Read(world.app.databases.reader("webhooks").connect, world.app.config))
    world.drain()
    assert len(receiver.requests) == 1
    world.pass_time(jobs.LEASE + timedelta(seconds=1))
    assert len(receiver.requests) == 2
    assert len(set(receiver.ids)) == 1
    assert states(world) == ["delivered"]


def test_what_a_dead_receiver_missed_is_recovered(world: World, receiver: Receiver) -> None:
    key, start = register(world, receiver.url), world.clock.now
    receiver.answer = lambda body: 500
    tell(world, "m1")
    for wait in DELAYS[1:]:
        world.pass_time(wait * 1.1 + timedelta(seconds=1))
    assert states(world) == ["dead"]
    assert len(receiver.requests) == len(DELAYS)
    receiver.answer = lambda body: 200
    assert world.submit("webhooks", RecoverSince(key, world.clock.now))["messages"] == 0
    assert world.submit("webhooks", RecoverSince(key, start))["messages"] == 1
    world.pass_time(SOON)
    assert states(world) == ["delivered"]
    assert len(set(receiver.ids)) == 1


def test_a_paused_endpoint_gets_everything_later(world: World, receiver: Receiver) -> None:
    key = register(world, receiver.url)
    world.submit("webhooks", PauseEndpoint(key))
    tell(world, "m1")
    assert receiver.requests == []
    world.submit("webhooks", EnableEndpoint(key))
    world.drain()
    assert states(world) == ["delivered"]


def test_a_delivered_message_can_be_asked_for_again(world: World, receiver: Receiver) -> None:
    key = register(world, receiver.url)
    tell(world, "m1")
    world.submit("webhooks", Redeliver(key, receiver.ids[0]))
    world.drain()
    assert len(receiver.requests) == 2
    assert [t["number"] for t in world.rows("webhooks", tries)] == [1, 2]


def test_an_ordered_endpoint_gets_a_subject_in_order_and_others_meanwhile(world: World, receiver: Receiver) -> None:
    register(world, receiver.url, ordered=True)
    receiver.answer = lambda body: 500 if body["subject"].endswith("/a") else 200
    for mutation in "aaab":
        world.tell(f"mutations/mutation/{mutation}", proposed(mutation))
    world.drain()
    seen = {(m["subject"], m["sequence"]) for m in (json.loads(body) for _, body in receiver.requests)}
    assert seen == {("mutations/mutation/a", "0000000001"), ("mutations/mutation/b", "0000000001")}
    receiver.answer = lambda body: 200
    receiver.requests.clear()
    world.pass_time(SOON)
    assert [json.loads(body)["sequence"] for _, body in receiver.requests] == [f"{n:010d}" for n in (1, 2, 3)]


def test_a_hanging_receiver_delays_nobody_else(world: World) -> None:
    release = threading.Event()

    def hang(body: dict[str, Any]) -> int:
        release.wait(10)
        return 204

    with listening(hang) as slow, listening() as quick:
        try:
            register(world, slow.url)
            world.app.runtime.start()
            world.tell("mutations/mutation/m1", proposed("m1"))
            assert slow.arrived.wait(10)
            register(world, quick.url)
            world.tell("mutations/mutation/m2", proposed("m2"))
            assert quick.arrived.wait(10)
            assert not release.is_set()
        finally:
            release.set()
            world.app.runtime.stop()


def test_internal_events_and_those_of_other_agencies_never_leave(world: World, receiver: Receiver) -> None:
    register(world, receiver.url, scope="8200")
    register(world, receiver.url, scope="8201")
    world.tell("mutations/mutation/m1", MutationDrafted(**carried("m1")))
    world.drain()
    assert states(world) == []
    tell(world, "m2")
    assert [json.loads(body)["subject"] for _, body in receiver.requests] == ["mutations/mutation/m2"]


def test_an_endpoint_gets_only_the_types_it_asked_for(world: World, receiver: Receiver) -> None:
    register(world, receiver.url, types=["placement.started"])
    tell(world, "m1")
    assert receiver.requests == []


def test_the_load_of_a_unit_is_told_to_its_own_agency_once_the_unit_is_known(world: World, receiver: Receiver) -> None:
    register(world, receiver.url, scope="8200-dukcapil")
    register(world, receiver.url, scope="8272")
    world.tell("workload/unit/u2", load("u2"))
    world.drain()
    assert receiver.requests == []
    unit = UnitRegistered(
        unit="u2", name="U", opd="8200-dukcapil", opd_name="O", instansi="8200", instansi_name="P", region="82",
        island="H",
    )  # fmt: skip
    world.tell("personnel/unit/u2", unit)
    world.drain()
    ((_, body),) = receiver.requests
    assert json.loads(body)["data"]["ratio"] == 1.4
    assert "report" not in json.loads(body)["data"]


def test_an_unknown_type_is_refused_by_name(world: World) -> None:
    with pytest.raises(Refused) as refusal:
        register(world, "https://8.8.8.8/", types=["mutation.drafted"])
    assert refusal.value.more["field"] == "types"


def test_old_messages_are_forgotten(world: World, receiver: Receiver) -> None:
    register(world, receiver.url)
    tell(world, "m1")
    world.pass_time(KEPT - timedelta(days=1))
    assert states(world) == ["delivered"]
    world.pass_time(timedelta(days=2))
    assert states(world) == []
    assert world.rows("webhooks", tries) == []


def test_a_removed_endpoint_leaves_nothing(world: World, receiver: Receiver) -> None:
    key = register(world, receiver.url)
    tell(world, "m1")
    world.submit("webhooks", RemoveEndpoint(key))
    tell(world, "m2")
    assert len(receiver.requests) == 1
    assert [world.rows("webhooks", t) for t in (endpoint, delivery, tries)] == [[], [], []]
