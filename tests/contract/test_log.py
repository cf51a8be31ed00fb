"""What every log promises: the same tests on SQLite, on PostgreSQL and on Apache Kafka."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from kafka import KafkaAdminClient
from sqlalchemy.engine import Connection

from deploy.daemon import wait_until
from events import bulk, envelope, ids, log, outbox
from events.kafka import Cluster, KafkaLog, create_topics
from events.log import DatabaseLog, EventLog, LogCut, Place, Position, Reader, Record
from events.workload import WorkloadChanged
from services.config import Config, driver
from services.db import Databases
from services.migrate import migrate
from services.service import Service

MORNING = datetime(2026, 3, 2, tzinfo=UTC)
TOPIC = "workload"
#: What is to happen happens within so many seconds, on a busy machine too.
SOON = 60


class Site:
    """A log, and a service that records into it what it is told."""

    #: Whether the readers of one consumer share out the partitions.
    shares = False

    def __init__(self, database_url: str):
        self.database_url = driver(database_url)
        self.databases = Databases(Config(database_url=self.database_url))
        service = Service(name="workload", metadata=sa.MetaData())
        migrate(self.databases, [service])
        self.outbox = service.outbox
        self.log = self.open()

    def open(self) -> EventLog:
        """The log as one more process sees it."""
        return DatabaseLog(self.databases.reader("workload"))

    def cut(self) -> None:
        """The log loses all it holds."""
        owner = sa.create_engine(self.database_url)
        with owner.begin() as conn:
            conn.execute(log.log_entry.delete())
            conn.execute(log.log_head.update().values(next=0))
        owner.dispose()

    def close(self) -> None:
        self.log.close()
        self.databases.close()

    def begin(self) -> AbstractContextManager[Connection]:
        return self.databases.writer("workload").begin()

    def record(self, *units: str, text: str = "") -> list[str]:
        """Record an event of each unit; returns their ids."""
        events = [recorded(unit, text) for unit in units]
        with self.begin() as conn:
            outbox.record(conn, self.outbox, self.log, events, {}, MORNING)
        return [event.event_id for event in events]

    def relay(self, through: EventLog | None = None) -> int:
        """Relay until nothing is left; returns how many events the log acknowledged."""
        total = 0
        while True:
            with self.begin() as conn:
                done = outbox.relay(conn, self.outbox, through or self.log, 50)
            if not done:
                return total
            total += done

    def publish(self, *units: str, text: str = "") -> list[str]:
        recorded = self.record(*units, text=text)
        self.relay()
        return recorded

    def publish_again(self, unit: str, event_ids: Sequence[str]) -> None:
        shard = outbox.shard(subject(unit), self.log.partitions(TOPIC))
        with self.begin() as conn:
            rows = [(i, TOPIC, shard) for i in event_ids]
            bulk.insert(conn, self.outbox.unpublished, ("event_id", "topic", "shard"), rows)
        self.relay()

    def publish_garbage(self, unit: str, body: bytes) -> None:
        """Let the event store, and with it the log, hold bytes that are no event."""
        row = (ids.new(), subject(unit), 1, "x", MORNING, "x", "x", body, envelope.digest(body))
        with self.begin() as conn:
            bulk.insert(conn, self.outbox.event, outbox.EVENT_COLUMNS, [row])
        self.publish_again(unit, [row[0]])

    def beat(self, at: datetime) -> bool:
        with self.begin() as conn:
            return self.log.beat(conn, "workload", TOPIC, at)

    def idle(self) -> bool:
        with self.begin() as conn:
            return outbox.idle(conn, self.outbox, TOPIC)


class KafkaSite(Site):
    shares = True

    def __init__(self, database_url: str, log_url: str):
        self.log_url = log_url
        create_topics(log_url, parts=4)
        super().__init__(database_url)

    def open(self) -> EventLog:
        return KafkaLog(self.log_url, wait=0.1)

    def cut(self) -> None:
        cluster = Cluster.of(self.log_url)
        with KafkaAdminClient(**cluster.client) as admin:
            admin.delete_topics([cluster.prefix + TOPIC])
            assert wait_until(lambda: cluster.prefix + TOPIC not in admin.list_topics(), SOON)
        create_topics(self.log_url, parts=4)
        self.log.close()
        self.log = self.open()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("kafka", marks=[pytest.mark.postgres, pytest.mark.kafka]),
    ]
)
def site(request: pytest.FixtureRequest, tmp_path: Path, topic_prefix: str) -> Iterator[Site]:
    if request.param == "sqlite":
        made = Site(f"sqlite:///{tmp_path / 'log.db'}")
    elif request.param == "postgres":
        made = Site(request.getfixturevalue("postgres_url"))
    else:
        log_url = f"kafka://{request.getfixturevalue('kafka_address')}/{topic_prefix}"
        made = KafkaSite(request.getfixturevalue("postgres_url"), log_url)
    yield made
    made.close()


class Consumer:
    """What a consumer's database does: it keeps the positions, and takes what continues there."""

    def __init__(self, positions: dict[Place, Position] | None = None):
        self.positions = dict(positions or {})
        self.taken: list[Record] = []

    def take(self, records: Sequence[Record]) -> int:
        """Returns how many were new."""
        before = len(self.taken)
        for record in records:
            place = (record.topic, record.part)
            position = self.positions.get(place, Position())
            assert record.offset <= position.offset, "a hole"
            if record.offset == position.offset:
                self.positions[place] = position.after(record)
                self.taken.append(record)
        return len(self.taken) - before

    def read(self, event_log: EventLog, count: int, name: str = "optimizer") -> list[Record]:
        """Read with a reader of its own until `count` records more are taken; returns them."""
        before = len(self.taken)
        reader = event_log.reader(name, [TOPIC], lambda: self.positions)
        try:
            assert wait_until(lambda: self.take(reader.read(50)) >= 0 and len(self.taken) >= before + count, SOON)
        finally:
            reader.close()
        return self.taken[before:]


