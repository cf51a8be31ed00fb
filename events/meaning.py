"""What the contracts say in words: every document takes its sentences from their docstrings.

A field's meaning is the clause of its class's docstring that names it in backquotes; a subject is the sentence
"Subject `<service>/<kind>/<id>`." of the class or of the class whose fields it inherits. What every contract means by a
name is in glossary.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import inspect

Struct = type[msgspec.Struct]

_SUBJECT = re.compile(r"\s*Subject `([^`]+)`\.")
_CLAUSE = re.compile(r"(?<=[.;])\s+")
_GLOSSARY: dict[str, str] = tomllib.loads(Path(__file__).with_name("glossary.toml").read_text())
_PLAIN: dict[type[inspect.Type], str] = {
    inspect.StrType: "text",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "true or false",
    inspect.DateType: "date",
    inspect.DateTimeType: "moment (UTC)",
    inspect.NoneType: "null",
}


def prose(cls: Struct) -> str:
    """The docstring in one line, without its sentence about the subject."""
    return _SUBJECT.sub("", _doc(cls))


def subject(cls: Struct) -> str:
    """The pattern of an event's subject; empty when no docstring gives it."""
    found = (_SUBJECT.search(_doc(c)) for c in _lineage(cls))
    return next((match[1] for match in found if match), "")


def meaning(cls: Struct, field: inspect.Field) -> str:
    """What a field means: the clause that names it, else what its type or its name says; empty when nothing does."""
    for ancestor in _lineage(cls):
        for clause in _CLAUSE.split(prose(ancestor)):
            if f"`{field.name}`" in clause:
                return clause.rstrip(".;")
    for part in parts(field.type):
        return _CLAUSE.split(prose(part))[0].rstrip(".;")
    return _GLOSSARY.get(field.name, "")


def parent(cls: Struct) -> Struct | None:
    """The class whose fields it inherits."""
    return next((c for c in _lineage(cls)[1:] if c.__struct_fields__), None)


def own_fields(cls: Struct) -> list[inspect.Field]:
    """The fields that it adds to those of its parent."""
    base = parent(cls)
    return [field for field in fields(cls) if base is None or field.name not in base.__struct_fields__]


def fields(cls: Struct) -> tuple[inspect.Field, ...]:
    kind = inspect.type_info(cls)
    assert isinstance(kind, inspect.StructType)
    return kind.fields


def parts(kind: inspect.Type) -> Iterator[Struct]:
    """The structs that a type is made of, outer before inner."""
    match kind:
        case inspect.StructType(cls=cls):
            yield cls
            for field in kind.fields:
                yield from parts(field.type)
        case inspect.UnionType(types=types):
            for choice in types:
                yield from parts(choice)
        case inspect.ListType(item_type=item):
            yield from parts(item)
        case inspect.DictType(value_type=value):
            yield from parts(value)


def in_words(kind: inspect.Type) -> str:
    """A type for readers; a struct is a link to its section."""
    match kind:
        case inspect.StructType(cls=cls):
            return f"[{cls.__name__}](#{cls.__name__.lower()})"
        case inspect.UnionType(types=types):
            return " or ".join(in_words(choice) for choice in types)
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(f"`{value}`" for value in values)
        case inspect.ListType(item_type=item):
            return f"list of {in_words(item)}"
        case inspect.DictType(key_type=key, value_type=value):
            return f"map from {in_words(key)} to {in_words(value)}"
        case inspect.StrType(pattern=str(pattern)):
            return f"text like `{pattern}`"
    return _PLAIN[type(kind)]


def _lineage(cls: Struct) -> list[Struct]:
    return [c for c in cls.__mro__ if issubclass(c, msgspec.Struct) and c is not msgspec.Struct]


def _doc(cls: Struct) -> str:
    return " ".join((cls.__doc__ or "").split())
