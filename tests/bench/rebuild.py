"""Events a second of a rebuild of all projections, from a history of the sample province and of finished cases.

The sample is loaded by its own commands; the cases are copied (history.py). Every event that a service reads counts, as
often as a service reads it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.sample import load
from deploy.sample.days import province
from services import identity, mutations, optimizer, personnel, workload
from services.app import Application, build
from services.db import Databases
from services.migrate import migrate
from services.replay import rebuild
from tests.bench import flow, history, report
from tests.bench.report import Goal
from tests.bench.stage import Told, settings, staged

#: The services of the sample; those that keep projections are rebuilt.
SERVICES = (personnel.SERVICE, identity.SERVICE, workload.SERVICE, optimizer.SERVICE, mutations.SERVICE)
RATE = 25_000


def measure(cases: int, rounds: int, told: Told) -> dict[str, Any]:
    """Rebuild every service `rounds` times on each database; the area `rebuild` of bench.json. Rates are the best's."""
    flow.register()
    molds = history.template()
    found: dict[str, dict[str, Any]] = {}
    with TemporaryDirectory() as directory, staged() as stage:
        urls = {"sqlite": f"sqlite:///{directory}/imbang.db", "postgresql": stage.database("rebuild")}
        for name, url in urls.items():
            told(f"{name}: the history")
            with sample(url, Path(directory)) as app:
                if name == "sqlite":
                    stored = sum(file.stat().st_size for file in Path(directory).glob("imbang.db*"))
                history.fill(app.databases.writer("mutations"), molds, cases, cases)
                app.runtime.drain()
                if name == "postgresql":
                    stage.vacuum([url])
                told(f"{name}: the rebuild")
                found[name] = rates(app, rounds)
    goals = [Goal(f"events/s of a rebuild, {name}", of["all"], least=RATE) for name, of in found.items()]
    people = len(province().people)
    return {
        "events_per_s": found,
        "bytes_per_person": round(stored / people),
        "goals": [goal.facts() for goal in goals],
        "conditions": report.machine() | {"cases": cases, "people": people, "rounds": rounds},
    }


@contextmanager
def sample(url: str, directory: Path) -> Iterator[Application]:
    """The services with the sample province, turning only when they are told to."""
    config = settings(url, directory=directory)
    with closing(Databases(config)) as databases:
        migrate(databases, SERVICES)
    app = build(config, services=SERVICES)
    try:
        load.load_once(app)
        yield app
    finally:
        app.runtime.stop()


def rates(app: Application, rounds: int) -> dict[str, Any]:
    """Events a second by service and of all together, and CPU microseconds of Python an event."""
    events, seconds, busy = 0, 0.0, 0.0
    found: dict[str, Any] = {}
    for service in (s for s in app.services if s.projections):
        read = sum(sum(app.event_log.ends(topic).values()) for topic in service.projector().topics)
        best, python = min(_timed(app, service.name) for _ in range(rounds))
        found[service.name] = round(read / best)
        events, seconds, busy = events + read, seconds + best, busy + python
    return found | {
        "all": round(events / seconds),
        "events": events,
        "python_us_per_event": round(busy / events * 1e6, 1),
    }


def _timed(app: Application, name: str) -> tuple[float, float]:
    """Seconds, and CPU seconds of this process, that a rebuild takes."""
    began, busy = time.perf_counter(), time.process_time()
    rebuild(app, name)
    return time.perf_counter() - began, time.process_time() - busy
