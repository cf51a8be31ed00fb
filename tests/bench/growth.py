"""What a step costs as things grow: the history, the cases in flight, the subjects of a batch, the consumers.

Speed over a history is compared within a round with that of a database beside it that has none. Cost is CPU, Python and
database together, which is steadier than speed. The other curves are of one database after another, not of rounds.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from services.mutations import SERVICE
from tests.bench import chart, flow, history, report
from tests.bench.chart import Curve, Panel
from tests.bench.engine import Engine
from tests.bench.gauges import Gauge, Reading, ratio
from tests.bench.report import Goal
from tests.bench.runner import COMMITTED, in_batches
from tests.bench.stage import SETTINGS, Stage, Told, staged

CHART = Path("bench.svg")
#: Finished cases stored -> the least share of the speed with none.
SHARES = {100_000: 0.90, 1_000_000: 0.85}
#: Cases that a round takes to their end, on each database.
WORK = 1000
IN_FLIGHT, SUBJECTS, CONSUMERS = (0, 1_000, 10_000, 30_000), (1, 10, 100, COMMITTED), (1, 2, 4)

#: Readings at each size.
Readings = dict[int, list[Reading]]


def measure(most: int, rounds: int, told: Told, work: int = WORK) -> dict[str, Any]:
    """Measure up to `most` finished cases; returns the area `growth` of bench.json and draws the chart beside it."""
    with staged() as stage, ExitStack() as held:
        gauge = held.enter_context(closing(Gauge(stage.postgres.pid or 0, stage.postgres.url())))
        read = {
            "history": _history(stage, gauge, most, rounds, told, work),
            "in_flight": _in_flight(stage, gauge, rounds, told, work),
            "subjects": _subjects(stage, gauge, rounds, told, work),
            "consumers": _consumers(stage, gauge, rounds, told, work),
        }
        version = gauge.server_version
    found = figures(read)
    found["conditions"] = report.machine() | {"cases_a_round": work, "rounds": rounds, "postgresql": version}
    found["conditions"] |= {"settings": SETTINGS, "batch": COMMITTED, "history": "copied from a template of the engine"}
    CHART.write_text(chart.svg("Cost of a step", panels(found["cpu_us_per_step"])))
    return found


def _history(stage: Stage, gauge: Gauge, most: int, rounds: int, told: Told, work: int) -> Readings:
    """Databases of different pasts, in turn; the order changes from round to round. The first round is not counted."""
    sizes = [0, *(n for n in (10_000, 100_000, 1_000_000) if n < most), most]
    read: Readings = defaultdict(list)
    molds = history.template()
    with ExitStack() as held:
        engines = {}
        for size in sizes:
            url = stage.database(f"history_{size}")
            engines[size] = held.enter_context(closing(Engine(url, work)))
            if size:
                told(f"{size} finished cases")
                history.fill(engines[size].app.databases.writer(SERVICE.name), molds, size, work)
            stage.vacuum([url])
        for number in range(rounds + 1):
            told(f"history, round {number} of {rounds}")
            sent = flow.messages(work)
            for size in sizes[:: -1 if number % 2 else 1]:
                reading = _taken(engines[size], gauge, sent)
                if number:
                    read[size].append(reading)
        for engine in engines.values():
            engine.check()
    return read


def _in_flight(stage: Stage, gauge: Gauge, rounds: int, told: Told, work: int) -> Readings:
    """Cases are drafted and submitted and then left open, with their duties and timers, while others are finished."""
    read: Readings = {}
    url, open_ = stage.database("in_flight"), 0
    with closing(Engine(url, work + IN_FLIGHT[-1])) as engine:
        for size in IN_FLIGHT:
            told(f"{size} cases in flight")
            engine.refresh()
            in_batches(engine.take, list(_opened(size - open_, first=work + open_)), COMMITTED)
            open_ = size
            stage.vacuum([url])
            read[size] = [_taken(engine, gauge, flow.messages(work)) for _ in range(rounds + 1)][1:]
    return read


def _opened(cases: int, first: int) -> Iterator[bytes]:
    """The first two steps of new cases."""
    for raw in flow.messages(cases, first):
        if flow.decoded(raw).command.trigger in ("draft", "submit"):
            yield raw


def _subjects(stage: Stage, gauge: Gauge, rounds: int, told: Told, work: int) -> Readings:
    """Batches of so many cases, a step of each."""
    read: Readings = {}
    url = stage.database("subjects")
    with closing(Engine(url, work + COMMITTED)) as engine:
        engine.refresh()
        in_batches(engine.take, flow.messages(work), COMMITTED)
        stage.vacuum([url])
        for size in SUBJECTS:
            told(f"{size} subjects a batch")
            cases = max(size, work if size > 1 else work // 5)
            read[size] = [_taken(engine, gauge, in_step(cases, size), size) for _ in range(rounds + 1)][1:]
    return read


def in_step(cases: int, at_once: int) -> list[bytes]:
    """Messages in such an order that every `at_once` in a row are of so many cases."""
    steps: dict[str, list[bytes]] = defaultdict(list)
    for raw in flow.messages(cases):
        steps[flow.decoded(raw).command.mutation].append(raw)
    whole = list(steps.values())[: cases // at_once * at_once]
    groups = (whole[n : n + at_once] for n in range(0, len(whole), at_once))
    return [raw for group in groups for stage in zip(*group, strict=True) for raw in stage]


def _consumers(stage: Stage, gauge: Gauge, rounds: int, told: Told, work: int) -> Readings:
    """Processes that take cases of their own on one database at the same time."""
    read: Readings = {}
    url = stage.database("consumers")
    with closing(Engine(url, work)) as engine:
        engine.refresh()
        in_batches(engine.take, flow.messages(work), COMMITTED)
    stage.vacuum([url])
    for count in CONSUMERS:
        told(f"{count} consumers")
        with ExitStack() as held:
            consumers = [held.enter_context(Consumer(url, n, work // count)) for n in range(count)]
            read[count] = [_at_once(consumers, gauge) for _ in range(rounds + 1)][1:]
    return read


def _at_once(consumers: Sequence[Consumer], gauge: Gauge) -> Reading:
    """One round of all of them; the CPU of their processes in place of ours."""
    for consumer in consumers:
        consumer.pipe.recv()  # it is ready
    spent: list[tuple[int, float]] = []

    def work() -> list[float]:
        for consumer in consumers:
            consumer.pipe.send(True)
        spent.extend(consumer.pipe.recv() for consumer in consumers)
        return []

    began = time.perf_counter()
    reading = gauge.measure(1, work)
    python, steps = sum(cpu for _, cpu in spent), sum(taken for taken, _ in spent)
    return Reading(steps, time.perf_counter() - began, python, reading.database, reading.wal_bytes, [])


class Consumer:
    """A process that takes cases each time it is told to. Its people are its own."""

    def __init__(self, url: str, number: int, cases: int):
        context = multiprocessing.get_context("spawn")  # threads and connections are not to be copied
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_consume, args=(url, number * cases, cases, theirs), daemon=True)

    def __enter__(self) -> Consumer:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.pipe.send(False)
        self.process.join(10)
        self.process.kill()
        self.process.join()


def _consume(url: str, first: int, cases: int, pipe: Connection) -> None:
    with closing(Engine(url)) as engine:
        while True:
            sent = flow.messages(cases, first)
            engine.refresh()
            pipe.send("ready")
            if not pipe.recv():
                return
            before = time.process_time()
            in_batches(engine.take, sent, COMMITTED)
            pipe.send((len(sent), time.process_time() - before))


def _taken(engine: Engine, gauge: Gauge, sent: Sequence[bytes], batch: int = COMMITTED) -> Reading:
    engine.refresh()
    return gauge.measure(len(sent), lambda: in_batches(engine.take, sent, batch))


def figures(read: dict[str, Readings]) -> dict[str, Any]:
    """The area without its conditions."""
    past = read["history"]
    shares = {size: ratio(_rates(past[size]), _rates(past[0])) for size in past if size}
    goals = [Goal(f"speed with {n} finished cases ÷ none", shares[n], least=SHARES[n]) for n in shares if n in SHARES]
    return {
        "history_share": {str(size): round(share, 3) for size, share in shares.items()},
        "steps_per_s": {of: {str(n): _middle(r, lambda x: x.rate) for n, r in at.items()} for of, at in read.items()},
        "cpu_us_per_step": {
            of: {str(n): [_middle(r, lambda x: x.cpu), _middle(r, _python)] for n, r in at.items()}
            for of, at in read.items()
        },
        "goals": [goal.facts() for goal in goals],
    }


def panels(cost: dict[str, dict[str, list[float]]]) -> list[Panel]:
    """The curves to draw: all CPU of a step, and Python's part of it."""
    axes = {
        "history": "finished cases stored",
        "in_flight": "cases in flight",
        "subjects": "subjects a batch",
        "consumers": "consumers, each a process",
    }
    return [
        Panel(
            axis,
            "CPU µs a step",
            [
                Curve("Python + database", [(int(n), both) for n, (both, _) in cost[of].items()]),
                Curve("Python", [(int(n), python) for n, (_, python) in cost[of].items()]),
            ],
        )
        for of, axis in axes.items()
    ]


def _rates(readings: Sequence[Reading]) -> list[float]:
    return [reading.rate for reading in readings]


def _python(reading: Reading) -> float:
    return reading.python / reading.steps * 1e6


def _middle(readings: Sequence[Reading], of: Callable[[Reading], float]) -> float:
    return round(statistics.median(map(of, readings)), 1)
