"""Generated documents say what the contracts say."""

from __future__ import annotations

import re
from pathlib import Path

from events import documents
from events.catalog import CATALOG, EventType


def test_the_generated_documents_are_fresh() -> None:
    assert documents.check() == []


def test_what_the_readme_names_is_there() -> None:
    text = (documents.ROOT / "README.md").read_text()
    named = set(re.findall(r"`((?:tests|services|events|workflow|deploy)/[\w./-]*)`", text))
    assert [path for path in named if not (documents.ROOT / path).exists()] == []
    assert len(named) > 30


def test_a_stale_document_is_found_and_written(tmp_path: Path) -> None:
    documents.write(tmp_path)
    assert documents.check(tmp_path) == []
    with (tmp_path / "events/CATALOG.md").open("a") as catalogue:
        catalogue.write("edited by hand")
    assert len(documents.check(tmp_path)) == 1
    assert documents.write(tmp_path) == [tmp_path / "events/CATALOG.md"]


def test_every_module_with_contracts_is_in_the_documents() -> None:
    folder = documents.ROOT / "events"
    registering = {path for path in folder.rglob("*.py") if re.search(r"^@event\(", path.read_text(), re.MULTILINE)}
    assert registering == {Path(module.__file__ or "") for module in documents.CONTRACTS}


def test_every_event_has_its_entry() -> None:
    entries = re.findall(r"^### `(.+)`$", documents.catalogue(), re.MULTILINE)
    assert sorted(entries) == sorted(kind.type for kind in documents.kinds())


def test_types_of_other_modules_stay_out_of_the_documents() -> None:
    class Stray:
        __module__ = "tests.somewhere"

    CATALOG["stray.event"] = EventType("stray.event", 1, "workload", "internal", Stray)
    try:
        assert "stray.event" not in {kind.type for kind in documents.kinds()}
    finally:
        del CATALOG["stray.event"]
