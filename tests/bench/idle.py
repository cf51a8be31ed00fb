"""CPU of processes that nobody uses: `imbang run` on one file, and every process of the distributed mode."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.cluster import Answering, Cluster
from deploy.daemon import wait_until
from deploy.native import free_ports
from tests.bench import report
from tests.bench.gauges import TICKS, cpu_ticks
from tests.bench.report import Goal
from tests.bench.stage import ROOT, Told

#: Seconds after the start until it is quiet, and seconds for which it is watched.
SETTLE, WATCH = 25, 40


def measure(seconds: int, rounds: int, told: Told) -> dict[str, Any]:
    """The area `idle` of bench.json: percent of one core over so many seconds. `rounds` is of no use here."""
    with embedded() as pid:
        told("embedded")
        alone = watched({"embedded": pid}, seconds)["embedded"]
    with TemporaryDirectory(prefix="imbang-bench-") as home:
        Path(home).chmod(0o711)  # PostgreSQL runs as another user
        cluster = Cluster(Path(home))
        try:
            told("distributed")
            cluster.start_stores()
            cluster.start_instances(cluster.observer())
            pids = {part.directory.name: part.pid or 0 for part in cluster.parts}
            together = watched(pids, seconds)
        finally:
            cluster.stop()
    services = {name: share for name, share in together.items() if name[-1].isdigit()}
    goals = [
        Goal("idle, embedded: % of a core", alone, most=1),
        Goal("idle, the busiest service process: % of a core", max(services.values()), most=2),
    ]
    return {
        "embedded_percent": alone,
        "distributed_percent": together,
        "goals": [goal.facts() for goal in goals],
        "conditions": report.machine() | {"seconds": seconds, "settled_for": SETTLE},
    }


@contextmanager
def embedded() -> Iterator[int]:
    """The process id of `imbang run`, ready, on an empty database."""
    with TemporaryDirectory() as directory:
        (port,) = free_ports(1)
        told = {"DATABASE_URL": f"sqlite:///{directory}/imbang.db", "IMBANG_PORT": str(port)}
        told |= {"IMBANG_DIRECTORY": directory, "IMBANG_SECRET_KEY": "for the benchmark only"}
        command = [sys.executable, "-m", "services", "run", "--no-demo"]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, cwd=ROOT, env=os.environ | told, stdout=quiet, stderr=quiet) as process:
            try:
                if not wait_until(Answering(Path(directory), port).ready, 120):
                    raise AssertionError(f"imbang run does not answer; it ended with {process.poll()}")
                yield process.pid
            finally:
                process.terminate()


def watched(pids: Mapping[str, int], seconds: float) -> dict[str, float]:
    """Percent of one core that each process and its children used, once they have settled."""
    time.sleep(SETTLE)
    before, began = {name: cpu_ticks(pid) for name, pid in pids.items()}, time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    return {name: round((cpu_ticks(pid) - before[name]) / TICKS / passed * 100, 2) for name, pid in pids.items()}
