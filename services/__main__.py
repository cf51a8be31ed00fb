"""The command line: `imbang COMMAND`, the same as `python -m services COMMAND`."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import hmac
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from events.catalog import TOPICS
from events.log import LogCut
from services import backup, restore
from services.app import NAMES, SERVICES, Application, build
from services.audit import export, key
from services.config import Config, Misconfigured, from_environment
from services.db import Databases
from services.dump import ToolFailed
from services.logs import configure_logs
from services.migrate import NotMigrated, migrate, require_migrated
from services.replay import NotRebuilt, rebuild
from services.serving import serve
from services.whole import Forked, NotReconciled

Command = Callable[[argparse.Namespace], int]
COMMANDS: dict[str, Command] = {}
#: What ends a command with one line that says what to do.
FAILURES = (
    Misconfigured,
    NotMigrated,
    NotRebuilt,
    NotReconciled,
    Forked,
    LogCut,
    ToolFailed,
    backup.NotBackedUp,
    restore.NotRestored,
)
#: The areas of the benchmark, as tests/bench/command.py has them.
BENCHES = ("engine", "kafka", "http", "peers", "growth", "rebuild", "memory", "idle", "reaction", "drive")


def command(name: str) -> Callable[[Command], Command]:
    """Register a command; its docstring is its help."""

    def register(function: Command) -> Command:
        COMMANDS[name] = function
        return function

    return register


@command("run")
def run(arguments: argparse.Namespace) -> int:
    """Serve every screen on http://127.0.0.1:8000; with --demo or IMBANG_DEMO=1, the sample province on them."""
    config = _config(demo=arguments.demo)
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
    return serve(_migrated())


@command("migrate")
def migrate_command(arguments: argparse.Namespace) -> int:
    """Create or update tables, topics and roles. Run before new code starts."""
    databases = Databases(_config())
    report = migrate(databases, SERVICES)
    databases.close()
    _print(msgspec.to_builtins(report) if arguments.json else report.lines(), arguments.json)
    return 0


@command("demo")
def demo(arguments: argparse.Namespace) -> int:
    """The main job, headless: from a load surge to people at work, and back. Prints the story; --json its figures.

    Load ratios are of the units that were helped.
    """
    from deploy.sample import demo as headless

    figures = headless.tell((lambda line: None) if arguments.json else print)
    _print(figures, arguments.json)
    return 0 if figures["audit_verified"] and not figures["effects_duplicated"] else 1


@command("wiring")
def wiring(arguments: argparse.Namespace) -> int:
    """Event → handler for all services, with commands, timers, jobs and routes."""
    from services import wiring as wires

    _print(wires.wiring(SERVICES) if arguments.json else wires.text(SERVICES), arguments.json)
    return 0


@command("documents")
def documents(arguments: argparse.Namespace) -> int:
    """Write the generated documents anew: CATALOG.md, asyncapi.json."""
    from events import documents as generated

    generated.write()
    return 0


@command("replay")
def replay(arguments: argparse.Namespace) -> int:
    """Build the projections of a service anew from the log, beside the running consumers, and swap."""
    _print(rebuild(_migrated(), arguments.service), arguments.json)
    return 0


@command("republish")
def republish_command(arguments: argparse.Namespace) -> int:
    """Send a topic again from the event stores after the log lost a part of it. Stop the services first."""
    from services.republish import republish

    with _opened(_config()) as app:
        _print(republish(app.databases, app.everyone, app.event_log, arguments.topic), arguments.json)
    return 0


@command("backup")
def backup_command(arguments: argparse.Namespace) -> int:
    """Copy every database into a new folder, each as of one moment, while the services run."""
    config, place = _config(), arguments.place.absolute()
    with closing(Databases(config)) as databases:
        made = backup.backup(databases, SERVICES, place, _keys(config))
    kept = {
        "IMBANG_SECRET_KEY" if os.environ.get("IMBANG_SECRET_KEY") else str(config.directory / "secret-key"): (
            "sign-ins end, repeated requests are not known again, and receivers of webhooks need new secrets"
        ),
        str(config.audit_key or config.directory / key.FILE): "the audit log cannot be signed any further",
    }
    _print(msgspec.to_builtins(made) if arguments.json else backup.lines(made, place, kept), arguments.json)
    return 0


@command("restore")
def restore_command(arguments: argparse.Namespace) -> int:
    """Fill an empty place from a backup; then, with --reconcile, take back what the log holds beyond it."""
    config = dataclasses.replace(_config(), services=())
    if arguments.place is None and not arguments.reconcile:
        raise Misconfigured("name the folder of a backup, or say --reconcile")
    if not arguments.reconcile:
        with closing(Databases(config)) as databases:
            restore.restore(databases, SERVICES, arguments.place, {} if arguments.other_keys else _keys(config))
    with _opened(config) as app:
        report = restore.reconciled(app) if arguments.reconcile else {}
        verdict = export.verify_all(app)
        report |= {name: verdict[name] for name in ("verified", "faults", "events", "entries", "root")}
        report["next"] = restore.following(app)
    _print(report if arguments.json else restore.lines(report), arguments.json)
    return 0 if verdict["verified"] else 1


@command("verify")
def verify(arguments: argparse.Namespace) -> int:
    """Re-read the whole audit log, every event store and what follows from them, and say what is at fault."""
    app = _migrated()
    report = export.verify_all(app)
    if arguments.json:
        _print(report, True)
    else:
        faults = report["faults"]
        _print(report | {"faults": len(faults)}, False)
        _print([f"fault in {fault['where']} ({fault['kind']}): {fault['en']}" for fault in faults], False)
    return 0 if report["verified"] else 1


