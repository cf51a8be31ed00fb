"""Which moves to propose: the lexicographically best plan over the overloaded units and the donors asked to help them.

1. The most loaded unit is relieved as far as it can be, then the next, and so on (leximin: a unit that nobody can help
   does not decide for all; donors pushed above the target count as well). 2. Fewest moves. 3. As many of them for good
   as the final ABK shows to be lasting, all others temporary. 4. Least burden. 5. Longest in post, then by id.

Step 1 is one linear objective. Whole people flow from donors to units through whole limits, so the reachable gains and
losses form an M-convex set, in which a plan is leximin-best exactly if no single exchange improves it (A. Frank,
K. Murota, "Decreasing minimization on M-convex sets", Math. Programming 195, 2022). A sum in which each step of a unit
weighs the *rank* of the EJ it takes away has the same improving exchanges, hence the same optimum.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING

import msgspec

from events.proposal import Reason
from services.optimizer.explain import Arc, Drafted, Settled, draft, obstacle, options, spare
from services.optimizer.picture import SHARE, Known, Mode, Picture, Unit, used

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

MODEL = "cp-sat-arcs@1"


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
    without any; `proven`: no better plan exists by this objective.
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
    """The part of the government that is planned. `steps`: overloaded unit -> its EJ before each helper it may get."""

    known: Known
    steps: dict[str, list[float]]
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
    touched = {unit for unit, asked in field.donors.items() if asked} | {q for asked in field.donors.values() for q in asked}
    return Plan(
        proposals=draft(settled),
        hints=[hint for unit, asked in field.donors.items() if not asked for hint in _hints(field, known.units[unit])],
        untouched=list(_untouched(field, settled)),
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
    """Who could help whom. Each overloaded unit, the most loaded first, asks the donors that have promised least."""
    steps = {unit.unit: _steps(known, unit) for unit in known.units.values() if known.overloaded(unit)}
    can_give = {unit.unit: people for unit in known.units.values() if (people := spare(known, unit))}
    promised: dict[str, float] = defaultdict(float)
    donors: dict[str, list[str]] = {}
    arcs: list[Arc] = []
    for unit in sorted((known.units[name] for name in steps if steps[name]), key=lambda u: (-u.ratio(), u.unit)):
        donors[unit.unit] = []
        for donor in sorted(
            (known.units[name] for name in can_give if known.units[name].instansi == unit.instansi),
            key=lambda q: (promised[q.unit] >= can_give[q.unit], q.island != unit.island, promised[q.unit] / can_give[q.unit], q.unit),
        ):
            if found := _arcs(known, donor, unit, can_give[donor.unit]):
                arcs += found
                donors[unit.unit].append(donor.unit)
                promised[donor.unit] += len(steps[unit.unit]) / known.policy.donors_per_unit
            if len(donors[unit.unit]) == known.policy.donors_per_unit:
                break
    return Field(known, steps, can_give, donors, arcs)


def _steps(known: Known, unit: Unit) -> list[float]:
    missing = (unit.load / known.policy.target - unit.staff) / SHARE
    helpers = math.floor(missing - known.policy.least_help + 1e-9) + 1
    return [unit.ratio(helper * SHARE) for helper in range(helpers)]


def _arcs(known: Known, donor: Unit, unit: Unit, limit: int) -> Iterable[Arc]:
    """Admissible arcs. A donor that gives `limit` people needs its best `limit` for a place: a worse one is never
    chosen while one of those is free, and at least one of them is.
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
    """The best set of arcs, and whether it is proved to be the best. Each stage keeps what the earlier ones reached."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    take = [model.new_bool_var("") for _ in field.arcs]
    relief = _constrain(model, field, take)
    most = sum(field.spare.values()) + 1
    permanent = [arc.mode == "permanent" for arc in field.arcs]
    dearest = 1 + most * max(abs(arc.hours) for arc in field.arcs)
    order = {key: rank for rank, key in enumerate(sorted({arc.key[1:] for arc in field.arcs}))}
    stages = (
        sum(take) - most * relief,
        cp_model.LinearExpr.weighted_sum(take, [arc.hours - dearest * p for arc, p in zip(field.arcs, permanent)]),
        cp_model.LinearExpr.weighted_sum(take, [order[arc.key[1:]] for arc in field.arcs]),
    )
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = field.known.policy.seed
    solver.parameters.max_deterministic_time = field.known.policy.effort
    chosen, proven = [False] * len(take), True
    for stage in stages:
        model.minimize(stage)
        status = solver.solve(model)
        proven = proven and status == cp_model.OPTIMAL
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            chosen = [solver.boolean_value(var) for var in take]
            model.add(stage <= round(solver.objective_value))
        model.clear_hints()
        for var, value in zip(take, chosen):
            model.add_hint(var, value)
    return [arc for arc, taken in zip(field.arcs, chosen) if taken], proven


def _constrain(model: cp_model.CpModel, field: Field, take: Sequence[cp_model.IntVar]) -> cp_model.LinearExprT:
    """The hard rules. Returns the relief: ranks of the EJ steps taken from units, less those put on donors."""
    known, target = field.known, field.known.policy.target
    groups: dict[tuple[str, str], list[cp_model.IntVar]] = defaultdict(list)
    limits: dict[tuple[str, str], int] = {}
    for arc, var in zip(field.arcs, take):
        unit = arc.position.unit
        groups["person", arc.person.person].append(var)
        groups["out", arc.person.unit].append(var)
        groups["in", unit].append(var)
        limits["person", arc.person.person] = 1
        limits["out", arc.person.unit] = field.spare[arc.person.unit]
        if arc.mode == "permanent":
            groups["places", arc.position.position].append(var)
            groups["lasting", unit].append(var)
            limits["places", arc.position.position] = arc.position.free
            limits["lasting", unit] = known.units[unit].lasting
    for group, limit in limits.items():
        model.add(sum(groups[group]) <= limit)

    burdens: dict[str, list[float]] = {}
    for kind, donor in groups:
        if kind == "out":
            ratios = [known.units[donor].ratio(-given * SHARE) for given in range(1, field.spare[donor] + 1)]
            burdens[donor] = [ratio for ratio in ratios if round(ratio, 9) > target]
    reliefs = {unit: field.steps[unit] for kind, unit in groups if kind == "in"}
    levels = sorted({round(ratio, 9) for steps in (*reliefs.values(), *burdens.values()) for ratio in steps})
    rank = {level: place for place, level in enumerate(levels, start=1)}

    relief: list[cp_model.LinearExprT] = []
    for unit, steps in reliefs.items():
        filled = [model.new_bool_var("") for _ in steps]
        model.add(sum(groups["in", unit]) == sum(filled))
        relief += [rank[round(ratio, 9)] * step for ratio, step in zip(steps, filled)]
    for donor, steps in burdens.items():
        pressed = [model.new_bool_var("") for _ in steps]
        model.add(sum(groups["out", donor]) <= field.spare[donor] - len(steps) + sum(pressed))
        relief += [-rank[round(ratio, 9)] * step for ratio, step in zip(steps, pressed)]
    return sum(relief)


def _hints(field: Field, unit: Unit) -> Iterable[Hint]:
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


def _untouched(field: Field, settled: Settled) -> Iterable[Untouched]:
    """Units without a fresh report, and overloaded units to which the plan sends nobody."""
    helped = {move.position.unit for move in settled.moves}
    for unit in field.known.units.values():
        figures: dict[str, float | str] = {}
        if not unit.fresh:
            code, figures = "not_reported", {"since": unit.as_of.isoformat()}
        elif not unit.takes_part:
            code = "nobody_at_work"
        elif unit.unit not in field.steps or unit.unit in helped:
            continue
        else:
            missing = unit.load / field.known.policy.target - unit.staff
            figures = {"ratio": round(unit.ratio(), 4), "missing": round(missing, 4)}
            asked = field.donors.get(unit.unit)
            code = "cheaper_remedy" if asked is None else "donors_exhausted" if asked else "no_candidate"
        yield Untouched(unit=unit.unit, reason=Reason(code=code, figures=figures))
