"""The demo: the story in one process on one SQLite file, over a log that repeats and delays, and its figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.sample import load
from deploy.sample.browserless import Http, InProcess
from deploy.sample.days import morning, next_working_day, report_day, today
from deploy.sample.faults import FaultyLog
from deploy.sample.ledger import doubled
from deploy.sample.province import DAY_ZERO
from deploy.sample.receiver import Receiver
from deploy.sample.story import LAST_DAY, Story, Told
from events.log import EventLog
from services.app import NAMES, SERVICES, Application, build
from services.audit.export import verify_all
from services.clock import SetClock
from services.config import Config
from services.db import Databases
from services.migrate import migrate


class Embedded:
    """The stage in this process: one thread turns everything."""

    def __init__(self, app: Application, clock: SetClock):
        self.app, self.clock = app, clock

    def http(self) -> Http:
        return InProcess(self.app.web.test_client())

    def settle(self) -> None:
        self.app.runtime.drain()

    def next_day(self) -> date:
        report_day(self.app, today(self.app))
        self.settle()
        following = next_working_day(today(self.app))
        self.jump(following)
        return following

    def jump(self, to: date) -> None:
        self.clock.now = morning(to)

    def today(self) -> date:
        return today(self.app)


@contextmanager
def staged(home: Path) -> Iterator[tuple[Embedded, FaultyLog]]:
    """The sample on a fresh SQLite file in a directory, over a log that repeats and delays, before day zero."""
    clock = SetClock(morning(DAY_ZERO), real_wall=True)
    config = Config(
        database_url=f"sqlite:///{home}/imbang.db",
        secret_key="demo",
        demo=True,
        webhook_networks=("127.0.0.0/8",),
        directory=home,
    )
    databases = Databases(config)
    migrate(databases, SERVICES)
    databases.close()
    logs: list[FaultyLog] = []

    def around(log: EventLog) -> EventLog:
        logs.append(FaultyLog(log))
        return logs[0]

    app = build(config, clock, through=around)
    try:
        load.load_once(app)
        yield Embedded(app, clock), logs[0]
    finally:
        app.runtime.stop()


def tell(say: Callable[[str], None], until: date = LAST_DAY) -> dict[str, Any]:
    """Play the story in a fresh directory; returns its figures."""
    began = time.monotonic()
    say("Provinsi contoh dimuat ...")
    with TemporaryDirectory(prefix="imbang-") as home, staged(Path(home)) as (stage, log), Receiver() as receiver:
        story = Story(stage, say)
        listen(story, receiver)
        told = story.tell(until)
        return summed(stage.app, told, receiver, log) | {"seconds": round(time.monotonic() - began, 1)}


def listen(story: Story, receiver: Receiver) -> None:
    """The integrator registers an endpoint for everything public."""
    registered = story.visitor("operator").post_json(
        "/api/webhooks/endpoints", {"scope": "*", "url": receiver.url, "types": []}
    )
    receiver.secret = registered["secret"]


def summed(app: Application, told: Told, receiver: Receiver, log: FaultyLog) -> dict[str, Any]:
    """The figures of a finished story, each counted where it happened.

    `max_load_ratio_*` are of the units that were helped: before, on the last day of the help, 30 days after the return.
    Others of the sample stay overloaded, since nobody suitable can be spared for them.
    """
    with app.databases.reader("audit").connect() as conn:
        twice = doubled(conn)
        events = sum(conn.exec_driver_sql(f"SELECT count(*) FROM {n}_event").scalar_one() for n in NAMES)
    return {
        "proposals": told.proposals,
        "mutations_completed": len(told.completed),
        "temporary_returned": len(told.returned),
        "escalated": told.escalated,
        "max_load_ratio_before": round(told.before, 4),
        "max_load_ratio_after": round(told.after, 4),
        "max_load_ratio_later": round(told.later, 4),
        "events": events,
        "audit_verified": verify_all(app)["verified"],
        "webhooks_verified": len(receiver.verified),
        "webhooks_rejected": receiver.rejected,
        "duplicates_injected": log.copies,
        "redeliveries_injected": log.repeats,
        "delays_injected": log.delays,
        "overtakings_injected": log.overtaken,
        "effects_duplicated": sum(twice.values()),
    }
