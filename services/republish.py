"""Send a topic again from the event stores, which are complete, after the log lost a part of it.

The log then holds copies of what it had kept. They are harmless: every consumer begins at the beginning of the topic
and passes over the versions that it has applied. Stop the services first: a consumer that runs would go on from where
it stands in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from events import catalog, outbox
from events.log import EventLog
from services.db import Databases
from services.service import Service


def republish(databases: Databases, services: Sequence[Service], log: EventLog, topic: str) -> dict[str, int]:
    """Queue every event of a topic for the relays, oldest first; returns how many of each service, and the consumers
    that were set to the beginning."""
    queued = {s.name: n for s in services if (n := _queue(databases, s, log, topic))}
    return queued | {"consumers": sum(_begin_anew(databases, s, topic) for s in services)}


def _queue(databases: Databases, service: Service, log: EventLog, topic: str) -> int:
    event, unpublished = service.outbox.event, service.outbox.unpublished
    types = [entry.type for entry in catalog.CATALOG.values() if entry.topic == topic]
    waiting = sa.select(unpublished.c.event_id)
    lost = (
        sa.select(event.c.event_id, event.c.subject)
        .where(event.c.type.in_(types), event.c.event_id.not_in(waiting))
        .order_by(event.c.time, event.c.subject, event.c.subject_version)
    )
    with databases.writer(service.name).begin() as conn:
        found = conn.execute(lost).all()
        rows = [_row(event_id, subject, topic, log) for event_id, subject in found]
        if rows:
            conn.execute(sa.insert(unpublished), rows)
    return len(rows)


def _row(event_id: str, subject: str, topic: str, log: EventLog) -> dict[str, str | int]:
    return {"event_id": event_id, "topic": topic, "shard": outbox.shard(subject, log.partitions(topic))}


def _begin_anew(databases: Databases, service: Service, topic: str) -> int:
    position = service.inbox.position
    if topic not in service.topics:
        return 0
    with databases.writer(service.name).begin() as conn:
        conn.execute(sa.update(position).where(position.c.topic == topic).values(next=0, last_id=None))
    return 1
