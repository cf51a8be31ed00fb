"""The kernel with two toy services: one records what units report, the other mirrors and reacts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from kafka import KafkaAdminClient

from deploy.daemon import wait_until
from events import ids, inbox, outbox
from events.kafka import Cluster, create_topics
from events.log import DatabaseLog, log_entry, log_head
from services.batch import Batch
from services.republish import republish
from services.service import Command, Firing, Refused
from tests.toys import MORNING, Register, Report, World

ON_DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
ON_KAFKA = pytest.param("kafka", marks=[pytest.mark.postgres, pytest.mark.kafka])


@pytest.fixture(params=[*ON_DATABASES, ON_KAFKA])
def world(request: pytest.FixtureRequest, tmp_path: Path, topic_prefix: str) -> Iterator[World]:
    if request.param == "sqlite":
        made = World(f"sqlite:///{tmp_path / 'imbang.db'}")
    elif request.param == "postgres":
        made = World(request.getfixturevalue("postgres_url"))
    else:
        log_url = f"kafka://{request.getfixturevalue('kafka_address')}/{topic_prefix}"
        made = World(request.getfixturevalue("postgres_url"), log_url)
    yield made
    made.runtime.stop()


def test_what_one_service_records_the_other_applies(world: World) -> None:
    world.send(Register("a"))
    world.send(Report("a", 1.4))
    world.runtime.drain()
    assert world.times() == {"a": 1}
    assert world.solves == ["a"]


def test_a_repeated_command_returns_its_first_answer_and_does_nothing(world: World) -> None:
    first = world.send(Register("a"), "0190a000-0000-7000-8000-000000000001")
    again = world.send(Register("a"), "0190a000-0000-7000-8000-000000000001")
    assert first == again
    assert len(world.rows("workload", world.workload.outbox.event)) == 1


def test_a_refused_command_leaves_nothing_and_may_be_sent_again(world: World) -> None:
    key = "0190a000-0000-7000-8000-000000000002"
    with pytest.raises(Refused):
        world.send(Report("a", -1.0), key)
    assert world.rows("workload", world.load) == []
    assert world.send(Report("a", 1.0), key) == {"ratio": 1.0}


def test_a_refused_item_does_not_disturb_the_others_of_its_batch(world: World) -> None:
    commands = [Command(id=ids.new(), data=Report(u, r)) for u, r in (("a", 1.0), ("b", -1.0), ("c", 2.0))]
    answers = world.committer.run(world.workload, Batch(commands=commands))
    assert [isinstance(answers[c.id], Refused) for c in commands] == [False, True, False]
    assert world.rows("workload", world.load) == [("a", 1.0), ("c", 2.0)]


def test_records_delivered_twice_take_effect_once(world: World) -> None:
    world.send(Register("a"))
    world.send(Report("a", 1.4))
    world.runtime.relay(world.workload)
    records = world.records(2)
    for _ in range(3):
        world.committer.offer("optimizer", Batch(records=records))
    world.runtime.retry(world.optimizer)  # topics overtake each other
    assert world.times() == {"a": 1}


def test_a_copy_of_an_event_later_in_the_log_is_ignored(world: World) -> None:
    world.send(Register("a"))
    world.send(Report("a", 1.4))
    world.runtime.drain()
    publish_again(world, "workload/unit/a")
    world.runtime.drain()
    assert world.times() == {"a": 1}


def publish_again(world: World, subject: str) -> None:
    with world.databases.writer("workload").begin() as conn:
        event = world.workload.outbox.event
        found = conn.execute(sa.select(event.c.event_id).where(event.c.subject == subject)).scalars().all()
        unpublished = world.workload.outbox.unpublished
        shard = outbox.shard(subject, world.log.partitions("workload"))
        rows = [{"event_id": i, "topic": "workload", "shard": shard} for i in found]
        conn.execute(sa.insert(unpublished), rows)


def test_an_event_that_needs_another_topic_waits_in_order_until_that_arrives(world: World) -> None:
    world.send(Report("a", 1.4))
    world.send(Report("a", 1.5))
    world.runtime.drain()
    assert world.times() == {}
    assert [r[4] for r in world.rows("optimizer", world.optimizer.inbox.waiting)] == ["not_yet", "behind"]
    world.send(Register("a"))
    world.runtime.drain()
    assert world.times() == {"a": 2}
    assert world.rows("optimizer", world.optimizer.inbox.waiting) == []


def test_a_poisonous_event_parks_its_subject_only_and_goes_on_in_order_after_the_mend(world: World) -> None:
    for unit in "ab":
        world.send(Register(unit))
    world.faults["a"] = ValueError("bug")
    for unit in "abab":
        world.send(Report(unit, 1.4))
    world.runtime.drain()
    assert world.times() == {"a": 0, "b": 2}
    waiting = world.rows("optimizer", world.optimizer.inbox.waiting)
    assert [(r[1], r[4]) for r in waiting] == [(1, "failed"), (2, "behind")]
    world.faults.clear()
    world.committer.offer("optimizer", Batch(due=["workload/unit/a"]))
    assert world.times() == {"a": 2, "b": 2}


def test_a_timer_fires_once_when_due_and_not_before(world: World) -> None:
    world.send(Register("a"))
    world.send(Report("a", 1.4))
    world.runtime.drain()
    assert world.fired == []
    world.clock.advance(timedelta(days=1))
    world.runtime.drain()
    world.runtime.drain()
    assert world.fired == ["workload/unit/a"]


def test_a_timer_set_again_fires_at_its_new_time_only(world: World) -> None:
    world.send(Register("a"))
    world.send(Report("a", 1.4))
    world.runtime.drain()
    with world.databases.reader("optimizer").connect() as conn:
        stale = [Firing(*row) for row in conn.execute(sa.select(world.optimizer.timer))]
    world.clock.advance(timedelta(hours=1))
    world.send(Report("a", 1.5))
    world.runtime.drain()
    world.committer.offer("optimizer", Batch(firings=stale))
    assert world.fired == []
    world.clock.advance(timedelta(days=1))
    world.runtime.drain()
    assert world.fired == ["workload/unit/a"]


def test_events_of_a_subject_are_numbered_without_gaps(world: World) -> None:
    batch = Batch(commands=[Command(id=ids.new(), data=Report("a", 1.0 + i)) for i in range(30)])
    world.committer.run(world.workload, batch)
    world.send(Report("a", 9.0))
    with world.databases.reader("workload").connect() as conn:
        bodies = [msgspec.json.decode(b) for b in outbox.stream(conn, world.workload.outbox, "workload/unit/a")]
    assert [b["subjectversion"] for b in bodies] == list(range(1, 32))


@pytest.mark.parametrize("world", ON_DATABASES, indirect=True)
def test_a_log_that_lost_its_tail_stops_the_consumer(world: World) -> None:
    for unit in "abc":
        world.send(Register(unit))
    world.runtime.drain()
    cut(world)
    world.runtime.read(world.optimizer)
    assert "`imbang republish TOPIC`" in world.runtime.stopped["optimizer"]


@pytest.mark.parametrize("world", ON_DATABASES, indirect=True)
def test_an_event_that_its_store_lost_stops_the_consumer_where_it_stood_and_nobody_else(world: World) -> None:
    for unit in "abc":
        world.send(Register(unit))
    world.runtime.relay(world.workload)
    lose(world, "workload/place/b")
    for _ in range(3):
        world.runtime.read(world.optimizer)
    assert "b" not in world.times()
    why = world.runtime.stopped["optimizer"]
    assert re.search(r"restore the store .* personnel/\d at \d+: [0-9a-f-]{36} is not in workload_event", why)
    world.send(Register("d"))
    world.runtime.drain()  # the process goes on


def lose(world: World, subject: str) -> None:
    """Delete the history of a subject by hand."""
    engine = sa.create_engine(world.databases.config.database_url)
    with engine.begin() as conn:
        event = world.workload.outbox.event
        conn.execute(event.delete().where(event.c.subject == subject))
    engine.dispose()


def test_what_a_log_lost_is_sent_again_from_the_store_and_takes_effect_once(world: World) -> None:
    world.send(Register("a"))
    world.send(Report("a", 1.4))
    world.runtime.drain()
    world.runtime.stop()
    cut(world)
    with started_again(world) as found:
        found.send(Report("a", 1.5))
        found.runtime.relay(found.workload)
        assert wait_until(lambda: not found.runtime.read(found.optimizer) and bool(found.runtime.stopped), 30)
        services = [found.workload, found.optimizer]
        told = {t: republish(found.databases, services, found.log, t) for t in ("personnel", "workload")}
        assert told == {"personnel": {"workload": 1, "consumers": 1}, "workload": {"workload": 2, "consumers": 1}}
    with started_again(world) as mended:
        mended.runtime.drain()
        assert mended.times() == {"a": 2}
        mended.send(Report("a", 1.6))
        mended.runtime.drain()
        assert mended.times() == {"a": 3}
        assert mended.rows("optimizer", mended.optimizer.inbox.waiting) == []


@contextmanager
def started_again(world: World) -> Iterator[World]:
    """A new process on what a world has left."""
    made = World(world.databases.config.database_url, world.log_url, new=False)
    yield made
    made.runtime.stop()


def cut(world: World) -> None:
    """The log loses all it holds."""
    if isinstance(world.log, DatabaseLog):
        engine = sa.create_engine(world.databases.config.database_url)
        with engine.begin() as conn:
            conn.execute(log_entry.delete())
            conn.execute(log_head.update().values(next=0))
        engine.dispose()
        return
    cluster = Cluster.of(world.log_url)
    with KafkaAdminClient(**cluster.client) as admin:
        admin.delete_topics([cluster.prefix + "workload"])
        assert wait_until(lambda: cluster.prefix + "workload" not in admin.list_topics(), 30)
    create_topics(world.log_url, parts=4)


def test_bytes_that_are_no_event_are_kept_and_the_others_go_on(world: World) -> None:
    world.send(Register("a"))
    world.runtime.relay(world.workload)
    (record,) = world.records(1)
    garbage = record._replace(body=b"\xff{", event_id=ids.new())
    following = record._replace(offset=record.offset + 1)
    world.committer.offer("optimizer", Batch(records=[garbage, following]))
    assert world.times() == {"a": 0}
    with world.databases.reader("optimizer").connect() as conn:
        assert inbox.parked(conn, world.optimizer.inbox) == 1


def test_a_quiet_topic_says_every_twenty_seconds_how_fresh_it_is(world: World) -> None:
    for pause, fresh_at in ((0, 0), (19, 0), (1, 20), (30, 50)):
        world.clock.advance(timedelta(seconds=pause))
        world.runtime.drain()
        assert freshness(world) == {MORNING + timedelta(seconds=fresh_at)}


def test_a_topic_whose_events_wait_for_the_relay_is_not_called_fresh(world: World) -> None:
    world.runtime.drain()
    world.clock.advance(timedelta(minutes=1))
    world.send(Report("a", 1.4))
    world.runtime.relay(world.workload)
    world.catch_up()
    assert freshness(world) == {MORNING}


def freshness(world: World) -> set[datetime | None]:
    with world.databases.reader("optimizer").connect() as conn:
        found = inbox.positions(conn, world.optimizer.inbox)
    return {position.fresh_at for (topic, _), position in found.items() if topic == "workload"}