def subject(unit: str) -> str:
    return f"workload/unit/{unit}"


def recorded(unit: str, text: str) -> outbox.Recorded:
    fact = WorkloadChanged(
        unit=unit, report=text, ratio=1.4, previous_ratio=1.0, level="overload", staff=6, needed=2, lasting=0,
        as_of=date(2026, 3, 2),
    )  # fmt: skip
    return outbox.Recorded(ids.new(), subject(unit), fact, ids.new(), ids.new())


def some(reader: Reader) -> list[Record]:
    """The next records, when there are some."""
    found: list[Record] = []
    assert wait_until(lambda: found.extend(reader.read(50)) or bool(found), SOON)
    return found


def bodies(records: Sequence[Record]) -> list[bytes]:
    return [record.body for record in records]


def ids_of(records: Sequence[Record]) -> list[str]:
    return [record.event_id for record in records]


def test_events_of_a_subject_arrive_in_the_order_in_which_they_were_recorded(site: Site) -> None:
    sent = site.publish(*"abcdefgh" * 20)
    taken = Consumer().read(site.log, len(sent))
    versions: dict[str, list[int]] = {}
    for event in (envelope.decode(record.body) for record in taken):
        versions.setdefault(event.subject, []).append(event.subjectversion)
    assert versions == {subject(unit): list(range(1, 21)) for unit in "abcdefgh"}


def test_what_is_read_is_what_was_stored_byte_for_byte(site: Site) -> None:
    site.publish("a")
    (record,) = Consumer().read(site.log, 1)
    with site.begin() as conn:
        assert list(outbox.stream(conn, site.outbox, subject("a"))) == [record.body]


def test_each_consumer_reads_every_event_once(site: Site) -> None:
    sent = site.publish(*"abcdefgh" * 5)
    for name in ("optimizer", "mutations"):
        assert sorted(ids_of(Consumer().read(site.log, len(sent), name=name))) == sorted(sent)


def test_a_reader_goes_on_where_its_consumer_stands(site: Site) -> None:
    consumer = Consumer()
    consumer.read(site.log, len(site.publish(*"abcdefgh")))
    more = site.publish(*"abcd")
    assert sorted(ids_of(consumer.read(site.log, len(more)))) == sorted(more)


def test_a_batch_that_was_not_applied_comes_again(site: Site) -> None:
    sent = site.publish("a", "a", "a")
    consumer = Consumer()
    reader = site.log.reader("optimizer", [TOPIC], lambda: consumer.positions)
    assert ids_of(some(reader)) == sent
    reader.rewind()
    consumer.take(some(reader))
    reader.close()
    assert ids_of(consumer.taken) == sent


def test_two_readers_of_one_consumer_lose_nothing_and_take_nothing_twice(site: Site) -> None:
    consumer, other = Consumer(), site.open()
    first, second = (
        event_log.reader("optimizer", [TOPIC], lambda: consumer.positions) for event_log in (site.log, other)
    )
    sent: list[str] = []
    taken = {first: 0, second: 0}

    def turn(*readers: Reader) -> None:
        sent.extend(site.publish(*"abcdefgh"))
        for reader in readers:
            taken[reader] += consumer.take(reader.read(50))

    def both_work() -> bool:
        turn(first, second)
        return all(taken.values()) or not site.shares

    assert wait_until(both_work, SOON)
    first.close()
    turn(second)
    assert wait_until(lambda: consumer.take(second.read(50)) >= 0 and len(consumer.taken) >= len(sent), SOON)
    second.close()
    other.close()
    assert sorted(ids_of(consumer.taken)) == sorted(sent)


