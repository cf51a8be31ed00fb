"""Whether the services of a process have every event of theirs that the log carries, asked before they start.

After a restore they may not: what was recorded after the backup is in the log alone, and a service that went on without
it would number its subjects a second time.
"""

from __future__ import annotations

from collections.abc import Sequence

from events import bulk
from events.log import Record
from services.config import EMBEDDED_LOG
from services.db import Databases
from services.service import Service

#: So many newest records of each partition are looked at. More than one: an event may have been committed after a
#: backup, yet stand before one that was committed ahead of it; as far apart as two batches of the relay at most.
NEWEST = 100
REMEDY = "stop the services, run `imbang restore --reconcile`, start them"


class NotReconciled(Exception):
    """The log holds events that this database lacks"""


class Unproven(NotReconciled):
    """Nobody can tell whether this database has every event of its services: the log is out of reach"""


class Forked(Exception):
    """The log and the database tell different histories; nothing was changed"""


def require_whole(databases: Databases, services: Sequence[Service]) -> None:
    """Raise NotReconciled unless the newest events of each partition are in the store of the service that wrote them.

    Unproven when the log cannot be asked. A log in the database is of one piece with it. The log is read first, since
    an event is committed before it is sent: what others record meanwhile is no reason to stop.
    """
    if databases.config.event_log_url == EMBEDDED_LOG:
        return
    from events.kafka_scan import OutOfReach, Scan

    try:
        with Scan(databases.config.event_log_url) as scan:
            newest = list(scan.newest(NEWEST))
    except OutOfReach as error:
        raise Unproven(f"the log is out of reach: {error}") from error
    for service in services:
        if lost := missing(databases, service, newest):
            topics = ", ".join(sorted({record.topic for record in lost}))
            raise NotReconciled(f"{service.name} lacks events of the topic {topics}; {REMEDY}")


def missing(databases: Databases, service: Service, records: Sequence[Record]) -> list[Record]:
    """Those of these records whose events this service has recorded, but does not have."""
    own = f'"source":"/imbang/{service.name}"'.encode()
    mine = [record for record in records if own in record.body]
    if not mine:
        return []
    with databases.reader(service.name).connect() as conn:
        stored = bulk.lookup(conn, service.outbox.event, "event_id", {r.event_id for r in mine}, ("event_id",))
        have = {event_id for (event_id,) in stored}
    return [record for record in mine if record.event_id not in have]
