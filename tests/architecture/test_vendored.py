"""What browsers load is pinned, and comes from here alone."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

SERVICES = Path(__file__).resolve().parents[2] / "services"
VENDOR = SERVICES / "static" / "vendor"
ICONS = SERVICES / "templates" / "icons"
ROW = re.compile(r"^\| \S+ \| \d+\.\d+\.\d+ \| \S+ \| (\S+) \| \S+ \| ([0-9a-f]{64}) \|$", re.MULTILINE)
OTHER_HOST = re.compile(r"(?<![\w.])(?:https?:)?//(?!www\.w3\.org/\d)[\w-]+[.:]\w[^\s\"'<>]*")
TABLE = dict(ROW.findall((VENDOR / "VENDOR.md").read_text()))
OUR_FILES = sorted(
    path
    for pattern in ("templates/**/*", "static/**/*")
    for path in SERVICES.glob(f"**/{pattern}")
    if path.is_file() and not path.is_relative_to(VENDOR) and not path.is_relative_to(ICONS)
)


def name(path: Path) -> str:
    return path.relative_to(SERVICES).as_posix()


@pytest.mark.parametrize("file", TABLE)
def test_a_vendored_file_is_the_one_in_the_table(file: str) -> None:
    assert sha256((SERVICES / file).read_bytes()).hexdigest() == TABLE[file]


def test_the_table_names_every_vendored_file() -> None:
    present = {name(path) for folder in (VENDOR, ICONS) for path in folder.rglob("*") if path.is_file()}
    assert present - {name(VENDOR / "VENDOR.md")} == set(TABLE)


@pytest.mark.parametrize("path", OUR_FILES, ids=name)
def test_no_page_refers_to_another_host(path: Path) -> None:
    assert OTHER_HOST.findall(path.read_text()) == []


@pytest.mark.parametrize("path", sorted(VENDOR.rglob("*.css")), ids=name)
def test_a_vendored_stylesheet_fetches_nothing(path: Path) -> None:
    text = path.read_text()
    assert "@import" not in text
    assert set(re.findall(r"url\(\s*[\"']?(\w+:|[^\"')]{1,20})", text)) <= {"data:"}
