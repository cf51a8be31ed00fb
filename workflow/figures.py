"""The figures that the words of a refusal are filled with. Worked out only when something is refused."""

from __future__ import annotations

from typing import Any

from workflow.calendar import add_months
from workflow.guards.case import missing_papers
from workflow.guards.consultation import dissent
from workflow.guards.question import Question
from workflow.routes import Route, route_of


def figures(q: Question[Any]) -> dict[str, object]:
    """Every figure by the name that refusals.toml uses."""
    move, person, post, pack = q.mutation.move, q.facts.person, q.facts.post, q.facts.pack
    state = q.definition.states[q.mutation.state].title
    source_load, rest = q.facts.source_load, q.mutation.rest
    return {
        "state_id": state.id,
        "state_en": state.en,
        "share": move.share,
        "share_min": pack.share_min,
        "running_share": person.running_share,
        "open_case": person.open_case,
        "status": person.status,
        "since": person.since,
        "tenure_months": pack.tenure_months,
        "tenure_date": add_months(person.since, pack.tenure_months),
        "retires_on": person.retires_on,
        "last_duty_ended": person.last_duty_ended,
        "cooling_off_months": pack.cooling_off_months,
        "temporary_months": pack.temporary_months,
        "missing": ", ".join(missing_papers(q.definition, q.mutation, getattr(q.command, "documents", {}))),
        "places": post.places,
        "occupied": post.occupied,
        "reserved": post.reserved,
        "resubmissions": q.mutation.rounds,
        "extensions": q.mutation.extensions,
        "source_staff": source_load.staff - move.share if source_load else "?",
        "source_floor": source_load.floor if source_load else "?",
        "effective_on": q.mutation.effective_on,
        "until": move.until,
        "position": move.target.position,
        "assignment_months": pack.assignment_months,
        "hold_days": pack.hold_days,
        "lock_date": add_months(person.appointed_on or person.since, 12 * pack.lock_years),
        "objection_until": q.mutation.objection_until,
        "held_until": rest.until if rest else "?",
        "held_for": rest.reason_class if rest else "?",
        "dissent": ", ".join(dissent(q.mutation)),
        **route_figures(route_of(q.facts.source, q.facts.target, move.mode)),
    }


def route_figures(route: Route, source: str = "", target: str = "") -> dict[str, object]:
    """A route's code, title, legal basis, and its parties in order with the two agencies named."""
    chain = route.parties(source, target)
    return {
        "route": route.code,
        "route_id": route.title.id,
        "route_en": route.title.en,
        "route_basis": route.basis,
        "chain_id": chain.id,
        "chain_en": chain.en,
    }
