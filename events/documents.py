"""The generated documents of events: CATALOG.md for readers, asyncapi.json for machines, golden files for time.

`write` brings them up to date, `check` says what is not. The contracts are their only source.
Source: https://www.asyncapi.com/docs/reference/specification/v3.1.0
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from events import authority, envelope, golden, identity, outcome, personnel, proposal, workload
from events.catalog import CATALOG, TOPICS, EventType
from events.meaning import Struct, fields, in_words, meaning, own_fields, parent, parts, prose, subject
from events.mutation import consultation, decision, opening, placement, remedies

ROOT = Path(__file__).resolve().parent.parent
#: Every module that registers events, in the order of the documents.
CONTRACTS = (
    workload,
    personnel,
    authority,
    proposal,
    opening,
    consultation,
    decision,
    placement,
    remedies,
    outcome,
    identity,
)


def write(root: Path = ROOT) -> list[Path]:
    """Write what is stale or missing; returns those files. A golden file that exists is never written again."""
    stale = _stale(root)
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [*stale, *golden.write(root, kinds())]


def check(root: Path = ROOT) -> list[str]:
    """What is stale, missing or broken, one line each."""
    stale = [f"{path.relative_to(root)} is stale; write the documents anew: imbang documents" for path in _stale(root)]
    return stale + golden.faults(root, kinds())


def kinds() -> list[EventType]:
    """The catalogue in the order of its contracts."""
    order = [module.__name__ for module in CONTRACTS]
    listed = [kind for kind in CATALOG.values() if kind.cls.__module__ in order]
    return sorted(listed, key=lambda kind: order.index(kind.cls.__module__))


def _stale(root: Path) -> dict[Path, str]:
    """The generated texts that differ from what is on disk."""
    as_json = json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n"
    texts = {root / "events/CATALOG.md": catalogue(), root / "events/asyncapi.json": as_json}
    return {path: text for path, text in texts.items() if not path.exists() or path.read_text() != text}


# -- for readers ------------------------------------------------------------------------------------------------------


def catalogue() -> str:
    """CATALOG.md."""
    lines = [
        "# Catalogue of events",
        "",
        "Generated from the contracts in this folder by `imbang documents`; change those. Around each payload stands",
        "the envelope of CloudEvents 1.0 (envelope.py). `internal` types stay between services, `public` ones leave",
        "by webhooks and exports. An optional field may be absent; readers ignore fields that they do not know.",
    ]
    for topic, purpose in TOPICS.items():
        lines += ["", f"## Topic `{topic}`", "", f"{purpose[0].upper()}{purpose[1:]}."]
        for kind in kinds():
            if kind.topic == topic:
                lines += ["", f"### `{kind.type}`", "", *_entry(kind)]
    lines += ["", "## Parts of payloads"]
    for part in _parts():
        lines += ["", f"### {part.__name__}", "", prose(part), "", *_table(part)]
    return "\n".join(lines) + "\n"


def _entry(kind: EventType) -> Iterator[str]:
    yield from (prose(kind.cls), "")
    base = parent(kind.cls)
    more = f" · with the fields of [{base.__name__}](#{base.__name__.lower()})" if base else ""
    yield f"Version {kind.version} · {kind.audience} · subject `{subject(kind.cls)}`{more}"
    if own_fields(kind.cls):
        yield from ("", *_table(kind.cls))


def _table(cls: Struct) -> Iterator[str]:
    yield "| Field | Type | Meaning |"
    yield "|---|---|---|"
    for field in own_fields(cls):
        presence = "" if field.required else ", optional"
        yield f"| `{field.encode_name}` | {in_words(field.type)}{presence} | {meaning(cls, field)} |"


def _parts() -> list[Struct]:
    """Parents and structs inside payloads, each once, as they first appear."""
    found: dict[Struct, None] = {}
    for kind in kinds():
        if base := parent(kind.cls):
            found[base] = None
        for field in fields(kind.cls):
            found |= dict.fromkeys(parts(field.type))
    return list(found)


# -- for machines -----------------------------------------------------------------------------------------------------


@cache
def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.1.0 document: a channel for each topic, a message for each event type."""
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Imbang",
            "version": "1",
            "description": "Events of moving civil servants. Types tagged public leave by webhooks and exports.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": envelope.CONTENT_TYPE,
        "channels": {topic: _channel(topic) for topic in TOPICS},
        "operations": {
            f"record.{topic}": {"action": "send", "channel": {"$ref": f"#/channels/{topic}"}} for topic in TOPICS
        },
        "components": {"messages": {kind.type: _message(kind) for kind in kinds()}, "schemas": _schemas()},
    }


def _channel(topic: str) -> dict[str, Any]:
    types = [kind.type for kind in kinds() if kind.topic == topic]
    return {
        "address": topic,
        "description": TOPICS[topic],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in types},
    }


def _message(kind: EventType) -> dict[str, Any]:
    payload = {
        "type": {"const": kind.type},
        "typeversion": {"const": kind.version},
        "data": {"$ref": f"#/components/schemas/{kind.cls.__name__}"},
    }
    return {
        "name": kind.type,
        "title": kind.cls.__name__,
        "description": prose(kind.cls),
        "contentType": envelope.CONTENT_TYPE,
        "tags": [{"name": kind.audience}],
        "correlationId": {"location": "$message.payload#/correlationid"},
        "payload": {"allOf": [{"$ref": "#/components/schemas/Envelope"}, {"type": "object", "properties": payload}]},
        "x-subject": subject(kind.cls),
    }


def _schemas() -> dict[str, Any]:
    """JSON Schema of the envelope and all payloads, each field with its meaning."""
    structs = [envelope.Envelope, *(kind.cls for kind in kinds())]
    _, schemas = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    described = dict.fromkeys(part for struct in structs for part in parts(inspect.type_info(struct)))
    for cls in described:
        schema = schemas[cls.__name__]
        schema["description"] = prose(cls)
        for field in fields(cls):
            if "$ref" not in (shape := schema["properties"][field.encode_name]) and (words := meaning(cls, field)):
                shape["description"] = words
    return schemas
