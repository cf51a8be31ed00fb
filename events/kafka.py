"""The log on Apache Kafka. The only file importing kafka.

A record's key is the event's subject, its value the envelope as it is stored, its partition the shard of the outbox.
Positions live in the consumers' databases; nothing is committed to Kafka, and a group only shares out the partitions.
What a broker that dies, freezes or comes back does to this client was measured on kafka-python 3.0.12; the comments
name what was seen there.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import structlog
from kafka import (
    ConsumerRebalanceListener,
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    OffsetSpec,
    TopicPartition,
)
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError, LogTruncationError, OffsetOutOfRangeError, TopicAlreadyExistsError
from sqlalchemy.engine import Connection

from events import ids
from events.catalog import TOPICS
from events.envelope import CONTENT_TYPE
from events.log import LogCut, Outgoing, Place, Position, Positions, Reader, Record

log = structlog.get_logger(__name__)

#: Seconds an append may take: the relay holds a database transaction meanwhile.
APPEND = 5.0
HEADERS = [("content-type", CONTENT_TYPE.encode())]
WATERMARK_KEY = b"watermark"

#: Kept for ever, so that rebuilds and new subscribers can start from the beginning.
KEEP = {"retention.ms": "-1", "cleanup.policy": "delete", "max.message.bytes": "1048588"}


class Watermark(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a record that is no event: all that was recorded for the topic until then stands before it."""

    id: UUID
    watermark: datetime


class _Named(msgspec.Struct):
    id: UUID


_decode_watermark = msgspec.json.Decoder(Watermark).decode
_decode_named = msgspec.json.Decoder(_Named).decode


class Address(NamedTuple):
    """Brokers, and what the names of topics and groups begin with."""

    servers: list[str]
    prefix: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Parse `kafka://host:port[,host:port]/prefix`; with `/imbang.` the topics are `imbang.mutation` and so on."""
        servers, _, prefix = url.removeprefix("kafka://").partition("/")
        return cls(servers.split(","), prefix)

    def client(self) -> dict[str, Any]:
        """What all clients have in common. By default they come back up to half a minute after the broker."""
        return {
            "bootstrap_servers": self.servers,
            "bootstrap_timeout_ms": 3000,
            "reconnect_backoff_max_ms": 1000,
        }


def create_topics(url: str, parts: int = 12) -> None:
    """Create the topics that are missing. Run once, at migration; an existing topic keeps its partitions."""
    address = Address.of(url)
    wanted = {
        address.prefix + topic: {"num_partitions": 1 if topic == "authority" else parts, "configs": KEEP}
        for topic in TOPICS
    }
    with KafkaAdminClient(**address.client()) as admin:
        have = set(admin.list_topics())
        missing = {name: options for name, options in wanted.items() if name not in have}
        if missing:
            with suppress(TopicAlreadyExistsError):  # another migration was quicker
                admin.create_topics(missing)
        admin.wait_for_topics(wanted)


class KafkaLog:
    """The log as topics of an Apache Kafka cluster. `wait`: how long a read waits for records, in seconds."""

    max_bytes = 1_000_000

    def __init__(self, url: str, wait: float = 1.0):
        self.address, self.wait = Address.of(url), wait
        self._admin = KafkaAdminClient(**self.address.client(), request_timeout_ms=3000)
        self._producers: dict[str, KafkaProducer] = {}
        names = {self.address.prefix + topic: topic for topic in TOPICS}
        found = self._admin.describe_topics(list(names))
        self._parts = {names[t["name"]]: len(t["partitions"]) for t in found if t["partitions"]}
        if missing := TOPICS.keys() - self._parts.keys():
            self._admin.close()
            raise LogCut(f"topics {sorted(missing)} do not exist in the log; run `imbang migrate`")

    def partitions(self, topic: str) -> int:
        return self._parts[topic]

    def append(self, conn: Connection, service: str, events: Sequence[Outgoing]) -> list[bool]:
        acknowledged = self._send(service, [(e.topic, e.part, e.subject.encode(), e.body) for e in events])
        late: set[str] = set()
        for event, here in zip(events, acknowledged, strict=True):
            if not here:
                late.add(event.subject)
        ...

    def beat(self, conn: Connection, service: str, topic: str, at: datetime) -> bool:
        value = msgspec.json.encode(Watermark(id=UUID(ids.new()), watermark=at))
        parts = range(self._parts[topic])
        return all(self._send(service, [(topic, part, WATERMARK_KEY, value) for part in parts]))
