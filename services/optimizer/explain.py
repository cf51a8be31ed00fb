"""Why this move: what forbids one, what it costs the person, and the reasons a proposal carries.

The solver decides by the rules and prices of this file, so that no explanation can differ from the decision.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import msgspec

from events.proposal import Premise, Reason, UnitEffect
from services.optimizer.picture import (
    SHARE,
    Known,
    Mode,
    Person,
    Position,
    Unit,
    person_subject,
    position_subject,
    unit_subject,
)


class Drafted(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal as events.proposal.ProposalDrafted has it, without ids and without what the whole plan shares."""

    person: str
    from_position: str
    from_unit: str
    to_position: str
    to_unit: str
    mode: Mode
    start: date
    until: date | None
    share: float
    effects: list[UnitEffect]
    reasons: list[Reason]
    runner_up: str | None
    premises: list[Premise]


@dataclass(frozen=True, slots=True)
class Arc:
    """A possible move and its price in hours."""

    person: Person
    position: Position
    mode: Mode
    hours: int

    @property
    def key(self) -> tuple[int, date, str]:
        """The order of choice: least burden, then longest in post, then id."""
        return self.hours, self.person.since, self.person.person


def obstacle(known: Known, person: Person, unit: Unit, mode: Mode) -> str | None:
    """The code of the first rule that forbids a person this move; None when they may make it."""
    policy = known.policy
    if not person.eligible:
        return "not_eligible"
    if person.status not in policy.temporary_statuses:
        return "status"
    if known.positions[person.position].kind not in policy.kinds:
        return "leading"
    if person.open_case:
        return "open_case"
    if person.running_share + SHARE > 1:
        return "on_duty"
    if person.cooling_until is not None and person.cooling_until >= known.start["temporary"]:
        return "cooling_off"
    if person.retires_on <= known.until:
        return "retiring"
    if (person.person, unit.unit) in known.refused:
        return "refused"
    return _obstacle_for_good(known, person) if mode == "permanent" else None


def _obstacle_for_good(known: Known, person: Person) -> str | None:
    """What a permanent move asks beyond a temporary one."""
    if person.status not in known.policy.permanent_statuses:
        return "status"
    if person.retires_on <= known.horizon:
        return "retiring"
    return "tenure" if person.since > known.tenure["permanent"] else None


def burden(known: Known, person: Person, position: Position, mode: Mode) -> dict[str, int]:
    """What a move costs the person, in hours by item."""
    prices, home = known.policy.prices, known.positions[person.position]
    island, now = known.units[position.unit].island, known.units[person.unit].island
    items = {
        "handover": prices.handover,
        "crossing": prices.crossing * (island != person.home),
        "homecoming": prices.homecoming * (island == person.home != now),
        "other_family": prices.other_family * (position.family != home.family),
        "class_steps": prices.class_step * abs(position.job_class - home.job_class),
        "short_tenure": prices.short_tenure * (person.since > known.tenure[mode]),
        "declined_before": known.penalties.get(person.person, 0),
    }
    return {item: hours for item, hours in items.items() if hours}


def options(known: Known, person: Person, unit: Unit, mode: Mode) -> list[Arc]:
    """The posts of a unit that fit a person's skills: for help, which takes no place, the easiest of them; for good,
    every one with a free place.
    """
    arcs = [
        Arc(person, post, mode, sum(burden(known, person, post, mode).values()))
        for post in known.posts_of[unit.unit]
        if post.family in person.skills and post.kind in known.policy.kinds and (mode == "temporary" or post.free)
    ]
    if mode == "permanent":
        return arcs
    return sorted(arcs, key=lambda arc: (arc.hours, -arc.position.free, arc.position.position))[:1]


def least_staff(known: Known, unit: Unit) -> tuple[float, str]:
    """The staff a donor must keep, in FTE and never nobody, and which of its two limits asks for it."""
    ceiling = unit.load / known.policy.donor_ceiling
    floor = max(SHARE, known.policy.floor_share * (unit.need or 0))
    return (ceiling, "donor_ceiling") if ceiling >= floor else (floor, "minimum_staff")


