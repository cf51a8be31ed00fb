"""A rebuild from the log gives what the living consumer holds, and only a projection may take part in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services import mutations
from services.db import table
from services.mutations.models import Person, Unit
from services.replay import NotRebuilt, rebuild
from tests.services.test_mutations import HELPER, populate, propose
from tests.worlds import World


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'imbang.db'}" if sqlite else request.getfixturevalue("postgres_url")
    made = World(url, [mutations.SERVICE], ["personnel", "workload", "optimizer"])
    populate(made)
    propose(made)
    yield made
    made.close()


def everything(world: World) -> dict[str, list[dict[str, Any]]]:
    kernel = {world.app.services[0].job.name}
    tables = (t for t in mutations.SERVICE.metadata.sorted_tables if t.name not in kernel)
    return {t.name: world.rows("mutations", t) for t in tables}


def test_a_rebuild_changes_nothing_where_nothing_was_wrong(world: World) -> None:
    before = everything(world)
    rebuilt = rebuild(world.app, "mutations")
    assert rebuilt["mutations_person"] == 2
    assert everything(world) == before


def test_a_rebuild_mends_what_was_damaged_and_touches_no_case(world: World) -> None:
    before = everything(world)
    with world.app.databases.writer("mutations").begin() as conn:
        conn.execute(sa.delete(table(Unit)))
        conn.execute(sa.update(table(Person)).values(status="cpns"))
    rebuild(world.app, "mutations")
    assert everything(world) == before


def test_the_consumer_goes_on_after_a_rebuild(world: World) -> None:
    rebuild(world.app, "mutations")
    propose(world)
    assert len([r for r in world.rows("mutations", table(Person)) if r["id"] == HELPER]) == 1
    assert len(everything(world)["mutations_case"]) == 2


def test_a_parked_consumer_is_not_rebuilt(world: World) -> None:
    waiting = mutations.SERVICE.inbox.waiting
    row = {
        "subject": "personnel/person/x", "version": 1, "event_id": HELPER, "body": b"{}", "reason": "failed",
        "awaits": None, "detail": "bug", "since": world.clock.now, "retry_at": None, "attempts": 0,
    }  # fmt: skip
    with world.app.databases.writer("mutations").begin() as conn:
        conn.execute(sa.insert(waiting), [row])
    before = everything(world)
    with pytest.raises(NotRebuilt):
        rebuild(world.app, "mutations")
    assert everything(world) == before
