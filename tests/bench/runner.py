"""The rounds of the engine's benchmark: every contestant in turn, on the same work; ratios only within a round.

The cluster is the benchmark's own, with `fsync` and `synchronous_commit` on. A first round is not counted: it fills the
tables, so that plans and prepared statements are those of a database in use.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import TypeVar

from services import committer
from services.runtime import long_lived
from tests.bench import flow
from tests.bench.engine import Engine, Give
from tests.bench.gauges import Gauge, Reading
from tests.bench.reference_d import StepByStep
from tests.bench.reference_e import Bound, BoundFile
from tests.bench.stage import Stage, Told, staged

#: Messages a batch: the bound's, and the engine's, which is what its committer takes at once from a full queue.
BATCH, COMMITTED = 100, committer.BATCH
THREADS = 16
#: Single steps get this much less work than batches, waiting threads a quarter of it, so that no contestant has the
#: machine for long.
FEWER = 10
DATABASES = ("engine", "served", "d", "e")

T = TypeVar("T")
Take = Callable[[Sequence[bytes]], None]


class Rounds:
    """All contestants, and what was read of each, round by round."""

    def __init__(self, stage: Stage, cases: int, held: ExitStack):
        self.stage = stage
        self.cases, self.fewer, self.waiting = cases, max(THREADS, cases // FEWER), max(THREADS, cases // 4)
        self.readings: dict[str, list[Reading]] = defaultdict(list)
        self.bytes_a_case: dict[str, float] = {}
        self.urls = {name: stage.database(name) for name in DATABASES}
        self.engine, self.served, self.file = (
            held.enter_context(closing(Engine(url, cases)))
            for url in (self.urls["engine"], self.urls["served"], f"sqlite:///{stage.directory / 'engine.db'}")
        )
        self.engine.refresh()
        in_batches(self.engine.take, flow.messages(self.fewer), BATCH)
        self.sizes = self.engine.sizes()
        self.d = held.enter_context(closing(StepByStep(self.urls["d"])))
        self.e = held.enter_context(closing(Bound(self.urls["e"], self.sizes)))
        self.file_e = held.enter_context(closing(BoundFile(stage.directory / "bound.db", self.sizes)))
        long_lived()  # to the profit of all
        self.gauge = held.enter_context(closing(Gauge(stage.postgres.pid or 0, stage.postgres.url())))

    def run(self, rounds: int, told: Told) -> None:
        """Run so many rounds after the one that is not counted, and check what everyone did."""
        self._round()
        self.stage.vacuum(list(self.urls.values()))
        self.readings.clear()
        for number in range(rounds):
            told(f"round {number + 1} of {rounds}")
            self._round()
        turns = rounds + 1
        for who, cases in ((self.e, self.cases * turns), (self.d, self._single() * turns)):
            if who.finished() != cases:
                raise AssertionError(f"{who.finished()} cases finished, not {cases}")
        for engine in (self.engine, self.served, self.file):
            engine.check()

    def _single(self) -> int:
        """How many cases a round gives to (d)."""
        return self.fewer + self.waiting // THREADS * THREADS

    def _round(self) -> None:
        queued, few = flow.messages(self.cases), flow.messages(self.fewer)
        for engine in (self.engine, self.served, self.file):
            engine.refresh()
        with self._stored("e"):
            self._read("e", queued, lambda: in_batches(self.e.take, queued, BATCH))
        with self._stored("engine"):
            self._read("engine", queued, lambda: in_batches(self.engine.take, queued, COMMITTED))
        self._read("d", few, lambda: one_by_one(self.d.give, few))
        self._read("lone", few, lambda: one_by_one(lambda raw: self.engine.take([raw]), few))
        with self.engine.committing() as give:
            self._threads("waiting", give)
        self._threads("d16", self.d.give)
        with self.served.serving() as give:
            self._threads("served", give)
        self._read("file_e_1", few, lambda: in_batches(self.file_e.take, few, 1))
        self._read("file_1", few, lambda: in_batches(self.file.take, few, 1))
        self._read("file_e", queued, lambda: in_batches(self.file_e.take, queued, BATCH))
        self._read("file", queued, lambda: in_batches(self.file.take, queued, BATCH))

    def _read(self, name: str, sent: Sequence[bytes], work: Callable[[], Sequence[float]]) -> None:
        self.readings[name].append(self.gauge.measure(len(sent), work))

    def _threads(self, name: str, give: Give) -> None:
        """Sixteen clients with cases of their own, each waiting for its command before it sends the next."""
        each = self.waiting // THREADS
        parts = [flow.messages(each, number * each) for number in range(THREADS)]
        self._read(name, [raw for part in parts for raw in part], lambda: at_once(give, parts))

    @contextmanager
    def _stored(self, name: str) -> Iterator[None]:
        """Note how much the tables of a database grow for each case."""
        before = self.gauge.stored(self.urls[name])
        yield
        self.bytes_a_case[name] = (self.gauge.stored(self.urls[name]) - before) / self.cases


def measure(cases: int, rounds: int, told: Told) -> Rounds:
    """Start a cluster, run the rounds, and leave nothing behind."""
    with staged() as stage, ExitStack() as held:
        run = Rounds(stage, cases, held)
        run.run(rounds, told)
    return run


def in_batches(take: Take, sent: Sequence[bytes], size: int) -> list[float]:
    """Hand messages over in batches; how long each batch took, in seconds."""
    return one_by_one(take, [sent[start : start + size] for start in range(0, len(sent), size)])


def one_by_one(act: Callable[[T], object], sent: Iterable[T]) -> list[float]:
    """Do one after the other; how long each took, in seconds."""
    waits = []
    for each in sent:
        began = time.perf_counter()
        act(each)
        waits.append(time.perf_counter() - began)
    return waits


def at_once(give: Give, parts: Sequence[Sequence[bytes]]) -> list[float]:
    """A thread for each part; all waits together. Raises what the first of them raised."""
    with ThreadPoolExecutor(len(parts)) as clients:
        return [wait for waits in clients.map(lambda part: one_by_one(give, part), parts) for wait in waits]
