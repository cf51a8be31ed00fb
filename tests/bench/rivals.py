"""The area `peers`: other durable engines on the same steps, in the same rounds as ours and as (d).

Each peer is a program in an environment of its own, as its documentation recommends (tests/bench/peers). All but
Restate, which brings its own store, write to the PostgreSQL cluster that ours writes to. A peer that cannot be had or
does not start is left out by name, with the reason.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bench import flow, report
from tests.bench.engine import Engine
from tests.bench.gauges import Gauge, Reading, ratio
from tests.bench.peers import environments
from tests.bench.peers.environments import Unavailable
from tests.bench.reference_d import StepByStep
from tests.bench.report import Goal, p50
from tests.bench.runner import COMMITTED, in_batches, one_by_one
from tests.bench.stage import ROOT, Stage, Told, staged

#: How much less work than ours a peer gets; single steps get again so much less.
FEWER, LONE = 50, 4
URL = "{url}"


@dataclass(frozen=True)
class Peer:
    """A program of tests/bench/peers: its environment, what it is told, and the least ratio of our rate to its own."""

    program: str
    environment: str
    goal: float
    told: Sequence[str] = (URL,)


PEERS = {
    "dbos_case": Peer("dbos_case", "dbos", 60),
    "dbos_message": Peer("dbos_message", "dbos", 40),
    "spiff_whole": Peer("spiff", "spiff", 15, (URL, "whole")),
    "spiff_split": Peer("spiff", "spiff", 12, (URL, "split")),
    "restate": Peer("restate_object", "restate", 12, ("{directory}", "{restate_server}")),
    "eventsourcing": Peer("sourcing", "eventsourcing", 10),
}


class Running:
    """A peer's program and the pipe to it (tests/bench/peers/protocol.py)."""

    def __init__(self, directory: Path, name: str, url: str):
        peer, self.url = PEERS[name], url
        python, told = environments.python(peer.environment), {"directory": str(directory / name), "url": url}
        if "{restate_server}" in peer.told:
            told["restate_server"] = str(environments.restate_server())
        self._errors = directory / f"{name}.log"
        command = [str(python), "-m", f"tests.bench.peers.{peer.program}", *(part.format(**told) for part in peer.told)]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def do(self, what: str, messages: Iterable[bytes] = ()) -> dict[str, Any]:
        """Let it work. Raises Unavailable, with its last words, when it has ended."""
        asked = json.dumps({"do": what, "messages": [json.loads(raw) for raw in messages]})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{asked}\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            words = self._errors.read_text(errors="replace").strip().splitlines()[-1:]
            raise Unavailable(f"its program ended: {''.join(words)}")
        told: dict[str, Any] = json.loads(answer)
        return told

    def prove(self) -> None:
        """Let it take one case, twice: a repeat changes nothing. Raises AssertionError."""
        case = flow.messages(1)
        for what in ("all of its case", "each message once"):
            self.do("take", case)
            if self.do("finished")["finished"] != 1:
                raise AssertionError(f"{self.url}: it did not take {what}")

    def close(self) -> None:
        """It ends when its input does."""
        try:
            self._process.communicate(timeout=20)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._process.kill()
            self._process.communicate()


