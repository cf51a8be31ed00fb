"""Brokers and consumers that are killed and frozen: nothing is lost, nothing takes effect twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import pytest
import sqlalchemy as sa
from kafka import KafkaAdminClient

import events.kafka
from deploy.daemon import wait_until
from deploy.native import Kafka
from events.kafka import APPEND, Cluster, KafkaLog, create_topics
from events.log import Outgoing, Reader
from tests.toys import Register, Report, World

UNITS = "abcdefgh"
#: Within so many seconds all is well again. A session of a consumer lasts 10.
MEND = 35.0
#: Kafka writes without the caller's database connection.
NO_CONNECTION: Any = None


class Town(World):
    """The two toy services; every unit reports, and what the mirror counts must be what was reported."""

    def __init__(self, url: str, log_url: str, *, new: bool = True):
        super().__init__(url, log_url, new=new)
        self.reports = 0
        if new:
            for unit in UNITS:
                self.send(Register(unit))

    def all_report(self, times: int = 1) -> None:
        """All units report; it is recorded when this returns, wherever the log may be."""
        for unit in UNITS * times:
            self.send(Report(unit, 1.4))
        self.reports += times

    def well(self) -> bool:
        return self.times() == dict.fromkeys(UNITS, self.reports)

    def turns_well(self) -> bool:
        """Turn the crank of this process once, and look."""
        self.runtime.tick()
        return self.well()

    def feed(self, enough: int) -> bool:
        """Record and relay more; whether others have applied enough."""
        self.all_report()
        self.runtime.relay(self.workload)
        return sum(int(str(n)) for n in self.times().values()) >= enough


@contextmanager
def founded(database_url: str, log_url: str) -> Iterator[Town]:
    town = Town(database_url, log_url)
    try:
        yield town
    finally:
        town.runtime.stop()


def live(database_url: str, log_url: str) -> None:
    """The life of another process: it consumes until it is killed."""
    Town(database_url, log_url, new=False).runtime.start()
    threading.Event().wait()


@contextmanager
def another_process(database_url: str, log_url: str) -> Iterator[int]:
    """Its process id."""
    process = get_context("spawn").Process(target=live, args=(database_url, log_url), daemon=True)
    process.start()
    assert process.pid is not None
    try:
        yield process.pid
    finally:
        process.kill()
        process.join()


def event(number: int) -> Outgoing:
    event_id = f"0190a000-0000-7000-8000-{number:012}"
    return Outgoing("workload", number % 2, f"workload/unit/{number % 2}", event_id, b'{"id":"%s"}' % event_id.encode())


def append(event_log: KafkaLog, *numbers: int) -> list[bool]:
    return event_log.append(NO_CONNECTION, "workload", [event(n) for n in numbers])


def reads(reader: Reader, *numbers: int) -> bool:
    """Whether the reader comes to all of these; copies do not matter."""
    missing = {event(n).event_id for n in numbers}

    def found_all() -> bool:
        missing.difference_update(record.event_id for record in reader.read(50))
        return not missing

    return wait_until(found_all, MEND)


def kill(broker: Kafka) -> Callable[[], None]:
    broker.kill()
    return broker.start


def freeze(broker: Kafka) -> Callable[[], None]:
    pid = broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("strike", [kill, freeze])
def test_while_a_broker_is_away_nobody_waits_for_ever_and_then_all_goes_on(
    own_kafka: Kafka, strike: Callable[[Kafka], Callable[[], None]]
) -> None:
    url = f"kafka://{own_kafka.address}/"
    create_topics(url, parts=2)
    event_log = KafkaLog(url, wait=0.1)
    reader, newcomer = (event_log.reader(name, ["workload"], dict) for name in ("optimizer", "mutations"))
    assert append(event_log, 1, 2) == [True, True]
    assert reads(reader, 1, 2)

    mend = strike(own_kafka)
    began, threads = time.monotonic(), threading.active_count()
    assert append(event_log, 3, 4) == [False, False]
    assert time.monotonic() - began < APPEND + 2
    assert event_log.ends("workload") == {}
    assert reader.read(50) == newcomer.read(50) == []
    assert time.monotonic() - began < 20
    assert wait_until(lambda: threading.active_count() <= threads, MEND)

    mend()
    assert wait_until(lambda: append(event_log, 3, 4, 5) == [True, True, True], MEND)
    assert reads(reader, 3, 4, 5)
    assert reads(newcomer, 1, 2, 3, 4, 5)
    reader.close()
    newcomer.close()
    event_log.close()


def test_a_broker_that_is_killed_at_work_loses_nothing_and_repeats_nothing(own_kafka: Kafka, postgres_url: str) -> None:
    with founded(postgres_url, f"kafka://{own_kafka.address}/") as town:
        town.runtime.start()
        town.all_report(10)
        assert wait_until(lambda: any(town.times().values()), MEND)
        town.all_report(10)
        own_kafka.kill()
        town.all_report(10)
        own_kafka.start()
        town.all_report(10)
        assert wait_until(town.well, MEND)


def test_another_process_goes_on_exactly_where_a_killed_consumer_stopped(
    kafka_address: str, postgres_url: str, topic_prefix: str
) -> None:
    log_url = f"kafka://{kafka_address}/{topic_prefix}"
    with founded(postgres_url, log_url) as town:
        with another_process(postgres_url, log_url):
            assert wait_until(lambda: town.feed(50), MEND)
        town.all_report(5)
        assert wait_until(town.turns_well, MEND)


def test_a_consumer_that_wakes_after_it_was_replaced_changes_nothing(
    kafka_address: str, postgres_url: str, topic_prefix: str
) -> None:
    log_url = f"kafka://{kafka_address}/{topic_prefix}"
    with founded(postgres_url, log_url) as town, another_process(postgres_url, log_url) as sleeper:
        assert wait_until(lambda: town.feed(50), MEND)
        assert wait_until(lambda: frozen_between_transactions(town, sleeper), MEND)
        town.all_report(5)
        assert wait_until(town.turns_well, MEND)
        os.kill(sleeper, signal.SIGCONT)
        assert wait_until(lambda: town.runtime.tick() >= 0 and members(log_url) == 2, MEND)
        town.all_report(5)
        assert wait_until(town.turns_well, MEND)


def frozen_between_transactions(town: Town, pid: int) -> bool:
    """Freeze a process, unless it holds locks just now: those would be freed only by the database's own timeout."""
    os.kill(pid, signal.SIGSTOP)
    locks = sa.text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with town.databases.reader("optimizer").connect() as conn:
        if not conn.scalar(locks):
            return True
    os.kill(pid, signal.SIGCONT)
    return False


