"""Commands on what is stored: tables, projections, topics, backups, what waits, and the clock."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import hmac
import os
from contextlib import closing
from pathlib import Path

import msgspec
import sqlalchemy as sa

from events.catalog import TOPICS
from services import backup, restore
from services.app import NAMES, SERVICES
from services.audit import export, key
from services.commandline import command, configured, migrated, opened, option, say
from services.config import Config, Misconfigured
from services.db import Databases
from services.migrate import migrate
from services.replay import rebuild


def login() -> str:
    """The login of whoever runs this; a container may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


@command("migrate")
def migrate_command(arguments: argparse.Namespace) -> int:
    """Create or update tables, topics and roles. Run before new code starts."""
    databases = Databases(configured())
    report = migrate(databases, SERVICES)
    databases.close()
    say(msgspec.to_builtins(report) if arguments.json else report.lines(), arguments.json)
    return 0


@command("replay", option("service", choices=NAMES))
def replay(arguments: argparse.Namespace) -> int:
    """Build the projections of a service anew from the log, beside the running consumers, and swap."""
    say(rebuild(migrated(), arguments.service), arguments.json)
    return 0


@command("republish", option("topic", choices=sorted(TOPICS)))
def republish_command(arguments: argparse.Namespace) -> int:
    """Send a topic again from the event stores after the log lost a part of it. Stop the services first."""
    from services.republish import republish

    with opened(configured()) as app:
        say(republish(app.databases, app.everyone, app.event_log, arguments.topic), arguments.json)
    return 0


@command("backup", option("place", type=Path, help="a new folder"))
def backup_command(arguments: argparse.Namespace) -> int:
    """Copy every database into a new folder, each as of one moment, while the services run."""
    config, place = configured(), arguments.place.absolute()
    with closing(Databases(config)) as databases:
        made = backup.backup(databases, SERVICES, place, _keys(config))
    kept = {
        "IMBANG_SECRET_KEY" if os.environ.get("IMBANG_SECRET_KEY") else str(config.directory / "secret-key"): (
            "sign-ins end, repeated requests are not known again, and receivers of webhooks need new secrets"
        ),
        str(config.audit_key or config.directory / key.FILE): "the audit log cannot be signed any further",
    }
    say(msgspec.to_builtins(made) if arguments.json else backup.lines(made, place, kept), arguments.json)
    return 0


@command(
    "restore",
    option("place", type=Path, nargs="?", help="the folder of a backup"),
    option("--reconcile", action="store_true", help="take back what the log holds beyond the backup"),
    option("--other-keys", action="store_true", help="the keys of the time of the backup are lost"),
)
def restore_command(arguments: argparse.Namespace) -> int:
    """Fill an empty place from a backup; then, with --reconcile, take back what the log holds beyond it."""
    config = dataclasses.replace(configured(), services=())
    if arguments.place is None and not arguments.reconcile:
        raise Misconfigured("name the folder of a backup, or say --reconcile")
    if not arguments.reconcile:
        with closing(Databases(config)) as databases:
            restore.restore(databases, SERVICES, arguments.place, {} if arguments.other_keys else _keys(config))
    with opened(config) as app:
        report = restore.reconciled(app) if arguments.reconcile else {}
        verdict = export.verify_all(app)
        report |= {name: verdict[name] for name in ("verified", "faults", "events", "entries", "root")}
        report["next"] = restore.following(app)
    say(report if arguments.json else restore.lines(report), arguments.json)
    return 0 if verdict["verified"] else 1


@command("verify")
def verify(arguments: argparse.Namespace) -> int:
    """Re-read the whole audit log, every event store and what follows from them, and say what is at fault."""
    app = migrated()
    report = export.verify_all(app)
    if arguments.json:
        say(report, True)
    else:
        faults = report["faults"]
        say(report | {"faults": len(faults)}, False)
        say([f"fault in {fault['where']} ({fault['kind']}): {fault['en']}" for fault in faults], False)
    return 0 if report["verified"] else 1


@command("parked")
def parked(arguments: argparse.Namespace) -> int:
    """Events that could not be applied: which, why, since when."""
    from services import parked as waiting

    say(waiting.listing(migrated()), arguments.json)
    return 0


@command(
    "clock",
    option("--confirm", action="store_true", help="the clock is right: timers go on from now"),
    option("--by", default=login(), help="who says so; without it the login"),
)
def clock_command(arguments: argparse.Namespace) -> int:
    """Business time, and whether timers stand still because it jumped; --confirm lets them go on.

    Times are UTC. `last_tick` is written once a minute.
    """
    from services import clock

    app, reading, found = migrated(), clock.DatabaseClock(), []
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
        say(each, arguments.json)
    return 0


def _keys(config: Config) -> dict[str, str]:
    """What tells whether a key is the same as another time, and gives away none."""
    secret = hmac.digest(config.secret_key.encode(), b"imbang backup", "sha256").hex()
    return {"IMBANG_SECRET_KEY": secret, "IMBANG_AUDIT_KEY": str(key.signer(config).verifier)}
