"""The kernel with two toy services: one records what units report, the other mirrors and reacts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from events import ids, inbox, outbox
from events.kafka import KafkaLog, create_topics
from events.log import DatabaseLog, EventLog, LogCut, Record
from events.personnel import UnitRegistered
from events.workload import WorkloadChanged
from services import jobs
from services.batch import Batch
from services.clock import SetClock
from services.committer import Committer
from services.config import EMBEDDED_LOG, Config
from services.db import Databases
from services.migrate import migrate
from services.runtime import Runtime
from services.service import Command, Event, Firing, NotYet, Refused, Service, Words, projects, reacts
from services.transaction import Tx

MORNING = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


class Register(msgspec.Struct, frozen=True):
    unit: str


class Report(msgspec.Struct, frozen=True):
    unit: str
    ratio: float


class Solved(msgspec.Struct, frozen=True):
    unit: str


def unit_event(unit: str) -> UnitRegistered:
    return UnitRegistered(
        unit=unit, name=unit, opd="o", opd_name="O", instansi="8200", instansi_name="P", region="82", island="H"
    )


def load_event(unit: str, ratio: float) -> WorkloadChanged:
    return WorkloadChanged(
        unit=unit, report="r", ratio=ratio, previous_ratio=1.0, level="overload", staff=6, needed=2, lasting=0,
        as_of=date(2026, 3, 2),
    )  # fmt: skip


class World:
    """Two toy services on one database. Not `new`: one more process on what another World has migrated."""

    def __init__(self, url: str, log_url: str = EMBEDDED_LOG, *, new: bool = True):
        self.faults: dict[str, Exception] = {}
        meters, mirror = sa.MetaData(), sa.MetaData()
        self.load = sa.Table(
            "workload_load", meters, sa.Column("unit", sa.String, primary_key=True), sa.Column("ratio", sa.Float)
        )
        self.seen = sa.Table(
            "optimizer_seen", mirror, sa.Column("unit", sa.String, primary_key=True), sa.Column("times", sa.Integer)
        )
        self.workload = Service(
            name="workload",
            metadata=meters,
            commands={Register: self.register, Report: self.report},
            beats=("workload",),
        )
        self.optimizer = Service(
            name="optimizer",
            metadata=mirror,
            commands={Solved: self.solved},
            subscriptions=[
                projects(UnitRegistered, self.add),
                projects(WorkloadChanged, self.count),
                reacts(WorkloadChanged, self.react),
            ],
            timers={"remind": self.remind},
            jobs={"solve": self.solve},
        )
        self.clock = SetClock(MORNING)
        self.databases = Databases(Config(database_url=url))
        services = [self.workload, self.optimizer]
        if new:
            migrate(self.databases, services)
        self.log = self.open_log(log_url, new)
        self.committer = Committer(self.databases, {s.name: s for s in services}, self.log, self.clock)
        self.runtime = Runtime(self.databases, services, self.log, self.clock, self.committer)
        self.fired: list[str] = []
        self.solves: list[str] = []

    def open_log(self, url: str, new: bool) -> EventLog:
        if url == EMBEDDED_LOG:
            return DatabaseLog(self.databases.reader("workload"))
        if new:
            create_topics(url, parts=4)
        return KafkaLog(url, wait=0.05)

    def register(self, tx: Tx, command: Command) -> dict[str, str]:
        unit = command.data.unit
        return {"event": tx.record(f"workload/place/{unit}", unit_event(unit))}

    def report(self, tx: Tx, command: Command) -> dict[str, float]:
        unit, ratio = command.data.unit, command.data.ratio
        tx.upsert(self.load, {"unit": unit, "ratio": ratio})
        if ratio < 0:
            raise Refused("load.negative", Words("Beban negatif.", "Negative load."), Words("Perbaiki.", "Correct it."))
        tx.record(f"workload/unit/{unit}", load_event(unit, ratio))
        return {"ratio": ratio}

    def add(self, tx: Tx, event: Event) -> None:
        tx.upsert(self.seen, {"unit": event.data.unit, "times": 0})

    def count(self, tx: Tx, event: Event) -> None:
        row = tx.get(self.seen, event.data.unit)
        if row is None:
            raise NotYet(f"workload/place/{event.data.unit}")
        tx.upsert(self.seen, {**row, "times": row["times"] + 1})

    def react(self, tx: Tx, event: Event) -> None:
        if fault := self.faults.get(event.data.unit):
            raise fault
        tx.arm(event.subject, "remind", tx.now + timedelta(days=1))
        tx.enqueue("solve", event.data.unit, event.data)

    def remind(self, tx: Tx, firing: Firing) -> None:
        self.fired.append(firing.subject)

    def solve(self, job: jobs.Job, read: jobs.Read) -> Solved:
        self.solves.append(job.key)
        return Solved(job.key)

    def solved(self, tx: Tx, command: Command) -> dict[str, str]:
        return {"unit": command.data.unit}

    def send(self, data: msgspec.Struct, command_id: str | None = None) -> dict[str, object]:
        raw = msgspec.json.encode(data)
        return self.committer.submit("workload", Command(id=command_id or ids.new(), data=data, fingerprint=raw))

    def rows(self, service: str, table: sa.Table) -> list[tuple[object, ...]]:
        with self.databases.reader(service).connect() as conn:
            return [tuple(r) for r in conn.execute(sa.select(table).order_by(*table.primary_key.columns))]

    def records(self, count: int) -> list[Record]:
        """What the mirror reads next, not applied."""
        found: list[Record] = []
        while len(found) < count:
            found += self.runtime._reader(self.optimizer).read(100)
        return found

    def catch_up(self) -> None:
        """The mirror applies what is in the log, and does nothing else."""
        while self.runtime._behind(self.optimizer):
            self.runtime.read(self.optimizer)
        self.runtime.retry(self.optimizer)

    def times(self) -> dict[object, object]:
        return dict(self.rows("optimizer", self.seen))  # type: ignore[arg-type]


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
    republish(world, "workload/unit/a")
    world.runtime.drain()
    assert world.times() == {"a": 1}


def republish(world: World, subject: str) -> None:
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


def test_a_result_with_a_lost_lease_is_dropped(world: World) -> None:
    world.send(Register("a"))
    world.send(Report("a", 1.4))
    world.runtime.relay(world.workload)
    world.catch_up()
    service = world.optimizer
    with world.databases.writer("optimizer").begin() as conn:
        (frozen,) = jobs.lease(conn, service.job, "optimizer", MORNING, MORNING, 1)
    later = MORNING + jobs.LEASE + timedelta(seconds=1)
    with world.databases.writer("optimizer").begin() as conn:
        (again,) = jobs.lease(conn, service.job, "optimizer", later, later, 1)
    assert again.fence == frozen.fence + 1
    with world.databases.writer("optimizer").begin() as conn:
        assert not jobs.finish(conn, service.job, frozen)
        assert jobs.finish(conn, service.job, again)


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
    from events.log import log_entry, log_head

    engine = sa.create_engine(world.databases.config.database_url)
    with engine.begin() as conn:
        conn.execute(log_entry.delete())
        conn.execute(log_head.update().values(next=0))
    engine.dispose()
    world.runtime.read(world.optimizer)
    assert LogCut.__doc__ is not None
    assert LogCut.__doc__ in world.runtime.stopped["optimizer"]


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
