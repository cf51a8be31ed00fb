"""What the tests of the state table's rows share: the routes that have a row, and what a step has recorded."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflow.world import Case
from workflow import commands as cmd
from workflow.refusal import Refused

ROUTES = ("R1", "R2", "R3", "R4", "R5", "R6")
CROSSING = ("R2", "R3", "R4", "R6")
TEMPORARY = ("R5", "R6")
OVER_THE_NATION = ("R2", "R3", "R4")

of_every_route = pytest.mark.parametrize("route", ROUTES)
of_crossing_routes = pytest.mark.parametrize("route", CROSSING)
of_temporary_routes = pytest.mark.parametrize("route", TEMPORARY)

WHY: dict[str, Any] = {"reason_class": "because", "words_hash": "w"}


def row(case: Case) -> str:
    """The row of the last step that a person or clock took, not what the engine concluded."""
    return next(event.row for event in reversed(case.history) if event.act.command != "Proceed")


def refused(case: Case, actor: str | None, command: type[cmd.Command], **fields: Any) -> Refused:
    with pytest.raises(Refused) as no:
        case.do(actor, command, **fields)
    return no.value
