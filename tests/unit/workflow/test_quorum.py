"""m of n with recusal, against the definition in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.quorum import opinion


@pytest.mark.parametrize(
    ("votes", "outcome"),
    [
        ("", None),
        ("yy", None),
        ("yyy", "recommend"),
        ("yyn", None),
        ("yynn", None),
        ("yynnn", "reject"),
        ("yynnv", "revise"),
        ("-yyy", "recommend"),
        ("-yyn", None),
        ("-yynn", "revise"),
        ("--yy", None),
        ("--yyn", "recommend"),
        ("---", "quorum_lost"),
    ],
)
def test_three_of_five_with_recusals(votes: str, outcome: str | None) -> None:
    words = {"y": "recommend", "n": "reject", "v": "revise", "-": "recuse"}
    assert opinion((words[each] for each in votes), 3, 5) == outcome


@given(st.lists(st.sampled_from(["recommend", "revise", "reject", "recuse"]), max_size=7), st.integers(1, 7))
def test_only_a_majority_of_votes_cast_for_it_recommends(votes: list[str], needed: int) -> None:
    left = 7 - votes.count("recuse")
    cast = len(votes) - votes.count("recuse")
    expected = left >= needed and cast >= needed and votes.count("recommend") > left / 2
    assert (opinion(votes, needed, 7) == "recommend") == expected


@given(st.permutations(["recommend"] * 3 + ["reject"] * 2 + ["recuse"] * 2))
def test_the_order_of_votes_does_not_matter(votes: list[str]) -> None:
    assert opinion(votes, 3, 7) == "recommend"
