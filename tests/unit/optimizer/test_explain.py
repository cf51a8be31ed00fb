"""What a proposal says about itself."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings

from events.proposal import Premise, ProposalDrafted
from services.optimizer.explain import Drafted
from services.optimizer.picture import Picture, Policy
from services.optimizer.solver import solve
from tests.unit.optimizer.checker import Checker, Move
from tests.unit.optimizer.pictures import oracle, person, picture, post, small_pictures, unit


def figures(draft: Drafted, code: str) -> dict[str, float | str]:
    """The figures of the one reason with this code."""
    (reason,) = [reason for reason in draft.reasons if reason.code == code]
    return reason.figures


def codes(draft: Drafted) -> list[str]:
    return [reason.code for reason in draft.reasons]


@given(small_pictures())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_runner_up_is_the_best_of_all_who_could_come_instead(picture: Picture) -> None:
    plan, checker = solve(picture), Checker(picture)
    moves = [Move(d.person, d.from_unit, d.to_unit, d.to_position, d.mode) for d in plan.proposals]
    for draft, move in zip(plan.proposals, moves, strict=True):
        expected = checker.runner_up(moves, move)
        if expected is None:
            assert draft.runner_up is None
            assert "no_runner_up" in codes(draft)
        else:
            assert figures(draft, "runner_up") == {"person": draft.runner_up, "hours_worse": expected[0]}
            assert (draft.runner_up, expected[0] >= 0) == (expected[2], True)


def test_effects_tell_both_units_alone_and_with_the_plan() -> None:
    draft = solve(oracle()).proposals[0]
    assert [(e.unit, e.before, e.after_alone, e.after_plan) for e in draft.effects] == [
        ("P", 1.4167, 1.2143, 1.0625),
        ("Q", 0.6, 0.7, 0.84),
    ]


def test_reasons_come_in_the_order_people_ask_them() -> None:
    draft = solve(oracle()).proposals[0]
    assert codes(draft) == [
        "relieves_overload",
        "donor_keeps",
        "help_returns",
        "only_place",
        "least_burden",
        "runner_up",
        "binds",
    ]
    assert figures(draft, "relieves_overload") == {"missing": 2.5, "before": 1.4167, "after_plan": 1.0625}
    assert figures(draft, "donor_keeps") == {"staff": 5, "least": 4.2, "limit": "donor_ceiling", "after_plan": 0.84}
    assert figures(draft, "help_returns") == {"lasting": 0, "months": 3}
    assert figures(draft, "binds") == {"limit": "donor_ceiling", "unit": "Q"}


def test_a_burden_is_told_item_by_item() -> None:
    units = [unit("P", 6, 5, island="ternate"), unit("Q", 1, 4)]
    posts = [post("post-P", "P", job_class=8), post("post-Q", "Q", family="archive")]
    recruit = person("q", "Q", since=date(2026, 1, 1))
    (draft,) = solve(picture(units, [recruit], posts, penalties={"q": 25})).proposals
    assert figures(draft, "least_burden") == {
        "total": 360,
        "handover": 80,
        "crossing": 115,
        "other_family": 40,
        "class_steps": 40,
        "short_tenure": 60,
        "declined_before": 25,
    }


def test_going_home_is_a_relief() -> None:
    units = [unit("P", 6, 5, island="ternate"), unit("Q", 1, 4)]
    (draft,) = solve(picture(units, [person("q", "Q", home="ternate")])).proposals
    assert figures(draft, "least_burden") == {"total": 40, "handover": 80, "homecoming": -40}


def test_better_candidates_that_rules_keep_back_are_counted_by_rule() -> None:
    units = [unit("P", 6, 5), unit("Q", 1, 4), unit("R", 4, 4), unit("S", 1, 4, fresh=False), unit("T", 5, 4)]
    people = [
        person("q", "Q", since=date(2026, 1, 1)),
        person("q-case", "Q", open_case=True),
        person("q-duty", "Q", running_share=1.0),
        person("r", "R"),
        person("s", "S"),
        person("t", "T"),
        person("q-later", "Q", since=date(2026, 2, 1), open_case=True),
    ]
    plan = solve(picture(units, people, policy=Policy(moves_per_plan=1)))
    (draft,) = plan.proposals
    assert (draft.person, draft.to_unit) == ("q", "T")
    assert figures(draft, "better_but_blocked") == {
        "on_duty": 1,
        "open_case": 1,
        "unit_at_limit": 1,
        "unit_not_reported": 1,
    }


def test_someone_better_who_goes_elsewhere_is_counted_as_in_the_plan() -> None:
    units = [unit("P", 7, 5), unit("P2", 6, 5), unit("Q", 1, 4)]
    posts = [post("post-P", "P"), post("post-P2", "P2", family="archive"), post("post-Q", "Q")]
    people = [
        person("both", "Q", skills=("counter", "archive")),
        person("counter", "Q", since=date(2026, 1, 1)),
        person("archive", "Q", since=date(2026, 1, 1), skills=("archive",)),
    ]
    by_person = {draft.person: draft for draft in solve(picture(units, people, posts)).proposals}
    assert {person: draft.to_unit for person, draft in by_person.items()} == {
        "both": "P",
        "counter": "P",
        "archive": "P2",
    }
    assert figures(by_person["archive"], "better_but_blocked") == {"in_plan": 1}
    assert "better_but_blocked" not in codes(by_person["counter"])


def test_someone_better_whose_own_unit_would_be_left_worse_off_is_no_runner_up() -> None:
    units = [unit("P", 6, 5), unit("Q", 1, 4), unit("R", 3.9, 4)]
    people = [person("q", "Q", since=date(2026, 1, 1)), person("r", "R")]
    (draft,) = solve(picture(units, people, policy=Policy(donor_ceiling=1.5))).proposals
    assert (draft.person, draft.runner_up) == ("q", None)
    assert figures(draft, "better_but_blocked") == {"unit_worse_off": 1}


def test_someone_better_in_a_unit_that_was_not_asked_is_counted_as_such() -> None:
    units = [unit("P", 6, 5), unit("Q", 1, 4), unit("R", 1, 4)]
    people = [person("q", "Q", since=date(2026, 1, 1)), person("r", "R")]
    (draft,) = solve(picture(units, people, policy=Policy(donors_per_unit=1))).proposals
    assert draft.person == "q"
    assert figures(draft, "better_but_blocked") == {"unit_not_asked": 1}


def test_the_best_other_place_is_named_with_what_it_would_leave_behind() -> None:
    units = [unit("P", 9, 6), unit("P2", 6, 5), unit("Q", 1, 3)]
    draft = solve(picture(units, [person(f"q{n}", "Q") for n in range(2)], policy=Policy(moves_per_plan=1))).proposals[
        0
    ]
    assert (draft.to_unit, figures(draft, "best_place")) == (
        "P",
        {"next_unit": "P2", "worst_here": 1.2857, "worst_there": 1.5, "hours_worse": 0},
    )


def test_a_permanent_move_names_the_lasting_shortage_and_what_binds() -> None:
    units = [unit("P", 6, 5, lasting=1, need=6), unit("Q", 1, 4, need=3)]
    posts = [post("post-P", "P", places=6, occupied=5, version=4), post("post-Q", "Q")]
    (draft,) = solve(picture(units, [person("q", "Q")], posts)).proposals
    assert (draft.mode, draft.until) == ("permanent", None)
    assert figures(draft, "shortage_lasts") == {"lasting": 1}
    assert [reason.figures for reason in draft.reasons if reason.code == "binds"] == [
        {"limit": "minimum_staff", "unit": "Q"},
        {"limit": "free_places", "position": "post-P"},
        {"limit": "lasting_shortage", "unit": "P"},
    ]
    assert draft.premises[-1] == Premise(subject="personnel/position/post-P", version=4)


def test_a_proposal_rests_on_both_units_and_the_person() -> None:
    assert solve(oracle()).proposals[0].premises == [
        Premise(subject="workload/unit/P", version=1),
        Premise(subject="workload/unit/Q", version=1),
        Premise(subject="personnel/person/q1", version=1),
    ]


def test_a_draft_has_every_field_of_the_event_but_ids_and_what_the_plan_shares() -> None:
    shared = {"proposal", "plan", "seed", "input_hash", "model"}
    assert set(Drafted.__struct_fields__) == set(ProposalDrafted.__struct_fields__) - shared