def spare(known: Known, unit: Unit) -> int:
    """How many people a unit can give."""
    if not unit.takes_part or known.overloaded(unit):
        return 0
    return max(0, math.floor((unit.staff - least_staff(known, unit)[0]) / SHARE + 1e-9))


@dataclass(frozen=True)
class Settled:
    """A plan as chosen. `donors`: for each overloaded unit the units asked to help it."""

    known: Known
    donors: Mapping[str, Sequence[str]]
    moves: Sequence[Arc]

    @cached_property
    def change(self) -> Counter[str]:
        """Unit -> people gained, or lost when negative."""
        gained = Counter(move.position.unit for move in self.moves)
        gained.subtract(Counter(move.person.unit for move in self.moves))
        return gained

    @cached_property
    def movers(self) -> set[str]:
        return {move.person.person for move in self.moves}

    def ratio(self, unit: str, more: int = 0) -> float:
        """The unit's EJ with the plan in place and `more` people."""
        return self.known.units[unit].ratio((self.change[unit] + more) * SHARE)

    def rivals(self, move: Arc) -> list[Arc]:
        """Everyone of the instansi with the skills for the same place, the mover included, best first."""
        unit = self.known.units[move.position.unit]
        return sorted(
            (
                arc
                for person in self.known.people
                if person.unit != unit.unit and self.known.units[person.unit].instansi == unit.instansi
                for arc in options(self.known, person, unit, move.mode)
                if move.mode == "temporary" or arc.position is move.position
            ),
            key=lambda arc: arc.key,
        )

    def blocked(self, rival: Arc, move: Arc) -> str | None:
        """The code of what keeps a rival from the mover's place, all other moves staying as they are."""
        donor, unit = self.known.units[rival.person.unit], self.known.units[move.position.unit]
        if rule := obstacle(self.known, rival.person, unit, move.mode):
            return rule
        if rival.person.person in self.movers:
            return "in_plan"
        if not donor.takes_part:
            return "unit_not_reported"
        if self.known.overloaded(donor):
            return "unit_overloaded"
        left = 0 if donor.unit == move.person.unit else -1
        if spare(self.known, donor) + self.change[donor.unit] + left < 0:
            return "unit_at_limit"
        if self.ratio(donor.unit, left) > max(self.known.policy.target, self.ratio(move.person.unit)) + 1e-9:
            return "unit_worse_off"
        return None if donor.unit in self.donors[unit.unit] else "unit_not_asked"


def draft(settled: Settled) -> list[Drafted]:
    """The proposals of a plan with their reasons: most loaded unit first, in it temporary help first."""
    rivals: dict[tuple[str, str | None], list[Arc]] = {}
    drafts = []
    for move in sorted(
        settled.moves, key=lambda m: (-_unit(settled, m).ratio(), m.position.unit, m.mode != "temporary", m.key)
    ):
        place = (move.position.unit, move.position.position if move.mode == "permanent" else None)
        if place not in rivals:
            rivals[place] = settled.rivals(move)
        drafts.append(_draft(settled, move, rivals[place]))
    return drafts


def _draft(settled: Settled, move: Arc, rivals: Sequence[Arc]) -> Drafted:
    known, person, target = settled.known, move.person, _unit(settled, move)
    donor = known.units[person.unit]
    runner_up, better = _comparison(settled, move, rivals)
    premises = [(unit_subject(target), target.version), (unit_subject(donor), donor.version)]
    premises.append((person_subject(person), person.version))
    if move.mode == "permanent":
        premises.append((position_subject(move.position), move.position.version))
    return Drafted(
        person=person.person,
        from_position=person.position,
        from_unit=donor.unit,
        to_position=move.position.position,
        to_unit=target.unit,
        mode=move.mode,
        start=known.start[move.mode],
        until=known.until if move.mode == "temporary" else None,
        share=SHARE,
        effects=[_effect(settled, target, SHARE), _effect(settled, donor, -SHARE)],
        reasons=list(_reasons(settled, move, runner_up, better)),
        runner_up=runner_up.person.person if runner_up else None,
        premises=[Premise(subject=subject, version=version) for subject, version in premises],
    )


def _unit(settled: Settled, move: Arc) -> Unit:
    return settled.known.units[move.position.unit]


