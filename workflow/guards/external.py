"""What others than the two governments have a say in: BKN, ministers, and the authority of origin."""

from __future__ import annotations

from workflow import commands as cmd
from workflow.definition import DutyRule
from workflow.guards.question import GUARDS, Question, guard
from workflow.routes import STRUCTURAL, needs_minister


def needed(q: Question[cmd.Command], duty: DutyRule) -> bool:
    """Whether this case asks for a duty as it enters the duty's state."""
    return all(GUARDS[name](q) for name in duty.when)


@guard
def grant_needed(q: Question[cmd.Command]) -> bool:
    return any(needed(q, q.definition.duties[name]) for name in q.definition.grants)


@guard
def minister_needed(q: Question[cmd.Command]) -> bool:
    return needs_minister(q.facts.source) or needs_minister(q.facts.target)


@guard
def in_freeze(q: Question[cmd.Command]) -> bool:
    """An election bars the replacement of officials (UU 10/2016 arts 71 and 162); of others it says nothing."""
    places = (q.facts.source, q.facts.target)
    official = any(place.kind in STRUCTURAL or place.heads_unit for place in places)
    return official and any(q.facts.pack.frozen(place.instansi, q.facts.today) for place in places)


@guard
def outside_freeze(q: Question[cmd.Command]) -> bool:
    return "minister_freeze" in q.mutation.grants or not in_freeze(q)


@guard
def minister_consented(q: Question[cmd.Command]) -> bool:
    return "minister_registry" in q.mutation.grants or not minister_needed(q)


@guard
def panel_asked(q: Question[cmd.Command]) -> bool:
    return q.facts.pack.panel_for_transfers


@guard
def post_named(q: Question[cmd.Consent]) -> bool:
    return q.command.letter is not None and q.command.position == q.mutation.move.target.position


@guard
def grant_asked(q: Question[cmd.Grant]) -> bool:
    return q.command.grant in q.mutation.duties


@guard
def letter_dated(q: Question[cmd.Grant]) -> bool:
    return q.command.dated <= q.facts.today
