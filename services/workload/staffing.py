"""Who works in a unit, in shares of working time, and which places of the final ABK stand empty. Pure.

A person has one home post. Temporary duty elsewhere lends a share of it away and gives it back; nobody is lost or
doubled on the way, so the shares of a person always sum to 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.workload.measure import lasting_shortage
from services.workload.working import Figure, Line, total

PRECISION = 6
"""Decimals of a share of working time that are kept: shares of tenths must sum to 1 exactly."""


@dataclass(frozen=True, slots=True)
class Post:
    """A position: `places` by the final ABK, `incumbents` whose home post it is, wherever they work now."""

    title: str
    places: int
    incumbents: int


def at_work(at_home: int, lent: float, borrowed: float) -> Figure:
    """People working in a unit: those whose home post is here, less the shares lent, plus the shares borrowed."""
    lent, borrowed = round(lent, PRECISION), round(borrowed, PRECISION)
    value = round(at_home - lent + borrowed, PRECISION)
    return Figure(value, (Line("staff", "{} - {} + {}", (at_home, lent, borrowed), value),))


def lasting(posts: Iterable[Post]) -> Figure:
    """People that the final ABK lacks, counted by position: a surplus in one never hides the gap in another."""
    lines = [replace(lasting_shortage(p.places, p.incumbents).lines[-1], code="post", name=p.title) for p in posts]
    return total(lines, "lasting")
