"""What every screen must keep to: the strict Content-Security-Policy, and two languages."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

SERVICES = Path(__file__).resolve().parents[2] / "services"
TEMPLATES = sorted(SERVICES.glob("**/templates/**/*.html"))
FORBIDDEN = {
    "inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")"),
    "inline style": re.compile(r"<style|\sstyle="),
    "inline handler": re.compile(r"\s(?:hx-)?on[:\w-]+=\s*[\"']"),
    "script address": re.compile(r"javascript:"),
}


def each(sentences: str | Sequence[str] | None) -> Sequence[str]:
    return (sentences,) if isinstance(sentences, str) else sentences or ()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(SERVICES).as_posix())
@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_template_needs_a_looser_content_security_policy(what: str, path: Path) -> None:
    assert FORBIDDEN[what].findall(path.read_text()) == []


def test_every_sentence_of_a_screen_has_its_english() -> None:
    english: set[str] = set()
    for source in SERVICES.glob("**/translations/en/LC_MESSAGES/messages.po"):
        catalogue = read_po(BytesIO(source.read_bytes()))
        english |= {key for message in catalogue if all(each(message.string)) for key in each(message.id)}
    found = extract_from_dir(SERVICES, method_map=[("**/templates/**.html", "jinja2"), ("**.py", "python")])
    used = {(file, key) for file, _, ids, *_ in found for key in each(ids)}
    assert used, "nothing was extracted"
    assert sorted((file, key) for file, key in used if key not in english) == []


def test_no_sentence_has_two_meanings() -> None:
    """All catalogues are one, so that of two translations of a sentence one would be shown for both."""
    meanings: dict[str, set[str]] = defaultdict(set)
    for source in SERVICES.glob("**/translations/en/LC_MESSAGES/messages.po"):
        for message in read_po(BytesIO(source.read_bytes())):
            meanings[str(message.id)].add(str(message.string))
    del meanings[""]
    assert {sentence: found for sentence, found in meanings.items() if len(found) > 1} == {}
