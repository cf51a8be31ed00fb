"""The history of the tables: what is released stays as it is, and stands on its own."""

from __future__ import annotations

import ast
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
    "0003": "dd27981e731bdd43e15817b2eb6b55326c044f34dc305f51a9b4844d2d32dae6",
}
#: Old code still runs while these are applied, and after. What takes something from it, or asks more of it, waits for
#: the release after the one that made it needless, and is named in TAKEN with the reason why nobody misses it.
TAKES = re.compile(
    r"drop_\w+|rename_table|alter_column|execute|batch_alter_table|create_(?:unique|check|exclude)_\w+|create_foreign_key"
)
TAKEN: dict[str, str] = {}
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


def taken(text: str) -> list[str]:
    """What a revision does that the code of the release before might stumble over."""
    found = []
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        if not isinstance(call.func, ast.Attribute):
            continue
        name, given = call.func.attr, {k.arg: ast.unparse(k.value) for k in call.keywords}
        if TAKES.fullmatch(name) or (name == "create_index" and given.get("unique") == "True"):
            found.append(name)
        if name == "add_column" and any(
            isinstance(column, ast.Call)
            and any(k.arg == "nullable" and ast.unparse(k.value) != "True" for k in column.keywords)
            and not any(k.arg == "server_default" for k in column.keywords)
            for column in call.args
        ):
            found.append("add_column")
    return found


def test_a_revision_takes_nothing_from_the_code_of_the_release_before() -> None:
    later = [revision for revision in (path.name[:4] for path in VERSIONS.glob("[0-9]*.py")) if revision != "0001"]
    destructive = {r: what for r in later if (what := [each for p in parts(r) for each in taken(p.read_text())])}
    assert destructive.keys() == TAKEN.keys(), destructive


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ('op.add_column("t", sa.Column("c", sa.Text))', []),
        ('op.add_column("t", sa.Column("c", sa.Text, nullable=False, server_default=""))', []),
        ('op.create_table("t", sa.Column("c", sa.Text, nullable=False))', []),
        ('op.create_index("i", "t", ["c"])', []),
        ('op.add_column("t", sa.Column("c", sa.Text, nullable=False))', ["add_column"]),
        ('op.drop_column("t", "c")', ["drop_column"]),
        ('op.drop_table("t")', ["drop_table"]),
        ('op.rename_table("t", "u")', ["rename_table"]),
        ('op.alter_column("t", "c", nullable=False)', ["alter_column"]),
        ('op.create_index("i", "t", ["c"], unique=True)', ["create_index"]),
        ('op.create_unique_constraint("u", "t", ["c"])', ["create_unique_constraint"]),
        ('op.execute("ALTER TABLE t DROP COLUMN c")', ["execute"]),
    ],
)
def test_what_takes_something_from_old_code_is_found(step: str, found: list[str]) -> None:
    assert taken(step) == found
