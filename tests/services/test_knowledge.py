"""What is kept in memory between batches is never older than what the consumer has applied."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from events import ids
from events.personnel import IncumbencyChanged, PositionRegistered
from services import mutations
from services.db import table
from services.mutations import projections
from services.mutations.knowledge import KEPT
from services.mutations.models import Person
from services.service import Event, Retry
from services.transaction import Tx
from tests.services.test_mutations import COUNTER, DONOR, HELPER, case_of, give, populate, propose
from tests.worlds import World
from workflow import commands as cmd
from workflow.mutation import Mutation

OTHER = f"{DONOR}.other"

MOVED = IncumbencyChanged(
    person=HELPER, kind="definitive", from_position=f"{DONOR}.p", from_unit=DONOR, to_position=OTHER, to_unit=DONOR,
    on=date(2026, 3, 2), mutation=ids.new(),
)  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}", [mutations.SERVICE], ["personnel", "workload", "optimizer"])
    populate(made)
    made.tell(
        f"personnel/position/{OTHER}",
        PositionRegistered(
            position=OTHER, unit=DONOR, title="Pengelola", kind="pelaksana", family="f", job_class=6, places=1
        ),
    )
    made.drain()
    propose(made)  # after it the helper is known, with both positions and their units
    yield made
    made.close()


def source(world: World) -> str:
    """From which position a case starts that is drafted now."""
    body = case_of(world, propose(world))["body"]
    return msgspec.json.decode(body, type=Mutation).move.source.position


def drafted_from(world: World) -> str:
    """The same of a case that an officer drafts, for which nothing is read from the log."""
    mutation = ids.new()
    draft = cmd.Draft(
        mutation=mutation, person=HELPER, to_position=f"{COUNTER}.p", mode="temporary", start=date(2026, 3, 16),
        until=date(2026, 6, 12), origin="opd",
    )  # fmt: skip
    give(world, "officer", draft)
    return msgspec.json.decode(case_of(world, mutation)["body"], type=Mutation).move.source.position


def test_who_has_moved_is_known_at_once(world: World) -> None:
    world.tell(f"personnel/person/{HELPER}", MOVED)
    world.drain()
    assert source(world) == OTHER


def test_what_was_applied_late_is_known_at_once_though_no_position_moved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[Exception] = [Retry("slow", timedelta(seconds=1))]

    def move(tx: Tx, event: Event) -> None:
        if faults:
            raise faults[0]
        projections.move_person(tx, event)

    monkeypatch.setitem(mutations.SERVICE._routes, ("personnel.incumbency_changed", "projects"), [move])
    world.tell(f"personnel/person/{HELPER}", MOVED)
    world.drain()
    assert drafted_from(world) == f"{DONOR}.p"
    faults.clear()
    world.clock.advance(timedelta(seconds=1))
    world.app.runtime.retry(mutations.SERVICE)
    assert drafted_from(world) == OTHER


def test_a_table_that_was_mended_without_an_event_is_read_anew_after_a_minute(world: World) -> None:
    assert drafted_from(world) == f"{DONOR}.p"
    with world.app.databases.writer("mutations").begin() as conn:
        conn.execute(sa.update(table(Person)).values(position=OTHER))
    assert drafted_from(world) == f"{DONOR}.p"
    world.clock.advance(KEPT + timedelta(seconds=1))
    world.drain()
    assert source(world) == OTHER
