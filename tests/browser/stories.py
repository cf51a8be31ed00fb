"""`make stories`: the twelve acceptance stories, one line each, and how many of them pass.

A story is a file `test_story_NN_….py`; it passes when all its tests do. A test that can only go part of the way records
the property `waits_for`, and its story is not counted. What no file tells yet waits for the part named here.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STORY = re.compile(r"test_story_(\d\d)_")
#: Number -> its title, and what it waits for while no file tells it.
STORIES = {
    1: ("the first day of the head of the personnel agency", ""),
    2: ("an employee answers on a phone, on a slow line, without scripts", "messages and receipts"),
    3: ("the same employee, unwilling", "messages, and what the optimizer learns of a refusal"),
    4: ("a leader's instruction and its three refusals", "the full table of rules"),
    5: ("acting head for three days", ""),
    6: ("the acting governor signs appointments", ""),
    7: ("a decree of 157 people is revoked", "the reversal of batch decrees"),
    8: ("four parties move one person between regencies", "route R2 and inbound webhooks"),
    9: ("a vaccination campaign gets its team", "programmes as cases of many"),
    10: ("a workbook with 37 planted faults", "imports"),
    11: ("the inspector's own laptop", "cases drawn by lot and the verifier page"),
    12: ("an integrator with nothing but the documentation", "the pull feed and resolving people"),
}


class Teller:
    """Listens to the run, and knows of each story how its tests ended."""

    def __init__(self) -> None:
        self.reports: dict[int, list[pytest.TestReport]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = STORY.search(report.nodeid)
        if told and (report.when == "call" or not report.passed):
            self.reports[int(told.group(1))].append(report)

    def verdict(self, story: int) -> str:
        """`passed`, or what stands in the way."""
        reports = self.reports[story]
        waits = [str(value) for report in reports for name, value in report.user_properties if name == "waits_for"]
        if not reports:
            return f"waits for {STORIES[story][1] or 'its tests'}"
        for report in reports:
            if report.skipped:
                return f"left out: {report.longrepr[2]}" if isinstance(report.longrepr, tuple) else "left out"
            if report.failed:
                return "failed"
        return f"partial: waits for {', '.join(dict.fromkeys(waits))}" if waits else "passed"

    def seconds(self, story: int) -> float:
        return sum(report.duration for report in self.reports[story])


def main() -> int:
    """Run every story that can be told; 0 when none of them failed."""
    teller = Teller()
    files = [str(path) for path in sorted(HERE.glob("test_story_*.py"))]
    pytest.main([*files, "-p", "no:terminal"], plugins=[teller])
    verdicts = {story: teller.verdict(story) for story in STORIES}
    for story, verdict in verdicts.items():
        took = f" ({teller.seconds(story):.0f} s)" if verdict == "passed" else ""
        print(f"{story:>2}  {STORIES[story][0]}: {verdict}{took}")
    for reports in teller.reports.values():
        for report in reports:
            if report.failed:
                print(f"\n{report.nodeid}\n{report.longreprtext}", file=sys.stderr)
    print(f"{sum(verdict == 'passed' for verdict in verdicts.values())} of {len(STORIES)}")
    return int("failed" in verdicts.values())


if __name__ == "__main__":
    sys.exit(main())
