"""Misfortunes that the simulation, or reading for it, has found to break a promise; each is mended and stays so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from events import ids
from events.authority import HolderEnded
from services import mutations, timers
from services.batch import Batch
from services.clock import Moment
from services.service import Command, Firing, Refused
from services.transaction import Tx
from tests.services.test_mutations import HASH, HELPER, case_of, give, populate, propose
from tests.simulation.mortal import Blow, Fate, endanger
from tests.toys import Register, Report
from tests.toys import World as Toys
from tests.worlds import MORNING, World
from workflow import commands as cmd

VERIFIER = "personnel_verifier.verifier"


@pytest.fixture
def toys(tmp_path: Path) -> Iterator[Toys]:
    made = Toys(f"sqlite:///{tmp_path / 'toys.db'}")
    yield made
    made.runtime.stop()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'imbang.db'}", [mutations.SERVICE], ["personnel", "workload", "optimizer"])
    populate(made)
    yield made
    made.close()


def reminded(toys: Toys, *units: str) -> None:
    """Each unit has reported, so that its reminder is set for tomorrow."""
    for unit in units:
        toys.send(Register(unit))
        toys.send(Report(unit, 1.4))
    toys.runtime.drain()


def test_a_commit_that_failed_holds_no_lock(toys: Toys, tmp_path: Path) -> None:
    fate = Fate()
    endanger(toys.databases.writer("workload"), fate)
    fate.threaten(Blow(deadly=False, moment="commit", nth=1))
    batch = Batch(commands=[Command(id=ids.new(), data=Register("a"))])
    with pytest.raises(sa.exc.OperationalError):
        toys.committer._commit(toys.workload, batch, None)
    other = sqlite3.connect(tmp_path / "toys.db", timeout=0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_timer_set_anew_by_another_that_fired_with_it_stays_set(toys: Toys) -> None:
    def put_off_b(tx: Tx, firing: Firing) -> None:
        toys.fired.append(firing.subject)
        if firing.subject == "workload/unit/a":
            tx.arm("workload/unit/b", "remind", tx.now + timedelta(days=1))

    toys.optimizer.timers["remind"] = put_off_b  # type: ignore[index]
    reminded(toys, "a", "b")
    toys.clock.advance(timedelta(days=1))
    toys.runtime.drain()
    assert toys.fired == ["workload/unit/a"]
    toys.clock.advance(timedelta(days=1))
    toys.runtime.drain()
    assert toys.fired == ["workload/unit/a", "workload/unit/b"]


def test_a_timer_found_due_waits_when_the_clock_was_put_back_since(toys: Toys) -> None:
    reminded(toys, "a")
    ((_, name, arming, due),) = toys.rows("optimizer", toys.optimizer.timer)
    found = Firing("workload/unit/a", str(name), str(arming), due)  # type: ignore[arg-type]
    toys.committer.offer("optimizer", Batch(firings=[found]))
    assert toys.fired == []
    toys.clock.advance(timedelta(days=1))
    toys.runtime.drain()
    assert toys.fired == ["workload/unit/a"]


def test_a_deadline_whose_firing_failed_takes_effect_a_minute_later(world: World) -> None:
    case, service = propose(world), mutations.SERVICE
    world.clock.advance(timedelta(days=40))
    with world.app.databases.reader("mutations").connect() as conn:
        found = [Firing(*row) for row in timers.due(conn, service.timer, world.clock.now, 10)]
    world.app.committer._commit(service, Batch(firings=found), RuntimeError("some bug"))
    assert case_of(world, case)["state"] == "DRAFT"
    world.pass_time(timedelta(minutes=2))
    assert case_of(world, case)["state"] == "EXPIRED"


def test_an_order_that_arrives_with_a_proposal_is_known_to_the_next_command(world: World) -> None:
    case = propose(world)
    give(world, "officer", cmd.Submit(mutation=case, documents={"G2": HASH}))
    ended = HolderEnded(office=VERIFIER, person="verifier", capacity="definitive", on=date(2026, 2, 27), order="SK-2")
    world.tell(f"personnel/office/{VERIFIER}", ended)
    propose(world)  # the consumer reads both in one batch
    with pytest.raises(Refused, match="unknown_mutation"):  # who has no office any more does not even see the case
        give(world, "verifier", cmd.Screen(mutation=case, outcome="pass"))


def test_a_row_that_an_item_changed_is_not_remembered_as_it_was_when_a_later_item_fails(world: World) -> None:
    person = mutations.projections.person
    with world.app.databases.writer("mutations").begin() as conn:
        tx = Tx(mutations.SERVICE, conn, lambda: Moment(MORNING, MORNING))
        before = tx.get(person, HELPER)
        assert before is not None
        tx._read.clear()
        tx.remembered = {(person, (HELPER,)): before}
        with tx.item("first", ""):
            tx.upsert(person, before | {"eligible": False})
        with suppress(ValueError), tx.item("second", ""):
            tx.upsert(person, before | {"status": "cpns"})
            tx.read(sa.select(person.c.id))
            raise ValueError
        row = tx.get(person, HELPER)
    assert row == before | {"eligible": False}
