"""Reading topics of Kafka outside any group: nobody's partitions are taken away, and no position moves."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from events.catalog import TOPICS
from events.kafka import Cluster, as_record
from events.log import Place, Record

#: Seconds without any record after which the log is out of reach.
PATIENCE = 30.0


class OutOfReach(Exception):
    """The log does not answer"""


class Scan:
    """A look at every topic from its beginning to its present end."""

    def __init__(self, url: str):
        self.cluster = Cluster.of(url)

    def __enter__(self) -> Scan:
        try:
            self._consumer = KafkaConsumer(
                **self.cluster.client, group_id=None, enable_auto_commit=False, auto_offset_reset="none"
            )
            parts = {t: self._consumer.partitions_for_topic(self.cluster.prefix + t) or () for t in TOPICS}
            named = [TopicPartition(self.cluster.prefix + t, part) for t, found in parts.items() for part in found]
            self._consumer.assign(named)
            self.ends = {self._place(p): end for p, end in self._consumer.end_offsets(named).items()}
        except KafkaError as error:
            raise OutOfReach(repr(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        with closing(self._consumer):
            pass

    def since(self, starts: Mapping[Place, int]) -> Iterator[Record]:
        """The records from these places on, a partition's in their order; a place not named is not read."""
        wanted = {place: start for place, start in starts.items() if start < self.ends.get(place, 0)}
        if not wanted:
            return
        assigned = {TopicPartition(self.cluster.prefix + topic, part): (topic, part) for topic, part in wanted}
        try:
            self._consumer.assign(list(assigned))
            for named, place in assigned.items():
                self._consumer.seek(named, wanted[place])
            heard = time.monotonic()
            while any(self._consumer.position(named) < self.ends[place] for named, place in assigned.items()):
                fetched = self._consumer.poll(timeout_ms=500)
                for named, found in fetched.items():
                    place = assigned[named]
                    yield from (as_record(place[0], r) for r in found if r.offset < self.ends[place])
                now = time.monotonic()
                heard = now if fetched else heard
                if now - heard > PATIENCE:
                    raise OutOfReach(f"no record within {PATIENCE:g} s")
        except KafkaError as error:
            raise OutOfReach(repr(error)) from error

    def newest(self, count: int) -> Iterator[Record]:
        """At least the last events of each partition, if it has any; watermarks are left out and looked behind."""
        window, left = count, {place: end for place, end in self.ends.items() if end}
        while left:
            starts = {place: max(0, end - window) for place, end in left.items()}
            found = [r for r in self.since(starts) if r.watermark is None]
            yield from found
            told = {(r.topic, r.part) for r in found}
            left = {place: end for place, end in left.items() if place not in told and starts[place] > 0}
            window *= 8

    def _place(self, named: TopicPartition) -> Place:
        return str(named.topic).removeprefix(self.cluster.prefix), named.partition
