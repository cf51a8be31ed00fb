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
def duty_asked(q: Question[cmd.Postpone]) -> bool:
    """A duty of the step at hand; the days to decide an objection are the law's."""
    return q.command.duty in q.mutation.duties and bool(q.definition.duties[q.command.duty].state)


@guard
def postponed_to_later(q: Question[cmd.Postpone]) -> bool:
    duty = q.mutation.duties.get(q.command.duty)
    latest = q.facts.today + timedelta(days=q.facts.pack.hold_days)
    if duty is None or duty.due is None:
        return False
    return max(q.facts.today, q.facts.calendar.last_day(duty.due)) < q.command.until <= latest


@guard
def office_fits(q: Question[cmd.Reassign]) -> bool:
    """The same kind of office, or one that deadlines escalate to; and somebody holds it."""
    office = q.facts.authority.offices.get(q.command.office)
    party = q.definition.parties.get(q.command.party)
    if office is None or party is None or party.seat != "office":
        return False
    held = any(holding.runs(q.facts.today) for holding in q.facts.authority.holdings.get(office.id, ()))
    return held and office.role in {party.role, "pyb", "ppk"} and office.scope in _scopes(q)


def _scopes(q: Question[cmd.Reassign]) -> set[str]:
    """The agencies and governments concerned."""
    source, target = q.mutation.move.source, q.mutation.move.target
    return {source.opd, source.instansi, target.opd, target.instansi}


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
