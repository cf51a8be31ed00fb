"""The log on Apache Kafka. The only file importing kafka.

A record's key is the event's subject, its value the envelope as it is stored, its partition the shard of the outbox.
Positions live in the consumers' databases: nothing is committed to Kafka, whose groups only share out the partitions.
Where the comments say what the client does, it was measured on kafka-python 3.0.12 with a broker that was killed and
frozen; tests/chaos/test_kafka_faults.py does it again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, NamedTuple
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
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    LogTruncationError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
)
from sqlalchemy.engine import Connection

from events import envelope, ids
from events.catalog import TOPICS
from events.log import LogCut, Outgoing, Position, Positions, Reader, Record

log = structlog.get_logger(__name__)

#: Seconds that an append may take: the relay holds a database transaction meanwhile.
APPEND = 5.0
#: Seconds after which a reader that is still outside its group tries to enter it anew.
JOIN = 30.0
HEADERS = [("content-type", envelope.CONTENT_TYPE.encode())]
WATERMARK = b"watermark"

#: Topics keep everything, so that rebuilds and new subscribers can start from the beginning.
TOPIC = {"retention.ms": "-1", "cleanup.policy": "delete", "max.message.bytes": "1048588"}


class Cluster(NamedTuple):
    """Which brokers, and what the names of topics and groups begin with."""

    servers: list[str]
    prefix: str

    @classmethod
    def of(cls, url: str) -> Cluster:
        """From `kafka://host:port[,host:port]/prefix`: with the prefix `imbang.` a topic is `imbang.mutation`."""
        servers, _, prefix = url.removeprefix("kafka://").partition("/")
        return cls(servers.split(","), prefix)

    @property
    def client(self) -> dict[str, Any]:
        """What all clients are told. Left alone, they come back up to half a minute after their broker."""
        return {"bootstrap_servers": self.servers, "bootstrap_timeout_ms": 3000, "reconnect_backoff_max_ms": 1000}


def create_topics(url: str, parts: int = 12) -> list[str]:
    """Create the missing topics, at migration; an existing topic keeps its partitions. Returns the new ones."""
    cluster = Cluster.of(url)
    wanted = {
        cluster.prefix + topic: {"num_partitions": 1 if topic == "authority" else parts, "configs": TOPIC}
        for topic in TOPICS
    }
    with KafkaAdminClient(**cluster.client) as admin:
        have = set(admin.list_topics())
        if missing := {name: options for name, options in wanted.items() if name not in have}:
            with suppress(TopicAlreadyExistsError):  # another migration was quicker
                admin.create_topics(missing)
        admin.wait_for_topics(wanted)
    return sorted(missing)


class KafkaLog:
    """Topics of a Kafka cluster. `wait`: the seconds for which a reader waits when there are no records."""

    max_bytes = 1_000_000

    def __init__(self, url: str, wait: float = 1.0):
        self.cluster, self.wait = Cluster.of(url), wait
        self._producers: dict[str, Any] = {}
        self._admin = KafkaAdminClient(**self.cluster.client, request_timeout_ms=3000)
        topics = {self.cluster.prefix + topic: topic for topic in TOPICS}
        found = self._admin.describe_topics(list(topics))
        self._parts = {topics[t["name"]]: len(t["partitions"]) for t in found if t["partitions"]}
        if missing := TOPICS.keys() - self._parts.keys():
            self._admin.close()
            raise LogCut(f"topics {sorted(missing)} do not exist in the log; run `imbang migrate`")

    def partitions(self, topic: str) -> int:
        return self._parts[topic]

    def append(self, conn: Connection, service: str, events: Sequence[Outgoing]) -> list[bool]:
        arrived = self._send(service, [(e.topic, e.part, e.subject.encode(), e.body) for e in events])
        blocked = set()
        acknowledged = []
        for event, here in zip(events, arrived, strict=True):
            if not here:
                blocked.add(event.subject)
            acknowledged.append(event.subject not in blocked)
        return acknowledged

    def beat(self, conn: Connection, service: str, topic: str, at: datetime) -> bool:
        value = msgspec.json.encode(_Watermark(id=UUID(ids.new()), watermark=at))
        return all(self._send(service, [(topic, part, WATERMARK, value) for part in range(self._parts[topic])]))

    def _send(self, service: str, messages: Sequence[tuple[str, int, bytes, bytes]]) -> list[bool]:
        """Send (topic, partition, key, value) in order, and say of each whether a broker acknowledged it in time."""
        deadline = time.monotonic() + APPEND
        futures = []
        try:
            producer = self._producer(service)
            for topic, part, key, value in messages:
                name = self.cluster.prefix + topic
                futures.append(producer.send(name, key=key, value=value, headers=HEADERS, partition=part))
            for future in futures:  # `flush` would apply its timeout to each batch anew
                future.get(timeout=max(0.0, deadline - time.monotonic()))
        except KafkaError as error:
            log.warning("the log is out of reach", service=service, error=repr(error))
        arrived = [future.succeeded() for future in futures] + [False] * (len(messages) - len(futures))
        if not all(arrived):
            self._discard(service)
        return arrived

    def _producer(self, service: str) -> Any:
        """The producer of a service: only its relay uses it, so that nobody else suffers when it is discarded."""
        if service not in self._producers:
            self._producers[service] = KafkaProducer(
                **self.cluster.client,
                allow_auto_create_topics=False,
                linger_ms=1,
                max_block_ms=2000,
                request_timeout_ms=3000,
                delivery_timeout_ms=4500,
            )
        return self._producers[service]

    def _discard(self, service: str) -> None:
        """Let go of a producer, which ends in its own time: with a frozen broker that takes seconds."""
        producer = self._producers.pop(service, None)
        if producer is not None:
            threading.Thread(target=_end, args=(producer,), name=f"{service}-producer-ends", daemon=True).start()

    def reader(self, consumer: str, topics: Sequence[str], positions: Positions) -> Reader:
        return _KafkaReader(self.cluster, consumer, topics, positions, self.wait)

    def ends(self, topic: str) -> dict[int, int]:
        name = self.cluster.prefix + topic
        places = {TopicPartition(name, part): OffsetSpec.LATEST for part in range(self._parts[topic])}
        try:
            found = self._admin.list_partition_offsets(places, timeout_ms=3000)
        except KafkaError as error:
            log.warning("the log is out of reach", topic=topic, error=repr(error))
            return {}
        return {place.partition: end.offset for place, end in found.items()}

    def close(self) -> None:
        for service in list(self._producers):
            self._discard(service)
        self._admin.close()


def _end(producer: Any) -> None:
    """End a producer by force. After a delivery that timed out an idempotent producer accepts everything and sends
    nothing, for ever; and a `close` that times out leaves its thread sending."""
    producer._sender.force_close()
    producer._sender.join()
    with suppress(KafkaError):
        producer.close(timeout=1.0)


class _KafkaReader(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of the consumer's group, which goes on where the consumer's database says.

    The callbacks run on the client's own thread, while the reader's waits inside `poll`. A seek in the callback is in
    time; after the `poll` that joins the group it is too late.
    """

    def __init__(self, cluster: Cluster, consumer: str, topics: Sequence[str], positions: Positions, wait: float):
        self.cluster, self.name, self.topics, self.positions, self.wait = cluster, consumer, topics, positions, wait
        self._consumer: Any = None
        self._rewound = False
        #: Since when it is outside its group; nothing while it is a member.
        self._outside: float | None = None
        #: Places newly taken: those whose end is to be compared, and those whose record before is to be seen again.
        self._taken: dict[Any, Position] = {}
        self._unproven: dict[Any, Position] = {}

    def read(self, limit: int) -> list[Record]:
        try:
            consumer = self._consumer or self._join()
            if self._rewound:
                self._place(consumer.assignment())
                self._rewound = False
            fetched = consumer.poll(timeout_ms=round(self.wait * 1000), max_records=limit + len(self._unproven))
            self._watch(consumer)
            mine = consumer.assignment()
        except (OffsetOutOfRangeError, LogTruncationError) as error:
            raise LogCut(str(error)) from error
        except KafkaError as error:
            log.warning("the log is out of reach", consumer=self.name, error=repr(error))
            self.close()
            return []
        return [record for place, found in fetched.items() if place in mine for record in self._proven(place, found)]

    def rewind(self) -> None:
        """The positions are read by the next `read`: the database may be away just now."""
        self._rewound = True

    def close(self) -> None:
        consumer, self._consumer, self._rewound = self._consumer, None, False
        if consumer is not None:
            with suppress(KafkaError):
                consumer.close(autocommit=False, timeout_ms=1000)
        self._taken.clear()
        self._unproven.clear()

    def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        self._place(assigned)
        self._outside = None

    def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        for place in revoked:
            self._taken.pop(place, None)
            self._unproven.pop(place, None)
        self._outside = time.monotonic()

    def on_partitions_lost(self, lost: Collection[Any]) -> None:
        self.on_partitions_revoked(lost)

    def _join(self) -> Any:
        """Enter the group. A constructor that fails leaves its thread and sockets behind: they are ended here."""
        consumer = KafkaConsumer.__new__(KafkaConsumer)
        try:
            consumer.__init__(
                **self.cluster.client,
                allow_auto_create_topics=False,
                group_id=self.cluster.prefix + self.name,
                enable_auto_commit=False,
                auto_offset_reset="none",
                max_partition_fetch_bytes=262_144,
                session_timeout_ms=10_000,
                heartbeat_interval_ms=1000,
                partition_assignment_strategy=[RangePartitionAssignor],
            )
        except KafkaError:
            consumer._client.close()
            raise
        self._consumer, self._outside = consumer, time.monotonic()
        consumer.subscribe([self.cluster.prefix + topic for topic in self.topics], listener=self)
        # A member that first learns of its topics when it has joined joins again, and when `poll` times out in the
        # middle of that, it stays without partitions for ever.
        consumer.topics()
        return consumer

    def _place(self, places: Collection[Any]) -> None:
        """Go on at the stored positions; where there is a record before, begin with it."""
        positions = self.positions() if places else {}
        for place in places:
            position = positions.get((self._topic(place), place.partition), Position())
            self._taken[place] = position
            self._consumer.seek(place, position.offset - 1 if position.last_id else position.offset)
            if position.last_id:
                self._unproven[place] = position

    def _watch(self, consumer: Any) -> None:
        """Notice what the client does not: that it stays outside its group, and that the log ends before a position."""
        if self._outside is not None and time.monotonic() > self._outside + JOIN:
            raise KafkaTimeoutError(f"{self.name} waited {JOIN:g} s for its partitions")
        if not self._taken:
            return
        taken, self._taken = self._taken, {}
        for place, end in consumer.end_offsets(list(taken), timeout_ms=3000).items():
            if end < taken[place].offset:
                raise LogCut(f"{place.topic}/{place.partition} ends at {end}, {self.name} is at {taken[place].offset}")

    def _proven(self, place: Any, found: Sequence[Any]) -> list[Record]:
        """The records of a partition, without the one before its position, which proves that the log is whole."""
        records = [as_record(self._topic(place), r) for r in found]
        position = self._unproven.pop(place, None)
        if position is None:
            return records
        if (records[0].offset, records[0].event_id) != (position.offset - 1, position.last_id):
            at = f"{place.topic}/{place.partition} at {position.offset - 1}"
            raise LogCut(f"{at} is not the record that {self.name} passed there")
        return records[1:]

    def _topic(self, place: Any) -> str:
        return str(place.topic).removeprefix(self.cluster.prefix)


class _Identified(msgspec.Struct, frozen=True):
    id: UUID


class _Watermark(msgspec.Struct, frozen=True):
    """The value of a record that is no event."""

    id: UUID
    watermark: Annotated[datetime, msgspec.Meta(tz=True)]


_identified = msgspec.json.Decoder(_Identified).decode
_watermark = msgspec.json.Decoder(_Watermark).decode


def as_record(topic: str, r: Any) -> Record:
    """A record as consumers see it. Bytes that are no event of ours get an id that follows from them."""
    body = r.value or b""
    with suppress(msgspec.MsgspecError):
        if r.key == WATERMARK:
            mark = _watermark(body)
            return Record(topic, r.partition, r.offset, str(mark.id), b"", mark.watermark)
        return Record(topic, r.partition, r.offset, str(_identified(body).id), body)
    return Record(topic, r.partition, r.offset, ids.derived("garbage", envelope.digest(body).hex()), body)
