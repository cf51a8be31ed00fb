"""Guards: what must be true, named as definitions name them. A guard's name is also the rule code of its refusal.

Each takes the mutation as it is, the command and the facts, and returns whether the clause holds. `figures` gives the
numbers that the words of a refusal are filled with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from workflow import commands as cmd
from workflow.calendar import add_months
from workflow.definition import Definition
from workflow.facts import Facts
from workflow.mutation import Mutation
from workflow.routes import STRUCTURAL, needs_minister, route_of


class Question:
    """What a guard may look at: the mutation as it is, its definition, the command, the facts."""

    __slots__ = ("command", "definition", "facts", "mutation")

    def __init__(self, definition: Definition, mutation: Mutation, command: cmd.Command, facts: Facts) -> None:
        self.definition = definition
        self.mutation = mutation
        self.command = command
        self.facts = facts


Guard = Callable[[Question], bool]
GUARDS: dict[str, Guard] = {}
