"""Who may give a command on this mutation: authority of offices, four eyes, and nobody in their own case."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from events.mutation import Act
from workflow.authority import Authority, candidates
from workflow.commands import Command
from workflow.definition import Definition, Transition
from workflow.facts import Facts
from workflow.mutation import Mutation, seat
from workflow.pack import Pack
from workflow.refusal import Candidate, Refused

ENGINE = "engine"


def authorise(definition: Definition, mutation: Mutation, rule: Transition, command: Command, facts: Facts) -> Act:
    """By what right the actor gives the command; raises `Refused` with the reason and those who can act."""
    name = type(command).__name__
    position = facts.authority.position
    if facts.actor is None and ENGINE in rule.by:
        return Act(command=name, actor=ENGINE, capacity="engine", authority_position=position)
    claims = eligible(definition, mutation, name, rule.by, facts.authority, facts.today, facts.pack)
    own = [claim for claim in claims if claim.person == facts.actor]
    for claim in own:
        if claim.objection is None:
            return Act(
                command=name,
                actor=claim.person,
                capacity=claim.capacity,
                office=claim.office,
                order=claim.order,
                on_behalf_of=claim.on_behalf_of,
                authority_position=position,
            )
    objection = next((claim.objection for claim in own if claim.objection), "not_your_office")
    raise Refused(objection, who=tuple(claim for claim in claims if claim.objection is None))


def eligible(
    definition: Definition,
    mutation: Mutation,
    command: str,
    parties: Iterable[str],
    authority: Authority,
    on: date,
    pack: Pack,
) -> list[Candidate]:
    """Everyone with a claim to give a command (its class name) for one of the parties on a day, objections included."""
    barred = _barred(definition, mutation, command)
    spent = mutation.votes.keys() if command == "Vote" else ()
    limited = [role for role, commands in pack.acting_barred.items() if command in commands]
    definitive = () if "acting" in mutation.grants else limited
    claims: list[Candidate] = []
    for party in parties:
        if definition.parties[party].seat != ENGINE:
            where = seat(definition, mutation, party)
            claims += candidates(authority, where, command, on, barred, spent, definitive)
    return claims


def who_can_act(
    definition: Definition, mutation: Mutation, duty: str, authority: Authority, on: date, pack: Pack
) -> list[Candidate]:
    """Those of its party who could discharge a duty on a day, stand-ins and delegates included; maybe nobody."""
    rule = definition.duties[duty]
    claims = eligible(definition, mutation, rule.command, [rule.party], authority, on, pack)
    return [claim for claim in claims if claim.objection is None]


def _barred(definition: Definition, mutation: Mutation, command: str) -> dict[str, str]:
    """Person -> the rule that keeps them from this command on this mutation, whatever office they hold."""
    apart = {other for group in definition.four_eyes if command in group for other in group if other != command}
    barred = {person: "four_eyes" for other in apart for person in mutation.hands.get(other, ())}
    if command == "Vote":
        barred |= {person: "already_voted" for ballot in mutation.votes.values() for person in ballot.people}
    return barred | {mutation.person: "own_case"}
