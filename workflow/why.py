"""Why a case does not move: what is asked, who could do it today and who could not, and which clock runs out next."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from workflow.authority import Authority
from workflow.definition import Definition, Title
from workflow.mutation import Mutation, Rest
from workflow.pack import Pack
from workflow.refusal import Candidate
from workflow.rights import ENGINE, eligible

#: What keeps a case from moving by itself: nobody who could act, a deadline that passed, a rest.
Obstacle = Literal["nobody_can_act", "overdue", "at_rest"]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A duty that is outstanding. `who` may discharge it today, `barred` have a claim and an objection against them."""

    duty: str
    title: Title
    party: Title
    command: str
    since: datetime
    due: datetime | None
    overdue: bool
    who: tuple[Candidate, ...]
    barred: tuple[Candidate, ...]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a case stands on a day. `next_clock`: the name and moment of the timer that fires first."""

    state: Title
    rest: Rest | None
    waits: tuple[Waiting, ...]
    next_clock: tuple[str, datetime] | None
    obstacles: tuple[Obstacle, ...]


def why(
    definition: Definition, mutation: Mutation, authority: Authority, now: datetime, on: date, pack: Pack
) -> Standing:
    """Where a mutation stands at a moment, which is on this local day."""
    waits = tuple(_waiting(definition, mutation, name, authority, now, on, pack) for name in mutation.duties)
    clocks = sorted((timer.due, name) for name, timer in mutation.timers.items())
    found: dict[Obstacle, bool] = {
        "at_rest": mutation.rest is not None,
        "nobody_can_act": any(not wait.who for wait in waits if definition.duties[wait.duty].party != ENGINE),
        "overdue": any(wait.overdue for wait in waits),
    }
    return Standing(
        state=definition.states[mutation.state].title,
        rest=mutation.rest,
        waits=waits,
        next_clock=(clocks[0][1], clocks[0][0]) if clocks else None,
        obstacles=tuple(name for name, is_so in found.items() if is_so),
    )


def _waiting(
    definition: Definition, mutation: Mutation, name: str, authority: Authority, now: datetime, on: date, pack: Pack
) -> Waiting:
    rule, duty = definition.duties[name], mutation.duties[name]
    claims = eligible(definition, mutation, rule.command, _parties(definition, mutation, name), authority, on, pack)
    return Waiting(
        duty=name,
        title=rule.title,
        party=definition.parties[rule.party].title,
        command=rule.command,
        since=duty.since,
        due=duty.due,
        overdue=duty.escalated_to is not None or (duty.due is not None and duty.due <= now),
        who=tuple(claim for claim in claims if claim.objection is None),
        barred=tuple(claim for claim in claims if claim.objection is not None),
    )


def _parties(definition: Definition, mutation: Mutation, name: str) -> list[str]:
    """Everyone whose step discharges a duty in this state; its own party where that is said of nobody, as of votes."""
    rules = [rule for (state, _), rules in definition.table.items() if state == mutation.state for rule in rules]
    parties = {party: None for rule in rules if rule.duty == name for party in rule.by if party != ENGINE}
    return list(parties) or [definition.duties[name].party]
