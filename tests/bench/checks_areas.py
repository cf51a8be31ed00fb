"""What `tests/unit/test_bench.py` checks of the areas beside `engine`: they measure what they say."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import sqlalchemy as sa

from events.log import log_entry
from services.mutations import SERVICE
from services.mutations.check import check
from tests.bench import chart, drive, flow, growth, history, memory
from tests.bench.engine import Engine
from tests.bench.gauges import Reading

CASES = 150


def test_a_history_is_what_the_engine_would_have_left(tmp_path: Path) -> None:
    with closing(Engine(f"sqlite:///{tmp_path / 'engine.db'}", history.SAMPLE)) as engine:
        history.fill(engine.app.databases.writer(SERVICE.name), history.template(), CASES, history.SAMPLE)
        engine.check()
        reader = engine.app.databases.reader(SERVICE.name)
        assert list(check(reader)) == []
        with reader.connect() as conn:
            counted = [_count(conn, of) for of in (*history.KEPT, log_entry, SERVICE.outbox.unpublished)]
        steps = CASES * flow.STEPS
        assert counted == [steps, CASES, steps, steps, 0]


def _count(conn: sa.Connection, of: sa.Table) -> int:
    return conn.scalar(sa.select(sa.func.count()).select_from(of)) or 0


def test_messages_in_step_are_of_as_many_cases_as_are_taken_at_once() -> None:
    sent = [flow.decoded(raw).command for raw in growth.in_step(30, 10)]
    assert len(sent) == 30 * flow.STEPS
    for start in range(0, len(sent), 10):
        batch = sent[start : start + 10]
        assert len({command.mutation for command in batch}) == 10


def test_a_share_of_speed_is_of_the_same_round() -> None:
    slow, fast = Reading(100, 2.0, 1, 1, 0, []), Reading(100, 1.0, 1, 1, 0, [])
    read = {"history": {0: [fast, slow], 100_000: [slow, slow]}}
    found = growth.figures(read)
    assert found["history_share"] == {"100000": 0.75}
    assert [goal["met"] for goal in found["goals"]] == [False]


def test_a_chart_names_its_axes_and_its_costs_rise_upwards() -> None:
    drawn = chart.svg("A < B", [chart.Panel("size", "cost", [chart.Curve("all", [(0, 10), (1000, 40), (1e6, 20)])])])
    root = ElementTree.fromstring(drawn)
    texts = {"".join(of.itertext()) for of in root.findall(".//{*}text")}
    assert {"A < B", "size", "cost", "all", "0", "1k", "1M", "40"} <= texts
    (line,) = root.findall(".//{*}polyline")
    (x0, y0), (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in line.attrib["points"].split())
    assert x0 < x1 < x2
    assert y1 < y2 < y0


def test_a_worker_of_cases_tells_its_memory_and_never_loads_the_solver(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'engine.db'}"
    Engine(url, 10).close()
    work = (
        "import sys; from tests.bench import worker; "
        f"worker.serve('engine', {url!r}, 30); sys.exit('ortools' in sys.modules)"
    )
    sent = b"".join(raw + b"\n" for raw in flow.messages(10))
    ran = subprocess.run([sys.executable, "-c", work], cwd=memory.ROOT, input=sent, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    assert len(ran.stdout.split()) == 10 * flow.STEPS // 30
    assert all(int(size) > 10_000_000 for size in ran.stdout.split())


def test_memory_is_flat_when_its_second_half_is() -> None:
    level, rising = [50, *[100] * 9], [*range(100, 200, 10)]
    assert [goal["met"] for goal in memory.figures(level, [60] * 10)["goals"]] == [True, True]
    assert [goal["met"] for goal in memory.figures(rising, [60] * 10)["goals"]] == [False, False]


def test_the_waits_of_a_drive_are_read_in_milliseconds() -> None:
    found = drive.figures(10, 61.0, 1.0, [0.01] * 98 + [0.3] * 2)
    assert found["interactive_ms"] == {"p50": 10.0, "p99": 300.0, "commands": 100}
    assert [goal["met"] for goal in found["goals"]] == [False, False]
