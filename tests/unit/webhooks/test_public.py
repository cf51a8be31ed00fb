"""What leaves the house, and the code that we publish for those who receive it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from events import ids
from events.mutation import MutationDrafted
from services.service import Event
from services.webhooks.public import EVERYONE, public_form
from services.webhooks.receivers.verify import verify
from services.webhooks.signing import Secret, headers
from tests.receiver import carried, proposed


def event_of(payload: msgspec.Struct, type: str) -> Event:
    return Event(
        id=ids.new(), type=type, subject="mutations/mutation/m1", version=3, time=datetime(2026, 3, 2, tzinfo=UTC),
        correlation="c", causation="c", data=payload, raw=b"",
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


def test_the_published_receiver_accepts_our_messages_and_no_others() -> None:
    key, body = Secret.generate(), b'{"id":"1"}'
    sent = headers("m-1", body, [Secret.generate(), key], now=datetime.now(UTC))
    assert verify(str(key), sent, body) == "m-1"
    with pytest.raises(ValueError, match="no signature"):
        verify(str(key), sent, body + b" ")
    old = headers("m-1", body, [key], now=datetime.now(UTC) - timedelta(minutes=6))
    with pytest.raises(ValueError, match="too old"):
        verify(str(key), old, body)
