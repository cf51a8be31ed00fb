"""A small town that works under load, is backed up meanwhile, is lost, and comes back in another place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from deploy.daemon import wait_until
from events import ids
from events.mutation import TempEnded
from services.__main__ import main
from services.app import SERVICES
from services.audit import key
from services.config import EMBEDDED_LOG, driver
from services.db import table
from services.mutations.execute import Act
from services.mutations.models import Asked, Case, Reservation
from services.personnel.models import Delegation, Duty, Holding, Incumbency, Office, Person, Position, Unit
from tests.scenarios import proofs
from tests.town import COUNTER, PAPER, PERSON, acting, drafted, give, town
from tests.worlds import World
from workflow import commands as cmd

WEEK = {"unit": COUNTER, "period_from": "2026-02-23", "period_to": "2026-02-27"}
#: What must be the same again, by the service that keeps it.
STATE = {
    "mutations": [table(kept) for kept in (Case, Asked, Reservation)],
    "personnel": [table(kept) for kept in (Unit, Position, Person, Incumbency, Duty, Office, Holding, Delegation)],
}
#: The way of a temporary help from its draft to work: who does what.
WAY: list[tuple[str, Callable[[str], cmd.Command]]] = [
    ("officer", lambda m: cmd.Submit(mutation=m, documents={"G2": PAPER})),
    ("verifier", lambda m: cmd.Screen(mutation=m, outcome="pass")),
    ("ana", lambda m: cmd.Answer(mutation=m, answer="willing")),
    ("donor", lambda m: cmd.Release(mutation=m, answer="yes", handover_planned=True, floor_kept=True)),
    ("counter", lambda m: cmd.Receive(mutation=m, answer="yes", budgeted=True)),
    ("sekda", lambda m: cmd.Sign(mutation=m, number="1", decree_date=TODAY, effective_on=date(2026, 3, 16))),
    ("officer", lambda m: cmd.Serve(mutation=m, served_on=TODAY, receipt=PAPER)),
    ("donor", lambda m: cmd.HandOver(mutation=m, successor=PERSON["budi"], record=PAPER, e_signature="none")),
    ("counter", lambda m: cmd.Start(mutation=m, started_on=date(2026, 3, 16))),
    ("officer", lambda m: cmd.Register(mutation=m, reference="IMUT-1")),
]
TODAY = date(2026, 3, 2)


@dataclass
class Place:
    """Where a system lives: its database, its log, its keys."""

    home: Path
    url: str
    log: str = EMBEDDED_LOG

    def command(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
        """Run `imbang` here; returns its exit code."""
        settings = {"DATABASE_URL": self.url, "EVENT_LOG_URL": self.log, "IMBANG_DIRECTORY": str(self.home)}
        with monkeypatch.context() as environment:
            for name, value in (settings | {"IMBANG_SECRET_KEY": "for tests only"}).items():
                environment.setenv(name, value)
            return main(list(words))

    def hand_over_keys(self, to: Place) -> None:
        """Keys are kept apart from the backup."""
        to.home.mkdir()
        (to.home / key.FILE).write_bytes((self.home / key.FILE).read_bytes())

    @contextmanager
    def town(self, *, new: bool) -> Iterator[World]:
        """The application of this place, with a new town or with what lives here."""
        self.home.mkdir(exist_ok=True)
        settings: dict[str, Any] = {"directory": self.home, "event_log_url": self.log}
        url = driver(self.url)
        world = town(url, **settings) if new else World(url, SERVICES, (), **settings)
        world.clock.real_wall = True  # business time moves on request, leases and freshness by themselves
        if new:
            world.drain()
        try:
            yield world
        finally:
            world.close()


def draft(world: World, helper: str, pressed: str | None = None) -> Any:
    """Somebody considers a move, over HTTP; returns the reply."""
    return give(acting(world, "officer"), "/api/mutations/", drafted(helper), pressed)


def walk(world: World, mutation: str, steps: slice) -> None:
    """Take a case along its way."""
    for part, command in WAY[steps]:
        if part == "counter" and isinstance(command(mutation), cmd.Start):
            world.clock.now = world.clock.now.replace(day=16)
        world.submit("mutations", Act(command=command(mutation)), PERSON[part])


def state(world: World) -> Mapping[str, list[dict[str, Any]]]:
    """All cases, what they ask and reserve, and all that is known of people and offices."""
    return {t.name: world.rows(service, t) for service, tables in STATE.items() for t in tables}


def timers(world: World) -> list[tuple[Any, ...]]:
    """The clocks of cases, with their armings."""
    timer = next(s for s in SERVICES if s.name == "mutations").timer
    return [tuple(row.values()) for row in world.rows("mutations", timer)]


def count(world: World, service: str, what: sa.Table) -> int:
    with world.app.databases.reader(service).connect() as conn:
        return conn.scalar(sa.select(sa.func.count()).select_from(what)) or 0


@dataclass
class Load:
    """Clients who report and draft without a pause. `promised`: key -> what was answered."""

    world: World
    promised: dict[str, str] = field(default_factory=dict)
    reported: int = 0
    faults: list[str] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    def drafts(self) -> None:
        while not self._done.is_set():
            pressed = ids.new()
            reply = draft(self.world, "budi", pressed)
            if reply.status_code == 201:
                self.promised[pressed] = reply.json["mutation"]
            else:
                self.faults.append(reply.text)

    def reports(self) -> None:
        operator = acting(self.world, "", "operator@imbang")
        while not self._done.is_set():
            body = WEEK | {"lines": [{"task": "layanan", "volume": 900 + self.reported % 50}]}
            reply = give(operator, "/api/workload/reports", body)
            if reply.status_code == 201:
                self.reported += 1
            else:
                self.faults.append(reply.text)


@contextmanager
def under_load(world: World) -> Iterator[Load]:
    """The process turns by itself, and three clients are at it."""
    load = Load(world)
    clients = [threading.Thread(target=work) for work in (load.drafts, load.drafts, load.reports)]
    world.app.runtime.start()
    for client in clients:
        client.start()
    try:
        assert wait_until(lambda: len(load.promised) > 5 and load.reported > 5, 60, every=0.02)
        yield load
        seen = len(load.promised), load.reported
        assert wait_until(lambda: len(load.promised) > seen[0] + 5 and load.reported > seen[1] + 5, 60, every=0.02)
    finally:
        load._done.set()
        for client in clients:
            client.join()
    assert load.faults == []


def settled(world: World) -> bool:
    """Whether every event has reached the log and all its consumers."""
    sent = all(count(world, s.name, s.outbox.unpublished) == 0 for s in SERVICES)
    return sent and not any(map(world.app.runtime._behind, world.app.services))


def recorded(world: World) -> dict[str, int]:
    """How many events each service has."""
    return {s.name: count(world, s.name, s.outbox.event) for s in SERVICES}


def ends(world: World, mutation: str) -> list[TempEnded]:
    """The events by which a temporary duty ended."""
    return [event for event in proofs.history(world.app, mutation) if isinstance(event, TempEnded)]
