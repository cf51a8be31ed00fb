"""Messages of the flow on their way into Kafka: all at once, or at random moments at a rate, whatever the engine does.

`python -m tests.bench.sender SERVERS TOPIC RATE` reads a list of `Sent` as JSON from standard input, and writes when
each message was meant to be sent, by its id, to standard output. It is a process of its own, so that no engine pays for
it.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kafka import KafkaProducer

from events import envelope, outbox
from events.kafka import HEADERS
from tests.bench import consumer, flow
from tests.bench.stage import ROOT

PARTITIONS = 12


class Sent(NamedTuple):
    """One message in its envelope."""

    id: str
    key: str
    part: int
    value: str


def wrapped(messages: Iterable[bytes]) -> list[Sent]:
    """Messages as events of a service that asks for steps: a subject for each case."""
    consumer.service()  # puts the event into the catalogue
    versions: Counter[str] = Counter()
    sent = []
    for raw in messages:
        message = flow.decoded(raw)
        subject = f"benchmark/case/{message.command.mutation}"
        versions[subject] += 1
        value = envelope.encode(
            consumer.StepAsked(person=message.person, command=message.command),
            id=message.id,
            service="benchmark",
            subject=subject,
            version=versions[subject],
            time=datetime.now(UTC),
            correlation=message.correlation,
            causation=message.id,
        )
        sent.append(Sent(message.id, subject, outbox.shard(subject, PARTITIONS), value.decode()))
    return sent


def send(server: str, topic: str, messages: Sequence[Sent]) -> None:
    """Send all; returns when the broker has them."""
    producer = KafkaProducer(bootstrap_servers=server, acks="all", batch_size=262_144, linger_ms=5)
    futures = [_give(producer, topic, m) for m in messages]
    for future in futures:
        future.get(timeout=30)
    producer.close()


def send_at(server: str, topic: str, rate: float, messages: Sequence[Sent]) -> dict[str, float]:
    """Send at random moments, so many a second (a Poisson process); when each was meant to be sent, epoch seconds."""
    producer = KafkaProducer(bootstrap_servers=server, acks="all")
    producer.partitions_for(topic)
    chance, meant, due = random.Random(7), {}, time.time() + 0.5
    for message in messages:
        due += chance.expovariate(rate)
        time.sleep(max(0.0, due - time.time()))
        _give(producer, topic, message)
        meant[message.id] = due
    producer.flush()
    producer.close()
    return meant


def apart(server: str, topic: str, rate: float, messages: Sequence[Sent]) -> dict[str, float]:
    """`send_at` in a process of its own."""
    program = [sys.executable, "-W", "ignore", "-m", __name__, server, topic, str(rate)]
    ran = subprocess.run(program, cwd=ROOT, input=json.dumps(messages), capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    meant: dict[str, float] = json.loads(ran.stdout)
    return meant


def _give(producer: KafkaProducer, topic: str, m: Sent) -> Any:
    return producer.send(topic, m.value.encode(), key=m.key.encode(), headers=HEADERS, partition=m.part)


if __name__ == "__main__":
    server, topic, rate = sys.argv[1:]
    print(json.dumps(send_at(server, topic, float(rate), [Sent(*m) for m in json.load(sys.stdin)])))
