"""Whether all that follows from what was done has happened: seen from outside, in the tables and at the log's ends."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from deploy.daemon import wait_until
from events import inbox
from events.log import Place, Position
from services.app import Application
from services.clock import Moment
from services.service import Service


class Unsettled(Exception):
    """Something is still on its way, long after it should have arrived"""


def settle(app: Application, seconds: float = 120) -> None:
    """Wait until nothing is on its way; raises Unsettled with what still is when the time is over."""
    if not wait_until(lambda: _is_settled(app), seconds, every=0.2):
        raise Unsettled(f"after {seconds:g} s: {unfinished(app)}")


def _is_settled(app: Application) -> bool:
    """A database that is away just now may hold anything."""
    try:
        return not unfinished(app)
    except sa.exc.OperationalError:
        return False


def unfinished(app: Application) -> dict[str, int]:
    """What is on its way, by name, in services that share one PostgreSQL database; empty when nothing is.

    All tables are read in one snapshot and the log's ends after it. So what is published in it, applied in it, and due
    in it to nobody, stays finished; at worst something is called unfinished that has just ended.
    """
    found: Counter[str] = Counter()
    positions: dict[str, dict[Place, Position]] = {}
    with app.databases.reader(app.services[0].name).connect() as plain:
        conn = plain.execution_options(isolation_level="REPEATABLE READ")
        moment = app.clock.read(conn)
        for service in app.services:
            positions[service.name] = inbox.positions(conn, service.inbox)
            found += _pending(conn, service, moment)
    ends = {topic: app.event_log.ends(topic) for topic in {t for s in app.services for t in s.topics}}
    for service in app.services:
        for topic in service.topics:
            at = positions[service.name]
            behind = sum(end - at.get((topic, part), Position()).offset for part, end in ends[topic].items())
            found[f"{service.name}: {topic}"] = behind if ends[topic] else 1  # a log that is away may hold anything
    return dict(+found)


def _pending(conn: Connection, service: Service, moment: Moment) -> Counter[str]:
    """Events to publish or to try again, timers and jobs that are due, jobs that run."""
    job, timer = service.job, service.timer
    tables = {
        "unpublished": sa.select(service.outbox.unpublished),
        "waiting": sa.select(service.inbox.waiting),
        "timers": sa.select(timer).where(timer.c.due_at <= moment.now),
        "jobs": sa.select(job).where((job.c.run_at <= moment.wall) | job.c.lease_until.is_not(None)),
    }
    count = sa.func.count()
    return Counter(
        {f"{service.name}: {name}": conn.scalar(sa.select(count).select_from(rows.subquery())) or 0
         for name, rows in tables.items()}
    )  # fmt: skip
