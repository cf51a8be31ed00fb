"""The demo's checker of doubled effects counts them when a guard is off, and the faults of its log are real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy.sample.faults import FaultyLog
from deploy.sample.ledger import doubled
from events import ids
from events.log import EventLog, Outgoing, Record
from tests.simulation.defects import claims_ignored, versions_unchecked
from tests.town import COUNTER, acting, give, recruits, town
from tests.worlds import World

WEEK = {"unit": COUNTER, "period_from": "2026-02-23", "period_to": "2026-02-27"}


class Faulty:
    """Puts the log of the demo, at ten times its faults, around a log."""

    log: FaultyLog

    def __call__(self, inner: EventLog) -> EventLog:
        self.log = FaultyLog(inner, rate=0.5)
        return self.log


@pytest.fixture
def faulty() -> Faulty:
    return Faulty()


@pytest.fixture
def world(tmp_path: Path, faulty: Faulty) -> Iterator[World]:
    made = town(f"sqlite:///{tmp_path / 'imbang.db'}", through=faulty)
    yield made
    made.close()


def report_twice(world: World) -> None:
    """One command comes a second time, as from a client that was not answered."""
    operator, key = acting(world, "", "operator@imbang"), ids.new()
    body = WEEK | {"lines": [{"task": "layanan", "volume": 1000}]}
    answers = [give(operator, "/api/workload/reports", body, key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json


def hire_three_twice(world: World) -> None:
    """What was recorded of the first stands in the log again with what was recorded of the second."""
    for numbers in (range(10, 13), range(13, 16)):
        world.submit("personnel", recruits(numbers))
        world.drain()


def effects_doubled(world: World) -> dict[str, int]:
    with world.app.databases.reader("audit").connect() as conn:
        return doubled(conn)


def test_nothing_is_doubled_by_repeated_commands_and_copied_late_events(world: World, faulty: Faulty) -> None:
    report_twice(world)
    hire_three_twice(world)
    assert effects_doubled(world) == {}
    log = faulty.log
    assert min(log.copies, log.repeats, log.delays, log.overtaken) > 0


def test_with_the_claims_off_a_repeated_command_takes_effect_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims_ignored(monkeypatch)
    report_twice(world)
    assert effects_doubled(world) == {"measurements by one event": 1}


def test_with_the_versions_unchecked_a_copied_event_takes_effect_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions_unchecked(monkeypatch)
    hire_three_twice(world)
    assert effects_doubled(world)["measurements by one event"] > 0


def test_a_copy_is_a_record_of_its_own_so_that_its_position_does_not_betray_it(world: World, faulty: Faulty) -> None:
    hire_three_twice(world)
    with world.app.databases.reader("audit").connect() as conn:
        again = sa.text("SELECT count(*) - count(DISTINCT event_id) FROM log_entry WHERE watermark IS NULL")
        assert conn.scalar(again) == faulty.log.copies > 0
        positions = {tuple(row) for row in conn.execute(sa.text("SELECT topic, part, next FROM workload_log_position"))}
        heads = {tuple(row) for row in conn.execute(sa.text("SELECT topic, part, next FROM log_head"))}
    assert positions <= heads, "every copy was read"


class OneRead:
    """A log that has some records, and a note of what was appended."""

    max_bytes = 1

    def __init__(self, *records: Record):
        self.records, self.appended = list(records), list[Outgoing]()

    def read(self, limit: int) -> list[Record]:
        return self.records

    def append(self, conn: object, service: str, events: list[Outgoing]) -> list[bool]:
        self.appended += events
        return [e.event_id != "lost" for e in events]

    def reader(self, *_: object) -> OneRead:
        return self


def record(topic: str, offset: int) -> Record:
    return Record(topic, 0, offset, f"{topic}{offset}", b"")


def outgoing(subject: str, event_id: str) -> Outgoing:
    return Outgoing("workload", 0, subject, event_id, b"")


def test_a_delay_counts_what_was_there_to_be_read_and_comes_later() -> None:
    nothing, something = OneRead(), OneRead(*(record(topic, n) for topic in ("personnel", "workload") for n in (0, 1)))
    for inner, most in ((nothing, 0), (something, 4)):
        log = FaultyLog(inner, rate=0.5)  # type: ignore[arg-type]
        reader = log.reader("audit", [], dict)
        missed = 0
        for _ in range(50):
            before = log.repeats
            got = reader.read(10)
            missed += 0 if log.repeats > before else len(inner.records) - len(got)
            assert [r.offset for r in got if r.topic == "workload"] in ([], [0, 1]), "a partition keeps its order"
        assert log.delays == missed
        assert (log.delays > 0) == (most > 0)


def test_subjects_overtake_each_other_but_never_themselves_and_each_is_told_of_its_own() -> None:
    inner = OneRead()
    log = FaultyLog(inner, rate=0.5)  # type: ignore[arg-type]
    events = [outgoing(subject, f"{subject}{n}") for n in range(4) for subject in "abcd"]
    done = log.append(None, "workload", [*events, outgoing("e", "lost")])  # type: ignore[arg-type]
    assert done == [True] * len(events) + [False]
    assert inner.appended != events
    assert log.overtaken > 0
    for subject in "abcd":
        assert [e for e in inner.appended if e.subject == subject] == [e for e in events if e.subject == subject]
