"""What the law makes of a command: events, or a refusal. Nothing changes here; `mutation.evolve` applies events."""

from __future__ import annotations

from typing import Any

from events import mutation as ev
from workflow import commands as cmd
from workflow.definition import PROCEED, Definition, Transition
from workflow.evolution import evolve
from workflow.facts import Facts
from workflow.figures import figures, route_figures
from workflow.guards import GUARDS, Question
from workflow.migration import migrated
from workflow.mutation import Mutation
from workflow.recording import record
from workflow.refusal import Refused
from workflow.rights import ENGINE, authorise
from workflow.routes import route_of

Asked = Question[Any]
BY_ITSELF = ev.Act(command="Proceed", actor=ENGINE, capacity="engine")


def decide(
    definition: Definition, mutation: Mutation | None, command: cmd.Command, facts: Facts
) -> list[ev.MutationEvent]:
    """The events a command leads to, in order, each to be applied before the next; raises `Refused`.

    `mutation` is None for `Draft` alone. A timer that was set anew or stopped since leads to no events.
    """
    q: Asked = Question(definition, _subject(definition, mutation, command, facts), command, facts)
    trigger = command.trigger
    if isinstance(command, cmd.Migrate):
        return [migrated(q)]
    if isinstance(command, cmd.FireTimer):
        timer = q.mutation.timers.get(command.name)
        if timer is None or timer.arming != command.arming:
            return []
        if facts.now < timer.due:
            raise Refused("timer_early")
        trigger = _on_expiry(definition, command.name)
    events = record(q, *_allowed(q, trigger))
    news = events
    while (events[-1].state, PROCEED) in definition.table:
        for event in news:
            mutation = evolve(definition, mutation, event)
            q = q._replace(mutation=mutation)
        rule = _first(q, PROCEED)
        if rule is None:
            break
        news = record(q, rule, BY_ITSELF)
        events = events + news
    return events


def _subject(definition: Definition, mutation: Mutation | None, command: cmd.Command, facts: Facts) -> Mutation:
    """The mutation as it is, or, for a draft, as it would begin."""
    if not isinstance(command, cmd.Draft):
        if mutation is None:
            raise Refused("unknown_mutation")
        return mutation
    if mutation is not None:
        raise Refused("already_drafted")
    route = route_of(facts.source, facts.target, command.mode)
    if route.code != definition.route:
        raise Refused("wrong_route", route_figures(route))
    return Mutation(
        id=command.mutation,
        definition=definition.name,
        person=command.person,
        move=ev.Move(
            source=facts.source,
            target=facts.target,
            mode=command.mode,
            start=command.start,
            until=command.until,
            share=command.share,
        ),
        origin=command.origin,
        proposal=command.proposal,
        converts=command.converts,
        letter=command.letter,
    )


def _on_expiry(definition: Definition, name: str) -> str:
    timer = definition.timers.get(name)
    return timer.fires if timer else definition.duties[name].silence


def _allowed(q: Asked, trigger: str) -> tuple[Transition, ev.Act]:
    """The transition to take and by what right; raises `Refused`: wrong state, wrong person, or every broken rule."""
    rules = q.definition.table.get((q.mutation.state, trigger))
    if rules is None:
        closed = q.definition.states[q.mutation.state].terminal
        raise Refused("closed" if closed else "not_now", figures(q))
    if _rests(q, trigger):
        rules = tuple(rule for rule in rules if rule.at_rest)
        if not rules:
            raise Refused("held", figures(q))
    rule = _first(q, trigger)
    nearest = rule or min(rules, key=lambda each: len(_broken(q, each)))
    act = authorise(q.definition, q.mutation, nearest, q.command, q.facts)
    if rule is None:
        words = figures(q)
        first, *others = _broken(q, nearest)
        raise Refused(first, words, also=tuple(Refused(name, words) for name in others))
    return rule, act


def _rests(q: Asked, trigger: str) -> bool:
    """Whether the case only takes steps that may be taken at rest. The clocks that still run then may run out."""
    return q.mutation.rest is not None and (trigger == PROCEED or not isinstance(q.command, cmd.FireTimer))


def _broken(q: Asked, rule: Transition) -> list[str]:
    return [name for name in rule.guards if not GUARDS[name](q)]


def _first(q: Asked, trigger: str) -> Transition | None:
    """The first transition of the state whose guards all hold."""
    resting = _rests(q, trigger)
    for rule in q.definition.table[q.mutation.state, trigger]:
        if resting and not rule.at_rest:
            continue
        for name in rule.guards:
            if not GUARDS[name](q):
                break
        else:
            return rule
    return None
