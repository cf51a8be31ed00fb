"""Guards: what must hold, named as definitions name them. A guard's name is also the rule code of its refusal.

A guard is typed by the commands it can judge; `Question[Command]` fits all of them, the engine's own steps included.
"""

from workflow.guards import case, consultation, external, placement, remedy
from workflow.guards.question import GUARDS, Guard, Question

__all__ = ["GUARDS", "Guard", "Question", "case", "consultation", "external", "placement", "remedy"]
