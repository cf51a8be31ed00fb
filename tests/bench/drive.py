"""A drive: 10,000 mutations are opened while officials go on with theirs.

The product opens many cases at once by proposals: `optimizer` records them, the log carries them, and `mutations`
drafts a case of each on the committer's background lane. There is no command that opens many. So a plan of that many
proposals is recorded here in batches, and a process of `mutations` turns, while a client sends commands of other cases.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import sqlalchemy as sa

from deploy.daemon import wait_until
from events import ids
from events.proposal import ProposalDrafted
from services.app import Application, build
from services.batch import Batch
from services.db import Databases, table
from services.migrate import migrate
from services.mutations import SERVICE
from services.mutations.models import Case
from services.service import Answer, Command, Service
from services.transaction import Tx
from tests.bench import flow, report
from tests.bench.engine import Engine
from tests.bench.gauges import quantile
from tests.bench.report import Goal
from tests.bench.runner import COMMITTED
from tests.bench.stage import SETTINGS, Told, staged
from workflow.definition import Definition
from workflow.library import definitions, load

#: Seconds between two commands of the client, and cases of its own.
PACE, INTERACTIVE = 0.05, 300
PATIENCE = 120.0


class Propose(msgspec.Struct, frozen=True):
    """Record the proposals of a plan for people by their numbers."""

    people: list[int]


def propose(tx: Tx, command: Command) -> Answer:
    for number in command.data.people:  # type: ignore[attr-defined]
        source = flow.home(number)
        target = (source + 1 + number // flow.AGENCIES) % flow.AGENCIES
        proposal = ids.new()
        drafted = ProposalDrafted(
            proposal=proposal,
            plan=command.id,
            person=flow.person(number),
            from_position=flow.position(source),
            from_unit=f"{flow.agency(source)}.loket",
            to_position=flow.position(target),
            to_unit=f"{flow.agency(target)}.loket",
            mode="temporary",
            start=flow.START,
            until=flow.UNTIL,
            share=1.0,
            effects=[],
            reasons=[],
            runner_up=None,
            premises=[],
            seed=1,
            input_hash="0" * 64,
            model="drive",
        )
        tx.record(f"optimizer/proposal/{proposal}", drafted)
    return {}


def register() -> None:
    """The benchmark definition, except that the engine too may draft a case, as every shipped law lets it."""
    text = (Path(__file__).parent / "definition" / "BENCH@1.toml").read_text()
    law = load(text.replace('to = "PROPOSED", by = ["officer"]', 'to = "PROPOSED", by = ["officer", "engine"]'))
    cast("dict[str, Definition]", definitions())[law.name] = law


def _stand_ins() -> list[Service]:
    """`optimizer` reduced to recording a plan, and `personnel` to saying that nothing is new of offices."""
    proposing = Service(name="optimizer", metadata=sa.MetaData(), commands={Propose: propose})
    return [proposing, Service(name="personnel", metadata=sa.MetaData(), beats=("authority",))]


def measure(cases: int, rounds: int, told: Told) -> dict[str, Any]:
    """The area `drive` of bench.json: seconds until all are drafted, and how long the client waited meanwhile."""
    with staged() as stage:
        url = stage.database("drive")
        engine = Engine(url, cases + INTERACTIVE)
        others = _stand_ins()
        databases = Databases(engine.config)
        migrate(databases, others)
        databases.close()
        engine.refresh()
        engine.close()
        stage.vacuum([url])
        register()
        app = build(engine.config, services=[SERVICE, *others])
        app.runtime.start()
        try:
            with beside(app, cases) as waits:
                told(f"a plan of {cases} proposals")
                began = time.perf_counter()
                for first in range(0, cases, COMMITTED):
                    plan = Propose(people=list(range(first, min(cases, first + COMMITTED))))
                    app.committer.offer("optimizer", Batch(commands=[Command(id=ids.new(), data=plan)]))
                recorded = time.perf_counter() - began
                if not wait_until(lambda: _drafted(app) >= cases, PATIENCE, every=0.05):
                    raise AssertionError(f"{_drafted(app)} of {cases} are open after {PATIENCE:g} s")
                seconds = time.perf_counter() - began
        finally:
            app.runtime.stop()
    return figures(cases, seconds, recorded, waits) | {
        "path": "proposals recorded by the optimizer → log → drafted by mutations, background lane",
        "conditions": report.machine() | {"settings": SETTINGS, "pace_s": PACE, "log": "database"},
    }


@contextmanager
def beside(app: Application, first: int) -> Any:
    """A client that sends the steps of its own cases at its pace meanwhile; yields how long it waited for each."""
    sent, waits, ended = flow.messages(INTERACTIVE, first), list[float](), threading.Event()
    failed: list[BaseException] = []

    def act() -> None:
        try:
            for raw in sent:
                if ended.wait(PACE):
                    return
                began = time.perf_counter()
                app.committer.submit(SERVICE.name, flow.command(raw))
                waits.append(time.perf_counter() - began)
        except BaseException as error:
            failed.append(error)

    client = threading.Thread(target=act)
    client.start()
    try:
        yield waits
    finally:
        ended.set()
        client.join()
    if failed:
        raise failed[0]


def _drafted(app: Application) -> int:
    """Cases that were opened from proposals."""
    case = table(Case)
    with app.databases.reader(SERVICE.name).connect() as conn:
        return conn.scalar(sa.select(sa.func.count()).select_from(case).where(case.c.proposal.is_not(None))) or 0


def figures(cases: int, seconds: float, recorded: float, waits: Sequence[float]) -> dict[str, Any]:
    p50, p99 = (quantile(waits, share) * 1e3 for share in (0.5, 0.99))
    goals = [
        Goal(f"{cases} mutations opened, s", seconds, most=60),
        Goal("interactive p99 meanwhile, ms", p99, most=250),
    ]
    return {
        "opened": cases,
        "seconds": round(seconds, 2),
        "seconds_until_recorded": round(recorded, 2),
        "interactive_ms": {"p50": round(p50, 1), "p99": round(p99, 1), "commands": len(waits)},
        "goals": [goal.facts() for goal in goals],
    }
