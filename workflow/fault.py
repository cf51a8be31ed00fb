"""What is wrong with a definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from workflow.exploration import Step

Kind = Literal[
    "deadlock",
    "unreachable state",
    "idle transition",
    "unsatisfiable quorum",
    "four-eyes bypass",
    "unheld duty",
    "timer loop",
    "approval by silence",
]


class Fault(NamedTuple):
    """`says`: what, where, and what to do, in a sentence; `trace`: the shortest way to it, if one leads there."""

    kind: Kind
    says: str
    trace: Sequence[Step] = ()
