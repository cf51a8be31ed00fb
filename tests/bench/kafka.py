"""The area `kafka`: the same steps with kafka-python in and out, on a real broker, by one process and by two.

A round puts all its messages on the topic while the processes stand still, lets them go, and ends when the broker has
the last event that they record; the bound takes as many from memory. The broker stamps every event when it arrives
(`LogAppendTime`), so nobody has to read beside.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from deploy.daemon import wait_until
from tests.bench import consumer, flow
from tests.bench.gauges import TICKS, Gauge, Reading, cpu_ticks, ratio
from tests.bench.reference_e import Bound, Sizes
from tests.bench.report import Goal
from tests.bench.runner import BATCH, in_batches
from tests.bench.sender import PARTITIONS, Sent, apart, send, wrapped
from tests.bench.stage import Stage, Told, fresh, settings, settle, staged

#: Messages a second of the open loop, and how many seconds it lasts; its first tenth is not counted.
RATE, SECONDS = 500, 30
PROCESSES = {"one": 1, "two": 2}


class Contestant:
    """So many processes of the engine, on a database and topics of their own."""

    def __init__(self, directory: Path, server: str, url: str, name: str, processes: int, people: int):
        self.server, self.prefix, self.url = server, f"{name}.", url
        log = f"kafka://{self.server}/{self.prefix}"
        self.config = settings(url, log, directory)
        settle(self.config, [consumer.service()], people)
        self._stamp()
        told = {"DATABASE_URL": url, "EVENT_LOG_URL": log, "IMBANG_SECRET_KEY": self.config.secret_key}
        self.processes = [consumer.Consumer(directory / f"{name}-{n}", told) for n in range(processes)]
        self._reader = KafkaConsumer(
            bootstrap_servers=self.server, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        self._places = [TopicPartition(f"{self.prefix}mutation", part) for part in range(PARTITIONS)]
        self._reader.assign(self._places)
        self._heard: dict[str, float] = {}
        for process in self.processes:
            process.start()

    def take(self, messages: Sequence[Sent]) -> float:
        """Queue the messages, let the processes go, wait for the last event; how many seconds that took."""
        for process in self.processes:
            process.hold()
        send(self.server, f"{self.prefix}{consumer.TOPIC}", messages)
        with fresh(self.config):
            began, wanted = time.time(), len(self._heard) + len(messages)
            for process in self.processes:
                process.release()
            heard = self.hear(wanted)
        return max(heard[m.id] for m in messages) - began

    def answer(self, messages: Sequence[Sent]) -> list[float]:
        """From the moment at which a message was meant to be sent to its event's arrival, in seconds; 500 a second."""
        with fresh(self.config):
            meant = apart(self.server, f"{self.prefix}{consumer.TOPIC}", RATE, messages)
            heard = self.hear(len(self._heard) + len(messages))
        return [heard[m.id] - meant[m.id] for m in messages[len(messages) // 10 :]]

    def hear(self, wanted: int) -> dict[str, float]:
        """When the event of each message arrived, in epoch seconds, once so many have. Raises AssertionError."""
        if not wait_until(lambda: sum(self._reader.end_offsets(self._places).values()) >= wanted, 120, every=0.1):
            raise AssertionError(f"{wanted} events did not arrive in time: {self.left()}")
        while len(self._heard) < wanted:
            for records in self._reader.poll(timeout_ms=1000).values():
                self._heard |= {json.loads(r.value)["causationid"]: r.timestamp / 1e3 for r in records}
        return self._heard

    def left(self) -> dict[str, int]:
        """What must be nothing when all is done."""
        counts = {
            "unfinished": "mutations_case WHERE state <> 'PLACED' OR version <> 6",
            "waiting": "mutations_waiting",
            "unpublished": "mutations_unpublished",
            "timers": "mutations_timer",
        }
        with psycopg.connect(self.url) as conn:
            found = {
                name: conn.execute(f"SELECT count(*) FROM {of}".encode()).fetchone() for name, of in counts.items()
            }
        return {name: row[0] for name, row in found.items() if row and row[0]}

    def check(self, messages: int) -> None:
        """All is done, and each event came out once."""
        wait_until(lambda: not self.left(), 10)
        ends = sum(self._reader.end_offsets(self._places).values())
        if self.left() or len(self._heard) != messages or ends != messages:
            raise AssertionError(f"{ends} events for {messages} messages; left: {self.left()}")

    def cpu(self) -> float:
        """CPU seconds of its processes so far."""
        return sum(cpu_ticks(process.pid or 0) for process in self.processes) / TICKS

    def sizes(self) -> Sizes:
        """The mean sizes of what is stored."""
        means = "SELECT (SELECT avg(length(body)) FROM mutations_event), (SELECT avg(length(body)) FROM mutations_case)"
        with psycopg.connect(self.url) as conn:
            row = conn.execute(means).fetchone()
        assert row is not None
        return Sizes(*map(round, row))

    def close(self) -> None:
        self._reader.close()
        for process in self.processes:
            process.kill()

    def _stamp(self) -> None:
        """Let the broker say when an event arrived, instead of its producer when it was made."""
        topic = ConfigResource(
            ConfigResourceType.TOPIC, f"{self.prefix}mutation", {"message.timestamp.type": "LogAppendTime"}
        )
        with KafkaAdminClient(bootstrap_servers=self.server) as admin:
            admin.alter_configs([topic])


class Rounds:
    """What was read of each contestant, round by round, and how long messages took at a steady rate, in seconds."""

    def __init__(self, stage: Stage, held: ExitStack, cases: int, rounds: int, seconds: float):
        self.cases, self.rounds, self.steady = cases, rounds, round(RATE * seconds / flow.STEPS)
        people = cases * (rounds + 1) + self.steady
        self.engines = {
            name: held.enter_context(
                closing(Contestant(stage.directory, stage.kafka.address, stage.database(name), name, n, people))
            )
            for name, n in PROCESSES.items()
        }
        self.gauge = held.enter_context(closing(Gauge(stage.postgres.pid or 0, stage.postgres.url())))
        self.readings: dict[str, list[Reading]] = {name: [] for name in (*PROCESSES, "e")}
        self.broker: list[float] = []
        self.stage, self.held = stage, held

    def run(self, told: Told) -> list[float]:
        """The rounds after one that is not counted, and the steady rate; every contestant is checked at the end."""
        self._engines(0)
        one = self.engines["one"]
        bound_url = self.stage.database("e")
        bound = self.held.enter_context(closing(Bound(bound_url, one.sizes())))
        self._bound(bound)
        self.stage.vacuum([bound_url, *(engine.url for engine in self.engines.values())])
        self.broker.clear()
        for read in self.readings.values():
            read.clear()
        for number in range(1, self.rounds + 1):
            told(f"round {number} of {self.rounds}")
            self._bound(bound)
            self._engines(number)
        told(f"{RATE} messages a second for {self.steady * flow.STEPS // RATE} s")
        waits = one.answer(wrapped(flow.messages(self.steady, self.cases * (self.rounds + 1))))
        done = self.cases * (self.rounds + 1)
        one.check((done + self.steady) * flow.STEPS)
        self.engines["two"].check(done * flow.STEPS)
        if bound.finished() != done:
            raise AssertionError(f"{bound.finished()} cases finished, not {done}")
        return waits

    def _engines(self, number: int) -> None:
        for name, engine in self.engines.items():
            self._engine(name, engine, wrapped(flow.messages(self.cases, number * self.cases)))

    def _engine(self, name: str, engine: Contestant, messages: Sequence[Sent]) -> None:
        python, broker = engine.cpu(), self._broker()
        reading = self.gauge.measure(len(messages), lambda: [engine.take(messages)])
        self.readings[name].append(replace(reading, seconds=reading.waits[0], python=engine.cpu() - python))
        self.broker.append((self._broker() - broker) / len(messages))

    def _bound(self, bound: Bound) -> None:
        queued = flow.messages(self.cases)
        self.readings["e"].append(self.gauge.measure(len(queued), lambda: in_batches(bound.take, queued, BATCH)))

    def _broker(self) -> float:
        return cpu_ticks(self.stage.kafka.pid or 0) / TICKS


def measure(cases: int, rounds: int, told: Told, seconds: float = SECONDS) -> dict[str, Any]:
    """The area `kafka` of bench.json."""
    flow.register()
    with staged(kafka=True) as stage, ExitStack() as held:
        run = Rounds(stage, held, cases, rounds, seconds)
        return figures(run, run.run(told))


def figures(run: Rounds, waits: Sequence[float]) -> dict[str, Any]:
    read = run.readings

    def middle(name: str, of: Callable[[Reading], float]) -> float:
        return round(statistics.median(map(of, read[name])), 2)

    def over(name: str, of: Callable[[Reading], float]) -> float:
        return round(ratio([of(r) for r in read[name]], [of(r) for r in read["e"]]), 3)

    steady = Reading(len(waits), 1.0, 0.0, 0.0, 0, waits)
    latency = {n: round(steady.quantile(q), 1) for n, q in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))}
    one, two = (over(name, lambda r: r.rate) for name in PROCESSES)
    judged = [
        Goal("Kafka in and out, one process ÷ (e)", one, least=0.42, stretch=0.60),
        Goal("Kafka in and out, two processes ÷ (e)", two, least=0.65),
        Goal(f"{RATE}/s, message in to event out: p50 ms", latency["p50"], most=15),
        Goal(f"{RATE}/s, message in to event out: p99 ms", latency["p99"], most=40),
        Goal(f"{RATE}/s, message in to event out: p99.9 ms", latency["p99.9"], most=100),
    ]
    return {
        "kafka_share_of_bound": one,
        "kafka_two_processes_share": two,
        "kafka_latency_ms": latency,
        "steps_per_s": {name: middle(name, lambda r: r.rate) for name in read},
        "python_us_per_step": {name: middle(name, lambda r: r.python / r.steps * 1e6) for name in read},
        "database_us_per_step": {name: middle(name, lambda r: r.database / r.steps * 1e6) for name in read},
        "broker_us_per_step": round(statistics.median(run.broker) * 1e6, 2),
        "cpu_share_of_bound": {name: over(name, lambda r: r.cpu) for name in PROCESSES},
        "goals": [goal.facts() for goal in judged],
        "conditions": {
            "rounds": run.rounds,
            "cases_a_round": run.cases,
            "partitions": PARTITIONS,
            "bound_batch": BATCH,
            "cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1),
        },
    }
