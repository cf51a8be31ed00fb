"""Model check of a definition: what could go wrong on any path, found before it is shipped.

`exploration` finds every case that can be; here and in `separation` stands what must hold of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from workflow.definition import PROCEED, Definition, DutyRule, Transition
from workflow.exploration import Exploration, Step, explore, fires, outcomes, possible
from workflow.fault import Fault
from workflow.separation import separation_faults, silence_faults
from workflow.situation import ENGINE, OPINIONS, Case, given

#: The rows of the state table.
ROWS = (*(str(row) for row in range(1, 35)), "17b")


def check(definition: Definition) -> list[Fault]:
    """Every fault of a definition, each with the shortest trace to it."""
    return faults(explore(definition))


def faults(explored: Exploration) -> list[Fault]:
    """Every fault of what was explored."""
    rules = (
        _deadlocks,
        _unreachable,
        _idle,
        _quorums,
        separation_faults,
        _unheld,
        _loops,
        _vain_clocks,
        silence_faults,
    )
    return [fault for rule in rules for fault in rule(explored)]


def report(definitions: Iterable[Definition]) -> dict[str, Any]:
    """What `imbang check --json` prints; `rows_covered` counts rows that some explored path takes."""
    explored = [explore(definition) for definition in definitions]
    taken = {step.rule.row for each in explored for step in each.steps}
    return {
        "definitions": [
            {
                "name": each.definition.name,
                "states": len(each.definition.states),
                "transitions": len(each.definition.transitions),
                "faults": [
                    {"kind": fault.kind, "says": fault.says, "trace": [str(step) for step in fault.trace]}
                    for fault in faults(each)
                ],
            }
            for each in explored
        ],
        "rows_covered": len(taken & set(ROWS)),
    }


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """A report for people: a line a definition, its faults with their traces beneath, then the rows."""
    for law in report["definitions"]:
        found = len(law["faults"])
        told = f"{found} fault{'s' if found > 1 else ''}" if found else "no faults"
        yield f"{law['name']:6} {law['states']:3} states {law['transitions']:3} transitions  {told}"
        for fault in law["faults"]:
            yield f"  {fault['kind']}: {fault['says']}"
            yield from (f"    {n}. {step}" for n, step in enumerate(fault["trace"], 1))
    yield f"{report['rows_covered']} of {len(ROWS)} rows of the state table covered"


def _deadlocks(explored: Exploration) -> Iterator[Fault]:
    law = explored.definition
    ending = _leading_to(explored, {case for case in explored.first if law.states[case.state].terminal})
    told: set[str] = set()
    for case in explored.first:
        if law.states[case.state].terminal or case.state == law.initial or case.state in told:
            continue
        if case not in ending:
            why = "no end can be reached any more. Give it a transition towards one."
        elif not (case.duties or case.clocks or _certain(law, case)):
            why = "nobody is asked for anything and no clock runs. Ask somebody, or let a clock run."
        else:
            continue
        told.add(case.state)
        yield Fault("deadlock", f"In {case.state} {why}", explored.trace(case))


def _certain(law: Definition, case: Case) -> bool:
    return any(certain for _, certain in possible(law, case, PROCEED))


def _leading_to(explored: Exploration, ends: Collection[Case]) -> set[Case]:
    """The cases from which one of the ends can be reached."""
    before: dict[Case, list[Case]] = {}
    for step in explored.steps:
        before.setdefault(step.target, []).append(step.source)
    found, waiting = set(ends), list(ends)
    while waiting:
        new = set(before.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def _unreachable(explored: Exploration) -> Iterator[Fault]:
    reached = {case.state for case in explored.first}
    for state in explored.definition.states:
        if state not in reached:
            yield Fault(
                "unreachable state", f"No path leads to {state}. Lead a transition there, or take the state out."
            )


def _idle(explored: Exploration) -> Iterator[Fault]:
    """Transitions that no path takes, or that an earlier one of the same state and trigger always precedes."""
    law = explored.definition
    taken = {id(step.rule) for step in explored.steps}
    for (state, _), rules in law.table.items():
        for n, rule in enumerate(rules):
            if any(_precedes(earlier, rule) for earlier in rules[:n]):
                yield _untaken(explored, state, rule, "an earlier one of the same trigger always holds where it does")
                taken.add(id(rule))
    for rule in law.transitions:
        # A row of a part may concern states that this route lacks.
        if rule.source and id(rule) not in taken:
            unfired = given(rule) is None and rule.on != PROCEED
            why = "nobody may take it" if not rule.by else "no clock fires it there" if unfired else "it never can hold"
            yield _untaken(explored, rule.source[0], rule, why)


def _precedes(earlier: Transition, rule: Transition) -> bool:
    return set(earlier.guards) <= set(rule.guards) and (earlier.at_rest or not rule.at_rest)


def _untaken(explored: Exploration, state: str, rule: Transition, why: str) -> Fault:
    there = next((case for case in explored.first if case.state == state), None)
    return Fault(
        "idle transition",
        f"In {state}, row {rule.row} on {rule.on} is never taken: {why}. Mend its cause, or take it out.",
        explored.trace(there) if there else (),
    )


def _quorums(explored: Exploration) -> Iterator[Fault]:
    for name, duty in explored.definition.duties.items():
        if (duty.needed, duty.of) != (1, 1) and (why := _unsatisfiable(explored, name, duty)):
            there = next((case for case in explored.first if name in case.duties), None)
            trace = explored.trace(there) if there else ()
            yield Fault("unsatisfiable quorum", f"The duty {name} asks {duty.needed} of {duty.of}: {why}", trace)


def _unsatisfiable(explored: Exploration, name: str, duty: DutyRule) -> str | None:
    """Why a quorum cannot be had. One seat must be able to stand back: a member may be the person who moves."""
    rules = [rule for rule in explored.definition.transitions if not duty.state or duty.state in rule.source]
    if any(rule.duty == name and given(rule) == duty.command for rule in rules):
        return f"the first {duty.command} discharges it. Let the engine discharge it once enough have acted."
    if duty.needed < 1:
        return "nobody needs to act. Ask at least one."
    if duty.needed > duty.of:
        return "more than there are. Lower needed, or add seats."
    if duty.needed == duty.of:
        return "nobody may stand back, and a member may be the person who moves. Lower needed, or add seats."
    guards = {guard for step in explored.steps if step.rule.duty == name for guard in step.rule.guards}
    taken_up = {OPINIONS[guard] for guard in guards if guard in OPINIONS}
    for outcome in sorted(outcomes(duty.needed, duty.of) - taken_up, key=str):
        return f"it may end in {outcome}, which no transition takes up. Add one of {duty.state}."
    return None


def _unheld(explored: Exploration) -> Iterator[Fault]:
    """Duties that their party cannot discharge in a state in which it is asked."""
    law = explored.definition
    taken: dict[str, dict[int, Transition]] = {}
    for step in explored.steps:
        if step.clock is None:
            taken.setdefault(step.source.state, {})[id(step.rule)] = step.rule
    told: set[tuple[str, str]] = set()
    for case in explored.first:
        for name in sorted(case.duties):
            if (case.state, name) not in told:
                told.add((case.state, name))
                if why := _unholdable(law, name, list(taken.get(case.state, {}).values())):
                    yield Fault(
                        "unheld duty", f"In {case.state} the duty {name} is nobody's: {why}", explored.trace(case)
                    )


def _unholdable(law: Definition, name: str, rules: list[Transition]) -> str | None:
    duty = law.duties[name]
    party = law.parties[duty.party]
    if party.seat == "office" and not (party.role and party.scope):
        return f"{duty.party} names no office. Give it a role and a scope."
    discharging = [rule for rule in rules if rule.duty == name]
    by_engine = [rule for rule in discharging if rule.on == PROCEED and ENGINE in rule.by]
    if party.seat == ENGINE:
        return None if by_engine else "no transition of the engine discharges it. Add one, or ask an office."
    answering = rules if by_engine else discharging
    own = [rule for rule in answering if given(rule) == duty.command]
    if not own:
        return f"no {duty.command} discharges it there. Add such a transition."
    if not any(duty.party in rule.by for rule in own):
        return f"{duty.party} may not give {duty.command} there. Add it to `by`, or ask who may."
    return None


def _loops(explored: Exploration) -> Iterator[Fault]:
    """Cycles of clocks and the engine alone. Each is told once, from its case nearest to the beginning."""
    after: dict[Case, list[Step]] = {}
    for step in explored.steps:
        if step.automatic:
            after.setdefault(step.source, []).append(step)
    told: set[Case] = set()
    for case in explored.first:
        if case not in told and (cycle := _cycle(after, case)):
            told |= {step.target for step in cycle}
            ways = " and ".join(dict.fromkeys(step.clock or PROCEED for step in cycle))
            yield Fault(
                "timer loop",
                f"From {case.state} back to it by {ways} alone, for ever. Let it end, or ask a person in between.",
                [*explored.trace(case), *cycle],
            )


def _cycle(after: Mapping[Case, list[Step]], start: Case) -> list[Step] | None:
    """The shortest way back to a case."""
    came: dict[Case, list[Step]] = {start: []}
    waiting = deque([start])
    while waiting:
        case = waiting.popleft()
        for step in after.get(case, ()):
            if step.target == start:
                return [*came[case], step]
            if step.target not in came:
                came[step.target] = [*came[case], step]
                waiting.append(step.target)
    return None


def _vain_clocks(explored: Exploration) -> Iterator[Fault]:
    """A clock whose trigger its state does not know would be refused, and fire again, for ever."""
    told: set[tuple[str, str]] = set()
    for case in explored.first:
        for clock in sorted(case.clocks):
            trigger = fires(explored.definition, clock)
            if (case.state, trigger) not in explored.definition.table and (case.state, clock) not in told:
                told.add((case.state, clock))
                yield Fault(
                    "timer loop",
                    f"In {case.state} the clock {clock} fires {trigger}, which no transition takes, again and again. "
                    "Add one, or stop the clock.",
                    explored.trace(case),
                )