def members(log_url: str) -> int:
    """How many readers share the mirror's work, when that is settled."""
    cluster = Cluster.of(log_url)
    group = f"{cluster.prefix}optimizer"
    with KafkaAdminClient(**cluster.client) as admin:
        found = admin.describe_groups([group])[group]
    return len(found["members"]) if found["group_state"] == "Stable" else 0


def test_a_reader_that_does_not_get_into_its_group_tries_anew(
    kafka_address: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"kafka://{kafka_address}/{topic_prefix}"
    create_topics(url, parts=2)
    event_log = KafkaLog(url, wait=0.1)
    reader = event_log.reader("optimizer", ["workload"], dict)
    append(event_log, 1)
    assert reads(reader, 1)
    with monkeypatch.context() as impatient:
        impatient.setattr(events.kafka, "JOIN", -1.0)
        reader.on_partitions_revoked([])  # the rebalance of which the client lost track
        assert reader.read(50) == []
    append(event_log, 2)
    assert reads(reader, 1, 2)
    reader.close()
    event_log.close()


def test_a_reader_knows_its_topics_before_it_joins(
    kafka_address: str, topic_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"kafka://{kafka_address}/{topic_prefix}"
    create_topics(url, parts=2)
    event_log = KafkaLog(url, wait=0.1)
    reader = event_log.reader("optimizer", ["workload"], dict)
    append(event_log, 1)
    assert reads(reader, 1)
    assert "No partition metadata" not in caplog.text  # what the client says when it joins too early
    reader.close()
    event_log.close()
