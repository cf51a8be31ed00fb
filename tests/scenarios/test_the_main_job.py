"""A government rebalances itself: from a load surge to people at work in the new post, and back again.

The same story, the same code: in one process on SQLite, and on PostgreSQL and Kafka with two instances of everything.
"""

from __future__ import annotations

from collections import Counter

from deploy.sample.days import province
from deploy.sample.ledger import doubled
from events.mutation import EmployeeRecorded, MutationEscalated, TempEnded
from events.personnel import IncumbencyChanged
from services import personnel
from services.audit.export import verify_all
from services.db import table
from services.webhooks.models import Delivery
from services.workload.models import Seat
from tests.scenarios import proofs
from tests.scenarios.stages import Played
from workflow.mutation import Mutation

PLANTED = province().planted


def cases_for(played: Played, unit: str) -> list[Mutation]:
    return [case for case in proofs.cases(played.app) if case.move.target.unit == unit]


def test_help_is_asked_for_agreed_to_given_and_given_back(played: Played) -> None:
    told = played.told
    assert told.proposals == len(told.completed) + told.escalated
    assert told.helped == {PLANTED.counter, PLANTED.vaccination}
    assert told.returned == told.completed


def test_the_flooded_counter_gets_help_for_a_time_and_nobody_for_good(played: Played) -> None:
    """Its final workload analysis shows no lasting shortage."""
    assert {(p.mode, p.until is not None) for p in proofs.proposals(played.app)} == {("temporary", True)}
    helpers = [case for case in cases_for(played, PLANTED.counter) if case.state == "RETURNED"]
    assert [case.move.source.unit for case in helpers] == [PLANTED.counter_donor] * 2
    assert {case.definition.partition("@")[0] for case in helpers} == {"R5"}


def test_educators_help_to_vaccinate_and_return_without_being_told_to(played: Played) -> None:
    helpers = cases_for(played, PLANTED.vaccination)
    assert {case.move.source.unit for case in helpers} == {PLANTED.vaccination_donor}
    assert len(helpers) == 6
    for case in helpers:
        (ended,) = (e for e in proofs.history(played.app, case.id) if isinstance(e, TempEnded))
        assert (ended.cause, ended.act.capacity) == ("end_date", "engine")
        assert case.state == "RETURNED"


def test_who_returned_is_counted_at_home_again(played: Played) -> None:
    at_home = {person.person: person.unit for person in province().people}
    seats = proofs.rows(played.app, table(Seat))
    assert {seat["mutation"] for seat in seats} == {""}
    assert {seat["person"]: seat["unit"] for seat in seats}.items() <= at_home.items()


def test_an_unwilling_employee_is_not_moved_and_another_is_asked(played: Played) -> None:
    first, *others = cases_for(played, PLANTED.counter)
    assert (first.person, first.state) == (PLANTED.unwilling, "REJECTED")
    events = proofs.history(played.app, first.id)
    (answer,) = (e for e in events if isinstance(e, EmployeeRecorded))
    (escalated,) = (e for e in events if isinstance(e, MutationEscalated))
    assert (answer.answer, answer.reason_class) == ("unwilling", "family")
    assert escalated.dissent == ["employee_unwilling"]
    assert PLANTED.unwilling not in {case.person for case in others}
    assert min(e.at for case in others for e in proofs.history(played.app, case.id)[:1]) >= escalated.at
    moves = proofs.recorded(played.app, personnel.SERVICE)
    assert PLANTED.unwilling not in {e.person for e in moves if isinstance(e, IncumbencyChanged)}


def test_every_history_replays_to_the_stored_state(played: Played) -> None:
    assert proofs.replayed(played.app) == proofs.cases(played.app) != []


def test_nothing_took_effect_twice(played: Played) -> None:
    with played.app.databases.reader("audit").connect() as conn:
        assert doubled(conn) == {}


def test_every_event_is_sealed_and_the_log_verifies(played: Played) -> None:
    verdict = verify_all(played.app)
    assert verdict["faults"] == []
    assert verdict["pending"] == 0
    assert verdict["entries"] == sum(verdict["events"].values())


def test_every_public_event_reached_the_receiver_with_a_signature_it_could_check(played: Played) -> None:
    sent = Counter(row["state"] for row in proofs.rows(played.app, table(Delivery)))
    assert sent == {"delivered": len(played.receiver.verified)}
    assert played.receiver.rejected == 0
