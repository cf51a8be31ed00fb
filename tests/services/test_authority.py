"""Nobody is judged while a change of offices has arrived and is not applied."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from events import ids
from events.authority import HolderEnded
from events.catalog import CATALOG
from services import mutations
from services.batch import Batch
from services.mutations import projections
from services.mutations.execute import OF_OFFICES
from services.parked import Dismiss, Release
from services.service import Actor, Command, Event, NotYet, Refused, Retry
from services.transaction import Tx
from tests.services.test_mutations import HASH, give, populate, propose
from tests.worlds import World
from workflow import commands as cmd

OFFICE = "personnel/office/personnel_officer.officer"
ENDED = HolderEnded(
    office="personnel_officer.officer", person="officer", capacity="definitive", on=date(2026, 3, 1), order="SK-9"
)


@pytest.fixture
def fault() -> list[Exception]:
    """What goes wrong when the end of a holding is applied; nothing when empty."""
    return []


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, fault: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'imbang.db'}" if sqlite else request.getfixturevalue("postgres_url")

    def unseat(tx: Tx, event: Event) -> None:
        if fault:
            raise fault[0]
        projections.unseat_holder(tx, event)

    monkeypatch.setitem(mutations.SERVICE._routes, ("authority.holder_ended", "projects"), [unseat])
    made = World(url, [mutations.SERVICE], ["personnel", "workload", "optimizer"])
    populate(made)
    yield made
    made.close()


def order(world: World, data: Release | Dismiss) -> None:
    command = Command(id=ids.new(), data=data, actor=Actor("an-operator", None))
    world.app.committer.run(world.app.services[0], Batch(commands=[command]))


def refusal(world: World, m: str) -> tuple[str, int]:
    """How the officer's submission is refused."""
    with pytest.raises(Refused) as refused:
        give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH}))
    return refused.value.rule, refused.value.status


@pytest.mark.parametrize("error", [ValueError("bug"), NotYet("personnel/person/x"), Retry("slow", timedelta(hours=1))])
def test_nobody_acts_while_the_end_of_a_holding_waits_however_fresh_the_watermark(
    world: World, fault: list[Exception], error: Exception
) -> None:
    m = propose(world)
    fault.append(error)
    world.tell(OFFICE, ENDED)
    for _ in range(5):
        world.app.runtime.relay(world.app.services[1])
        world.app.runtime.read(world.app.services[0])
        world.clock.advance(timedelta(seconds=20))
    assert refusal(world, m) == ("authority_stale", 503)


def test_a_holding_whose_end_was_applied_late_gives_no_right_from_then_on(world: World, fault: list[Exception]) -> None:
    m = propose(world)
    fault.append(ValueError("bug"))
    world.tell(OFFICE, ENDED)
    world.drain()
    assert refusal(world, m) == ("authority_stale", 503)
    fault.clear()
    order(world, Release(OFFICE, 3))
    world.app.runtime.retry(world.app.services[0])  # no position moves
    assert refusal(world, m)[0] != "authority_stale"


def test_after_a_dismissal_the_rest_is_judged_again(world: World, fault: list[Exception]) -> None:
    m = propose(world)
    fault.append(ValueError("bug"))
    world.tell(OFFICE, ENDED)
    world.drain()
    order(world, Dismiss(OFFICE, 3, "tercatat dua kali"))
    assert give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH})) == "PROPOSED.SCREENING"


def test_all_that_travels_in_the_topic_of_offices_is_told_of_their_subjects() -> None:
    told = [kind.doc for kind in CATALOG.values() if kind.topic == "authority"]
    assert told
    assert all(f"Subject `{OF_OFFICES[0]}" in doc for doc in told)
