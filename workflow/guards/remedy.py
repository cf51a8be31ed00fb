"""What stops a case for a while, and what undoes one after its decree: holding, objection, reversal, correction."""

from __future__ import annotations

from datetime import timedelta

from workflow import commands as cmd
from workflow.guards.question import Question, guard


@guard
def rest_bounded(q: Question[cmd.Hold]) -> bool:
    return q.facts.today < q.command.until <= q.facts.today + timedelta(days=q.facts.pack.hold_days)


@guard
def at_rest(q: Question[cmd.Command]) -> bool:
    return q.mutation.rest is not None


@guard
def no_objection_yet(q: Question[cmd.Command]) -> bool:
    return q.mutation.objection is None


@guard
def objection_in_time(q: Question[cmd.Command]) -> bool:
    last = q.mutation.objection_until
    return last is not None and q.facts.today <= last


@guard
def objection_open(q: Question[cmd.Command]) -> bool:
    return q.mutation.objection == "open"


@guard
def reasons_written(q: Question[cmd.Command]) -> bool:
    return q.command.words_hash is not None


@guard
def correction_in_order(q: Question[cmd.Correct]) -> bool:
    """A decree keeps its meaning: a date after its effect would not be a slip of the pen."""
    effective = q.mutation.effective_on
    return effective is not None and q.command.decree_date <= min(q.facts.today, effective)