@command("parked")
def parked(arguments: argparse.Namespace) -> int:
    """Events that could not be applied: which, why, since when."""
    from services import parked as waiting

    _print(waiting.listing(_migrated()), arguments.json)
    return 0


@command("clock")
def clock_command(arguments: argparse.Namespace) -> int:
    """Business time, and whether timers stand still because it jumped; --confirm lets them go on.

    Times are UTC. `last_tick` is written once a minute.
    """
    from services import clock

    app, reading, found = _migrated(), clock.DatabaseClock(), []
    for url, residents in app.databases.urls(app.services).items():
        with app.databases.writer(residents[0].name).begin() as conn:
            if arguments.confirm:
                reading.confirm(conn, arguments.by[:80])
            row, business_time = clock.kept(conn), reading.read(conn).now
        found.append(
            {
                "database": sa.make_url(url).render_as_string(),
                "business_time": business_time,
                "offset_seconds": row.offset_seconds,
                "last_tick": row.seen,
                "timers": f"stand still since the clock jumped to {row.stopped}" if row.stopped else "run",
                "confirmed": row.confirmed,
                "confirmed_by": row.confirmed_by,
            }
        )
    for each in [found] if arguments.json else found:
        _print(each, arguments.json)
    return 0


@command("up")
def up(arguments: argparse.Namespace) -> int:
    """The distributed mode: PostgreSQL, Kafka, several instances and a reverse proxy as native processes."""
    from deploy import supervisor

    return supervisor.up(_config().port)


@command("down")
def down(arguments: argparse.Namespace) -> int:
    """Stop what `up` started; nothing is lost."""
    from deploy import supervisor

    return supervisor.down()


@command("bench")
def bench(arguments: argparse.Namespace) -> int:
    """Measure an area against its goals: a table, and bench.json beside what other areas left there."""
    sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks lie beside the tests, not in the installed packages
    from tests.bench import command as benchmarks

    measured = benchmarks.run(arguments.area, arguments.cases, arguments.rounds)
    _print(measured if arguments.json else benchmarks.text(measured), arguments.json)
    return 0


def _login() -> str:
    """The login of whoever runs this; a container may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _config(demo: bool | None = None) -> Config:
    config = from_environment(NAMES)
    key.check(config)
    return config if demo is None else dataclasses.replace(config, demo=demo)


def _keys(config: Config) -> dict[str, str]:
    """What tells whether a key is the same as another time, and gives away none."""
    secret = hmac.digest(config.secret_key.encode(), b"imbang backup", "sha256").hex()
    return {"IMBANG_SECRET_KEY": secret, "IMBANG_AUDIT_KEY": str(key.signer(config).verifier)}


def _migrated(config: Config | None = None) -> Application:
    """The services of the environment, on databases that are ready for them; NotMigrated else."""
    config = config or _config()
    databases = Databases(config)
    require_migrated(databases, [s for s in SERVICES if s.name in (config.services or NAMES)])
    databases.close()
    return build(config)


@contextmanager
def _opened(config: Config) -> Iterator[Application]:
    """The same, let go of afterwards."""
    app = _migrated(config)
    try:
        yield app
    finally:
        app.runtime.stop()


def _print(facts: Any, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts, default=str))
    elif isinstance(facts, str):
        print(facts)
    elif isinstance(facts, dict):
        for name, value in facts.items():
            print(f"{name:28} {value}")
    else:
        for line in facts:
            print(line)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 when it did what it says."""
    parser = argparse.ArgumentParser(prog="imbang", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, function in COMMANDS.items():
        sub = commands.add_parser(name, help=(function.__doc__ or "").split("\n")[0])
        sub.add_argument("--json", action="store_true", help="print facts as one JSON object")
        sub.add_argument(
            "--directory", help="names this instance in a list of processes; its files are where IMBANG_DIRECTORY says"
        )
        if name == "replay":
            sub.add_argument("service", choices=NAMES)
        if name == "republish":
            sub.add_argument("topic", choices=sorted(TOPICS))
        if name == "backup":
            sub.add_argument("place", type=Path, help="a new folder")
        if name == "restore":
            sub.add_argument("place", type=Path, nargs="?", help="the folder of a backup")
            sub.add_argument("--reconcile", action="store_true", help="take back what the log holds beyond the backup")
            sub.add_argument("--other-keys", action="store_true", help="the keys of the time of the backup are lost")
        if name == "bench":
            sub.add_argument("area", nargs="?", choices=BENCHES, default="engine")
            sub.add_argument("--cases", type=int, help="how much: cases a round, or what the area counts (its default)")
            sub.add_argument("--rounds", type=int, default=5)
        if name == "clock":
            sub.add_argument("--confirm", action="store_true", help="the clock is right: timers go on from now")
            sub.add_argument("--by", default=_login(), help="who says so; without it the login")
        if name == "run":
            sub.add_argument("--demo", action=argparse.BooleanOptionalAction, help="with the sample province")
    chosen = parser.parse_args(arguments)
    configure_logs(sys.stderr.isatty(), logging.WARNING if chosen.command in ("bench", "demo", "up") else logging.INFO)
    try:
        return COMMANDS[chosen.command](chosen)
    except FAILURES as error:
        print(f"imbang: {error.__doc__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
