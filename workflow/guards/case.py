"""May this person make this move at all: cause, dates, route, papers, and the person's own standing."""

from __future__ import annotations

from workflow import commands as cmd
from workflow.calendar import add_months
from workflow.definition import Definition
from workflow.guards.question import Question, guard
from workflow.mutation import Mutation
from workflow.routes import needs_minister, route_of


@guard
def cause_shown(q: Question[cmd.Command]) -> bool:
    load = q.facts.target_load
    return q.mutation.origin != "load" or (load is not None and load.ratio > 1)


@guard
def order_shown(q: Question[cmd.Command]) -> bool:
    """Who was told to open a case shows the letter, so that it can be counted whose wish it was."""
    return q.mutation.letter is not None or q.mutation.origin not in ("leader_instruction", "oversight_order")


@guard
def places_differ(q: Question[cmd.Command]) -> bool:
    return q.mutation.move.source.position != q.mutation.move.target.position


@guard
def dates_in_order(q: Question[cmd.Command]) -> bool:
    move = q.mutation.move
    if move.mode == "permanent":
        return move.until is None
    return move.until is not None and max(move.start, q.facts.today) <= move.until


@guard
def share_in_range(q: Question[cmd.Command]) -> bool:
    move = q.mutation.move
    return q.facts.pack.share_min <= move.share <= 1 and (move.mode == "temporary" or move.share == 1)


@guard
def route_holds(q: Question[cmd.Command]) -> bool:
    return route_of(q.facts.source, q.facts.target, q.mutation.move.mode).code == q.definition.route


@guard
def no_minister_needed(q: Question[cmd.Command]) -> bool:
    return not needs_minister(q.facts.source) and not needs_minister(q.facts.target)


@guard
def own_request(q: Question[cmd.Command]) -> bool:
    return q.mutation.origin == "own_request"


@guard
def agency_need(q: Question[cmd.Command]) -> bool:
    return q.mutation.origin != "own_request"


@guard
def rounds_left(q: Question[cmd.Command]) -> bool:
    return q.mutation.rounds < q.facts.pack.resubmissions


@guard
def no_open_case(q: Question[cmd.Command]) -> bool:
    return q.facts.person.open_case in (None, q.mutation.id, q.mutation.converts)


@guard
def status_allowed(q: Question[cmd.Command]) -> bool:
    pack = q.facts.pack
    allowed = pack.temporary_statuses if q.mutation.move.mode == "temporary" else pack.permanent_statuses
    return q.facts.person.status in allowed


@guard
def person_eligible(q: Question[cmd.Command]) -> bool:
    return q.facts.person.eligible


@guard
def tenure_reached(q: Question[cmd.Command]) -> bool:
    if q.mutation.move.mode == "temporary" or q.mutation.origin == "own_request":
        return True
    return add_months(q.facts.person.since, q.facts.pack.tenure_months) <= q.mutation.move.start


@guard
def retirement_far(q: Question[cmd.Command]) -> bool:
    move, pack = q.mutation.move, q.facts.pack
    last = move.until or add_months(move.start, pack.retirement_horizon_months)
    return last < q.facts.person.retires_on


@guard
def cooling_off_over(q: Question[cmd.Command]) -> bool:
    ended = q.facts.person.last_duty_ended
    if q.mutation.move.mode == "permanent" or ended is None:
        return True
    return add_months(ended, q.facts.pack.cooling_off_months) <= q.mutation.move.start


@guard
def within_cap(q: Question[cmd.Command]) -> bool:
    move = q.mutation.move
    return move.until is None or move.until < add_months(move.start, q.facts.pack.temporary_months)


@guard
def within_assignment_cap(q: Question[cmd.Command]) -> bool:
    move = q.mutation.move
    return move.until is None or move.until < add_months(move.start, q.facts.pack.assignment_months)


@guard
def share_available(q: Question[cmd.Command]) -> bool:
    return q.mutation.move.mode == "permanent" or q.facts.person.running_share + q.mutation.move.share <= 1


@guard
def may_leave_government(q: Question[cmd.Command]) -> bool:
    return q.facts.person.status in q.facts.pack.leaving_statuses


@guard
def lock_over(q: Question[cmd.Command]) -> bool:
    """A recruit does not ask to leave the government for personal reasons in the first years (PermenPANRB 6/2024)."""
    if q.mutation.origin != "own_request":
        return True
    recruited = q.facts.person.appointed_on
    return recruited is None or add_months(recruited, 12 * q.facts.pack.lock_years) <= q.mutation.move.start


@guard
def no_conflict(q: Question[cmd.Command]) -> bool:
    """No post under a spouse or close relative, no auditor into a unit just audited (PP 11/2017 art. 190)."""
    return q.facts.target.unit not in q.facts.person.conflicts


@guard
def papers_complete(q: Question[cmd.Screen]) -> bool:
    return not missing_papers(q.definition, q.mutation, q.command.documents)


def missing_papers(definition: Definition, mutation: Mutation, brought: dict[str, str]) -> list[str]:
    """Gate codes of the documents that screening still lacks."""
    papers = definition.papers
    asked = papers.always + (papers.own_request if mutation.origin == "own_request" else [])
    return [code for code in asked if code not in mutation.documents and code not in brought]
