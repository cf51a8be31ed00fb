"""Who must be a different person from whom, and what must be somebody's word: asked of every path, not of the groups.

Who proposes, who verifies and who decides is told by what their commands lead to, so a group that forgets one is found.
Sources: rows 2, 3, 17 and 32 of the state table (signer, submitter, verifier; decider of an objection).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from workflow.exploration import Exploration, Step
from workflow.fault import Fault
from workflow.situation import COMMANDS, ENGINE, given

PROPOSED = frozenset({"mutation.proposed", "mutation.resubmitted"})
VERIFIED = frozenset({"mutation.screened"})
DECREED = frozenset({"decree.issued", "appointment.issued", "temp.extended"})
DECIDED = DECREED | {"consultation.settled", "objection.decided"}
#: What says yes to a move. None of it may be anybody's silence.
APPROVING = DECREED | {
    "consultation.closed",
    "consultation.settled",
    "approval.panel_opined",
    "approval.source_consented",
    "approval.external_granted",
    "approval.externals_complete",
}
#: An extension is asked of everybody anew (row 23); who submitted the case once may decide on it.
ANEW = frozenset({"temp.extended"})


def separation_faults(explored: Exploration) -> Iterator[Fault]:
    """Four eyes: every pair that must be apart and is not, with the shortest path on which one person gives both."""
    law = explored.definition
    # A known command that this route lacks does no harm: a part's group speaks for all routes.
    for name in sorted({name for group in law.four_eyes for name in group} - set(COMMANDS.values())):
        yield Fault("four-eyes bypass", f"A group names {name}, which is no command and bars nobody. Correct the name.")
    for one, other in sorted(_apart(explored)):
        if not any({one, other} <= set(group) for group in law.four_eyes):
            path = _path(explored, [_by(one), _by(other)]) or _path(explored, [_by(other), _by(one)])
            if path:
                yield Fault(
                    "four-eyes bypass",
                    f"One person may give both {one} and {other} in one case. Put the two into one four-eyes group.",
                    path,
                )
    for done, word in ((PROPOSED, "submitted"), (VERIFIED, "verified")):
        if path := _path(explored, [_emits(DECREED - ANEW)], without=_emits(done)):
            yield Fault(
                "four-eyes bypass",
                f"A decree is reached in a case that nobody {word}. Let every way to it pass that step.",
                path,
            )


def silence_faults(explored: Exploration) -> Iterator[Fault]:
    """What approves a move without anybody's word: by a clock, by the engine, or over somebody's silence."""
    found: set[int] = set()
    for step in explored.steps:
        why = _unsaid(step)
        if why and id(step.rule) not in found:
            found.add(id(step.rule))
            says = ", ".join(sorted(APPROVING & set(step.rule.emits)))
            yield Fault(
                "approval by silence",
                f"In {step.source.state}, row {step.rule.row} records {says} {why}. "
                "Let a person decide it, or make silence a dissent.",
                [*explored.trace(step.source), step],
            )


def _unsaid(step: Step) -> str | None:
    """Why a step approves without anybody's word, if it does."""
    emits = set(step.rule.emits)
    if not emits & APPROVING or "mutation.rejected" in emits or "mutation.returned" in emits:
        return None
    if step.clock is not None:
        return f"when the clock {step.clock} has run out"
    if step.command:
        return "by the engine alone" if ENGINE in step.rule.by else None
    if emits & DECREED:
        return "by the engine alone"
    return f"although {', '.join(sorted(step.source.silent))} recorded silence" if step.source.silent else None


def _apart(explored: Exploration) -> set[tuple[str, str]]:
    """Pairs of commands that two people must give."""
    proposing, verifying, deciding = (
        _commands(explored, _emits(told)) for told in (PROPOSED, VERIFIED, DECIDED - ANEW)
    )
    deciding |= _commands(explored, _refuses(explored))
    pairs = {(one, other) for one in proposing for other in verifying | deciding}
    pairs |= {(one, other) for one in verifying for other in deciding}
    law = explored.definition
    clearing = {
        law.duties[name].command for name in law.clearances if law.parties[law.duties[name].party].seat != ENGINE
    }
    pairs |= set(combinations(sorted(clearing), 2))
    return {(one, other) for one, other in pairs if one != other}


def _refuses(explored: Exploration) -> Callable[[Step], bool]:
    """A refusal where a decree could be signed."""
    signing = {step.source.state for step in explored.steps if DECREED - ANEW & set(step.rule.emits)}
    return lambda step: step.source.state in signing and "mutation.rejected" in step.rule.emits


def _commands(explored: Exploration, told: Callable[[Step], bool]) -> set[str]:
    return {name for step in explored.steps if told(step) and not step.automatic and (name := given(step.rule))}


def _emits(types: frozenset[str]) -> Callable[[Step], bool]:
    return lambda step: bool(types & set(step.rule.emits))


def _by(command: str) -> Callable[[Step], bool]:
    return lambda step: step.command == command


def _path(
    explored: Exploration, wanted: Sequence[Callable[[Step], bool]], without: Callable[[Step], bool] | None = None
) -> list[Step] | None:
    """The shortest path on which the wanted steps come one after another, and none of another kind."""
    after: dict[object, list[Step]] = {}
    for step in explored.steps:
        if without is None or not without(step):
            after.setdefault(step.source, []).append(step)
    waiting = deque([(next(iter(explored.first)), 0)])
    came: dict[object, tuple[object, Step] | None] = {waiting[0]: None}
    while waiting:
        here = case, done = waiting.popleft()
        for step in after.get(case, ()):
            there = (step.target, done + wanted[done](step))
            if there not in came:
                came[there] = (here, step)
                if there[1] == len(wanted):
                    return _walked(came, there)
                waiting.append(there)
    return None


def _walked(came: dict[object, tuple[object, Step] | None], end: object) -> list[Step]:
    steps: list[Step] = []
    while (before := came[end]) is not None:
        end, step = before
        steps.append(step)
    return steps[::-1]
