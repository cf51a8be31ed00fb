"""Figures for operators, read from the tables when asked for: nothing is counted twice or lost in a restart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.registry import Collector

from services import clock
from services.service import Service

if TYPE_CHECKING:
    from services.app import Application

__all__ = ["CONTENT_TYPE", "Figures", "figures", "render"]

Figures = dict[str, dict[str, int]]

MEANINGS = {
    "events": "events recorded",
    "unpublished": "events not yet acknowledged by the log",
    "lag": "events of the log not yet applied",
    "waiting": "consumed events that wait",
    "parked": "subjects stopped by a failed handler",
    "timers": "timers set",
    "timers_stopped": "1 while timers stand still because the clock jumped (imbang clock), else 0",
    "jobs": "jobs waiting or running",
}


def figures(app: Application) -> Figures:
    """Figure -> service -> value."""
    found: Figures = {name: {} for name in MEANINGS}
    for service in app.services:
        for name, value in _of(app, service):
            found[name][service.name] = value
    return found


def _of(app: Application, service: Service) -> Iterator[tuple[str, int]]:
    def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        return conn.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0

    waiting = service.inbox.waiting
    with app.databases.reader(service.name).connect() as conn:
        yield "events", count(service.outbox.event)
        yield "unpublished", count(service.outbox.unpublished)
        yield "lag", sum(app.runtime.lag(service, conn).values())
        yield "waiting", count(waiting)
        yield "parked", count(waiting, waiting.c.reason == "failed")
        yield "timers", count(service.timer)
        yield "timers_stopped", int(clock.kept(conn).stopped is not None)
        yield "jobs", count(service.job)


def render(app: Application) -> bytes:
    """The figures in the text format of Prometheus."""

    class Once(Collector):
        def collect(self) -> Iterator[GaugeMetricFamily]:
            for name, values in figures(app).items():
                family = GaugeMetricFamily(f"imbang_{name}", MEANINGS[name], labels=["service"])
                for service, value in values.items():
                    family.add_metric([service], value)
                yield family

    registry = CollectorRegistry()
    registry.register(Once())
    return generate_latest(registry)
