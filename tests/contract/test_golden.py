"""A published shape stays readable: golden files are compared with the contracts, and the comparison is tried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from events import golden, upcasts
from events.catalog import EventType
from events.documents import ROOT, kinds
from tests.baseline import unpack
from tests.conftest import available


class Part(msgspec.Struct, frozen=True):
    unit: str


class Published(msgspec.Struct, frozen=True):
    """As it went out."""

    unit: str
    level: Literal["high", "low"]
    parts: list[Part]
    note: str | None = None


class Reworded(msgspec.Struct, frozen=True):
    """Other words, and one more field that may be absent."""

    unit: str
    level: Literal["high", "low"]
    parts: list[Part]
    note: str | None = None
    added: int = 0


class WithoutLevel(msgspec.Struct, frozen=True):
    unit: str
    parts: list[Part]
    note: str | None = None


class Demanding(msgspec.Struct, frozen=True):
    unit: str
    level: Literal["high", "low"]
    parts: list[Part]
    added: int
    note: str | None = None


class Undecided(msgspec.Struct, frozen=True):
    unit: str
    parts: list[Part]
    level: Literal["high", "low"] = "low"
    note: str | None = None


class Wider(msgspec.Struct, frozen=True):
    unit: str
    level: Literal["high", "low", "unknown"]
    parts: list[Part]
    note: str | None = None


class Counted(msgspec.Struct, frozen=True):
    unit: int
    level: Literal["high", "low"]
    parts: list[Part]
    note: str | None = None


class Swollen(msgspec.Struct, frozen=True):
    unit: str
    share: float


class Deeper(msgspec.Struct, frozen=True):
    unit: str
    level: Literal["high", "low"]
    parts: list[Swollen]
    note: str | None = None


def kind(cls: type[msgspec.Struct], *, version: int = 1, audience: Any = "internal") -> EventType:
    return EventType("workload.tried", version, "workload", audience, cls)


def test_every_published_shape_is_kept_and_every_golden_sample_can_be_read() -> None:
    assert golden.faults(ROOT, kinds()) == []


def test_there_is_a_golden_file_for_every_event() -> None:
    assert len(list((ROOT / golden.FOLDER).glob("*.json"))) >= len(kinds()) > 0


def test_words_and_new_optional_fields_break_nothing() -> None:
    assert list(golden.breaks(golden.shape(Published), golden.shape(Reworded))) == []


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        (WithoutLevel, "data.level is gone"),
        (Demanding, "data.added is new and not optional"),
        (Undecided, "data.level is no longer required"),
        (Wider, "data.level was"),
        (Counted, "data.unit was"),
        (Deeper, "data.parts[].share is new and not optional"),
    ],
)
def test_a_shape_that_changed_under_its_version_is_found(changed: type, place: str, tmp_path: Path) -> None:
    golden.write(tmp_path, [kind(Published)])
    found = golden.faults(tmp_path, [kind(changed)])
    assert any(fault.startswith(f"workload.tried.v1.json: {place}") for fault in found), found


def test_a_missing_golden_file_is_found(tmp_path: Path) -> None:
    assert golden.faults(tmp_path, [kind(Published)]) != []


def test_a_golden_file_is_never_written_again(tmp_path: Path) -> None:
    (path,) = golden.write(tmp_path, [kind(Published)])
    before = path.read_text()
    assert golden.write(tmp_path, [kind(Counted)]) == []
    assert path.read_text() == before


def test_a_type_that_was_published_cannot_vanish(tmp_path: Path) -> None:
    golden.write(tmp_path, [kind(Published)])
    assert golden.faults(tmp_path, []) != []


def test_a_new_version_needs_an_upcast_and_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden.write(tmp_path, [kind(Published)])
    newer = kind(Demanding, version=2)
    assert [fault.partition(":")[0] for fault in golden.faults(tmp_path, [newer])] == [
        "workload.tried.v1.json",
        "workload.tried.v2.json is missing; write the documents anew",
    ]
    monkeypatch.setitem(upcasts.STEPS, ("workload.tried", 1), lambda payload: payload | {"added": 0})
    golden.write(tmp_path, [newer])
    assert golden.faults(tmp_path, [newer]) == []


def test_a_public_type_may_not_break_even_with_a_new_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden.write(tmp_path, [kind(Published, audience="public")])
    monkeypatch.setitem(upcasts.STEPS, ("workload.tried", 1), lambda payload: payload | {"added": 0})
    newer = kind(Demanding, version=2, audience="public")
    golden.write(tmp_path, [newer])
    assert golden.faults(tmp_path, [newer]) == ["workload.tried.v1.json: data.added is new and not optional"]


def test_a_sample_fills_every_field() -> None:
    written = json.loads((ROOT / golden.FOLDER / "mutation.proposed.v1.json").read_text())
    assert written["sample"].keys() == written["schema"]["properties"].keys()


def test_what_was_released_is_what_it_was(tmp_path: Path) -> None:
    released = available("baseline", lambda: unpack(tmp_path / "old")) / golden.FOLDER
    edited = [
        path.name
        for path in released.glob("*.json")
        if not (now := ROOT / golden.FOLDER / path.name).exists() or now.read_text() != path.read_text()
    ]
    assert edited == []
