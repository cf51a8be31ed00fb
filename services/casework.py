"""Commands on cases: why they do not move, and their migration to another version of their route."""

from __future__ import annotations

import argparse
from typing import Any

import sqlalchemy as sa

from events import ids
from services.app import Application
from services.commandline import command, configured, opened, option, say
from services.keeping import login
from services.mutations import facts, migrating, standing
from services.service import Command
from workflow.library import Unknown, definition, newest


@command("why", option("mutation", nargs="?", help="a case; without it, all that are stuck"))
def why(arguments: argparse.Namespace) -> int:
    """Why a case does not move, who can act, since when; without a case, every one that is stuck."""
    with opened(configured()) as app, app.databases.reader("mutations").connect() as conn:
        moment = app.clock.read(conn).now
        known, today = facts.read_authority(conn), facts.calendar().today(moment)
        of_it = migrating.case.c.id == arguments.mutation if arguments.mutation else sa.true()
        if arguments.mutation:
            found = [(state, standing.standing(state, known, moment, today)) for state in standing.read(conn, of_it)]
        else:
            found = list(standing.stuck(conn, known, moment, today, of_it))
    if arguments.mutation and not found:
        say({"error": f"there is no mutation {arguments.mutation}"}, arguments.json)
        return 1
    if arguments.json:
        told = [standing.told(*each) for each in found]
        say(told[0] if arguments.mutation else {"stuck": told}, True)
    else:
        say([line for each in found for line in standing.lines(*each)] or ["nothing is stuck"], False)
    return 0


@command(
    "migrate-cases",
    option("definition", help="a version of a route, as R1@2"),
    option("--dry-run", action="store_true", help="only say what would happen to each case"),
    option("--by", default=login(), help="who asks for it; without it the login"),
)
def migrate_cases(arguments: argparse.Namespace) -> int:
    """Let running cases go on by another version of their route; a line for each. Who cannot stays as it was."""
    try:
        definition(arguments.definition)
    except Unknown:
        known = ", ".join(law.name for law in newest().values())
        say({"error": f"there is no definition {arguments.definition}; the newest are {known}"}, arguments.json)
        return 2
    with opened(configured()) as app:
        report = _migrated(app, arguments.definition, arguments.by, dry=arguments.dry_run)
    lines = [
        f"{each['mutation']}  {each['state']:26} {each['from']} -> {each['to']}  {each['outcome']}"
        + (f" ({each['obstacle']})" if each["obstacle"] else "")
        for each in report
    ]
    told = {"cases": report, "dry_run": arguments.dry_run}
    say(told if arguments.json else lines or ["no running case of another version"], arguments.json)
    return 0


def _migrated(app: Application, name: str, by: str, *, dry: bool) -> list[dict[str, Any]]:
    """A line for each running case of the route that is of another version."""
    with app.databases.reader("mutations").connect() as conn:
        portions = list(migrating.running(conn, name))
    report: list[dict[str, Any]] = []
    for members in portions:
        data = migrating.MigrateCases(definition=name, members=members, by=by, dry=dry)
        answer = app.committer.submit("mutations", Command(id=ids.new(), data=data))
        report += [each for each in answer["report"] if each["obstacle"] != "same_version"]
    return report