def _effect(settled: Settled, unit: Unit, alone: float) -> UnitEffect:
    before, after_alone, after_plan = unit.ratio(), unit.ratio(alone), settled.ratio(unit.unit)
    return UnitEffect(
        unit=unit.unit,
        before=round(before, 4),
        after_alone=round(after_alone, 4),
        after_plan=round(after_plan, 4),
        as_of=unit.as_of,
        work=round(unit.load, 4),
        staff_before=unit.staff,
        staff_alone=unit.staff + alone,
        staff_plan=unit.staff + settled.change[unit.unit] * SHARE,
    )


def _comparison(settled: Settled, move: Arc, rivals: Sequence[Arc]) -> tuple[Arc | None, Counter[str]]:
    """The best person who could take the place instead, and how many better ones are kept from it, by rule."""
    runner_up, better = None, Counter[str]()
    chosen = {other.person.person for other in settled.moves if other.position.unit == move.position.unit}
    for rival in rivals:
        if rival.key >= move.key and runner_up:
            break
        if rival.person.person in chosen:
            continue
        rule = settled.blocked(rival, move)
        if rule is None:
            runner_up = runner_up or rival
        elif rival.key < move.key:
            better[rule] += 1
    return runner_up, better


def _reasons(settled: Settled, move: Arc, runner_up: Arc | None, better: Counter[str]) -> Iterator[Reason]:
    known, target, donor = settled.known, _unit(settled, move), settled.known.units[move.person.unit]
    least, limit = least_staff(known, donor)
    staff_after = donor.staff + settled.change[donor.unit] * SHARE
    missing = target.load / known.policy.target - target.staff
    yield _reason("relieves_overload", missing=missing, before=target.ratio(), after_plan=settled.ratio(target.unit))
    yield _reason("donor_keeps", staff=staff_after, least=least, limit=limit, after_plan=settled.ratio(donor.unit))
    if move.mode == "permanent":
        yield _reason("shortage_lasts", lasting=target.lasting)
    else:
        yield _reason("help_returns", lasting=target.lasting, months=known.policy.temporary_months)
    yield _place(settled, move)
    yield _reason("least_burden", total=move.hours, **burden(known, move.person, move.position, move.mode))
    if runner_up:
        yield _reason("runner_up", person=runner_up.person.person, hours_worse=runner_up.hours - move.hours)
    else:
        yield _reason("no_runner_up")
    if better:
        yield _reason("better_but_blocked", **dict(sorted(better.items())))
    yield from _binding(settled, move, staff_after - least < SHARE - 1e-9, limit)


def _place(settled: Settled, move: Arc) -> Reason:
    """Why there: the best other place for the same person, by the higher EJ of the two units if they went there."""
    known, here = settled.known, move.position.unit
    others = [
        (max(settled.ratio(here, -1), settled.ratio(there, 1)), arc.hours, there)
        for there, asked in settled.donors.items()
        if there != here and move.person.unit in asked
        if obstacle(known, move.person, known.units[there], move.mode) is None
        for arc in options(known, move.person, known.units[there], move.mode)
    ]
    if not others:
        return _reason("only_place")
    worst, hours, there = min(others)
    now = max(settled.ratio(here), settled.ratio(there))
    return _reason("best_place", next_unit=there, worst_here=now, worst_there=worst, hours_worse=hours - move.hours)


def _binding(settled: Settled, move: Arc, donor_at_limit: bool, limit: str) -> Iterator[Reason]:
    """The limits that a further move like this one would break."""
    if donor_at_limit:
        yield _reason("binds", limit=limit, unit=move.person.unit)
    if move.mode == "permanent":
        moves = [other for other in settled.moves if other.mode == "permanent"]
        if sum(other.position is move.position for other in moves) == move.position.free:
            yield _reason("binds", limit="free_places", position=move.position.position)
        if sum(other.position.unit == move.position.unit for other in moves) == _unit(settled, move).lasting:
            yield _reason("binds", limit="lasting_shortage", unit=move.position.unit)


def _reason(code: str, **figures: float | str) -> Reason:
    return Reason(code=code, figures={k: v if isinstance(v, str) else round(v, 4) for k, v in figures.items()})
