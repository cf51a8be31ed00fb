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
from services.mutations.knowledge import KEPT
from services.mutations.models import Person
from tests.services.test_mutations import DONOR, HELPER, case_of, populate, propose
from tests.worlds import World
from workflow.mutation import Mutation

OTHER = f"{DONOR}.other"


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


def test_who_has_moved_is_known_at_once(world: World) -> None:
    moved = IncumbencyChanged(
        person=HELPER, kind="definitive", from_position=f"{DONOR}.p", from_unit=DONOR, to_position=OTHER,
        to_unit=DONOR, on=date(2026, 3, 2), mutation=ids.new(),
    )  # fmt: skip
    world.tell(f"personnel/person/{HELPER}", moved)
    world.drain()
    assert source(world) == OTHER


def test_a_table_that_was_mended_without_an_event_is_read_anew_after_a_minute(world: World) -> None:
    with world.app.databases.writer("mutations").begin() as conn:
        conn.execute(sa.update(table(Person)).values(position=OTHER))
    assert source(world) == f"{DONOR}.p"
    world.clock.advance(KEPT + timedelta(seconds=1))
    world.drain()
    assert source(world) == OTHER
