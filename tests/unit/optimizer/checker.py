"""Judges plans from the raw picture alone. Shares no code with the optimizer: each rule is written a second time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import product
from typing import NamedTuple

from services.optimizer.picture import Person, Picture, Unit
from services.optimizer.solver import Plan


class Move(NamedTuple):
    person: str
    from_unit: str
    to_unit: str
    to_position: str
    mode: str


class Score(NamedTuple):
    """Lower is better, compared item by item."""

    levels: tuple[float, ...]
    moves: int
    temporary: int
    hours: int


class Checker:
    def __init__(self, picture: Picture) -> None:
        self.picture, self.policy = picture, picture.policy
        self.units = {u.unit: u for u in picture.units}
        self.posts = {p.position: p for p in picture.positions}
        self.people = {p.person: p for p in picture.people}
        self.until = shifted(picture.temporary_from, self.policy.temporary_months) - timedelta(days=1)

    def faults(self, plan: Plan) -> list[str]:
        """Everything that is wrong with a plan, in words; empty when it is sound."""
        moves = [Move(d.person, d.from_unit, d.to_unit, d.to_position, d.mode) for d in plan.proposals]
        found = list(self.broken_rules(moves))
        change = self.change(moves)
        for draft in plan.proposals:
            if draft.from_position != self.people[draft.person].position:
                found.append(f"{draft.person} is not in {draft.from_position}")
            if (draft.until is not None) != (draft.mode == "temporary"):
                found.append(f"{draft.person}: a return date belongs to temporary help and to nothing else")
            if draft.until not in (None, self.until) or draft.share != 1.0:
                found.append(f"{draft.person} until {draft.until} for {draft.share}")
            for effect, alone in zip(draft.effects, (1, -1), strict=True):
                unit = self.units[effect.unit]
                expected = [unit.load / (unit.staff + n) for n in (0, alone, change[unit.unit])]
                given = [effect.before, effect.after_alone, effect.after_plan]
                staff = [effect.staff_before, effect.staff_alone, effect.staff_plan]
                working = [effect.work / people for people in staff]
                for told in (given, working):
                    if any(abs(a - b) > 1e-4 for a, b in zip(expected, told, strict=True)):
                        found.append(f"{effect.unit}: EJ {told} should be {expected}")
                if effect.as_of != unit.as_of:
                    found.append(f"{effect.unit}: reported until {effect.as_of}, should be {unit.as_of}")
        if plan.figures.burden_hours != sum(map(self.hours, moves)):
            found.append(f"burden {plan.figures.burden_hours} should be {sum(map(self.hours, moves))}")
        return found

    def broken_rules(self, moves: Sequence[Move]) -> Iterator[str]:
        """The rules that a set of moves breaks."""
        for move in moves:
            for rule in self.forbidden(move):
                yield f"{move}: {rule}"
        for name, times in Counter(m.person for m in moves).items():
            if times > 1:
                yield f"{name} moves {times} times"
        if len(moves) > self.policy.moves_per_plan:
            yield "too many moves"
        lasting = [m for m in moves if m.mode == "permanent"]
        if len(lasting) > self.policy.permanent_per_plan:
            yield "too many permanent moves"
        for post, times in Counter(m.to_position for m in lasting).items():
            if times > self.posts[post].places - self.posts[post].occupied:
                yield f"{post} has no place for {times}"
        for unit, times in Counter(m.to_unit for m in lasting).items():
            if times > self.units[unit].lasting:
                yield f"{unit} lacks fewer than {times} people for good"
        for name, lost in Counter(m.from_unit for m in moves).items():
            donor = self.units[name]
            left = donor.staff - lost
            if left < 1 or left < self.policy.floor_share * (donor.need or 0) - 1e-9:
                yield f"{name} falls below its minimum"
            elif donor.load / left > self.policy.donor_ceiling + 1e-9:
                yield f"{name} becomes overloaded"
        for name, gained in Counter(m.to_unit for m in moves).items():
            target = self.units[name]
            if target.load / self.policy.target - target.staff - (gained - 1) < self.policy.least_help - 1e-9:
                yield f"{name} gets more than it needs"

    def forbidden(self, move: Move) -> Iterator[str]:
        """The rules that a move breaks whatever the others are."""
        person, post = self.people[move.person], self.posts[move.to_position]
        donor, target = self.units[move.from_unit], self.units[move.to_unit]
        rules = {
            "skill": post.family in person.skills and post.unit == target.unit,
            "leading": post.kind in self.policy.kinds and self.posts[person.position].kind in self.policy.kinds,
            "own unit": person.unit == donor.unit != target.unit,
            "instansi": donor.instansi == target.instansi,
            "fresh": donor.fresh and target.fresh,
            "overload": target.load / target.staff > self.policy.help_above if target.staff else False,
            "donor overloaded": donor.load / donor.staff <= self.policy.help_above if donor.staff else False,
            "eligible": person.eligible and not person.open_case and person.running_share == 0,
            "status": person.status in self.policy.temporary_statuses,
            "cooling": person.cooling_until is None or person.cooling_until < self.picture.temporary_from,
            "retiring": person.retires_on > self.until,
            "refused": not any(self.stands(person, target, n) for n in range(len(self.picture.refusals))),
        }
        if move.mode == "permanent":
            start = self.picture.permanent_from
            rules["permanent status"] = person.status in self.policy.permanent_statuses
            rules["tenure"] = person.since <= shifted(start, -self.policy.tenure_months)
            rules["horizon"] = person.retires_on > shifted(start, self.policy.horizon_months)
            rules["lasting"] = target.lasting > 0
        yield from (rule for rule, kept in rules.items() if not kept)

    def stands(self, person: Person, target: Unit, number: int) -> bool:
        refusal = self.picture.refusals[number]
        versions = {f"workload/unit/{name}": unit.version for name, unit in self.units.items()}
        versions |= {f"personnel/person/{name}": known.version for name, known in self.people.items()}
        same = versions[refusal.premise.subject] == refusal.premise.version
        return (refusal.person, refusal.to_unit) == (person.person, target.unit) and same

    def hours(self, move: Move) -> int:
        """What a move costs the person."""
        person, post = self.people[move.person], self.posts[move.to_position]
        home, prices = self.posts[person.position], self.policy.prices
        start = self.picture.temporary_from if move.mode == "temporary" else self.picture.permanent_from
        island, now = self.units[move.to_unit].island, self.units[move.from_unit].island
        total = prices.handover + self.picture.penalties.get(person.person, 0)
        total += prices.class_step * abs(home.job_class - post.job_class)
        total += prices.other_family if home.family != post.family else 0
        total += prices.short_tenure if person.since > shifted(start, -self.policy.tenure_months) else 0
        if island != person.home:
            return total + prices.crossing
        return total + (prices.homecoming if now != person.home else 0)

    def change(self, moves: Sequence[Move]) -> Counter[str]:
        change = Counter(m.to_unit for m in moves)
        change.subtract(m.from_unit for m in moves)
        return change

    def score(self, moves: Sequence[Move]) -> Score:
        """The objective: EJ of all units above the target, highest first; moves; those not for good; hours."""
        change = self.change(moves)
        levels = [
            max(self.policy.target, round(u.load / (u.staff + change[u.unit]), 9))
            for u in self.units.values()
            if u.staff
        ]
        temporary = sum(m.mode == "temporary" for m in moves)
        return Score(tuple(sorted(levels, reverse=True)), len(moves), temporary, sum(map(self.hours, moves)))

    def admissible(self, person: Person) -> list[Move]:
        moves = [
            Move(person.person, person.unit, post.unit, post.position, mode)
            for post in self.posts.values()
            for mode in ("temporary", "permanent")
        ]
        return [move for move in moves if not any(self.forbidden(move))]

    def best(self) -> Score:
        """The score of the best plan, found by trying all."""
        choices = [[None, *self.admissible(person)] for person in self.people.values()]
        plans = ([move for move in plan if move] for plan in product(*choices))
        return min(self.score(plan) for plan in plans if not any(self.broken_rules(plan)))

    def runner_up(self, moves: Sequence[Move], out: Move) -> tuple[int, date, str] | None:
        """(hours worse, in post since, person) of the best replacement that relieves as much, by trying all."""
        rest, taken, reached = [m for m in moves if m != out], {m.person for m in moves}, self.score(moves).levels
        found = [
            (self.hours(move) - self.hours(out), person.since, person.person)
            for person in self.people.values()
            if person.person not in taken
            for move in self.admissible(person)
            if (move.to_unit, move.mode) == (out.to_unit, out.mode)
            if out.mode == "temporary" or move.to_position == out.to_position
            if not any(self.broken_rules([*rest, move])) and self.score([*rest, move]).levels <= reached
        ]
        return min(found, default=None)


def shifted(day: date, months: int) -> date:
    """The same day some months later or earlier; the last of the month where there is no such day."""
    month = day.month - 1 + months
    for last in (day.day, 30, 29, 28):
        try:
            return date(day.year + month // 12, month % 12 + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
