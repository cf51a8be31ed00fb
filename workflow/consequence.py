"""What a transition makes of a case: duties, clocks, rest, objection. The model check's own reading of a definition."""

from __future__ import annotations

from itertools import chain, combinations

from workflow.definition import PROCEED, Definition, Transition
from workflow.situation import NOBODY, Case, Names

OVERDUE = frozenset({"mutation.overdue", "temp.return_overdue"})
OBJECTION = {"objection.filed": "open", "objection.inadmissible": "closed", "objection.decided": "closed"}


def begun(definition: Definition, case: Case, rule: Transition) -> list[Names]:
    """The sets of duties that may begin: those of the new state, some perhaps not, and those it names."""
    asks = frozenset(rule.asks)
    if rule.to is None or rule.to == case.state:
        return [asks]
    new = {name: duty for name, duty in definition.duties.items() if duty.state == rule.to}
    always = asks | {name for name, duty in new.items() if not duty.when}
    perhaps = sorted(name for name in new if name not in always)
    sets = [always | set(some) for some in chain(*(combinations(perhaps, n) for n in range(len(perhaps) + 1)))]
    if "grant_needed" in rule.guards and any(definition.duties[name].state == rule.to for name in definition.grants):
        sets = [begun for begun in sets if begun & set(definition.grants)]
    return sets


def after(definition: Definition, case: Case, rule: Transition, clock: str | None, asked: Names) -> Case:
    state = rule.to or case.state
    moved = state != case.state
    duties = frozenset(name for name in case.duties if not moved or not definition.duties[name].state)
    clocks = frozenset(name for name in case.clocks if not moved or name in duties or _runs(definition, name, state))
    if rule.duty:
        duties, clocks = duties - {rule.duty}, clocks - {rule.duty}
    if OVERDUE & set(rule.emits) and clock:
        clocks -= {clock}
    armed = {name for name in asked if definition.duties[name].within}
    if rule.to:
        armed |= {name for name in definition.timers if _arms(definition, case, name, state)}
    objection = next((OBJECTION[type_] for type_ in rule.emits if type_ in OBJECTION), case.objection)
    after = case._replace(
        state=state,
        duties=duties | asked,
        clocks=clocks | armed,
        held=case.held and not moved,
        asleep=NOBODY if moved else case.asleep,
        objection=objection,
        opinion=None if moved else case.opinion,
        silent=_silent(case, rule, clock, moved),
    )
    if "mutation.held" in rule.emits:
        return _laid_to_rest(definition, after)
    return _woken(definition, after) if "mutation.resumed" in rule.emits else after


def postponed(definition: Definition, case: Case) -> list[Case]:
    """The case with more time for one of the duties of its step, whose clock runs again."""
    timed = (name for name in sorted(case.duties) if definition.duties[name].state and definition.duties[name].within)
    return [case._replace(clocks=case.clocks | {name}) for name in timed]


def _runs(definition: Definition, name: str, state: str) -> bool:
    return name in definition.timers and state in definition.timers[name].during


def _arms(definition: Definition, case: Case, name: str, state: str) -> bool:
    """Whether a timer is set as a state is entered; one that counts from entry runs on where it ran before."""
    timer = definition.timers[name]
    going_on = name in case.clocks and case.state in timer.during and timer.due.from_entry
    return state in timer.during and not going_on and timer.due.after != "held_until"


def _silent(case: Case, rule: Transition, clock: str | None, moved: bool) -> Names:
    recorded = frozenset(rule.emits)
    if clock is not None and rule.duty:
        return case.silent | recorded
    if rule.on == PROCEED or clock is not None:
        return case.silent
    return NOBODY if moved else case.silent - recorded


def _laid_to_rest(definition: Definition, case: Case) -> Case:
    """Clocks that count from a step of the case stand still; the one that ends the rest starts."""
    asleep = frozenset(name for name in case.clocks if _rests(definition, name))
    wakes = {
        name for name, timer in definition.timers.items() if _wakes(definition, name) and case.state in timer.during
    }
    return case._replace(held=True, asleep=asleep, clocks=case.clocks - asleep | wakes)


def _woken(definition: Definition, case: Case) -> Case:
    clocks = frozenset(name for name in case.clocks if not _wakes(definition, name))
    return case._replace(held=False, asleep=NOBODY, clocks=clocks | case.asleep)


def _wakes(definition: Definition, name: str) -> bool:
    return name in definition.timers and definition.timers[name].due.after == "held_until"


def _rests(definition: Definition, name: str) -> bool:
    if name in definition.timers:
        return definition.timers[name].due.from_entry
    duty = definition.duties[name]
    return bool(duty.state) and duty.within is not None and duty.within.from_entry
