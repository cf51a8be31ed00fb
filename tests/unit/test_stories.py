"""The count of acceptance stories: only what passed to its end counts."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.browser.stories import STORIES, Teller


def told(outcome: Literal["passed", "failed"], waits_for: str = "", story: int = 1) -> Teller:
    teller, name = Teller(), f"tests/browser/test_story_{story:02}_x.py::test_it"
    properties = [("waits_for", waits_for)] if waits_for else []
    report = pytest.TestReport(name, (name, 1, name), {}, outcome, None, "call", user_properties=properties)
    teller.pytest_runtest_logreport(report)
    return teller


def test_a_story_passes_when_its_tests_do() -> None:
    assert told("passed").verdict(1) == "passed"
    assert told("failed").verdict(1) == "failed"


def test_a_story_told_in_part_says_what_it_waits_for_and_does_not_count() -> None:
    assert told("passed", waits_for="messages", story=2).verdict(2) == "partial: waits for messages"


def test_a_story_that_no_file_tells_waits() -> None:
    teller = told("passed")
    assert all(teller.verdict(story).startswith("waits for ") for story in STORIES if story != 1)
    assert len(STORIES) == 12
