"""The doors of webhooks: what owners see and do by the API and on the screens, and what strangers do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from events import ids
from services import webhooks
from services.auth import User, issue
from services.webhooks.handlers import endpoint
from tests.receiver import Receiver, listening, register, secret, tell, world_on
from tests.worlds import World


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as made:
        yield made


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_on(f"sqlite:///{tmp_path / 'imbang.db'}") as made:
        yield made


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
