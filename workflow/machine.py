"""The state machine of a definition, by `transitions`, and the table compiled from it.

One machine a definition is built when it is loaded, to be the definition's meaning; it is never driven, so no
MachineError can reach a caller. `decide` looks its transitions up in the compiled table.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import transitions

from workflow.definition import Definition, Table, Transition


class _Row(transitions.Transition):
    """A transition of the machine that remembers the row of the definition it came from."""

    def __init__(self, *args: Any, rule: Transition, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rule = rule


class _Machine(transitions.Machine):
    transition_cls = _Row


def machine(definition: Definition) -> transitions.Machine:
    """The machine without a model: guards are its conditions, by name; a transition without `to` is internal."""
    return _Machine(
        model=None,
        states=list(definition.states),
        initial=definition.initial,
        auto_transitions=False,
        transitions=[
            {
                "trigger": rule.on,
                "source": rule.source,
                "dest": rule.to,
                "conditions": rule.guards,
                "rule": rule,
            }
            for rule in definition.transitions
        ],
    )


def compiled(definition: Definition) -> Table:
    """(state, trigger) -> the transitions to try, in order, read back from the machine."""
    table: dict[tuple[str, str], list[Transition]] = defaultdict(list)
    for trigger, event in machine(definition).events.items():
        for state, rows in event.transitions.items():
            table[state, trigger] += [row.rule for row in rows if isinstance(row, _Row)]
    return {key: tuple(rules) for key, rules in table.items()}
