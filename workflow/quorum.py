"""The opinion of a panel: m of n members, some of whom stand back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

Outcome = Literal["recommend", "revise", "reject", "quorum_lost"]
_OPINIONS: tuple[Outcome, ...] = ("recommend", "revise", "reject")


def opinion(votes: Iterable[str], needed: int, of: int) -> Outcome | None:
    """What the votes amount to, or None while they are not enough.

    Members who recuse themselves no longer count among the `of`. An opinion needs more than half of those left, and
    `needed` votes cast. All votes without a majority mean revision; too few members left, a lost quorum. Nothing but a
    majority of votes cast for it ever recommends.
    """
    count = Counter(votes)
    members = of - count.pop("recuse", 0)
    cast = count.total()
    if members < needed:
        return "quorum_lost"
    if cast < needed:
        return None
    majority = next((kind for kind in _OPINIONS if 2 * count[kind] > members), None)
    return majority or ("revise" if cast >= members else None)
