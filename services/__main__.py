"""The command line: `imbang COMMAND`, the same as `python -m services COMMAND`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from events.log import LogCut
from services import casework, keeping
from services.app import SERVICES, build
from services.backup import NotBackedUp
from services.commandline import COMMANDS, command, configured, migrated, option, say
from services.config import Misconfigured
from services.db import Databases
from services.dump import ToolFailed
from services.logs import configure_logs
from services.migrate import NotMigrated, migrate
from services.replay import NotRebuilt
from services.restore import NotRestored
from services.serving import serve
from services.whole import Forked, NotReconciled

__all__ = ["casework", "keeping", "main"]

#: What ends a command with one line that says what to do.
FAILURES = (
    Misconfigured,
    NotMigrated,
    NotRebuilt,
    NotReconciled,
    Forked,
    LogCut,
    ToolFailed,
    NotBackedUp,
    NotRestored,
)
#: The areas of the benchmark, as tests/bench/command.py has them.
BENCHES = ("engine", "kafka", "http", "peers", "growth", "rebuild", "memory", "idle", "reaction", "drive")


@command("run", option("--demo", action=argparse.BooleanOptionalAction, help="with the sample province"))
def run(arguments: argparse.Namespace) -> int:
    """Serve every screen on http://127.0.0.1:8000; with --demo or IMBANG_DEMO=1, the sample province on them."""
    config = configured(demo=arguments.demo)
    databases = Databases(config)
    migrate(databases, SERVICES)
    databases.close()
    app = build(config)
    if config.demo:
        from deploy.sample import load

        load.load_once(app)
        print(load.accounts_text(), flush=True)
    return serve(app)


@command("serve")
def serve_command(arguments: argparse.Namespace) -> int:
    """Serve the services of IMBANG_SERVICES on a database that was migrated: one instance of many."""
    return serve(migrated())


@command("demo")
def demo(arguments: argparse.Namespace) -> int:
    """The main job, headless: from a load surge to people at work, and back. Prints the story; --json its figures.

    Load ratios are of the units that were helped.
    """
    from deploy.sample import demo as headless

    figures = headless.tell((lambda line: None) if arguments.json else print)
    say(figures, arguments.json)
    return 0 if figures["audit_verified"] and not figures["effects_duplicated"] else 1


@command("wiring")
def wiring(arguments: argparse.Namespace) -> int:
    """Event → handler for all services, with commands, timers, jobs and routes."""
    from services import wiring as wires

    say(wires.wiring(SERVICES) if arguments.json else wires.text(SERVICES), arguments.json)
    return 0


@command("documents")
def documents(arguments: argparse.Namespace) -> int:
    """Write the generated documents anew: CATALOG.md, asyncapi.json, DIAGRAMS.md."""
    from events import documents as generated
    from workflow import diagrams

    generated.write()
    diagrams.write()
    return 0


@command("check")
def check(arguments: argparse.Namespace) -> int:
    """Explore every definition of a route: deadlocks, four eyes, silence, loops; fails on a fault and says the way."""
    from workflow.check import lines, report
    from workflow.library import definitions

    found = report(definitions().values())
    say(found if arguments.json else lines(found), arguments.json)
    return 1 if any(law["faults"] for law in found["definitions"]) else 0


@command("up")
def up(arguments: argparse.Namespace) -> int:
    """The distributed mode: PostgreSQL, Kafka, several instances and a reverse proxy as native processes."""
    from deploy import supervisor

    return supervisor.up(configured().port)


@command("down")
def down(arguments: argparse.Namespace) -> int:
    """Stop what `up` started; nothing is lost."""
    from deploy import supervisor

    return supervisor.down()


@command(
    "bench",
    option("area", nargs="?", choices=BENCHES, default="engine"),
    option("--cases", type=int, help="how much: cases a round, or what the area counts (its default)"),
    option("--rounds", type=int, default=5),
)
def bench(arguments: argparse.Namespace) -> int:
    """Measure an area against its goals: a table, and bench.json beside what other areas left there."""
    sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks lie beside the tests, not in the installed packages
    from tests.bench import command as benchmarks

    measured = benchmarks.run(arguments.area, arguments.cases, arguments.rounds)
    say(measured if arguments.json else benchmarks.text(measured), arguments.json)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 when it did what it says."""
    parser = argparse.ArgumentParser(prog="imbang", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    own_first = sorted(COMMANDS.items(), key=lambda named: named[1].run.__module__ != __name__)
    for name, known in own_first:
        sub = commands.add_parser(name, help=(known.run.__doc__ or "").split("\n")[0])
        sub.add_argument("--json", action="store_true", help="print facts as one JSON object")
        sub.add_argument(
            "--directory", help="names this instance in a list of processes; its files are where IMBANG_DIRECTORY says"
        )
        for each in known.options:
            sub.add_argument(each.name, **each.told)
    chosen = parser.parse_args(arguments)
    configure_logs(sys.stderr.isatty(), logging.WARNING if chosen.command in ("bench", "demo", "up") else logging.INFO)
    try:
        return COMMANDS[chosen.command].run(chosen)
    except FAILURES as error:
        print(f"imbang: {error.__doc__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