def test_three_relays_lose_nothing_and_keep_the_order(site: Site) -> None:
    recorded_all = threading.Event()

    def relay() -> None:
        event_log = site.open()
        while not (recorded_all.is_set() and site.idle()):
            site.relay(event_log)
        event_log.close()

    with ThreadPoolExecutor(3) as pool:
        relays = [pool.submit(relay) for _ in range(3)]
        sent = [event_id for _ in range(20) for event_id in site.record(*"abcdefgh")]
        recorded_all.set()
    for done in relays:
        done.result()
    taken = Consumer().read(site.log, len(sent))
    assert sorted(ids_of(taken)) == sorted(sent)
    of_a = [e.subjectversion for e in map(envelope.decode, bodies(taken)) if e.subject == subject("a")]
    assert of_a == list(range(1, 21))


def test_an_event_larger_than_the_log_carries_is_refused_before_it_is_stored(site: Site) -> None:
    with pytest.raises(outbox.TooLarge):
        site.record("a", text="x" * site.log.max_bytes)
    assert site.idle()


def test_the_largest_event_that_is_not_refused_travels(site: Site) -> None:
    site.publish("a")
    consumer = Consumer()
    (small,) = consumer.read(site.log, 1)
    site.publish("a", text="x" * (site.log.max_bytes - len(small.body)))
    (large,) = consumer.read(site.log, 1)
    assert len(large.body) == site.log.max_bytes


def test_bytes_that_are_no_event_are_handed_on_and_passed(site: Site) -> None:
    consumer = Consumer()
    site.publish_garbage("a", b"\xff{")
    assert bodies(consumer.read(site.log, 1)) == [b"\xff{"]
    sent = site.publish("a")
    assert ids_of(consumer.read(site.log, 1)) == sent


def test_a_watermark_stands_behind_all_that_was_recorded_before_it(site: Site) -> None:
    consumer = Consumer()
    sent = site.publish(*"abcdefgh")
    assert site.beat(MORNING)
    parts = site.log.partitions(TOPIC)
    taken = consumer.read(site.log, len(sent) + parts)
    last = {record.part: record for record in taken}
    assert [(last[part].watermark, last[part].body) for part in range(parts)] == [(MORNING, b"")] * parts
    assert [record.watermark for record in taken].count(None) == len(sent)


def test_a_reader_goes_on_behind_a_watermark_and_remembers_it(site: Site) -> None:
    consumer, later = Consumer(), MORNING + timedelta(seconds=20)
    parts = site.log.partitions(TOPIC)
    for at in (MORNING, later):
        assert site.beat(at)
        consumer.read(site.log, parts)
    site.publish("a")
    consumer.read(site.log, 1)
    assert {position.fresh_at for position in consumer.positions.values()} == {later}


def test_the_ends_of_a_topic_count_its_records(site: Site) -> None:
    assert sum(site.log.ends(TOPIC).values()) == 0
    site.publish(*"abcdefgh")
    ends = site.log.ends(TOPIC)
    assert (len(ends), sum(ends.values())) == (site.log.partitions(TOPIC), 8)


@pytest.mark.parametrize("kept", [0, 2])
def test_a_log_that_lost_its_tail_is_noticed(site: Site, kept: int) -> None:
    consumer = Consumer()
    sent = site.publish("a", "a", "a")
    consumer.read(site.log, 3)
    site.cut()
    site.publish_again("a", sent[:kept])
    with pytest.raises(LogCut):
        consumer.read(site.log, 1)


def test_a_log_that_was_cut_and_grew_past_the_consumer_is_noticed(site: Site) -> None:
    consumer = Consumer()
    sent = site.publish(*"a" * 100)
    consumer.read(site.log, 100)
    site.cut()
    site.publish_again("a", sent[:60])
    site.publish(*"a" * 69)
    assert sum(site.log.ends(TOPIC).values()) == 129
    with pytest.raises(LogCut):
        consumer.read(site.log, 1)


def test_a_topic_keeps_its_partitions_when_topics_are_created_again(kafka_address: str, topic_prefix: str) -> None:
    url = f"kafka://{kafka_address}/{topic_prefix}"
    for parts in (2, 5):
        create_topics(url, parts)
    event_log = KafkaLog(url)
    assert (event_log.partitions(TOPIC), event_log.partitions("authority")) == (2, 1)
    event_log.close()


def test_a_kafka_without_the_topics_is_refused(kafka_address: str, topic_prefix: str) -> None:
    with pytest.raises(LogCut, match="imbang migrate"):
        KafkaLog(f"kafka://{kafka_address}/{topic_prefix}")
