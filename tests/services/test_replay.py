"""A rebuild from the log gives what the living consumer holds, and only a projection may take part in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from events import ids
from events.log import Positions, Reader
from events.personnel import IncumbencyChanged, UnitRegistered
from events.workload import AbkFinalised, WorkloadMeasured
from services import audit, mutations
from services.__main__ import main
from services.batch import Batch
from services.db import table
from services.mutations.models import Person, Unit
from services.parked import Dismiss
from services.replay import NotRebuilt, rebuild
from services.service import Actor, Command, Event, Service
from services.transaction import Tx
from tests.services.test_mutations import DONOR, HELPER, populate, propose
from tests.worlds import MORNING, World

#: An event that a handler failed at.
PARKED = {
    "subject": "personnel/person/x", "version": 1, "event_id": HELPER, "body": b"{}", "reason": "failed",
    "awaits": None, "detail": "bug", "since": MORNING, "retry_at": None, "attempts": 0,
}  # fmt: skip


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


def test_a_rebuild_of_more_than_memory_holds_asks_its_tables(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(world)
    monkeypatch.setattr("services.replay.MOST", 0)
    rebuild(world.app, "mutations")
    assert everything(world) == before


def test_the_consumer_goes_on_after_a_rebuild(world: World) -> None:
    rebuild(world.app, "mutations")
    propose(world)
    assert len([r for r in world.rows("mutations", table(Person)) if r["id"] == HELPER]) == 1
    assert len(everything(world)["mutations_case"]) == 2


def test_what_waits_in_the_rebuild_is_applied_to_the_last_before_the_swap(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = WorkloadMeasured(
        unit="new", report="r", period_from=date(2026, 2, 23), period_to=date(2026, 2, 27), minutes=1.0, available=2.0,
        staff=1.0, ratio=0.5,
    )  # fmt: skip
    final = AbkFinalised(unit="new", version=1, minutes=75_000, need=1, wke=75_000, signed_on=date(2025, 12, 15))
    registered = UnitRegistered(
        unit="new", name="n", opd="o", opd_name="o", instansi="8200", instansi_name="P", region="8272", island="H"
    )
    for subject, told in (
        ("workload/unit/a", measured),
        ("workload/unit/b", final),
        ("personnel/unit/new", registered),
    ):
        world.tell(subject, told)
    world.drain()
    before, reader = everything(world), world.app.event_log.reader

    def personnel_last(consumer: str, topics: Sequence[str], positions: Positions) -> Reader:
        return reader(consumer, sorted(topics, key="personnel".__eq__), positions)

    monkeypatch.setattr(world.app.event_log, "reader", personnel_last)
    monkeypatch.setattr("services.replay.BATCH", 1)  # two events wait for the last one that is read
    rebuild(world.app, "mutations")
    assert everything(world) == before


def test_what_was_dismissed_is_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    handlers, bad = Service.handlers, f"personnel/person/{HELPER}"

    def fail(tx: Tx, event: Event) -> None:
        if (event.subject, event.version) == (bad, 2):
            raise ValueError("bug")

    monkeypatch.setattr(
        Service, "handlers", lambda *given: [*([fail] if given[2] == "projects" else []), *handlers(*given)]
    )
    moved = IncumbencyChanged(
        person=HELPER, kind="returned", from_position=f"{DONOR}.p", from_unit=DONOR, to_position=f"{DONOR}.p",
        to_unit=DONOR, on=date(2026, 3, 2), mutation=ids.new(),
    )  # fmt: skip
    for day in (1, 2):
        world.tell(bad, msgspec.structs.replace(moved, on=date(2026, 3, day)))
    world.drain()
    dismissal = Command(id=ids.new(), data=Dismiss(bad, 2, "salah"), actor=Actor("an-operator", None))
    world.app.committer.run(mutations.SERVICE, Batch(commands=[dismissal]))
    world.drain()
    before = everything(world)
    assert before["mutations_person"][0]["last_duty_ended"] == date(2026, 3, 2)
    rebuild(world.app, "mutations")
    assert everything(world) == before


def test_what_the_living_consumer_has_yet_to_apply_is_not_applied_before_it(world: World) -> None:
    propose(world, ids.new())  # of a person who is not known yet
    before = everything(world)
    with pytest.raises(NotRebuilt, match=r"optimizer/proposal/.* still waits"):
        rebuild(world.app, "mutations")
    assert everything(world) == before


def test_what_can_no_longer_be_applied_is_named_and_nothing_changes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, handlers = everything(world), Service.handlers

    def fail(tx: Tx, event: Event) -> None:
        raise ValueError("bug")

    monkeypatch.setattr(Service, "handlers", lambda *given: [fail, *handlers(*given)])
    with pytest.raises(NotRebuilt, match="was applied once, but cannot be now: ValueError: bug"):
        rebuild(world.app, "mutations")
    assert everything(world) == before


def test_a_rebuild_from_a_store_that_lost_an_event_is_refused(world: World) -> None:
    engine = sa.create_engine(world.app.config.database_url)
    with engine.begin() as conn:
        conn.execute(sa.text("DELETE FROM personnel_event WHERE type = 'personnel.person_registered'"))
    engine.dispose()
    before = everything(world)
    with pytest.raises(NotRebuilt, match=r"restore the store .* is not in personnel_event"):
        rebuild(world.app, "mutations")
    assert everything(world) == before


def test_a_service_is_rebuilt_whose_reactions_hear_of_more_than_its_projections(tmp_path: Path) -> None:
    world = World(f"sqlite:///{tmp_path / 'imbang.db'}", [audit.SERVICE], ["personnel", "workload", "optimizer"])
    populate(world)
    assert rebuild(world.app, "audit") == {}
    world.close()


def test_the_command_says_in_one_line_why_nothing_was_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMBANG_DIRECTORY", str(tmp_path))
    main(["migrate"])
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'imbang.db'}")
    with engine.begin() as conn:
        conn.execute(sa.insert(mutations.SERVICE.inbox.waiting), [PARKED])
    engine.dispose()
    assert main(["replay", "mutations"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "imbang: The projections were not rebuilt; nothing has changed: mutations has parked events; settle them first:"
        " imbang parked"
    ]


def test_a_parked_consumer_is_not_rebuilt(world: World) -> None:
    with world.app.databases.writer("mutations").begin() as conn:
        conn.execute(sa.insert(mutations.SERVICE.inbox.waiting), [PARKED])
    before = everything(world)
    with pytest.raises(NotRebuilt):
        rebuild(world.app, "mutations")
    assert everything(world) == before
