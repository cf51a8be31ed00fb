"""Running cases go on by another version of their route: looked at first, then in bulk, with a report for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.db import table
from services.mutations import facts as read
from services.mutations.execute import cases, execute
from services.mutations.models import Case
from services.service import Answer, Command
from services.transaction import Tx
from workflow import commands as cmd
from workflow.guards import Question
from workflow.library import definition
from workflow.migration import fit
from workflow.mutation import Mutation

#: So many cases are looked at, or migrated, in one transaction.
AT_ONCE = 100

case = table(Case)


class MigrateCases(msgspec.Struct, frozen=True, kw_only=True):
    """Let these cases go on by a definition, those for which that is possible; `dry`: only say what would happen."""

    definition: str
    members: list[str]
    by: str
    dry: bool = True


def migrate_cases(tx: Tx, command: Command) -> Answer:
    """A line for each case that is not closed and not of that version already."""
    asked: MigrateCases = command.data  # type: ignore[assignment]
    new, report = definition(asked.definition), list[dict[str, Any]]()
    for member in asked.members:
        loaded = cases(tx).get(member)
        if loaded is None:
            continue
        now = loaded.now
        found = fit(_question(tx, now), new)
        moves = not found.obstacle
        report.append(
            {
                "mutation": member,
                "state": now.state,
                "from": now.definition,
                "to": new.name if moves else now.definition,
                "outcome": ("would move" if asked.dry else "moved") if moves else "stays",
                "obstacle": found.obstacle,
                "begins": list(found.begins),
                "ends": list(found.ends),
            }
        )
        if moves and not asked.dry:
            execute(tx, cmd.Migrate(mutation=member, definition=new.name, by=asked.by), None)
    return {"report": report}


def running(conn: Connection, name: str) -> Iterator[list[str]]:
    """The open cases of a definition's route, in portions, by id."""
    after, full = "", True
    while full:
        open_ = sa.select(case.c.id).where(~case.c.closed, case.c.route == definition(name).route, case.c.id > after)
        portion = list(conn.scalars(open_.order_by(case.c.id).limit(AT_ONCE)))
        if portion:
            yield portion
            after = portion[-1]
        full = len(portion) == AT_ONCE


def _question(tx: Tx, now: Mutation) -> Question[Any]:
    """The case with the facts of now, as nobody in particular asks."""
    source, target = now.move.source.position, now.move.target.position
    known = read.facts(tx, tx.now, tx.memo["authority"], None, now.id, now.person, target, source)
    return Question[Any](definition(now.definition), now, None, known)
