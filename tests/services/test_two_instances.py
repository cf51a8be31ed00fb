"""Two instances of a service that hear at the same time of one unit, in two partitions of one topic."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import count

import pytest
import sqlalchemy as sa

from deploy.daemon import wait_until
from events import inbox, outbox
from events.log import Record
from events.personnel import PersonRegistered, PositionRegistered, UnitRegistered
from services import optimizer
from services.batch import Batch, apply
from services.db import table
from services.optimizer.models import Unit
from tests.worlds import World

UNIT = "dukcapil.loket"


@pytest.fixture
def world(postgres_url: str) -> Iterator[World]:
    made = World(postgres_url, [optimizer.SERVICE], ["personnel", "workload", "mutations"])
    made.tell(
        f"personnel/unit/{UNIT}",
        UnitRegistered(
            unit=UNIT, name=UNIT, opd="dukcapil", opd_name="Dukcapil", instansi="8200", instansi_name="Maluku Utara",
            region="8272", island="halmahera",
        ),
    )  # fmt: skip
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


def registered(world: World) -> list[list[Record]]:
    """Two people are registered; the records of the one and of the other, which nobody has applied."""
    for person in people_in_two_partitions(world):
        world.tell(
            f"personnel/person/{person}",
            PersonRegistered(
                person=person, status="pns", grade=9, position="p", unit=UNIT, since=date(2020, 1, 1),
                appointed_on=date(2015, 1, 1), retires_on=date(2045, 1, 1), skills=["f"], home="halmahera",
            ),
        )  # fmt: skip
    for service in world.app.services:
        world.app.runtime.relay(service)

    def positions() -> dict[inbox.Place, inbox.Position]:
        with world.app.databases.reader("optimizer").connect() as conn:
            return inbox.positions(conn, optimizer.SERVICE.inbox)

    found = world.app.event_log.reader("optimizer", ["personnel"], positions).read(10)
    return [[record] for record in found]


def test_two_people_who_come_at_once_are_both_counted(world: World) -> None:
    first, second = registered(world)
    engine = world.app.databases.writer("optimizer")

    def applied(conn: sa.Connection, records: list[Record]) -> None:
        apply(optimizer.SERVICE, conn, world.app.event_log, world.clock.read(conn), Batch(records=records))

    def other_instance() -> None:
        with engine.begin() as conn:
            applied(conn, second)

    with ThreadPoolExecutor() as threads, engine.connect() as here, engine.connect() as watching:
        with here.begin():
            applied(here, first)
            other = threads.submit(other_instance)
            waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            assert wait_until(lambda: other.done() or watching.execute(waits).scalar_one() > 0, 10)
        other.result(10)
    (row,) = world.rows("optimizer", table(Unit))
    assert row["staff"] == 2
