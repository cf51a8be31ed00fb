"""`python -m tests.chaos.run --faults N --seed S`: a cluster under load, struck N times, then judged.

The seed decides the faults, their order, their victims and what clients ask for; the machine decides the rest. The last
line is one JSON object; the exit status is 1 when a promise broke. What cannot be done here is named on standard error.
A first SIGINT or SIGTERM ends the faults; what was done is judged all the same.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from deploy.daemon import StartFailed
from deploy.provision import Missing
from tests.chaos.book import Book
from tests.chaos.faults import KINDS, Kind, drawn
from tests.chaos.ledger import judge
from tests.chaos.linearizability import broken, built
from tests.chaos.scene import Scene, Stuck, scene
from tests.stations import Stations


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description="A real cluster under load and under faults.")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=sorted(KINDS), default=sorted(KINDS), help="kinds of faults")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    ending = threading.Event()

    def ended(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        ending.set()

    signal.signal(signal.SIGINT, ended)
    signal.signal(signal.SIGTERM, ended)
    stations = Stations.open()
    try:
        report, sentences = wreak(stations.directory / "cluster", asked.faults, asked.seed, asked.only, ending)
    except (Missing, StartFailed) as reason:
        print(f"chaos: {reason}", file=sys.stderr)
        return 2
    finally:
        stations.close()
    for sentence in sentences:
        print(f"broken: {sentence}", file=sys.stderr)
    print(json.dumps(report))
    return int(bool(sentences))


def wreak(
    home: Path, count: int, seed: int, only: Sequence[str] = tuple(KINDS), ending: threading.Event | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Strike a new cluster in a directory so many times, fewer when it is `ending`; the report, and a sentence for each
    promise that broke."""
    possible = {name: KINDS[name] for name in only if not left_out(name, KINDS[name].lacking())}
    done, sentences = Counter[str](), list[str]()
    with scene(home, seed) as stage:
        try:
            strike(stage, possible, count, Random(seed), done, ending or threading.Event())
        except (Stuck, StartFailed) as failure:
            sentences.append(f"{type(failure).__name__}: {failure}")
        book = stage.load.book
        with stage.settled() as (app, unsettled):
            verdict = judge(app, book)
        say(f"clients met {dict(sorted(book.statuses.items()))}")
    disordered = unordered(book)
    sentences += [*unsettled, *map(repr, stage.load.failures), *verdict.lost, *verdict.doubled, *verdict.broken]
    sentences += [f"no order explains what was seen of {mutation}" for mutation in disordered or ()]
    report = {
        "faults": dict(sorted(done.items())),
        "acknowledged": len(book.acknowledged),
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "linearizable": None if disordered is None else not disordered,
    }
    return report, sentences


def strike(
    stage: Scene,
    kinds: Mapping[str, Kind],
    count: int,
    random: Random,
    done: Counter[str],
    ending: threading.Event,
) -> None:
    """One fault after the other; `done` counts them. Raises Stuck when the load does not go on."""
    stage.goes_on()
    for name in drawn(count, random, kinds):
        if ending.is_set():
            return
        began = time.monotonic()
        kinds[name].strike(stage, random)
        took = time.monotonic() - began
        stage.goes_on()
        done[name] += 1
        say(f"{done.total():3} {name}: {took:.1f} s, all well after {time.monotonic() - began:.1f} s")


def unordered(book: Book) -> list[str] | None:
    """The mutations of which no single order explains what clients saw; None where this cannot be judged."""
    try:
        with TemporaryDirectory(prefix="imbang-") as directory:
            return broken(built(Path(directory)), book.history())
    except Missing as reason:
        left_out("linearizability", str(reason))
        return None


def left_out(what: str, reason: str) -> bool:
    """Name what cannot be done here; whether there is such a reason."""
    if reason:
        say(f"left out: {what}: {reason}")
    return bool(reason)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
