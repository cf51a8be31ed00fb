"""What a service recorded after a backup gives its tables back what they were, without a word from anybody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from events import ids
from events.log import Record
from services import identity, mutations, optimizer, personnel, workload
from services.app import SERVICES
from services.db import table
from services.identity.commands import GrantRoles, OpenAccount, RevokeSessions
from services.identity.models import Account
from services.mutations.execute import Act
from services.mutations.models import Asked, Case, Reservation
from services.optimizer.models import Move, ProposalRow
from services.optimizer.planning import SignAssessment
from services.personnel.commands import Delegate, EndHolding
from services.personnel.models import Delegation, Duty, Holding, Incumbency, Office, Person, Position, Unit
from services.reconcile import Coming, _adopt, _insert, _said
from services.service import Adopted, Service
from services.workload.commands import Counted, SubmitReport
from services.workload.models import Load
from tests.scenarios.drill import walk
from tests.town import COUNTER, PERSON, drafted, recruits, town
from tests.worlds import World
from workflow import commands as cmd

KEPT = {
    "mutations": (Case, Asked, Reservation),
    "personnel": (Unit, Position, Person, Incumbency, Duty, Office, Holding, Delegation),
}


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[tuple[World, World]]:
    """A town, and what it was a while ago."""
    now, then = tmp_path / "now.db", tmp_path / "then.db"
    first = town(f"sqlite:///{now}")
    first.close()
    shutil.copyfile(now, then)
    worlds = tuple(World(f"sqlite:///{file}", SERVICES, ()) for file in (now, then))
    for world in worlds:
        world.clock.real_wall = True
    worlds[0].drain()
    yield worlds
    for world in worlds:
        world.close()


def take_back(living: World, restored: World, service: Service) -> Adopted:
    """Give a restored world what the living one recorded since."""
    lost = [coming for coming in recorded(living, service) if coming not in recorded(restored, service)]
    assert lost
    with restored.app.databases.writer(service.name).begin() as conn:
        _insert(conn, service, lost)
        return _adopt(restored.app, conn, service, restored.app.clock.read(conn), lost)


def recorded(world: World, service: Service) -> Sequence[Coming]:
    event = service.outbox.event
    with world.app.databases.reader(service.name).connect() as conn:
        rows = conn.execute(sa.select(event.c.event_id, event.c.body).order_by(event.c.time, event.c.event_id)).all()
    records = [Record("", 0, 0, event_id, body) for event_id, body in rows]
    return [Coming(record, said) for record in records if (said := _said(record))]


def same(living: World, restored: World, service: Service) -> bool:
    return all(
        living.rows(service.name, table(of)) == restored.rows(service.name, table(of)) for of in KEPT[service.name]
    ) and living.rows(service.name, service.timer) == restored.rows(service.name, service.timer)


def test_cases_come_back_with_their_duties_clocks_and_reservations(twins: tuple[World, World]) -> None:
    living, restored = twins
    first, second = ids.new(), ids.new()
    for mutation, helper in ((first, "ana"), (second, "budi")):
        asked = {**drafted(helper), "start": date(2026, 3, 16), "until": date(2026, 6, 12)}
        living.submit("mutations", Act(command=cmd.Draft(mutation=mutation, **asked)), PERSON["officer"])
    walk(living, first, slice(0, 8))
    living.submit(
        "mutations", Act(command=cmd.Withdraw(mutation=second, reason_class="need_gone"), words="x"), PERSON["officer"]
    )
    living.drain()
    adopted = take_back(living, restored, mutations.SERVICE)
    assert same(living, restored, mutations.SERVICE)
    assert {answer["mutation"] for answer in adopted.answers.values()} == {first, second}
    assert list(mutations.SERVICE.check(restored.app.databases.reader("mutations"))) == []  # type: ignore[misc]
    assert adopted.lost == [f"words that were written on 1 cases: {second}"]


def test_people_offices_and_who_works_where_come_back_without_names(twins: tuple[World, World]) -> None:
    living, restored = twins
    mutation = ids.new()
    asked = {**drafted("ana"), "start": date(2026, 3, 16), "until": date(2026, 6, 12)}
    living.submit("mutations", Act(command=cmd.Draft(mutation=mutation, **asked)), PERSON["officer"])
    walk(living, mutation, slice(0, None))
    living.drain()
    (recruit,) = living.submit("personnel", recruits(range(10, 11)))["people"]
    living.submit(
        "personnel",
        Delegate(
            office="8200.sekda", by_person=PERSON["sekda"], to_person=PERSON["verifier"], order="SK-2",
            commands=["Sign"], since=date(2026, 3, 2), until=date(2026, 3, 6),
        ),
    )  # fmt: skip
    ended = {"office": "8200.donor", "person": PERSON["donor"], "capacity": "definitive"}
    living.submit("personnel", EndHolding(**ended, on=date(2026, 3, 31), order="SK-3"))
    adopted = take_back(living, restored, personnel.SERVICE)
    assert same(living, restored, personnel.SERVICE)
    assert adopted.lost == [f"names and numbers of 1 people, to be registered again: {recruit}"]


def test_a_duty_that_ended_has_ended(twins: tuple[World, World]) -> None:
    living, restored = twins
    mutation = ids.new()
    asked = {**drafted("ana"), "start": date(2026, 3, 16), "until": date(2026, 6, 12)}
    living.submit("mutations", Act(command=cmd.Draft(mutation=mutation, **asked)), PERSON["officer"])
    walk(living, mutation, slice(0, None))
    living.pass_time(timedelta(days=100))
    assert [row["back_on"] for row in living.rows("personnel", table(Duty))] == [date(2026, 6, 13)]
    take_back(living, restored, personnel.SERVICE)
    assert same(living, restored, personnel.SERVICE)


def test_roles_that_were_withdrawn_stay_so_and_secrets_are_named(twins: tuple[World, World]) -> None:
    living, restored = twins
    (known,) = (row["id"] for row in living.rows("identity", table(Account)))
    living.submit("identity", GrantRoles(account=known, roles=["operator@imbang"]))
    opened = living.submit("identity", OpenAccount(login="baru", label="Baru", password_hash="x"))["account"]
    living.submit("identity", RevokeSessions(account=known))
    adopted = take_back(living, restored, identity.SERVICE)
    assert [row["roles"] for row in restored.rows("identity", table(Account))] == ["operator@imbang"]
    assert [what.rpartition(": ")[2] for what in adopted.lost] == [opened, known]


def test_what_others_were_told_of_a_load_is_known_again(twins: tuple[World, World]) -> None:
    living, restored = twins
    week = {"period_from": date(2026, 2, 23), "period_to": date(2026, 2, 27)}
    lines = [Counted(task="layanan", volume=2000)]
    living.submit("workload", SubmitReport(unit=COUNTER, lines=lines, **week))  # type: ignore[arg-type]
    adopted = take_back(living, restored, workload.SERVICE)
    said = [
        [(row["unit"], row["said_ratio"], row["said_level"]) for row in world.rows("workload", table(Load))]
        for world in twins
    ]
    assert said[0] == said[1]
    assert adopted.lost == [f"reports of 1 units, to be sent again: {COUNTER}"]


def test_proposals_come_back_and_count_as_moves_under_way(twins: tuple[World, World]) -> None:
    living, restored = twins
    living.submit("optimizer", SignAssessment(instansi="8200", document="a" * 64), PERSON["governor"])
    living.drain()
    adopted = take_back(living, restored, optimizer.SERVICE)
    before, after = (
        {row["id"]: msgspec.json.decode(row["body"]) for row in world.rows("optimizer", table(ProposalRow))}
        for world in twins
    )
    assert after == before
    assert {row["id"] for row in restored.rows("optimizer", table(Move))} == before.keys() != set()
    assert "plans" in adopted.lost[0]
