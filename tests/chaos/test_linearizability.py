"""The checker of other hands lets true histories pass, and finds what no single order explains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.chaos.book import Book, Given, Seen
from tests.chaos.linearizability import broken, built
from tests.conftest import available

CASE, OTHER = "case", "other"


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("checker")
    return available("go", lambda: built(directory))


def told(called: int, returned: int, version: int, state: str = "DRAFT", expected: int | None = None) -> Given:
    """A command that was acknowledged."""
    answer = {"mutation": CASE, "version": version, "state": state}
    return Given("bkd", "mutations", "any", "key", CASE, expected, called, returned, 200, answer, 1)


def refused(called: int, returned: int, status: int, expected: int | None = None, tries: int = 1) -> Given:
    return Given("bkd", "mutations", "any", "key", CASE, expected, called, returned, status, {}, tries)


def unanswered(called: int, expected: int | None = None) -> Given:
    return Given("bkd", "mutations", "any", "key", CASE, expected, called, None, tries=3)


def read(called: int, returned: int, version: int, state: str = "DRAFT", mutation: str = CASE) -> Seen:
    return Seen(mutation, called, returned, version, state)


def history(*operations: Given | Seen) -> list[dict[str, Any]]:
    book = Book()
    book.given = [each for each in operations if isinstance(each, Given)]
    book.seen = [each for each in operations if isinstance(each, Seen)]
    return list(book.history())


OPENED = (told(0, 10, 1), read(11, 15, 1))
RIVALS = (told(20, 40, 3, "CONSULTATION", expected=1), refused(21, 45, 412, expected=1))
TRUE = {
    "one after the other": [*OPENED, *RIVALS, read(50, 60, 3, "CONSULTATION")],
    "a read beside a write sees either": [*OPENED, *RIVALS, read(22, 30, 1), read(31, 39, 3, "CONSULTATION")],
    "an unknown outcome that shows later": [*OPENED, unanswered(20), read(50, 60, 1), read(70, 80, 4, "CANCELLED")],
    "an unknown outcome that never was": [*OPENED, unanswered(20, expected=1), *RIVALS],
    "refused, but an earlier sending came through": [
        *OPENED,
        refused(20, 30, 422, tries=2),
        read(40, 50, 2),
    ],
}
UNTRUE = {
    "a stale read": [*OPENED, *RIVALS, read(50, 60, 1)],
    "two reads that go back": [*OPENED, *RIVALS, read(22, 25, 3, "CONSULTATION"), read(26, 30, 1)],
    "two writers of one version": [*OPENED, told(20, 40, 2, expected=1), told(20, 40, 3, expected=1)],
    "a refusal as stale of what was fresh": [*OPENED, refused(20, 30, 412, expected=1)],
    "another state at the same version": [*OPENED, read(20, 30, 1, "CANCELLED")],
    "an acknowledged write that vanished": [*OPENED, told(20, 30, 2), read(40, 50, 1)],
    "a change after a certain refusal": [*OPENED, refused(20, 30, 422), read(40, 50, 2)],
}


@pytest.mark.parametrize("operations", TRUE.values(), ids=TRUE)
def test_a_true_history_passes(checker: Path, operations: list[Given | Seen]) -> None:
    assert broken(checker, history(*operations)) == []


@pytest.mark.parametrize("operations", UNTRUE.values(), ids=UNTRUE)
def test_a_planted_fault_is_found(checker: Path, operations: list[Given | Seen]) -> None:
    assert broken(checker, history(*operations)) == [CASE]


def test_a_fault_is_found_in_its_own_mutation_only(checker: Path) -> None:
    other = [read(1, 2, 0, "", OTHER)]
    assert broken(checker, history(*UNTRUE["a stale read"], *other)) == [CASE]
