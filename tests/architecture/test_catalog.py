"""Every event is explained, has a use, and belongs to the service that writes it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from events.catalog import EventType
from events.documents import ROOT, kinds
from events.meaning import fields, meaning, parts, subject
from events.mutation import MutationEvent
from services.app import NAMES, SERVICES
from services.wiring import handlers_of

SERVICE_OF_TOPIC = {
    "personnel": "personnel",
    "authority": "personnel",
    "access": "personnel",
    "workload": "workload",
    "proposal": "optimizer",
    "mutation": "mutations",
    "identity": "identity",
}
#: They take every event whatever it says, so being heard by them proves no use.
LISTENERS = {"audit", "webhooks"}
#: Internal types that nobody else needs to hear, with the reason why they are events all the same.
ACCEPTED = {
    "group.decided": "its members' own events are replayed; consumers that need all or none come with swap chains",
    "personnel.card_viewed": "who read whose data: the audit log is its reader",
    "identity.account_opened": "sealed by audit, so that an account cannot appear unseen",
    "identity.roles_granted": "sealed by audit, so that a role cannot appear unseen; sessions carry the roles",
}


def replayed(kind: EventType) -> bool:
    """Its own aggregate is rebuilt from it."""
    return issubclass(kind.cls, MutationEvent)


def heard(kind: EventType) -> bool:
    return any(taker.service not in LISTENERS for taker in handlers_of(SERVICES, kind.type))


def recorded_subjects(source: str) -> Iterator[str]:
    """The literal beginning of the subject in each `….record("…", …)`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="record"), args=[subject, *_]):
                match subject:
                    case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
                        yield text


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.type)
def test_an_event_is_explained(kind: EventType) -> None:
    assert len(kind.doc) > 20
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", kind.type)
    structs = dict.fromkeys(part for field in fields(kind.cls) for part in parts(field.type))
    unexplained = [
        f"{struct.__name__}.{field.name}"
        for struct in (kind.cls, *structs)
        for field in fields(struct)
        if not meaning(struct, field)
    ]
    assert unexplained == []


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.type)
def test_a_subject_begins_with_the_name_of_the_service_that_writes_it(kind: EventType) -> None:
    assert re.fullmatch(rf"{SERVICE_OF_TOPIC[kind.topic]}/[a-z_]+/<[a-z_]+>", subject(kind.cls))


def test_every_service_records_subjects_of_its_own_only() -> None:
    found = {
        (name, text.partition("/")[0])
        for name in NAMES
        for path in (ROOT / "services" / name).rglob("*.py")
        for text in recorded_subjects(path.read_text())
    }
    assert found, "nothing is recorded"
    assert [(name, writer) for name, writer in sorted(found) if writer != name] == []


def test_every_internal_event_has_a_use() -> None:
    useless = [kind.type for kind in kinds() if kind.audience == "internal" and not replayed(kind) and not heard(kind)]
    assert sorted(useless) == sorted(ACCEPTED), "subscribe to it, replay it, or say in ACCEPTED why it is an event"


def test_a_subject_of_another_service_is_found() -> None:
    assert list(recorded_subjects('tx.record(f"mutations/mutation/{i}", payload)')) == ["mutations/mutation/"]


def test_an_event_without_words_is_found() -> None:
    class Bare(msgspec.Struct, frozen=True):
        nameless: str

    (field,) = fields(Bare)
    assert (meaning(Bare, field), subject(Bare)) == ("", "")


def test_the_tree_has_the_services_that_are_composed() -> None:
    folders = {path.parent.name for path in Path(ROOT, "services").glob("*/__init__.py")}
    assert folders == set(NAMES)