class Rounds:
    """Our engine, (d) and the peers that can be had, and what was read of each."""

    def __init__(self, stage: Stage, held: ExitStack, cases: int, rounds: int, only: Sequence[str] = tuple(PEERS)):
        self.stage, self.held, self.rounds = stage, held, rounds
        self.cases, self.few = cases, max(2, cases // FEWER)
        self.lone = max(1, self.few // LONE)
        self.urls = [stage.database("engine"), stage.database("d")]
        self.engine = held.enter_context(closing(Engine(self.urls[0], cases)))
        self.d = held.enter_context(closing(StepByStep(self.urls[1])))
        self.gauge = held.enter_context(closing(Gauge(stage.postgres.pid or 0, stage.postgres.url())))
        self.readings: dict[str, list[Reading]] = defaultdict(list)
        self.peers: dict[str, Running] = {}
        self.skipped: dict[str, str] = {}
        for name in only:
            self._start(name)

    def run(self, told: Told) -> None:
        """The rounds after one that is not counted; everyone is checked at the end."""
        for name, why in self.skipped.items():
            told(f"left out: {name}: {why}")
        self._round()
        self.stage.vacuum([*self.urls, *(peer.url for peer in self.peers.values())])
        self.readings.clear()
        for number in range(1, self.rounds + 1):
            told(f"round {number} of {self.rounds}")
            self._round()
        turns = self.rounds + 1
        self.engine.check()
        done = {"d": self.d.finished() - turns * self.cases // 10}
        done |= {name: peer.do("finished")["finished"] - 1 - turns * self.few for name, peer in self.peers.items()}
        if wrong := {name: more for name, more in done.items() if more != turns * self.lone}:
            raise AssertionError(f"cases finished by single steps: {wrong}, not {turns * self.lone}")

    def _start(self, name: str) -> None:
        """Start a peer and see it work, or note why not."""
        with ExitStack() as tried:
            try:
                running = Running(self.stage.directory, name, self.stage.database(name))
                peer = tried.enter_context(closing(running))
                peer.prove()
            except Unavailable as why:
                self.skipped[name] = str(why)
            else:
                self.peers[name] = peer
                self.held.push(tried.pop_all())

    def _round(self) -> None:
        self.engine.refresh()
        queued, single = flow.messages(self.cases), flow.messages(self.lone)
        self._read("engine", queued, lambda: in_batches(self.engine.take, queued, COMMITTED))
        self._read("engine_lone", single, lambda: one_by_one(lambda raw: self.engine.take([raw]), single))
        tenth = flow.messages(self.cases // 10)
        self._read("d", tenth, lambda: one_by_one(self.d.give, tenth))
        self._read("d_lone", single, lambda: one_by_one(self.d.give, single))
        for name, peer in self.peers.items():
            self._ask(name, peer, "take", flow.messages(self.few))
            self._ask(f"{name}_lone", peer, "give", flow.messages(self.lone))

    def _read(self, name: str, sent: Sequence[bytes], work: Callable[[], Sequence[float]]) -> None:
        self.readings[name].append(self.gauge.measure(len(sent), work))

    def _ask(self, name: str, peer: Running, what: str, sent: Sequence[bytes]) -> None:
        """As the peer's own process measured it; the database is measured from here."""
        told: dict[str, Any] = {}

        def work() -> list[float]:
            told.update(peer.do(what, sent))
            waits: list[float] = told["waits"]
            return waits

        reading = self.gauge.measure(len(sent), work)
        self.readings[name].append(replace(reading, seconds=told["seconds"], python=told["cpu"]))


def measure(cases: int, rounds: int, told: Told) -> dict[str, Any]:
    """The area `peers` of bench.json."""
    with staged() as stage, ExitStack() as held:
        run = Rounds(stage, held, cases, rounds)
        run.run(told)
        return figures(run)


def figures(run: Rounds) -> dict[str, Any]:
    read = run.readings

    def of(name: str) -> dict[str, Any]:
        def middle(figure: Callable[[Reading], float], name: str = name) -> float:
            return round(statistics.median(map(figure, read[name])), 2)

        return {
            "steps_per_s": middle(lambda r: r.rate),
            "ratio": _over(run, "engine", name, lambda r: r.rate),
            "cpu_us_per_step": middle(lambda r: r.cpu),
            "cpu_ratio": _over(run, name, "engine", lambda r: r.cpu),
            "lone_p50_ms": middle(p50, f"{name}_lone"),
        }

    goals = [
        Goal(f"steps/s ÷ {name}", _over(run, "engine", name, lambda r: r.rate), least=PEERS[name].goal)
        for name in run.peers
    ]
    goals += [
        Goal(f"a lone step: p50 ÷ {name}", _over(run, "engine_lone", f"{name}_lone", p50), most=0.2)
        for name in run.peers
        if name.startswith("dbos")
    ]
    return {
        "engine": of("engine"),
        "reference_d": of("d"),
        "peers": {name: of(name) for name in run.peers},
        "left_out": run.skipped,
        "goals": [goal.facts() for goal in goals],
        "conditions": {
            "rounds": run.rounds,
            "cases_a_round": {"engine": run.cases, "d": run.cases // 10, "peers": run.few, "lone": run.lone},
            "cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1),
            "pins": {peer.environment: environments.pins(peer.environment) for peer in PEERS.values()},
        },
    }


def table(facts: dict[str, Any]) -> Iterable[str]:
    """Lines for people: the goals, what each did, and who was left out."""
    yield from report.table({"goals": facts["goals"]})
    for name, found in {**{n: facts[n] for n in ("engine", "reference_d")}, **facts["peers"]}.items():
        told = f"{found['steps_per_s']:>8.0f} steps/s, ours {found['ratio']:>5.1f} times as many"
        told += f"; {found['cpu_us_per_step']:>6.0f} µs CPU a step, {found['cpu_ratio']:>5.1f} times ours"
        yield f"{name:16}{told}; lone p50 {found['lone_p50_ms']:.1f} ms"
    for name, why in facts["left_out"].items():
        yield f"{name:20}left out: {why}"


def _over(run: Rounds, ours: str, theirs: str, figure: Callable[[Reading], float]) -> float:
    return round(ratio([figure(r) for r in run.readings[ours]], [figure(r) for r in run.readings[theirs]]), 3)
