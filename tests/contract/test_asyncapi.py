"""The AsyncAPI document is one, and what is sent is what it describes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from msgspec import inspect

from events import documents, envelope, golden
from events.catalog import TOPICS, EventType

SPECIFICATION = json.loads(Path(__file__).with_name("asyncapi-3.1.0.json").read_text())
DOCUMENT = documents.asyncapi()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for inner in node.values():
            yield from references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def at(pointer: str) -> Any:
    node: Any = DOCUMENT
    for name in pointer.removeprefix("#/").split("/"):
        node = node[name]
    return node


def sent(kind: EventType) -> dict[str, Any]:
    """An event of this type as the log carries it."""
    payload = msgspec.convert(golden.sample(inspect.type_info(kind.cls)), kind.cls)
    raw = envelope.encode(
        payload,
        id="0190a000-0000-7000-8000-000000000001",
        service="workload",
        subject="workload/unit/a",
        version=1,
        time=datetime(2026, 3, 2, tzinfo=UTC),
        correlation="0190a000-0000-7000-8000-000000000002",
        causation="0190a000-0000-7000-8000-000000000003",
    )
    event: dict[str, Any] = json.loads(raw)
    return event


def valid(kind: EventType, event: dict[str, Any]) -> bool:
    schema = {**DOCUMENT["components"]["messages"][kind.type]["payload"], "components": DOCUMENT["components"]}
    return bool(jsonschema.Draft7Validator(schema).is_valid(event))


def test_the_document_is_valid_by_the_specification() -> None:
    jsonschema.Draft7Validator(SPECIFICATION).validate(DOCUMENT)


def test_the_specification_would_find_a_fault() -> None:
    faulty = DOCUMENT | {"operations": {"record.mutation": {"action": "shout", "channel": {}}}}
    assert not jsonschema.Draft7Validator(SPECIFICATION).is_valid(faulty)


def test_every_reference_leads_somewhere() -> None:
    assert all(at(pointer) for pointer in references(DOCUMENT))


def test_every_event_travels_in_the_channel_of_its_topic() -> None:
    carried = {(topic, name) for topic in TOPICS for name in DOCUMENT["channels"][topic]["messages"]}
    assert carried == {(kind.topic, kind.type) for kind in documents.kinds()}


@pytest.mark.parametrize("kind", documents.kinds(), ids=lambda kind: kind.type)
def test_an_event_is_sent_as_the_document_says(kind: EventType) -> None:
    event = sent(kind)
    assert valid(kind, event)
    assert not valid(kind, event | {"type": "workload.other"})
    assert not valid(kind, event | {"data": {}})
