"""The history of the tables: what is released stays as it is, and stands on its own."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from services.migrate import SCRIPTS

VERSIONS = SCRIPTS / "versions"
#: SHA-256 of every released revision. A new one is added here when it is released.
FROZEN = {
    "0001": "4a265d065059e556be8cd4044eb0f09b61b6e62c9fbd013ab367315443f3ed81",
    "0002": "72888c26744523e94e3421a4b2a94a76916cfe44b9353944eae2edd585bc44de",
}
#: Code that lives on; a revision that used it would do something else one day.
LIVING = re.compile(r"^\s*(?:from|import)\s+(?:events|services|workflow)\b", re.MULTILINE)


def parts(revision: str, versions: Path = VERSIONS) -> list[Path]:
    """`<revision>_<what>.py`, and what lies in the folder `<what>`, if there is one."""
    script = next(versions.glob(f"{revision}_*.py"))
    return [script, *sorted((versions / script.stem.removeprefix(f"{revision}_")).glob("*.py"))]


def digest(revision: str, versions: Path = VERSIONS) -> str:
    content = (f"{path.relative_to(versions)}\n{path.read_text()}" for path in parts(revision, versions))
    return hashlib.sha256("\0".join(content).encode()).hexdigest()


@pytest.mark.parametrize("revision", sorted(FROZEN))
def test_a_released_revision_stays_as_it_is(revision: str) -> None:
    assert digest(revision) == FROZEN[revision], (
        f"Databases have run revision {revision} and will not run it again: put it back, and write what is to change"
        " as a new revision (CONTRIBUTING.md, Adding things)."
    )


def test_an_edit_of_a_released_revision_is_found(tmp_path: Path) -> None:
    for number, path in enumerate(parts("0001")):
        copy = shutil.copytree(VERSIONS, tmp_path / str(number)) / path.relative_to(VERSIONS)
        assert digest("0001", tmp_path / str(number)) == FROZEN["0001"]
        copy.write_text(copy.read_text() + "\n")
        assert digest("0001", tmp_path / str(number)) != FROZEN["0001"], path


def test_revisions_are_one_line_and_numbered() -> None:
    history = ScriptDirectory(str(SCRIPTS))
    revisions = [script.revision for script in history.walk_revisions()]
    assert revisions == [f"{number:04}" for number in range(len(revisions), 0, -1)]
    assert history.get_heads() == revisions[:1]


def test_a_revision_uses_nothing_that_lives_on() -> None:
    assert [path.name for path in VERSIONS.rglob("*.py") if LIVING.search(path.read_text())] == []
    assert LIVING.search("def upgrade(resident):\n    from services.audit import models")
