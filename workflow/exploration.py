"""Every situation that a case can come to under a definition, the shortest way to each first.

It reads the definition alone and shares no step with `decide` and `evolve`, which it is there to judge. Only what a
panel's numbers mean is taken from `quorum`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from workflow.consequence import after, begun, postponed
from workflow.definition import PROCEED, Definition, DutyRule, Transition
from workflow.quorum import Outcome, opinion
from workflow.situation import COMMANDS, ENGINE, Case, decided, given

VOTES = ("recommend", "revise", "reject", "recuse")


class Step(NamedTuple):
    """A transition taken: `clock` is the name of the one that fired it, `certain` whether the engine must take it."""

    source: Case
    rule: Transition
    target: Case
    clock: str | None = None
    certain: bool = False

    @property
    def automatic(self) -> bool:
        """Nobody acts: a clock, or the engine by itself."""
        return self.clock is not None or self.rule.on == PROCEED

    @property
    def command(self) -> str | None:
        """The class name of the command, if it is one that is given."""
        return None if self.automatic else given(self.rule)

    def __str__(self) -> str:
        rule, where = self.rule, self.target.state
        people = [party for party in rule.by if party != ENGINE]
        if self.clock is not None:
            return f"clock {self.clock} fires {rule.on} -> {where}"
        if rule.on == PROCEED:
            return f"Proceed by engine (row {rule.row}) -> {where}"
        outcome = rule.on.partition(".")[2]
        return f"{self.command}{f' ({outcome})' if outcome else ''} by {(people or rule.by)[0]} -> {where}"


class Exploration(NamedTuple):
    """`first`: case -> the step by which it was first reached, None for the beginning; `steps`: all, nearest first."""

    definition: Definition
    first: dict[Case, Step | None]
    steps: list[Step]

    def trace(self, case: Case) -> list[Step]:
        """The shortest way from the beginning to a case."""
        steps: list[Step] = []
        while (step := self.first[case]) is not None:
            steps.append(step)
            case = step.source
        return steps[::-1]


def explore(definition: Definition) -> Exploration:
    """Every case from the beginning on, breadth first."""
    begin = Case(definition.initial)
    first: dict[Case, Step | None] = {begin: None}
    steps: list[Step] = []
    waiting = deque([begin])
    while waiting:
        for step in following(definition, waiting.popleft()):
            steps.append(step)
            if step.target not in first:
                first[step.target] = step
                waiting.append(step.target)
    return Exploration(definition, first, steps)


def following(definition: Definition, case: Case) -> list[Step]:
    """The steps from a case: the engine's own alone where it is sure to take one."""
    own = [
        step
        for rule, certain in possible(definition, case, PROCEED)
        for step in _steps(definition, case, rule, None, certain)
    ]
    if any(step.certain for step in own):
        return own
    fired = [
        step
        for clock in sorted(case.clocks)
        for rule, _ in possible(definition, case, fires(definition, clock), fired=True)
        for step in _steps(definition, case, rule, clock)
    ]
    triggers = [on for state, on in definition.table if state == case.state and on.partition(".")[0] in COMMANDS]
    asked = [
        step
        for on in triggers
        for rule, _ in possible(definition, case, on)
        if rule.by
        for step in _steps(definition, case, rule)
    ]
    return [*own, *fired, *asked]


def fires(definition: Definition, clock: str) -> str:
    """The trigger that a clock fires."""
    timer = definition.timers.get(clock)
    return timer.fires if timer else definition.duties[clock].silence


def possible(definition: Definition, case: Case, on: str, fired: bool = False) -> Iterator[tuple[Transition, bool]]:
    """The transitions that a trigger may take, each with whether it is sure to; the first that holds is taken.

    `fired`: by a clock, which runs out at rest too if it does not stand still.
    """
    earlier: list[set[str]] = []
    for rule in definition.table.get((case.state, on), ()):
        if case.held and not rule.at_rest and not fired:
            continue
        answers = {name: decided(definition, case, rule, name) for name in rule.guards}
        if False in answers.values():
            continue
        undecided = {name for name, answer in answers.items() if answer is None}
        # Whenever this one holds, an earlier one that asks no more holds too, and comes first.
        if not any(less <= undecided for less in earlier):
            yield rule, not undecided
        earlier.append(undecided)


def votes_on(definition: Definition, case: Case, rule: Transition) -> DutyRule | None:
    """The duty of several seats to which a transition adds a vote without discharging it."""
    if rule.duty is not None:
        return None
    asked = (definition.duties[name] for name in sorted(case.duties))
    return next((duty for duty in asked if duty.of > 1 and duty.command == given(rule)), None)


@cache
def outcomes(needed: int, of: int) -> frozenset[Outcome | None]:
    """What a panel can come to, however its members vote or stand back; None: all spoke, and nothing follows."""
    found: set[Outcome | None] = set()
    waiting = [(0,) * len(VOTES)]
    seen: set[tuple[int, ...]] = set()
    while waiting:
        tally = waiting.pop()
        outcome = opinion((vote for vote, n in zip(VOTES, tally, strict=True) for _ in range(n)), needed, of)
        if outcome is not None or sum(tally) >= of:
            found.add(outcome)
            continue
        more = {tuple(n + (at == i) for at, n in enumerate(tally)) for i in range(len(VOTES))}
        waiting += more - seen
        seen |= more
    return frozenset(found)


def _steps(
    definition: Definition, case: Case, rule: Transition, clock: str | None = None, certain: bool = False
) -> Iterator[Step]:
    """A transition with everything it may ask and everything its vote may decide."""
    for asked in begun(definition, case, rule):
        target = after(definition, case, rule, clock, asked)
        yield Step(case, rule, target, clock, certain)
        if "mutation.postponed" in rule.emits:
            yield from (Step(case, rule, again) for again in postponed(definition, target))
        if duty := votes_on(definition, case, rule):
            for outcome in sorted(outcomes(duty.needed, duty.of) - {None}, key=str):
                yield Step(case, rule, target._replace(opinion=outcome), clock, certain)
