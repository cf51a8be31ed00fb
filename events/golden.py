"""Published shapes of events, one file a type and version: the shape as it was published, and a payload in it.

A file is written once and never again, so a contract that changes under its version is found by comparing them. Within
a version only optional fields may be added: anything else breaks either those who read old events or older readers of
new ones. An internal type then gets a new version and an upcast; a public type, of which every version must stay
readable by every subscriber, a new type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from events import upcasts
from events.catalog import EventType

FOLDER = Path("tests/contract/golden")
Schema = dict[str, Any]

#: Parts of a JSON Schema that say nothing about what is valid.
_WORDS = frozenset({"title", "description", "default"})


def write(root: Path, kinds: Iterable[EventType]) -> list[Path]:
    """Write the files that are missing for the present versions; returns them."""
    written = []
    for kind in kinds:
        path = root / FOLDER / _name(kind, kind.version)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(_golden(kind), indent=2, ensure_ascii=False) + "\n")
            written.append(path)
    return written


def faults(root: Path, kinds: Iterable[EventType]) -> list[str]:
    """What is wrong with the files and the present contracts, one line each; empty when every promise is kept."""
    found, known = [], {kind.type: kind for kind in kinds}
    present = {path.name: json.loads(path.read_text()) for path in sorted((root / FOLDER).glob("*.json"))}
    for kind in known.values():
        names = [_name(kind, version) for version in range(1, kind.version + 1)]
        found += [f"{name} is missing; write the documents anew: imbang documents" for name in names - present.keys()]
    for name, golden in present.items():
        if (published := known.get(golden["type"])) is None:
            found.append(f"{name}: {golden['type']} was published and is no longer in the catalogue")
        else:
            found += [f"{name}: {fault}" for fault in _changes(published, golden)]
    return sorted(found)


def _changes(kind: EventType, golden: dict[str, Any]) -> Iterator[str]:
    if golden["version"] == kind.version or kind.audience == "public":
        yield from breaks(golden["schema"], shape(kind.cls))
    try:
        raw = upcasts.lift(kind, golden["version"], msgspec.json.encode(golden["sample"]))
        msgspec.json.decode(raw, type=kind.cls)
    except (msgspec.ValidationError, KeyError) as error:
        yield f"its sample cannot be read any more: {error!r}"


def breaks(old: Schema, new: Schema, place: str = "data") -> Iterator[str]:
    """Where one of two shapes does not read what is written in the other; new optional fields are no such place."""
    before, after = old.get("properties", {}), new.get("properties", {})
    needed, needs = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(before.keys() - after.keys()):
        yield f"{place}.{name} is gone"
    for name in sorted(after.keys() - before.keys()):
        if name in needs:
            yield f"{place}.{name} is new and not optional"
    for name in sorted(before.keys() & after.keys()):
        if (name in needed) != (name in needs):
            yield f"{place}.{name} is no longer {'required' if name in needed else 'optional'}"
        yield from breaks(before[name], after[name], f"{place}.{name}")
    compared = {"properties", "required"}
    for inner in ("items", "additionalProperties"):
        if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
            compared.add(inner)
            yield from breaks(old[inner], new[inner], f"{place}[]")
    was, becomes = ({k: v for k, v in schema.items() if k not in compared} for schema in (old, new))
    if was != becomes:
        yield f"{place} was {json.dumps(was)} and is {json.dumps(becomes)}"


def shape(cls: type[msgspec.Struct]) -> Schema:
    """The JSON Schema of a payload without words and without references, so that two of them can be compared."""
    schema = msgspec.json.schema(cls)
    definitions: dict[str, Schema] = schema["$defs"]

    def plain(node: Schema) -> Schema:
        if "$ref" in node:
            return plain(definitions[node["$ref"].rpartition("/")[2]])
        bare = {key: value for key, value in node.items() if key not in _WORDS}
        if "properties" in bare:
            bare["properties"] = {name: plain(value) for name, value in bare["properties"].items()}
        if "anyOf" in bare:
            bare["anyOf"] = [plain(choice) for choice in bare["anyOf"]]
        for inner in ("items", "additionalProperties"):
            if isinstance(bare.get(inner), dict):
                bare[inner] = plain(bare[inner])
        return bare

    return plain({"$ref": schema["$ref"]})


def sample(kind: inspect.Type, name: str = "") -> Any:
    """A value of this type as JSON has it, always the same; a text is the name of its field, so spelt as it may be."""
    match kind:
        case inspect.StructType(fields=fields):
            return {field.encode_name: sample(field.type, field.name) for field in fields}
        case inspect.UnionType(types=types):
            return sample(next(choice for choice in types if not isinstance(choice, inspect.NoneType)), name)
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.ListType(item_type=item):
            return [sample(item, name)]
        case inspect.DictType(key_type=key, value_type=value):
            return {sample(key, name): sample(value, name)}
        case inspect.StrType(pattern=pattern):
            spellings = (name, name.replace("_", "-"), name.title().replace("_", ""))
            return next(spelling for spelling in spellings if re.search(pattern or "", spelling))
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return 1
        case inspect.FloatType():
            return 0.5
        case inspect.DateType():
            return "2026-03-02"
        case inspect.DateTimeType():
            return "2026-03-02T00:00:00Z"
    raise TypeError(f"{name}: a payload has no {type(kind).__name__}; say here what a sample of it is")


def _golden(kind: EventType) -> dict[str, Any]:
    return {
        "type": kind.type,
        "version": kind.version,
        "schema": shape(kind.cls),
        "sample": sample(inspect.type_info(kind.cls)),
    }


def _name(kind: EventType, version: int) -> str:
    return f"{kind.type}.v{version}.json"
