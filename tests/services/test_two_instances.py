"""Two instances of a service at work on the same at the same time: what each reads of the other's unfinished work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import count

import pytest
import sqlalchemy as sa

from deploy.daemon import wait_until
from events import ids, inbox, outbox
from events.log import Record
from events.personnel import PersonRegistered, PositionRegistered, UnitRegistered
from services import mutations, optimizer
from services.batch import Batch, apply
from services.committer import Answers
from services.db import table
from services.mutations.execute import Act
from services.optimizer.models import Unit
from services.service import Actor, Command, Service
from tests.services.test_mutations import HASH, populate, propose
from tests.worlds import World
from workflow import commands as cmd

UNIT = "dukcapil.loket"


@pytest.fixture
def world(postgres_url: str) -> Iterator[World]:
    made = World(postgres_url, [optimizer.SERVICE], ["personnel", "workload", "mutations"])
    register_unit(made, UNIT)
    made.tell(
        "personnel/position/p",
        PositionRegistered(position="p", unit=UNIT, title="t", kind="pelaksana", family="f", job_class=6, places=7),
    )
    made.drain()
    yield made
    made.close()


def people_in_two_partitions(world: World) -> Iterator[str]:
    """Two persons of whom the log tells in different partitions."""
    seen: set[int] = set()
    for n in count():
        person = f"00000000-0000-4000-8000-{n:012}"
        part = outbox.shard(f"personnel/person/{person}", world.app.event_log.partitions("personnel"))
        if part not in seen:
            seen.add(part)
            yield person
        if len(seen) == 2:
            return


def register(world: World, person: str, unit: str = UNIT) -> None:
    world.tell(
        f"personnel/person/{person}",
        PersonRegistered(
            person=person, status="pns", grade=9, position="p", unit=unit, since=date(2020, 1, 1),
            appointed_on=date(2015, 1, 1), retires_on=date(2045, 1, 1), skills=["f"], home="halmahera",
        ),
    )  # fmt: skip


def register_unit(world: World, unit: str) -> None:
    world.tell(
        f"personnel/unit/{unit}",
        UnitRegistered(
            unit=unit, name=unit, opd="dukcapil", opd_name="Dukcapil", instansi="8200", instansi_name="Maluku Utara",
            region="8272", island="halmahera",
        ),
    )  # fmt: skip


def positions(world: World) -> dict[inbox.Place, inbox.Position]:
    with world.app.databases.reader("optimizer").connect() as conn:
        return inbox.positions(conn, optimizer.SERVICE.inbox)


def arrived(world: World) -> list[Record]:
    """What the log has that nobody has applied."""
    for service in world.app.services:
        world.app.runtime.relay(service)
    return world.app.event_log.reader("optimizer", ["personnel"], lambda: positions(world)).read(10)


def take(world: World, conn: sa.Connection, batch: Batch, service: Service = optimizer.SERVICE) -> Answers:
    return apply(service, conn, world.app.event_log, world.clock.ask, batch)


def at_once(world: World, first: Batch, second: Batch, service: Service = optimizer.SERVICE) -> tuple[Answers, Answers]:
    """The second instance begins when the first has done all but commit, and goes on when that has committed."""
    engine = world.app.databases.writer(service.name)

    def other_instance() -> Answers:
        with engine.begin() as conn:
            return take(world, conn, second, service)

    with ThreadPoolExecutor() as threads, engine.connect() as here, engine.connect() as watching:
        with here.begin():
            answers = take(world, here, first, service)
            other = threads.submit(other_instance)
            waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            assert wait_until(lambda: other.done() or watching.execute(waits).scalar_one() > 0, 10)
        return answers, other.result(10)


def staff(world: World, unit: str) -> float:
    return next(row["staff"] for row in world.rows("optimizer", table(Unit)) if row["id"] == unit)


def test_two_people_who_come_at_once_are_both_counted(world: World) -> None:
    for person in people_in_two_partitions(world):
        register(world, person)
    first, second = arrived(world)
    at_once(world, Batch(records=[first]), Batch(records=[second]))
    assert staff(world, UNIT) == 2


def test_who_waited_is_counted_once_though_a_copy_comes_while_they_are_tried_again(world: World) -> None:
    person, unit = next(people_in_two_partitions(world)), "dukcapil.later"
    register(world, person, unit)
    (early,) = arrived(world)
    engine = world.app.databases.writer("optimizer")
    with engine.begin() as conn:
        take(world, conn, Batch(records=[early]))
    register_unit(world, unit)
    with engine.begin() as conn:
        take(world, conn, Batch(records=arrived(world)))
    place = (early.topic, early.part)
    copy = early._replace(offset=positions(world)[place].offset)
    at_once(world, Batch(due=[f"personnel/person/{person}"]), Batch(records=[copy]))
    assert staff(world, unit) == 1


def test_a_command_that_another_instance_commits_meanwhile_is_answered_as_there(postgres_url: str) -> None:
    world = World(postgres_url, [mutations.SERVICE], ["personnel", "workload", "optimizer"])
    populate(world)
    submit = Act(command=cmd.Submit(mutation=propose(world), documents={"G2": HASH}))
    command = Command(id=ids.new(), data=submit, actor=Actor("account", "officer"), fingerprint=b"f")
    first, second = at_once(world, Batch(commands=[command]), Batch(commands=[command]), mutations.SERVICE)
    assert first == second
    assert first[command.id]["state"] == "PROPOSED.SCREENING"  # type: ignore[index]
    world.close()
