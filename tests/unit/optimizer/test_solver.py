"""Which moves are proposed, judged by the law's oracle, by trying every plan, and by a checker of its own."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from ortools.sat.python import cp_model

from events.proposal import Premise
from services.optimizer.picture import Picture, Policy, Refusal, used
from services.optimizer.solver import Plan, solve
from tests.unit.optimizer.checker import Checker, Move
from tests.unit.optimizer.pictures import START, oracle, person, picture, post, province, small_pictures, unit

every_plan = settings(max_examples=200, deadline=None, derandomize=True)


def moves(plan: Plan) -> list[Move]:
    return [Move(d.person, d.from_unit, d.to_unit, d.to_position, d.mode) for d in plan.proposals]


def codes(plan: Plan) -> dict[str, str]:
    return {untouched.unit: untouched.reason.code for untouched in plan.untouched}


def one_helper(known: dict[str, Any], lasting: int = 0, **policy: Any) -> Plan:
    """A plan for unit P, which lacks one person, where Q has one person of the given kind to spare."""
    units = [unit("P", 6, 5, lasting=lasting), unit("Q", 1, 4)]
    return solve(picture(units, [person("q", "Q", **known)], policy=Policy(**policy)))


def test_two_people_help_the_counter_when_the_donor_may_not_be_overloaded() -> None:
    plan = solve(oracle())
    assert (plan.figures.moves, plan.figures.worst_before, plan.figures.worst_after) == (2, 1.4167, 1.0625)
    assert [[e.after_plan for e in d.effects] for d in plan.proposals] == [[1.0625, 0.84]] * 2


def test_three_people_are_the_min_max_without_a_donor_ceiling() -> None:
    plan = solve(oracle(donor_ceiling=9.0))
    assert (plan.figures.moves, plan.figures.worst_after) == (3, 1.05)


@given(small_pictures())
@every_plan
def test_no_plan_of_all_that_exist_is_better(picture: Picture) -> None:
    plan, checker = solve(picture), Checker(picture)
    assert checker.score(moves(plan)) == checker.best()
    assert plan.figures.proven


@given(small_pictures())
@every_plan
def test_the_checker_finds_no_fault_in_any_plan(picture: Picture) -> None:
    assert Checker(picture).faults(solve(picture)) == []


def test_the_checker_finds_no_fault_in_the_plan_of_a_province() -> None:
    whole = province(people=2_000, units=60)
    plan = solve(whole)
    assert plan.figures.moves == whole.policy.moves_per_plan
    assert Checker(whole).faults(plan) == []


def test_the_checker_sees_a_broken_rule() -> None:
    strict = msgspec.structs.replace(oracle(), policy=Policy(floor_share=1.0))
    refilled = tuple(msgspec.structs.replace(u, need=6) for u in strict.units)
    assert Checker(msgspec.structs.replace(strict, units=refilled)).faults(solve(oracle())) == [
        "Q falls below its minimum"
    ]


@given(small_pictures())
@every_plan
def test_the_same_input_in_any_order_gives_the_same_plan(picture: Picture) -> None:
    shuffle = random.Random(7).sample
    other = msgspec.structs.replace(
        picture,
        units=tuple(shuffle(picture.units, len(picture.units))),
        positions=tuple(shuffle(picture.positions, len(picture.positions))),
        people=tuple(shuffle(picture.people, len(picture.people))),
    )
    assert solve(other) == solve(picture)


@given(small_pictures())
@every_plan
def test_the_hashed_part_of_the_input_is_enough_to_plan_again(picture: Picture) -> None:
    assert solve(used(picture)) == solve(picture)


def test_the_hash_ignores_those_who_cannot_matter_and_sees_those_who_can() -> None:
    before = oracle()
    stranger = msgspec.structs.replace(before, people=(*before.people, person("s", "Q", skills=("welder",))))
    candidate = msgspec.structs.replace(before, people=(*before.people, person("c", "Q")))
    assert solve(stranger).input_hash == solve(before).input_hash != solve(candidate).input_hash


def test_a_unit_that_nobody_can_help_does_not_keep_the_others_from_help() -> None:
    units = [unit("hopeless", 9, 5, instansi="8272"), unit("P", 6, 5), unit("Q", 1, 4)]
    plan = solve(picture(units, [person("q", "Q")]))
    assert [m.to_unit for m in moves(plan)] == ["P"]
    assert codes(plan) == {"hopeless": "no_candidate"}


def test_another_route_is_hinted_at_when_only_another_instansi_has_people() -> None:
    units = [unit("P", 6, 5, instansi="8272"), unit("Q", 1, 4)]
    plan = solve(picture(units, [person("q", "Q"), person("r", "Q", open_case=True)]))
    assert plan.proposals == []
    assert [(h.unit, h.instansi, h.people) for h in plan.hints] == [("P", ["8200"], 1)]


def test_no_route_is_hinted_at_when_the_own_instansi_can_help() -> None:
    assert solve(oracle()).hints == []


@pytest.mark.parametrize(
    "known",
    [
        pytest.param({"eligible": False}, id="appraisal or discipline"),
        pytest.param({"open_case": True}, id="another case is open"),
        pytest.param({"running_share": 0.5}, id="on duty elsewhere"),
        pytest.param({"cooling_until": START}, id="just back from a duty"),
        pytest.param({"status": "pppk_part_time"}, id="status"),
        pytest.param({"retires_on": date(2026, 12, 6)}, id="retires before the return"),
        pytest.param({"skills": ("archive",)}, id="no skill"),
    ],
)
def test_nobody_is_proposed_against_a_rule(known: dict[str, Any]) -> None:
    assert one_helper({}).figures.moves == 1
    assert one_helper(known).figures.moves == 0


@pytest.mark.parametrize("status", ["pns", "pppk"])
def test_people_on_contract_may_help_inside_their_instansi(status: str) -> None:
    assert [m.mode for m in moves(one_helper({"status": status}))] == ["temporary"]


def test_nobody_is_taken_from_a_leading_post_or_put_into_one() -> None:
    units, people = [unit("P", 6, 5), unit("Q", 1, 4)], [person("q", "Q")]
    for leading in ("P", "Q"):
        posts = [post(f"post-{n}", n, kind="pengawas" if n == leading else "pelaksana") for n in "PQ"]
        assert solve(picture(units, people, posts)).figures.moves == 0


def test_the_donor_keeps_its_minimum_staff_by_the_final_abk() -> None:
    units = [unit("P", 6, 5), unit("Q", 1, 4, need=4)]
    assert solve(picture(units, [person("q", "Q")])).figures.moves == 0


def test_a_unit_with_an_old_report_neither_gives_nor_gets() -> None:
    for silent in ("P", "Q"):
        units = [unit("P", 6, 5, fresh=silent != "P"), unit("Q", 1, 4, fresh=silent != "Q")]
        plan = solve(picture(units, [person("q", "Q")]))
        assert plan.figures.moves == 0
        assert codes(plan)[silent] == "not_reported"
        assert (plan.figures.silent, plan.figures.units) == (1, 2)


def test_a_unit_with_nobody_at_work_is_named_and_left_alone() -> None:
    assert codes(solve(picture([unit("P", 6, 0)], []))) == {"P": "nobody_at_work"}


def test_nobody_moves_for_less_than_half_a_person() -> None:
    units = [unit("P", 3.4, 3), unit("Q", 1, 4)]
    plan = solve(picture(units, [person("q", "Q")]))
    assert plan.proposals == []
    assert codes(plan) == {"P": "cheaper_remedy"}


def test_help_begins_only_above_the_threshold() -> None:
    units = [unit("P", 11, 10), unit("Q", 1, 4)]
    plan = solve(picture(units, [person("q", "Q")]))
    assert (plan.proposals, plan.untouched) == ([], [])


def test_an_overload_that_is_not_lasting_is_helped_for_a_time_with_a_return_date() -> None:
    (draft,) = one_helper({}).proposals
    assert (draft.mode, draft.start, draft.until) == ("temporary", START, date(2026, 12, 6))


def test_only_the_lasting_part_of_a_shortage_becomes_permanent() -> None:
    plan = solve(oracle(lasting=1))
    assert sorted(m.mode for m in moves(plan)) == ["permanent", "temporary"]
    assert plan.proposals[0].mode == "temporary"


@pytest.mark.parametrize(
    "known",
    [
        pytest.param({"since": date(2025, 1, 1)}, id="two years in post"),
        pytest.param({"status": "pppk"}, id="on contract"),
        pytest.param({"retires_on": date(2028, 11, 2)}, id="two years before retirement"),
    ],
)
def test_who_may_not_move_for_good_still_helps_for_a_time(known: dict[str, Any]) -> None:
    assert [m.mode for m in moves(one_helper({}, lasting=1))] == ["permanent"]
    assert [m.mode for m in moves(one_helper(known, lasting=1))] == ["temporary"]


def test_a_permanent_move_needs_a_free_place() -> None:
    units = [unit("P", 6, 5, lasting=1), unit("Q", 1, 4)]
    posts = [post("post-P", "P", places=5, occupied=5), post("post-Q", "Q")]
    assert [m.mode for m in moves(solve(picture(units, [person("q", "Q")], posts)))] == ["temporary"]


def test_a_refused_move_is_not_proposed_again_until_its_premise_changes() -> None:
    premise = Premise(subject="workload/unit/P", version=1)
    known = oracle()
    refused = msgspec.structs.replace(known, refusals=(Refusal(person="q1", to_unit="P", premise=premise),))
    changed = msgspec.structs.replace(
        refused, units=tuple(msgspec.structs.replace(u, version=2) for u in refused.units)
    )
    assert [m.person for m in moves(solve(known))] == ["q1", "q2"]
    assert [m.person for m in moves(solve(refused))] == ["q2", "q3"]
    assert [m.person for m in moves(solve(changed))] == ["q1", "q2"]


def test_the_least_burdened_go_then_those_longest_in_post() -> None:
    kinds: list[dict[str, Any]] = [
        {"home": "ternate"},
        {"since": date(2018, 1, 1)},
        {"since": date(2019, 1, 1)},
        {"since": date(2026, 1, 1)},
    ]
    people = [person(f"q{n}", "Q", **known) for n, known in enumerate(kinds)]
    base = picture([unit("P", 8, 6), unit("Q", 1, 4)], people)
    assert [m.person for m in moves(solve(base))] == ["q1", "q2"]
    assert [m.person for m in moves(solve(msgspec.structs.replace(base, penalties={"q1": 100})))] == ["q2", "q3"]


def test_a_plan_is_no_longer_than_people_can_weigh() -> None:
    units = [unit("P", 12, 6), unit("P2", 10, 8), unit("Q", 1, 9)]
    plan = solve(picture(units, [person(f"q{n}", "Q") for n in range(6)], policy=Policy(moves_per_plan=2)))
    assert [m.to_unit for m in moves(plan)] == ["P", "P"]
    assert codes(plan) == {"P2": "plan_full"}


@pytest.mark.parametrize("load", [60.0, 60_000.0])
def test_the_model_grows_with_who_could_help_not_with_the_load(load: float, monkeypatch: pytest.MonkeyPatch) -> None:
    choices: list[cp_model.IntVar] = []
    choice = cp_model.CpModel.new_bool_var

    def counted(model: cp_model.CpModel, name: str) -> cp_model.IntVar:
        choices.append(choice(model, name))
        return choices[-1]

    monkeypatch.setattr(cp_model.CpModel, "new_bool_var", counted)
    units = [unit("P", load, 6), unit("Q", 1, 9)]
    plan = solve(picture(units, [person(f"q{n}", "Q") for n in range(4)]))
    assert [m.to_unit for m in moves(plan)] == ["P"] * 4
    assert len(choices) == 4 + 4  # whether each of four people moves, and each step that four people can bring


def test_a_unit_left_out_for_want_of_donors_says_so() -> None:
    units = [unit("P", 12, 6), unit("P2", 10, 8), unit("Q", 1, 2)]
    assert codes(solve(picture(units, [person("q", "Q")]))) == {"P2": "donors_exhausted"}


def test_a_solver_out_of_its_effort_does_not_claim_a_proof() -> None:
    whole = province(people=2_000, units=60)
    plan = solve(msgspec.structs.replace(whole, policy=Policy(effort=1e-6)))
    assert not plan.figures.proven
    assert Checker(whole).faults(plan) == []


def test_temporary_help_beyond_six_months_is_no_policy() -> None:
    with pytest.raises(ValueError, match="1 to 6 months, not 7"):
        Policy(temporary_months=7)


def test_a_process_that_does_not_solve_never_loads_the_solver() -> None:
    look = "import sys, services.optimizer.solver as s; sys.exit('ortools' in sys.modules or s.MODEL == '')"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
