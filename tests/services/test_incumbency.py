"""Who works where, as mutations start and end: nobody has two home posts, and no head is lost."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.mutation import Act, Move, MutationReversed, PlacementStarted, TempEnded, TempExtended
from events.mutation import Place as Where
from events.personnel import IncumbencyChanged
from services import personnel
from services.db import table
from services.personnel.models import Duty, Incumbency, Person
from tests.staff import (
    ANA,
    BUDI,
    CASE,
    COUNTER,
    DONOR,
    OTHER_CASE,
    SINCE,
    TIDORE,
    heads,
    small_world,
    told,
)
from tests.worlds import World


def about(person: str, mutation: str, on: date) -> dict[str, Any]:
    """What every event of a mutation carries; `at` is ten in the morning of Maluku Utara."""
    return {
        "mutation": mutation, "person": person, "agencies": [], "definition": "R1@1", "pack": "2026", "row": "20",
        "act": Act(command="Start", actor="x", capacity="definitive"), "state": "PLACEMENT.STARTED",
        "at": datetime(on.year, on.month, on.day, 1, tzinfo=UTC),
    }  # fmt: skip


def move(to: str, start: date, until: date | None = None, share: float = 1.0) -> Move:
    def where(code: str) -> Where:
        return Where(position=f"{code}.p", unit=code, opd=code.rpartition(".")[0], instansi="8200")

    mode = "temporary" if until else "permanent"
    return Move(source=where(DONOR), target=where(to), mode=mode, start=start, until=until, share=share)


def begin(
    staffed: World, person: str, to: str, on: date, mutation: str = CASE, *, converts: str | None = None, **more: Any
) -> None:
    begun = PlacementStarted(**about(person, mutation, on), move=move(to, on, **more), started_on=on, converts=converts)
    staffed.tell(f"mutations/mutation/{mutation}", begun)


def finish(staffed: World, on: date, until: date, began: date | None = date(2026, 3, 2)) -> None:
    was = move(COUNTER, date(2026, 3, 2), until)
    over = TempEnded(**about(ANA, CASE, on), move=was, cause="recall", started_on=began)
    staffed.tell(f"mutations/mutation/{CASE}", over)


def changes(staffed: World, person: str = ANA) -> list[tuple[str, str, str, date]]:
    found: list[IncumbencyChanged] = told(staffed, "personnel.incumbency_changed", person=person)
    return [(e.kind, e.from_unit, e.to_unit, e.on) for e in found]


def test_a_definitive_move_moves_the_home_post_and_conserves_heads(staffed: World) -> None:
    begin(staffed, ANA, COUNTER, date(2026, 3, 2))
    staffed.drain()
    assert heads(staffed) == {COUNTER: 1, DONOR: 1, TIDORE: 1}
    assert changes(staffed) == [("definitive", DONOR, COUNTER, date(2026, 3, 2))]
    history = [(r["since"], r["position"]) for r in staffed.rows("personnel", table(Incumbency)) if r["person"] == ANA]
    assert history == [(SINCE, f"{DONOR}.p"), (date(2026, 3, 2), f"{COUNTER}.p")]


def test_temporary_duty_keeps_the_home_post_and_ends_the_day_after_its_last(staffed: World) -> None:
    begin(staffed, ANA, COUNTER, date(2026, 3, 2), until=date(2026, 4, 30), share=0.6)
    finish(staffed, on=date(2026, 5, 4), until=date(2026, 4, 30))
    staffed.drain()
    assert heads(staffed) == {DONOR: 2, TIDORE: 1}
    assert changes(staffed) == [
        ("temporary", DONOR, COUNTER, date(2026, 3, 2)),
        ("returned", COUNTER, DONOR, date(2026, 5, 1)),
    ]
    assert [e.share for e in told(staffed, "personnel.incumbency_changed")] == [0.6, 0.6]


def test_who_is_recalled_is_back_that_day(staffed: World) -> None:
    begin(staffed, ANA, COUNTER, date(2026, 3, 2), until=date(2026, 4, 30))
    finish(staffed, on=date(2026, 3, 9), until=date(2026, 4, 30))
    staffed.drain()
    assert changes(staffed)[-1] == ("returned", COUNTER, DONOR, date(2026, 3, 9))


def test_an_extended_duty_lasts_longer_and_nobody_moves(staffed: World) -> None:
    begin(staffed, ANA, COUNTER, date(2026, 3, 2), until=date(2026, 4, 30))
    longer = move(COUNTER, date(2026, 3, 2), date(2026, 6, 30))
    staffed.tell(f"mutations/mutation/{CASE}", TempExtended(**about(ANA, CASE, date(2026, 4, 20)), move=longer))
    staffed.drain()
    assert [row["until"] for row in staffed.rows("personnel", table(Duty))] == [date(2026, 6, 30)]
    assert len(changes(staffed)) == 1


def test_a_duty_that_never_began_changes_nothing(staffed: World) -> None:
    finish(staffed, on=date(2026, 3, 9), until=date(2026, 4, 30), began=None)
    staffed.drain()
    assert changes(staffed) == []


def test_a_duty_that_becomes_permanent_ends_first(staffed: World) -> None:
    begin(staffed, ANA, COUNTER, date(2026, 4, 1), OTHER_CASE, converts=CASE)
    staffed.drain()
    assert changes(staffed) == [], "the temporary case has not been heard of yet"
    begin(staffed, ANA, COUNTER, date(2026, 3, 2), until=date(2026, 4, 30))
    staffed.drain()
    assert changes(staffed) == [
        ("temporary", DONOR, COUNTER, date(2026, 3, 2)),
        ("returned", COUNTER, DONOR, date(2026, 4, 1)),
        ("definitive", DONOR, COUNTER, date(2026, 4, 1)),
    ]


def reverse(staffed: World, on: date, began: date | None, mutation: str = CASE, until: date | None = None) -> None:
    was = move(COUNTER, date(2026, 3, 2), until)
    told_ = MutationReversed(**about(ANA, mutation, on), move=was, ground="court", reference="PTUN-7", started_on=began)
    staffed.tell(f"mutations/mutation/{mutation}", told_)


def test_a_reversal_brings_back_who_moved_with_the_tenure_they_had(staffed: World) -> None:
    begin(staffed, ANA, COUNTER, date(2026, 3, 2))
    reverse(staffed, date(2026, 4, 1), date(2026, 3, 2))
    staffed.drain()
    assert heads(staffed) == {DONOR: 2, TIDORE: 1}
    (back,) = told(staffed, "personnel.incumbency_changed", person=ANA)[1:]
    assert (back.kind, back.to_unit, back.on, back.since) == ("definitive", DONOR, date(2026, 4, 1), SINCE)
    (row,) = [r for r in staffed.rows("personnel", table(Person)) if r["id"] == ANA]
    assert (row["position"], row["since"]) == (f"{DONOR}.p", SINCE)


def test_a_reversal_before_anybody_moved_moves_nobody(staffed: World) -> None:
    reverse(staffed, date(2026, 3, 1), None)
    staffed.drain()
    assert changes(staffed) == []


def test_a_reversal_does_not_undo_the_move_that_came_after(staffed: World) -> None:
    begin(staffed, ANA, COUNTER, date(2026, 3, 2))
    begin(staffed, ANA, TIDORE, date(2026, 3, 20), OTHER_CASE)
    reverse(staffed, date(2026, 4, 1), date(2026, 3, 2))
    staffed.drain()
    assert heads(staffed) == {DONOR: 1, TIDORE: 2}


def test_a_reversed_temporary_duty_ends_that_day(staffed: World) -> None:
    begin(staffed, ANA, COUNTER, date(2026, 3, 2), until=date(2026, 6, 1), share=0.5)
    reverse(staffed, date(2026, 4, 1), date(2026, 3, 2), until=date(2026, 6, 1))
    staffed.drain()
    assert [(kind, on) for kind, _, _, on in changes(staffed)] == [
        ("temporary", date(2026, 3, 2)),
        ("returned", date(2026, 4, 1)),
    ]


def test_a_start_told_twice_happens_once(staffed: World) -> None:
    for _ in range(2):
        begin(staffed, ANA, COUNTER, date(2026, 3, 2))
        begin(staffed, BUDI, COUNTER, date(2026, 3, 2), OTHER_CASE, until=date(2026, 4, 30))
    staffed.drain()
    assert len(changes(staffed)) == len(changes(staffed, BUDI)) == 1


def test_a_start_before_the_present_post_is_kept_for_someone_to_look_at(staffed: World) -> None:
    begin(staffed, ANA, COUNTER, date(2019, 3, 2))
    staffed.drain()
    waiting = staffed.rows("personnel", personnel.SERVICE.inbox.waiting)
    assert [(row["subject"], row["reason"]) for row in waiting] == [(f"mutations/mutation/{CASE}", "failed")]
    assert heads(staffed) == {DONOR: 2, TIDORE: 1}


STARTS = st.tuples(st.sampled_from([ANA, BUDI]), st.sampled_from([COUNTER, DONOR, TIDORE]), st.sampled_from([0.0, 0.5]))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STARTS, max_size=6))
def test_whatever_starts_nobody_has_two_home_posts_and_no_working_time_is_lost(
    tmp_path_factory: pytest.TempPathFactory, starts: list[tuple[str, str, float]]
) -> None:
    """What others add up from the events, a unit gaining what another loses, is what the tables say at the end."""
    world = small_world(f"sqlite:///{tmp_path_factory.mktemp('heads') / 'imbang.db'}")
    told_of = Counter({unit: float(n) for unit, n in heads(world).items()})
    for day, (person, to, lent) in enumerate(starts):
        until = {"until": date(2026, 12, 31), "share": lent} if lent else {}
        begin(world, person, to, date(2026, 3, 2 + day), f"case-{day}", **until)
    world.drain()
    for change in told(world, "personnel.incumbency_changed"):
        told_of[change.from_unit] -= change.share
        told_of[change.to_unit] += change.share
    homes = {row["id"]: row for row in world.rows("personnel", table(Person))}
    latest = {row["person"]: row["position"] for row in world.rows("personnel", table(Incumbency))}
    at_work = Counter({unit: float(n) for unit, n in heads(world).items()})
    for row in world.rows("personnel", table(Duty)):
        at_work[homes[row["person"]]["unit"]] -= row["share"]
        at_work[row["position"].removesuffix(".p")] += row["share"]
    world.close()
    assert latest == {person: row["position"] for person, row in homes.items()}
    assert {u: n for u, n in told_of.items() if n} == {u: n for u, n in at_work.items() if n}
    assert at_work.total() == len(homes)
