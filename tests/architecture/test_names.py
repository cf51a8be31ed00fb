"""Names, sizes and leftovers, in the whole tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("events", "workflow", "services", "tests", "deploy")
TEXTS = {".cfg", ".conf", ".css", ".csv", ".html", ".in", ".js", ".json", ".md", ".po", ".properties", ".py", ".sh"}
TEXTS |= {".toml", ".txt", ".xml", ".yaml", ".yml"}
#: Generated or vendored; nobody reads them line by line.
UNREAD = ("services/static/vendor/", "services/templates/icons/", "tests/contract/", "events/asyncapi.json")
UNREAD += ("deploy/kafka/libs/",)
LINES = 350

BANNED_WORD = re.compile(r"^(?:utils?|helpers?|managers?|common)$")
BANNED_NAME = re.compile(r"^(?:base|common|data|helpers?|managers?|utils?)$|^process_")
#: SQLAlchemy calls these by their names.
GIVEN = {"process_bind_param", "process_result_value"}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
LEFTOVER = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~}])/(?:work|root|home|Users|tmp)/\w")
REGISTRY = re.compile(
    r"https?://[\w.-]*(?:pypi\.org|pythonhosted\.org|registry\.npm|repo1?\.maven|proxy\.golang)"
    r"|--(?:extra-)?index-url|registry="
)


def texts() -> list[Path]:
    """Every text of the tree that people write."""
    inside = (path for top in TOPS for path in (ROOT / top).rglob("*"))
    found = (path for path in (*ROOT.glob("*"), *inside) if path.suffix in TEXTS or path.name == "Makefile")
    return sorted(path for path in found if path.is_file() and not name(path).startswith(UNREAD))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def banned(module: str, source: str) -> Iterator[str]:
    """Names of the module, its classes and functions that say nothing about what they are."""
    nodes = list(ast.walk(ast.parse(source)))
    things = [module, *(node.name for node in nodes if isinstance(node, ast.ClassDef))]
    functions = [node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    yield from (thing for thing in things if any(BANNED_WORD.match(word.lower()) for word in WORD.findall(thing)))
    yield from (found for found in (*things, *functions) if BANNED_NAME.search(found) and found not in GIVEN)


def leftovers(text: str) -> list[str]:
    """What was left in a text that must not be: unfinished work, paths of a machine, addresses of registries."""
    return [found[0] for rule in (LEFTOVER, MACHINE_PATH, REGISTRY) for found in rule.finditer(text)]


def test_every_name_says_what_a_thing_is() -> None:
    modules = [path for path in texts() if path.suffix == ".py"]
    assert modules
    assert [(name(path), found) for path in modules for found in banned(path.stem, path.read_text())] == []


def test_nothing_is_left_over() -> None:
    others = [path for path in texts() if path != Path(__file__)]  # this file has to name what it forbids
    assert [(name(path), leftover) for path in others for leftover in leftovers(path.read_text())] == []


def test_a_file_fits_in_the_head() -> None:
    read = [path for path in texts() if path.suffix in {".py", ".html", ".js", ".css"}]
    sizes = {name(path): len(path.read_text().splitlines()) for path in read}
    assert {path: lines for path, lines in sizes.items() if lines > LINES} == {}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("utils", ""),
        ("string_helpers", ""),
        ("base", ""),
        ("chain", "class CaseManager: ..."),
        ("chain", "def process_event(): ..."),
        ("chain", "class Chain:\n    async def data(self): ..."),
    ],
)
def test_a_name_that_says_nothing_is_found(module: str, source: str) -> None:
    assert list(banned(module, source)) != []


def test_a_name_of_the_field_is_let_pass() -> None:
    source = "class Base: ...\nclass Database: ...\nclass Envelope:\n    data: bytes\ndef model_base(): ...\n"
    assert list(banned("database", source)) == []


@pytest.mark.parametrize(
    "text",
    [
        "# TODO later",
        "path = '/home/somebody/x'",
        "see /Users/somebody/x",
        "https://" + "pypi." + "org/simple",
        "--index-" + "url x",
    ],
)
def test_a_leftover_is_found(text: str) -> None:
    assert leftovers(text) != []


def test_routes_and_words_are_no_leftovers() -> None:
    assert leftovers("/workload/units/a ~/.config /tmpl todo https://docs.example/home/x") == []
