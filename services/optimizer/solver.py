"""Which moves to propose: the lexicographically best plan over the overloaded units and the donors asked to help them.

1. The most loaded unit is relieved as far as it can be, then the next, and so on (leximin: a unit that nobody can help
   does not decide for all; donors pushed above the target count as well). 2. Fewest moves. 3. As many of them for good
   as the final ABK shows to be lasting, all others temporary. 4. Least burden. 5. Longest in post, then by id.

Step 1 is one linear objective. Whole people flow from donors to units through whole limits, so the reachable gains and
losses form an M-convex set, in which a plan is leximin-best exactly if no single exchange improves it (A. Frank,
K. Murota, "Decreasing minimization on M-convex sets", Math. Programming 195, 2022). A helper takes a unit one step from
a higher EJ to a lower one; a sum in which each step weighs its *rank*, by the higher EJ and then by how low it leads,
has the same improving exchanges, hence the same optimum.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import nsmallest
from typing import TYPE_CHECKING

import msgspec

from events.proposal import Reason
from services.optimizer.explain import Arc, Drafted, Settled, draft, obstacle, options, spare
from services.optimizer.picture import SHARE, Known, Mode, Picture, Unit, used

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

MODEL = "cp-sat-arcs@1"

Step = tuple[float, float]
"""(EJ before a helper, EJ after it negated), nothing below the target counting: a greater step is worth more."""


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """No move inside the instansi can help a unit, but these others have people: another route would be needed."""

    unit: str
    instansi: list[str]
    people: int


class Untouched(msgspec.Struct, frozen=True, kw_only=True):
    """A unit for which nothing is proposed, and why."""

    unit: str
    reason: Reason


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan achieves. `worst_*` is the highest EJ among overloaded units with candidates and donors asked, 0.0
    without any; `silent` units have no fresh report; `proven`: no better plan exists by this objective.
    """

    worst_before: float
    worst_after: float
    moves: int
    permanent: int
    burden_hours: int
    arcs: int
    units: int
    silent: int
    proven: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Proposals, and what was not proposed. `seed`, `input_hash` and `model` reproduce it."""

    proposals: list[Drafted]
    hints: list[Hint]
    untouched: list[Untouched]
    figures: Figures
    model: str
    seed: int
    input_hash: str


@dataclass(frozen=True)
class Field:
    """Who could help whom. `wanted`: overloaded unit -> helpers it may get; `spare`: unit -> people it can give;
    `donors`: overloaded unit -> the units asked to help it.
    """

    known: Known
    wanted: dict[str, int]
    spare: dict[str, int]
    donors: dict[str, list[str]]
    arcs: list[Arc]


def solve(picture: Picture) -> Plan:
    """Plan the picture. Pure: the same picture, in any order, gives the same plan."""
    picture = used(picture)
    known = Known(picture)
    field = survey(known)
    moves, proven = _choose(field) if field.arcs else ([], True)
    settled = Settled(known, field.donors, moves)
    touched = {name for unit, asked in field.donors.items() if asked for name in (unit, *asked)}
    return Plan(
        proposals=draft(settled),
        hints=[hint for unit, asked in field.donors.items() if not asked for hint in _hints(field, known.units[unit])],
        untouched=list(_untouched(field, moves)),
        figures=Figures(
            worst_before=round(max((known.units[unit].ratio() for unit in touched), default=0.0), 4),
            worst_after=round(max((settled.ratio(unit) for unit in touched), default=0.0), 4),
            moves=len(moves),
            permanent=sum(move.mode == "permanent" for move in moves),
            burden_hours=sum(move.hours for move in moves),
            arcs=len(field.arcs),
            units=len(known.units),
            silent=sum(not unit.fresh for unit in known.units.values()),
            proven=proven,
        ),
        model=MODEL,
        seed=known.policy.seed,
        input_hash=hashlib.sha256(msgspec.json.encode(picture, order="deterministic")).hexdigest(),
    )


def survey(known: Known) -> Field:
    """Each overloaded unit, the most loaded first, asks the nearest of the donors that have promised least so far."""
    wanted = {unit.unit: _wanted(known, unit) for unit in known.units.values() if known.overloaded(unit)}
    can_give = {unit.unit: people for unit in known.units.values() if (people := spare(known, unit))}
    promised = dict.fromkeys(can_give, 0.0)
    field = Field(known, wanted, can_give, {}, [])

    def order(unit: Unit, donor: Unit) -> tuple[bool, bool, float, str]:
        promises = promised[donor.unit] / can_give[donor.unit]
        return promises >= 1, donor.island != unit.island, promises, donor.unit

    for unit in sorted((known.units[name] for name in wanted if wanted[name]), key=lambda u: (-u.ratio(), u.unit)):
        asked = field.donors[unit.unit] = []
        donors = [known.units[name] for name in can_give if known.units[name].instansi == unit.instansi]
        for donor in sorted(donors, key=partial(order, unit)):
            if arcs := _arcs(known, donor, unit, can_give[donor.unit]):
                field.arcs.extend(arcs)
                asked.append(donor.unit)
                promised[donor.unit] += wanted[unit.unit] / known.policy.donors_per_unit
            if len(asked) == known.policy.donors_per_unit:
                break
    return field


def _wanted(known: Known, unit: Unit) -> int:
    missing = (unit.load / known.policy.target - unit.staff) / SHARE
    return max(0, math.floor(missing - known.policy.least_help + 1e-9) + 1)


def _step(known: Known, unit: Unit, change: int) -> Step:
    """The step by which a unit comes to `change` people more than now, or from so many fewer."""
    fewer, more = unit.ratio((change - 1) * SHARE), unit.ratio(change * SHARE)
    return round(fewer, 9), -round(max(more, known.policy.target), 9)


def _arcs(known: Known, donor: Unit, unit: Unit, limit: int) -> list[Arc]:
    """Admissible arcs from a donor that gives at most `limit` people: its best `limit` for a place are enough, since
    whenever a worse one is chosen, one of those is free and would be the better choice.
    """
    modes: tuple[Mode, ...] = ("temporary", "permanent") if unit.lasting > 0 else ("temporary",)
    places: dict[tuple[Mode, str], list[Arc]] = defaultdict(list)
    for person in known.staff_of[donor.unit]:
        for mode in modes:
            if obstacle(known, person, unit, mode) is None:
                for arc in options(known, person, unit, mode):
                    places[mode, arc.position.position if mode == "permanent" else ""].append(arc)
    return [arc for place in places.values() for arc in nsmallest(limit, place, key=lambda arc: arc.key)]


def _choose(field: Field) -> tuple[list[Arc], bool]:
    """The best arcs, and whether they are proved to be. Each stage keeps what the stages before it have reached."""
    from ortools.sat.python import cp_model

    policy, arcs, model = field.known.policy, field.arcs, cp_model.CpModel()
    take = [model.new_bool_var("") for _ in arcs]
    steps = _constrain(model, field, take)
    for_good = 1 + policy.moves_per_plan * max(abs(arc.hours) for arc in arcs)
    burdens = [arc.hours - for_good * (arc.mode == "permanent") for arc in arcs]
    place = {key: n for n, key in enumerate(sorted({arc.key[1:] for arc in arcs}))}
    weights = [-(policy.moves_per_plan + 1) * rank for rank in range(1, len(steps) + 1)]

    moves = cp_model.LinearExpr.sum(take)
    burden = cp_model.LinearExpr.weighted_sum(take, burdens)
    seniority = cp_model.LinearExpr.weighted_sum(take, [place[arc.key[1:]] for arc in arcs])
    relief = cp_model.LinearExpr.weighted_sum(steps, weights)
    stages: tuple[tuple[cp_model.LinearExpr, list[cp_model.LinearExpr]], ...]
    stages = ((relief + moves, [*steps, moves]), (burden, [burden]), (seniority, []))

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = policy.seed
    solver.parameters.max_deterministic_time = policy.effort
    solver.parameters.linearization_level = 2  # a flow: its linear relaxation is nearly always whole
    solver.parameters.cp_model_presolve = False  # costs more than it saves on a flow
    chosen: list[Arc] = []
    for objective, reached in stages:
        model.minimize(objective)
        status = solver.solve(model)
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            chosen = [arc for arc, var in zip(arcs, take, strict=True) if solver.boolean_value(var)]
        if status != cp_model.OPTIMAL:
            return chosen, False
        for figure in reached:
            model.add(figure == solver.value(figure))
    return chosen, True


def _constrain(model: cp_model.CpModel, field: Field, take: Sequence[cp_model.IntVar]) -> list[cp_model.LinearExpr]:
    """The hard rules. Returns how often each step is taken, less how often by a donor backwards, by rising worth."""
    from ortools.sat.python import cp_model

    known, target = field.known, round(field.known.policy.target, 9)
    limits: dict[tuple[str, str], int] = {}
    groups: dict[tuple[str, str], list[cp_model.IntVar]] = defaultdict(list)
    for arc, var in zip(field.arcs, take, strict=True):
        unit, donor = arc.position.unit, arc.person.unit
        within = {("plan", "moves"): known.policy.moves_per_plan, ("person", arc.person.person): 1}
        within |= {("gives", donor): field.spare[donor], ("gets", unit): field.wanted[unit]}
        if arc.mode == "permanent":
            within |= {("plan", "permanent"): known.policy.permanent_per_plan}
            within |= {("post", arc.position.position): arc.position.free, ("lasting", unit): known.units[unit].lasting}
        limits |= within
        for group in within:
            groups[group].append(var)

    worth: dict[Step, list[cp_model.LinearExpr]] = defaultdict(list)
    for (kind, name), members in groups.items():
        # What no plan could reach gets no step: a load has no bound of its own, and the model must have one.
        taken, limit = sum(members), min(limits[kind, name], known.policy.moves_per_plan, len(members))
        if kind == "gets":
            ahead = (_step(known, known.units[name], helper) for helper in range(1, limit + 1))
            steps = [(step, model.new_bool_var("")) for step in ahead]
            model.add(taken == sum(var for _, var in steps))
            for step, var in steps:
                worth[step].append(1 * var)
        elif kind == "gives":
            back = (_step(known, known.units[name], 1 - given) for given in range(1, limit + 1))
            steps = [(step, model.new_bool_var("")) for step in back if step[0] > target]
            model.add(taken <= limit - len(steps) + sum(var for _, var in steps))
            for step, var in steps:
                worth[step].append(-1 * var)
        else:
            model.add(taken <= limit)
    return [cp_model.LinearExpr.sum(worth[step]) for step in sorted(worth)]


def _hints(field: Field, unit: Unit) -> Iterator[Hint]:
    """The other instansi that have people with the skills and to spare."""
    known = field.known
    elsewhere = [
        known.units[donor].instansi
        for donor in field.spare
        if known.units[donor].instansi != unit.instansi
        for person in known.staff_of[donor]
        if obstacle(known, person, unit, "temporary") is None and options(known, person, unit, "temporary")
    ]
    if elsewhere:
        yield Hint(unit=unit.unit, instansi=sorted(set(elsewhere)), people=len(elsewhere))


def _untouched(field: Field, moves: Sequence[Arc]) -> Iterator[Untouched]:
    """Units without a fresh report, and overloaded units to which the plan sends nobody."""
    policy, helped = field.known.policy, {move.position.unit for move in moves}
    for unit in field.known.units.values():
        figures: dict[str, float | str] = {"as_of": unit.as_of.isoformat()}
        if not unit.fresh:
            code = "not_reported"
        elif not unit.takes_part:
            code = "nobody_at_work"
        elif unit.unit not in field.wanted or unit.unit in helped:
            continue
        else:
            figures |= {"ratio": round(unit.ratio(), 4), "missing": round(unit.load / policy.target - unit.staff, 4)}
            if not field.wanted[unit.unit]:
                code = "cheaper_remedy"
            elif not field.donors[unit.unit]:
                code = "no_candidate"
            else:
                code = "plan_full" if len(moves) == policy.moves_per_plan else "donors_exhausted"
        yield Untouched(unit=unit.unit, reason=Reason(code=code, figures=figures))
