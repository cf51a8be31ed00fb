"""What `imbang bench kafka` measures: a process of the service `mutations` to which the steps come by Kafka.

The product takes commands at its doors and events from the log. Here a step comes as an event: one subscription more
hands it to the handler of commands as it is. Reader, inbox, committer, decision, outbox and relay are the product's.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

from deploy.daemon import Daemon
from events.catalog import event
from services.app import NAMES, assemble
from services.config import from_environment
from services.mutations import SERVICE
from services.mutations.execute import Act, act, prepare
from services.runtime import long_lived
from services.service import Actor, Command, Event, Firing, Service, reacts
from services.transaction import Tx
from tests.bench import flow
from tests.bench.stage import ROOT

TOPIC = "proposal"


class StepAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Someone asks for a step."""

    person: str
    command: flow.Step


@cache
def service() -> Service:
    """`mutations` with the subscription, on the same tables. Adds the event to the catalogue of this process."""
    event("benchmark.step_asked", topic=TOPIC)(StepAsked)
    subscriptions = [*SERVICE.subscriptions, reacts(StepAsked, take_step)]
    taught = dataclasses.replace(SERVICE, subscriptions=subscriptions, prepare=_prepare)
    tables = ("outbox", "inbox", "timer", "job", "revoked")
    vars(taught).update({name: getattr(SERVICE, name) for name in tables})
    return taught


def take_step(tx: Tx, asked: Event) -> None:
    act(tx, _command(asked))


def _prepare(tx: Tx, items: Sequence[Command | Event | Firing]) -> None:
    prepare(tx, [_command(i) if isinstance(i, Event) and isinstance(i.data, StepAsked) else i for i in items])


def _command(asked: Event) -> Command:
    who = Actor(f"account-{asked.data.person}", asked.data.person)
    return Command(id=asked.id, data=Act(command=asked.data.command), actor=who, correlation=asked.correlation)


class Consumer(Daemon):
    """The process, as a handle for whoever starts it."""

    def __init__(self, directory: Path, environment: Mapping[str, str]):
        super().__init__(directory)
        told = {"IMBANG_DIRECTORY": str(directory), "PYTHONPATH": str(ROOT)}  # it runs in its own directory
        self.environment = {**environment, **told}

    def start(self) -> None:
        self.directory.mkdir()
        self.spawn([sys.executable, "-m", __name__, str(self.directory)], (self.directory / "started").exists, 60)

    def hold(self) -> None:
        """Let it stand still, so that messages queue up; for less than its session in the consumer group."""
        self._signal(signal.SIGSTOP)

    def release(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        assert self.pid is not None
        os.kill(self.pid, which)


def run(directory: Path) -> None:
    """Turn until the process is killed."""
    flow.register()
    app = assemble(from_environment(NAMES), services=[service()])
    long_lived()  # as `imbang serve` does
    app.runtime.start()
    (directory / "started").touch()
    while True:
        signal.pause()


if __name__ == "__main__":
    # Not as `__main__`: the payload's class must be the one that the catalogue knows.
    from tests.bench import consumer

    consumer.run(Path(sys.argv[1]))
