"""The generated documents of events: CATALOG.md for readers, asyncapi.json for machines, golden files for time.

`write` brings them up to date, `check` says what is not. Everything comes from the contracts: a type from its decorator,
a field's meaning from the clause of a docstring that names it in backquotes, a subject from its sentence.
Source: https://www.asyncapi.com/docs/reference/specification/v3.1.0
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from events import authority, envelope, golden, identity, mutation, personnel, proposal, workload
from events.catalog import CATALOG, TOPICS, EventType

ROOT = Path(__file__).resolve().parent.parent
#: Every module that registers events, in the order of the documents.
CONTRACTS = (workload, personnel, authority, proposal, mutation, identity)

_SUBJECT = re.compile(r"\s*Subject `([^`]+)`\.")
_CLAUSE = re.compile(r"(?<=[.;:])\s+")
#: What a field of this name means in every contract whose docstring does not say it.
_EVERYWHERE = {
    "abk": "version of the workload analysis",
    "account": "random id of an account",
    "instansi": "code of a government (appointing authority)",
    "instansi_name": "name of that government",
    "name": "name of the unit, never of a person",
    "number": "number of the paper",
    "office": "id of an office",
    "opd": "code of an agency (OPD)",
    "opd_name": "name of that agency",
    "order": "id of the order",
    "person": "random id of a person",
    "position": "id of a position",
    "proposal": "id of a proposal",
    "unit": "id of a unit",
}


def write(root: Path = ROOT) -> list[Path]:
    """Write what is stale or missing; returns those files. A golden file that exists is never written again."""
    written = []
    for name, text in documents().items():
        path = root / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            written.append(path)
    return written + golden.write(root, kinds())


def check(root: Path = ROOT) -> list[str]:
    """What is stale, missing or broken, one line each."""
    stale = [
        f"{name} is stale; the documents of events are to be written"
        for name, text in documents().items()
        if not (root / name).exists() or (root / name).read_text() != text
    ]
    return stale + golden.faults(root, kinds())


def documents() -> dict[str, str]:
    """The generated texts by their path in the repository."""
    as_json = json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n"
    return {"events/CATALOG.md": catalogue(), "events/asyncapi.json": as_json}


def kinds() -> list[EventType]:
    """The catalogue in the order of its contracts."""
    places = [module.__name__ for module in CONTRACTS]
    return sorted(
        (kind for kind in CATALOG.values() if kind.cls.__module__ in places),
        key=lambda kind: places.index(kind.cls.__module__),
    )


def subject(kind: EventType) -> str:
    """The pattern of an event's subject, `<service>/<kind>/<id>`, as its docstring or its parent's gives it."""
    found = (_SUBJECT.search(doc) for doc in _docs(kind.cls))
    return next((match[1] for match in found if match), "")


def meaning(cls: type[msgspec.Struct], field: inspect.Field) -> str:
    """What a field means: the clause that names it, else what is known of its type or of its name; maybe nothing."""
    for doc in _docs(cls):
        for clause in _CLAUSE.split(_SUBJECT.sub("", doc)):
            if f"`{field.name}`" in clause:
                return clause.rstrip(".;")
    if part := next(_parts(field.type), None):
        return _CLAUSE.split(next(_docs(part)))[0].rstrip(".;")
    return _EVERYWHERE.get(field.name, "")


# -- for readers ------------------------------------------------------------------------------------------------------


def catalogue() -> str:
    """CATALOG.md."""
    events = kinds()
    lines = [
        "# Catalogue of events",
        "",
        "Generated from the contracts in this folder by `imbang documents`; change those. Around each payload stands the",
        "envelope of CloudEvents 1.0 (envelope.py). `internal` types stay between services, `public` ones leave by",
        "webhooks and exports. Fields with a default may be absent; readers ignore fields they do not know.",
    ]
    for topic, purpose in TOPICS.items():
        lines += ["", f"## Topic `{topic}`", "", f"{purpose[0].upper()}{purpose[1:]}."]
        for kind in events:
            if kind.topic == topic:
                lines += ["", f"### `{kind.type}`", "", *_entry(kind)]
    lines += ["", "## Parts of payloads"]
    for part in _all_parts(events):
        lines += ["", f"### {part.__name__}", "", _prose(part), "", *_table(part)]
    return "\n".join(lines) + "\n"


def _entry(kind: EventType) -> Iterator[str]:
    yield f"{_prose(kind.cls)}"
    yield ""
    yield f"Version {kind.version} · {kind.audience} · subject `{subject(kind)}`"
    parent = _parent(kind.cls)
    if parent is not None:
        yield f"· with the fields of {_link(parent)}"
    if rows := list(_table(kind.cls)):
        yield ""
        yield from rows


def _table(cls: type[msgspec.Struct]) -> Iterator[str]:
    """The fields that a struct adds to those of its parent."""
    parent = _parent(cls)
    inherited = set(parent.__struct_fields__) if parent else set()
    fields = [field for field in msgspec_fields(cls) if field.name not in inherited]
    if fields:
        yield "| Field | Type | Meaning |"
        yield "|---|---|---|"
    for field in fields:
        optional = "" if field.required else ", optional"
        yield f"| `{field.encode_name}` | {_type(field.type)}{optional} | {meaning(cls, field).replace('|', chr(92) + '|')} |"


def _type(kind: inspect.Type) -> str:
    """A type in words."""
    match kind:
        case inspect.StructType(cls=cls):
            return _link(cls)
        case inspect.UnionType(types=types):
            return " or ".join(_type(choice) for choice in types)
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(f"`{value}`" for value in values)
        case inspect.ListType(item_type=item):
            return f"list of {_type(item)}"
        case inspect.DictType(key_type=key, value_type=value):
            return f"map from {_type(key)} to {_type(value)}"
        case inspect.StrType(pattern=str(pattern)):
            return f"text like `{pattern}`"
    return _PLAIN[type(kind)]


_PLAIN: dict[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "true or false",
    inspect.DateType: "date",
    inspect.DateTimeType: "moment (UTC)",
    inspect.NoneType: "null",
}
