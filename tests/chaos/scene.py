"""The cluster under load while it is struck: what faults may do to it, and how it is seen that all goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.cluster import Cluster
from deploy.daemon import Daemon, wait_until
from deploy.sample import load as sample
from deploy.sample.settled import Unsettled, settle
from services.app import Application
from tests.chaos.clients import tokens
from tests.chaos.host import own_clock, own_disk
from tests.chaos.load import Load
from tests.chaos.network import Cable, move, second_host
from tests.stations import KAFKA_SETTINGS, POSTGRES_SETTINGS

#: Seconds within which the load must go on after a fault is mended.
MEND = 120.0
#: Seconds in which a process must start, however busy the machine is with the others.
START = 240.0
#: Answers by which it is seen that the load goes on.
ANSWERS = 5
#: What makes consumers less patient; Python reads it at the start of a process.
PATIENCE = Path(__file__).parent / "patience"
#: Seconds until everything that clients caused has happened; a killed worker's job is leased again after two minutes.
SETTLE = 300.0


class Stuck(Exception):
    """The load did not go on after a fault was mended"""


class Scene:
    """A cluster and its load; `cable`: to the host of the second copies, if they have one of their own."""

    def __init__(self, cluster: Cluster, cable: Cable | None, load: Load):
        self.cluster, self.cable, self.load = cluster, cable, load

    def groups(self, name: str) -> list[Daemon]:
        """The processes of a kind: `instance`, or the one named so."""
        if name == "instance":
            return list(self.cluster.instances)
        return [part for part in self.cluster.parts if part.directory.name == name]

    def last(self, seconds: float) -> None:
        """Let a fault last."""
        time.sleep(seconds)

    def goes_on(self) -> None:
        """Wait until clients are answered again; raises Stuck."""
        before = len(self.load.book.acknowledged)
        if not wait_until(lambda: len(self.load.book.acknowledged) >= before + ANSWERS, MEND, every=0.1):
            raise Stuck(f"fewer than {ANSWERS} answers in {MEND:g} s; clients met {dict(self.load.book.statuses)}")

    def heal(self) -> None:
        """Start what has died, the stores first."""
        for part in self.cluster.parts:
            if not part.pid:
                part.start(seconds=START)

    @contextmanager
    def frozen(self, part: Daemon) -> Iterator[None]:
        """Every process of it stands still meanwhile, and loses nothing of what it holds in memory."""
        pids = family(part)
        send(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            send(pids, signal.SIGCONT)

    @contextmanager
    def settled(self) -> Iterator[tuple[Application, list[str]]]:
        """Mend all, stop the load and wait for what it caused; how the stores look from here, and what never ended."""
        self.heal()
        self.load.stop()
        app = self.cluster.observer()
        unsettled = []
        try:
            settle(app, SETTLE)
        except Unsettled as what:
            unsettled.append(f"unsettled {what}")
        try:
            yield app, unsettled
        finally:
            app.runtime.stop()


def family(part: Daemon) -> list[int]:
    """The process and its children, the parent first, so that it starts none meanwhile."""
    pid = part.pid
    return [] if pid is None else [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def send(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


@contextmanager
def scene(home: Path, seed: int) -> Iterator[Scene]:
    """The sample on a cluster in a new directory, under load. Raises Missing or StartFailed."""
    home.mkdir(parents=True)
    cluster = Cluster(home, None, {"IMBANG_DEMO": "1"}, POSTGRES_SETTINGS, KAFKA_SETTINGS)
    own_clock(cluster)
    with own_disk(cluster), second_host(cluster) as cable, started(cluster, cable) as app:
        try:
            sample.load_once(app, lambda: settle(app, SETTLE))
            load = Load(cluster.url, tokens(app), seed)
        finally:
            app.runtime.stop()
        try:
            yield Scene(cluster, cable, load)
        finally:
            load.stopping.set()


@contextmanager
def started(cluster: Cluster, cable: Cable | None) -> Iterator[Application]:
    """All processes, and their observer."""
    try:
        cluster.start_stores()
        app = cluster.observer()
        for instance in cluster.instances:
            instance.environment["PYTHONPATH"] += f":{PATIENCE}"
        if cable:
            move(cluster, cable)
        cluster.start_instances(app)
        yield app
    finally:
        cluster.stop()
