"""What a guard is asked, and the register of all guards by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from workflow.definition import Definition
from workflow.facts import Facts
from workflow.mutation import Mutation

C = TypeVar("C")


class Question(NamedTuple, Generic[C]):
    """May this mutation, as it is, take this command, given these facts?"""

    definition: Definition
    mutation: Mutation
    command: C
    facts: Facts


Guard = Callable[[Question[Any]], bool]
GUARDS: dict[str, Guard] = {}
G = TypeVar("G", bound=Guard)


def guard(clause: G) -> G:
    """Register a clause under its own name."""
    GUARDS[clause.__name__] = clause
    return clause
