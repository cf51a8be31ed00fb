"""Webhooks from the event to a real receiver on this machine, which checks signatures with a library of others."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from standardwebhooks import Webhook

from events import ids
from events.mutation import Act, Agency, Move, MutationDrafted, MutationProposed, Place
from events.personnel import UnitRegistered
from events.workload import WorkloadChanged
from services import jobs, webhooks
from services.auth import User, issue
from services.service import Event, Refused
from services.transaction import Batch
from services.webhooks.commands import (
    EnableEndpoint,
    PauseEndpoint,
    Ping,
    RecoverSince,
    Redeliver,
    RegisterEndpoint,
    RemoveEndpoint,
    RotateSecret,
)
from services.webhooks.handlers import KEPT, delivery, endpoint, tries
from services.webhooks.keys import shown
from services.webhooks.public import EVERYONE, public_form
from services.webhooks.receivers.verify import verify
from services.webhooks.rounds import make_round
from services.webhooks.schedule import DELAYS, PATIENCE
from services.webhooks.signing import Secret, headers
from tests.worlds import World

HERE = ("127.0.0.0/8",)
SOON = timedelta(seconds=6)  # past the first wait of the schedule
TIDORE, PROVINCE = Agency("source", "8272", "8272-dukcapil"), Agency("receiver", "8200", "8200-dukcapil")


@dataclass
class Receiver:
    """What reached a server, and how it answers: by a status, after which it may also say when to come back."""

    answer: Callable[[dict[str, Any]], int | tuple[int, str]] = lambda body: 204
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @property
    def ids(self) -> list[str]:
        return [sent["webhook-id"] for sent, _ in self.requests]


@contextmanager
def listening(answer: Callable[[dict[str, Any]], int | tuple[int, str]] = lambda body: 204) -> Iterator[Receiver]:
    receiver = Receiver(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            receiver.arrived.set()
            given = receiver.answer(json.loads(body))
            status, later = given if isinstance(given, tuple) else (given, "")
            self.send_response(status)
            if later:
                self.send_header("Retry-After", later)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as made:
        yield made


@contextmanager
def world_on(url: str, networks: tuple[str, ...] = HERE) -> Iterator[World]:
    emitters = ["mutations", "workload", "personnel"]
    made = World(url, [webhooks.SERVICE], emitters, webhook_networks=networks)
    made.clock.now = datetime.now(UTC)  # by which the receiver's library judges the age of a message
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    lite = request.param == "sqlite"
    with world_on(f"sqlite:///{tmp_path / 'imbang.db'}" if lite else request.getfixturevalue("postgres_url")) as made:
        yield made


def carried(mutation: str) -> dict[str, Any]:
    source = Place(position="p1", unit="u1", opd=TIDORE.opd, instansi=TIDORE.instansi)
    target = Place(position="p2", unit="u2", opd=PROVINCE.opd, instansi=PROVINCE.instansi)
    return {
        "mutation": mutation,
        "person": "0190a000-0000-7000-8000-00000000000a",
        "agencies": [TIDORE, PROVINCE],
        "act": Act(command="Submit", actor="account-1", capacity="plt", office="office-1", order="order-1"),
        "definition": "R5",
        "pack": "2026-01",
        "row": "2",
        "state": "SUBMITTED",
        "at": datetime(2026, 3, 2, tzinfo=UTC),
        "move": Move(source=source, target=target, mode="temporary", start=date(2026, 3, 9), until=date(2026, 6, 9)),
        "origin": "leader_instruction",
    }


def proposed(mutation: str) -> MutationProposed:
    return MutationProposed(**carried(mutation), documents={"G1": "ab" * 32})


def load(unit: str) -> WorkloadChanged:
    return WorkloadChanged(
        unit=unit, report="r", ratio=1.4, previous_ratio=1.0, level="overload", staff=6, needed=2, lasting=0,
        as_of=date(2026, 3, 2),
    )  # fmt: skip


def tell(world: World, mutation: str) -> None:
    world.tell(f"mutations/mutation/{mutation}", proposed(mutation))
    world.drain()


def register(world: World, url: str, scope: str = "8200", **more: Any) -> str:
    key = ids.new()
    world.submit("webhooks", RegisterEndpoint(endpoint=key, scope=scope, url=url, **more))
    return key


def the(world: World, key: str) -> dict[str, Any]:
    (row,) = [r for r in world.rows("webhooks", endpoint) if r["id"] == key]
    return row


def secret(world: World, key: str) -> str:
    return shown(world.app.config.secret_key, the(world, key))


def states(world: World) -> list[str]:
    return [row["state"] for row in world.rows("webhooks", delivery)]


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


def event_of(payload: msgspec.Struct, type: str) -> Event:
    return Event(
        id=ids.new(), type=type, subject="mutations/mutation/m1", version=3, time=datetime(2026, 3, 2, tzinfo=UTC),
        correlation="c", data=payload, raw=b"",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "shown_side", "hidden"),
    [("8200", "target", ["8272", "u1", "p1"]), ("8272-dukcapil", "source", ["8200", "u2", "p2"])],
)
def test_a_public_form_shows_an_agency_its_own_side_only(scope: str, shown_side: str, hidden: list[str]) -> None:
    body = public_form(event_of(proposed("m1"), "mutation.proposed"), scope)
    assert body is not None
    data = json.loads(body)["data"]
    assert shown_side in data["move"]
    assert data["person"] == "0190a000-0000-7000-8000-00000000000a"
    assert [word for word in hidden if f'"{word}' in body.decode()] == []


def test_a_public_form_names_no_actor_paper_or_ground() -> None:
    body = public_form(event_of(proposed("m1"), "mutation.proposed"), EVERYONE)
    assert body is not None
    data = json.loads(body)["data"]
    assert data["move"].keys() >= {"source", "target"}
    assert data.keys() & {"act", "documents", "origin", "deadlines", "closes", "words_hash", "row"} == set()


def test_a_public_form_of_an_internal_event_or_for_a_stranger_does_not_exist() -> None:
    assert public_form(event_of(MutationDrafted(**carried("m1")), "mutation.drafted"), EVERYONE) is None
    assert public_form(event_of(proposed("m1"), "mutation.proposed"), "8201") is None


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


class Door:
    """A signed-in user of the API and the pages."""

    def __init__(self, world: World, *roles: str):
        with world.app.web.app_context():
            token = issue(User("officer", None, "Rahma", roles, datetime.now(UTC).timestamp()))
        self.client, self.sign = world.app.web.test_client(), {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.sign)

    def post(self, path: str, body: dict[str, Any] | None = None, key: str = "") -> Any:
        return self.client.post(path, json=body or {}, headers=self.sign | {"Idempotency-Key": key or ids.new()})

    def submit(self, path: str, **form: Any) -> Any:
        return self.client.post(path, data={"key": ids.new(), **form}, headers=self.sign | {"Accept": "text/html"})


def test_a_private_address_is_refused_at_registration_with_field_and_remedy(world: World) -> None:
    door = Door(world, "webhooks@8200")
    answer = door.post("/api/webhooks/endpoints", {"scope": "8200", "url": "https://10.0.0.1/hook"})
    problem = answer.get_json()
    assert (answer.status_code, problem["rule"], problem["field"]) == (422, "webhooks.address_refused", "url")
    assert "operator" in problem["remedy"]


def test_a_repeated_registration_shows_the_same_secret_which_no_table_holds(world: World, receiver: Receiver) -> None:
    door, body = Door(world, "webhooks@8200"), {"scope": "8200", "url": receiver.url}
    first, again = (door.post("/api/webhooks/endpoints", body, key="once").get_json() for _ in range(2))
    assert first == again
    assert first["secret"] == secret(world, first["endpoint"])
    stored = [world.rows("webhooks", table) for table in webhooks.SERVICE.metadata.sorted_tables]
    assert first["secret"].removeprefix("whsec_") not in repr(stored)


def test_an_endpoint_with_a_key_pair_shows_its_public_half(world: World, receiver: Receiver) -> None:
    door = Door(world, "webhooks@8200")
    made = door.post("/api/webhooks/endpoints", {"scope": "8200", "url": receiver.url, "scheme": "v1a"}).get_json()
    tell(world, "m1")
    ((sent, _),) = receiver.requests
    assert sent["webhook-signature"].startswith("v1a,")
    assert door.get(f"/api/webhooks/endpoints/{made['endpoint']}").get_json()["public_key"] == made["secret"]


def test_others_endpoints_cannot_be_seen_or_made(world: World, receiver: Receiver) -> None:
    key = register(world, receiver.url, scope="8272")
    tell(world, "m1")
    stranger, operator = Door(world, "webhooks@8200"), Door(world, "operator@imbang")
    assert stranger.get("/api/webhooks/endpoints").get_json()["endpoints"] == []
    assert stranger.get("/api/webhooks/deliveries").get_json()["deliveries"] == []
    assert stranger.get(f"/api/webhooks/endpoints/{key}").status_code == 404
    assert stranger.post("/api/webhooks/endpoints", {"scope": "8272", "url": receiver.url}).status_code == 403
    assert stranger.post("/api/webhooks/endpoints", {"scope": "*", "url": receiver.url}).status_code == 403
    assert Door(world, "reports@8200").get("/api/webhooks/endpoints").status_code == 403
    assert [e["id"] for e in operator.get("/api/webhooks/endpoints").get_json()["endpoints"]] == [key]


def test_messages_are_listed_page_by_page_and_sent_again_by_the_api(world: World, receiver: Receiver) -> None:
    key, door = register(world, receiver.url), Door(world, "webhooks@8200")
    for n in range(5):
        tell(world, f"m{n}")
    seen: list[dict[str, Any]] = []
    following: str | None = ""
    while following is not None:
        narrowed = urlencode({"endpoint": key, "state": "delivered", "limit": 2, "after": following})
        page = door.get(f"/api/webhooks/deliveries?{narrowed}").get_json()
        seen, following = seen + page["deliveries"], page["next"]
    assert [one["subject"] for one in seen] == [f"mutations/mutation/m{n}" for n in (4, 3, 2, 1, 0)]
    place = f"/api/webhooks/deliveries/{key}/{seen[0]['event']}"
    assert door.post(f"{place}/redeliver").status_code == 200
    world.drain()
    log = door.get(place).get_json()["log"]
    assert [(entry["number"], entry["outcome"]) for entry in log] == [(1, "delivered"), (2, "delivered")]


def test_the_screens_show_the_secret_once_the_health_and_every_attempt(world: World, receiver: Receiver) -> None:
    door = Door(world, "webhooks@8200")
    made = door.submit("/webhooks/new", scope="8200", url=receiver.url).text
    (key,) = [row["id"] for row in world.rows("webhooks", endpoint)]
    assert secret(world, key) in made
    receiver.answer = lambda body: 500
    assert door.submit(f"/webhooks/endpoints/{key}/ping").status_code == 302
    world.drain()
    (message,) = receiver.ids
    page = door.get(f"/webhooks/endpoints/{key}").text
    assert "gagal sejak" in door.get("/webhooks/").text
    assert "akan dicoba lagi" in page
    assert secret(world, key) not in page
    assert "its own log says why" in door.get(f"/webhooks/deliveries/{key}/{message}?lang=en").text
    assert door.submit(f"/webhooks/deliveries/{key}/{message}/redeliver").status_code == 302
    assert "whsec_" in door.submit(f"/webhooks/endpoints/{key}/rotate").text
    for act in ("pause", "enable", "remove"):
        assert door.submit(f"/webhooks/endpoints/{key}/{act}").status_code == 302
    assert world.rows("webhooks", endpoint) == []


def test_a_refused_form_keeps_what_was_typed_and_says_what_to_do(world: World) -> None:
    door = Door(world, "operator@imbang")
    page = door.submit("/webhooks/new", scope="8200", url="https://192.168.1.9/x", ordered="1").text
    assert 'value="https://192.168.1.9/x"' in page
    assert "Gunakan alamat publik" in page
    assert 'aria-invalid="true"' in page


def test_the_page_on_receiving_tells_schedule_types_and_code(world: World) -> None:
    page = Door(world).get("/webhooks/docs?lang=en").text
    for words in ("webhook-signature", "hash_equals", "hmac.compare_digest", "24 hours", "placement.started"):
        assert words in page
    assert "mutation.drafted" not in page


def test_the_published_receiver_accepts_our_messages_and_no_others() -> None:
    key, body = Secret.generate(), b'{"id":"1"}'
    sent = headers("m-1", body, [Secret.generate(), key], now=datetime.now(UTC))
    assert verify(str(key), sent, body) == "m-1"
    with pytest.raises(ValueError, match="no signature"):
        verify(str(key), sent, body + b" ")
    old = headers("m-1", body, [key], now=datetime.now(UTC) - timedelta(minutes=6))
    with pytest.raises(ValueError, match="too old"):
        verify(str(key), old, body)
