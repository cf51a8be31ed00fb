"""A case as the model check sees it, and what it decides about the guards of a transition.

A guard that asks about the world is undecided: it may hold or not. What a case itself decides is worked out: who
is asked still, whether it rests, whether an objection is open, what the panel said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from workflow.commands import Command
from workflow.definition import Definition, Transition
from workflow.quorum import Outcome

ENGINE = "engine"
#: Events by which a party states its view; the guard `everyone_agreed` reads them.
VIEWS = frozenset(f"consultation.{party}_recorded" for party in ("employee", "source", "receiver"))
OPINIONS: dict[str, Outcome] = {
    "panel_recommends": "recommend",
    "panel_asks_revision": "revise",
    "panel_rejects": "reject",
    "quorum_lost": "quorum_lost",
}
#: Trigger of a command, without its outcome -> class name.
COMMANDS = {str(each.__struct_config__.tag): each.__name__ for each in Command.__subclasses__()}

Names = frozenset[str]
NOBODY: Names = frozenset()


class Case(NamedTuple):
    """What matters of a mutation. `clocks` run, `asleep` stand still while it is held.

    `objection`: "", open or closed; `opinion`: of the panel, once it has one; `silent`: the events that recorded
    somebody's silence, until a person next moves the case on.
    """

    state: str
    duties: Names = NOBODY
    clocks: Names = NOBODY
    held: bool = False
    asleep: Names = NOBODY
    objection: str = ""
    opinion: Outcome | None = None
    silent: Names = NOBODY


def given(rule: Transition) -> str | None:
    """The class name of the command that a transition's trigger means, if it is one."""
    return COMMANDS.get(rule.on.partition(".")[0])


def decided(definition: Definition, case: Case, rule: Transition, guard: str) -> bool | None:
    """Whether a guard holds; None where the world decides."""
    if guard in OPINIONS:
        return case.opinion == OPINIONS[guard]
    return _GUARDS[guard](definition, case, rule) if guard in _GUARDS else None


def _agreed(definition: Definition, case: Case, rule: Transition) -> bool | None:
    """Silence is dissent, and so is a view that is still asked."""
    recorded = {type_ for each in definition.transitions if each.duty in case.duties for type_ in each.emits}
    return False if (recorded | case.silent) & VIEWS else None


def _cleared(definition: Definition, case: Case, rule: Transition) -> bool | None:
    return False if case.duties & set(definition.clearances) else None


def _grant_asked(definition: Definition, case: Case, rule: Transition) -> bool:
    grant = rule.on.partition(".")[2]
    return grant in case.duties if grant in definition.grants else bool(case.duties & set(definition.grants))


def _grants_possible(definition: Definition, case: Case, rule: Transition) -> bool | None:
    return None if definition.grants else False


_GUARDS: dict[str, Callable[[Definition, Case, Transition], bool | None]] = {
    "all_answered": lambda definition, case, rule: not case.duties,
    "at_rest": lambda definition, case, rule: case.held,
    "no_objection_yet": lambda definition, case, rule: not case.objection,
    "objection_open": lambda definition, case, rule: case.objection == "open",
    "record_unread": lambda definition, case, rule: "clearance" in case.duties,
    "everyone_agreed": _agreed,
    "clearance_positive": _cleared,
    "grant_asked": _grant_asked,
    "grant_needed": _grants_possible,
}
