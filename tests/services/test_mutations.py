"""The service `mutations` on the real kernel: a temporary help from proposal to return, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from events import envelope, ids, outbox
from events.authority import HolderAppointed, OfficeEstablished
from events.mutation import MutationEvent
from events.personnel import PersonRegistered, PositionRegistered, UnitRegistered
from events.proposal import ProposalDrafted, ProposalOutdated, Reason
from events.workload import AbkFinalised, WorkloadMeasured
from services import mutations
from services.db import table
from services.mutations.execute import PREFIX, Act
from services.mutations.models import Asked, Case, Reservation, Words
from services.service import Refused
from tests.worlds import World
from workflow import commands as cmd
from workflow.evolution import replay
from workflow.library import definition
from workflow.mutation import Mutation

DONOR, COUNTER = "ptsp.loket", "dukcapil.loket"
HELPER, COLLEAGUE = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
HASH = "a" * 64
HOLDERS = {
    "officer": ("personnel_officer", "8200"),
    "verifier": ("personnel_verifier", "8200"),
    "inspector": ("inspector", "8200"),
    "sekda": ("pyb", "8200"),
    "governor": ("ppk", "8200"),
    "donor-head": ("unit_head", "ptsp"),
    "counter-head": ("unit_head", "dukcapil"),
    **{f"panel-{i}": ("panel_member", "8200") for i in range(5)},
}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'imbang.db'}" if sqlite else request.getfixturevalue("postgres_url")
    made = World(url, [mutations.SERVICE], ["personnel", "workload", "optimizer"])
    populate(made)
    yield made
    made.close()


def populate(world: World) -> None:
    for unit, opd in ((DONOR, "ptsp"), (COUNTER, "dukcapil")):
        world.tell(
            f"personnel/unit/{unit}",
            UnitRegistered(
                unit=unit, name=unit, opd=opd, opd_name=opd, instansi="8200", instansi_name="Maluku Utara",
                region="8272", island="Halmahera",
            ),
        )  # fmt: skip
        world.tell(
            f"personnel/position/{unit}.p",
            PositionRegistered(
                position=f"{unit}.p", unit=unit, title="Pengelola", kind="pelaksana", family="f", job_class=6, places=7
            ),
        )
    for person in (HELPER, COLLEAGUE):
        world.tell(
            f"personnel/person/{person}",
            PersonRegistered(
                person=person, status="pns", grade=9, position=f"{DONOR}.p", unit=DONOR, since=date(2023, 1, 1),
                appointed_on=date(2015, 1, 1), retires_on=date(2045, 1, 1), skills=["f"], home="Halmahera",
            ),
        )  # fmt: skip
    for person, (role, scope) in HOLDERS.items():
        office = f"{role}.{person}"
        world.tell(
            f"personnel/office/{office}",
            OfficeEstablished(office=office, role=role, scope=scope, instansi="8200", title=role),
        )
        world.tell(
            f"personnel/office/{office}",
            HolderAppointed(office=office, person=person, capacity="definitive", order="SK-1", since=date(2025, 1, 1)),
        )
    for unit, ratio, staff, need in ((DONOR, 0.6, 7.0, 4), (COUNTER, 1.42, 6.0, 6)):
        world.tell(
            f"workload/unit/{unit}",
            WorkloadMeasured(
                unit=unit, report="r1", period_from=date(2026, 2, 23), period_to=date(2026, 2, 27),
                minutes=ratio * staff * 1500, available=staff * 1500, staff=staff, ratio=ratio,
            ),
        )  # fmt: skip
        world.tell(
            f"workload/unit/{unit}",
            AbkFinalised(
                unit=unit, version=1, minutes=need * 75_000, need=need, wke=75_000, signed_on=date(2025, 12, 15)
            ),
        )
    world.drain()


def propose(world: World, person: str = HELPER) -> str:
    """A proposal of the optimizer; returns the id of the case drafted from it."""
    proposal = ids.new()
    world.tell(
        f"optimizer/proposal/{proposal}",
        ProposalDrafted(
            proposal=proposal, plan=ids.new(), person=person, from_position=f"{DONOR}.p", from_unit=DONOR,
            to_position=f"{COUNTER}.p", to_unit=COUNTER, mode="temporary", start=date(2026, 3, 16),
            until=date(2026, 6, 12), share=1.0, effects=[], reasons=[], runner_up=None, premises=[], seed=1,
            input_hash="0", model="m",
        ),
    )  # fmt: skip
    world.drain()
    return ids.derived("mutation", proposal)


def give(world: World, person: str, command: cmd.Command, words: str | None = None, **more: Any) -> str:
    return str(world.submit("mutations", Act(command=command, words=words), person, **more)["state"])


def case_of(world: World, mutation: str) -> dict[str, Any]:
    return next(r for r in world.rows("mutations", table(Case)) if r["id"] == mutation)


def duties(world: World) -> set[str]:
    return {r["name"] for r in world.rows("mutations", table(Asked))}


def reservations(world: World) -> set[str]:
    return {r["kind"] for r in world.rows("mutations", table(Reservation))}


def replayed(world: World, mutation: str) -> Mutation:
    with world.app.databases.reader("mutations").connect() as conn:
        bodies = list(outbox.stream(conn, mutations.SERVICE.outbox, PREFIX + mutation))
    events = [envelope.payload(envelope.decode(body)) for body in bodies]
    assert all(isinstance(e, MutationEvent) for e in events)
    return replay(definition, events)  # type: ignore[arg-type]


def consult(world: World, m: str, employee: cmd.Answer) -> None:
    """Everything up to the end of the consultation."""
    give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH}))
    give(world, "verifier", cmd.Screen(mutation=m, outcome="pass"))
    give(world, HELPER, employee)
    give(world, "donor-head", cmd.Release(mutation=m, answer="yes", handover_planned=True, floor_kept=True))
    give(world, "counter-head", cmd.Receive(mutation=m, answer="yes", budgeted=True))


def test_a_successor_is_a_person_who_is_known(world: World) -> None:
    m = propose(world)
    consult(world, m, cmd.Answer(mutation=m, answer="willing"))
    give(world, "sekda", cmd.Sign(mutation=m, number="1", decree_date=date(2026, 3, 2), effective_on=date(2026, 3, 16)))
    give(world, "officer", cmd.Serve(mutation=m, served_on=date(2026, 3, 2), receipt=HASH))
    with pytest.raises(Refused, match="unknown_person"):
        give(world, "donor-head", cmd.HandOver(mutation=m, successor="someone", record=HASH, e_signature="none"))
    assert case_of(world, m)["state"] == "PLACEMENT.HANDOVER"


def test_a_temporary_help_runs_from_proposal_to_return_and_replays_to_the_same_state(world: World) -> None:
    m = propose(world)
    assert case_of(world, m)["state"] == "DRAFT"
    assert reservations(world) == set()
    consult(world, m, cmd.Answer(mutation=m, answer="willing"))
    assert case_of(world, m)["state"] == "APPROVAL.DECISION"
    assert reservations(world) == {"person"}
    signed = cmd.Sign(mutation=m, number="800/1", decree_date=date(2026, 3, 2), effective_on=date(2026, 3, 16))
    assert give(world, "sekda", signed) == "PLACEMENT.DECREED"
    give(world, "officer", cmd.Serve(mutation=m, served_on=date(2026, 3, 2), receipt=HASH))
    give(world, "donor-head", cmd.HandOver(mutation=m, successor=COLLEAGUE, record=HASH, e_signature="none"))
    world.pass_time(timedelta(days=14))
    give(world, "counter-head", cmd.Start(mutation=m, started_on=date(2026, 3, 16)))
    assert give(world, "officer", cmd.Register(mutation=m, reference="IMUT-1")) == "TEMP.ACTIVE"
    assert reservations(world) == {"share"}
    world.pass_time(timedelta(days=60))
    assert case_of(world, m)["state"] == "TEMP.EXPIRING"
    world.pass_time(timedelta(days=29))
    assert case_of(world, m)["state"] == "TEMP.RETURNING"
    assert give(world, "donor-head", cmd.ConfirmReturn(mutation=m, returned_on=date(2026, 6, 13))) == "RETURNED"
    assert (duties(world), reservations(world)) == (set(), set())
    assert world.rows("mutations", mutations.SERVICE.timer) == []
    stored = case_of(world, m)
    import msgspec

    assert replayed(world, m) == msgspec.json.decode(stored["body"], type=Mutation)
    assert replayed(world, m).version == stored["version"]


def test_an_unwilling_employee_is_never_moved_silently(world: World) -> None:
    m = propose(world)
    consult(world, m, cmd.Answer(mutation=m, answer="unwilling", reason_class="family"))
    assert case_of(world, m)["state"] == "CONSULTATION.CONTESTED"
    assert duties(world) == {"settlement"}
    with pytest.raises(Refused) as refusal:
        give(world, "sekda", cmd.Settle(mutation=m, outcome="reject", reason_class="unwilling"))
    assert refusal.value.rule == "own_words"
    rejected = cmd.Settle(mutation=m, outcome="reject", reason_class="unwilling")
    assert give(world, "sekda", rejected, words="Ada calon lain yang bersedia.") == "REJECTED"


def test_words_stay_sealed_here_and_events_hold_only_their_commitment(world: World) -> None:
    m = propose(world)
    consult(world, m, cmd.Answer(mutation=m, answer="unwilling", reason_class="family"))
    secret = "Ibu saya sakit dan hanya saya yang merawat."
    give(world, "sekda", cmd.Settle(mutation=m, outcome="panel", reason_class="need"), words=secret)
    (kept,) = world.rows("mutations", table(Words))
    assert secret.encode() not in kept["sealed"]
    with world.app.databases.reader("mutations").connect() as conn:
        bodies = list(outbox.stream(conn, mutations.SERVICE.outbox, PREFIX + m))
    assert not any(secret.encode() in body for body in bodies)
    assert sum(kept["hash"].encode() in body for body in bodies) == 1


def test_silence_is_recorded_as_no_answer_and_escalated(world: World) -> None:
    m = propose(world)
    give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH}))
    give(world, "verifier", cmd.Screen(mutation=m, outcome="pass"))
    world.pass_time(timedelta(days=6))
    stored = replayed(world, m)
    assert {p: r.answer for p, r in stored.replies.items() if p in ("employee", "source", "receiver")} == {
        "employee": "no_response",
        "source": "no_response",
        "receiver": "no_response",
    }
    assert case_of(world, m)["state"] == "CONSULTATION.CONTESTED"


def test_the_submitter_may_not_verify(world: World) -> None:
    m = propose(world)
    world.tell(
        "personnel/office/personnel_verifier.verifier",
        HolderAppointed(
            office="personnel_verifier.verifier", person="officer", capacity="plh", order="SPT-2",
            since=date(2026, 3, 1), until=date(2026, 3, 31),
        ),
    )  # fmt: skip
    world.drain()
    give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH}))
    with pytest.raises(Refused) as refusal:
        give(world, "officer", cmd.Screen(mutation=m, outcome="pass"))
    assert (refusal.value.rule, refusal.value.status) == ("four_eyes", 403)


def test_a_second_case_of_a_person_cannot_be_submitted(world: World) -> None:
    first, second = propose(world), propose(world)
    give(world, "officer", cmd.Submit(mutation=first, documents={"G2": HASH}))
    with pytest.raises(Refused) as refusal:
        give(world, "officer", cmd.Submit(mutation=second, documents={"G2": HASH}))
    assert refusal.value.rule == "no_open_case"


def test_a_stale_version_is_refused_with_the_present_one(world: World) -> None:
    m = propose(world)
    with pytest.raises(Refused) as refusal:
        give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH}), expected_version=7)
    assert (refusal.value.rule, refusal.value.status) == ("stale_version", 412)
    assert case_of(world, m)["version"] == 1


def test_a_draft_whose_need_is_gone_is_cancelled_by_the_engine(world: World) -> None:
    m = propose(world)
    proposal = case_of(world, m)["proposal"]
    gone = ProposalOutdated(proposal=proposal, reason=Reason(code="load_fell", figures={"ratio": 0.9}))
    world.tell(f"optimizer/proposal/{proposal}", gone)
    world.drain()
    assert case_of(world, m)["state"] == "CANCELLED"


def test_nobody_is_judged_by_knowledge_of_offices_that_is_over_a_minute_old(world: World) -> None:
    m = propose(world)
    world.clock.advance(timedelta(seconds=90))
    with pytest.raises(Refused) as refusal:
        give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH}))
    assert (refusal.value.rule, refusal.value.status) == ("authority_stale", 503)
    world.drain()
    assert give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH})) == "PROPOSED.SCREENING"


def test_after_a_clock_was_put_back_nobody_is_judged_by_knowledge_of_its_future(world: World) -> None:
    m = propose(world)
    world.clock.advance(timedelta(hours=2))
    world.drain()
    world.clock.advance(timedelta(hours=-2))
    with pytest.raises(Refused) as refusal:
        give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH}))
    assert (refusal.value.rule, refusal.value.status) == ("authority_stale", 503)
    world.drain()
    assert give(world, "officer", cmd.Submit(mutation=m, documents={"G2": HASH})) == "PROPOSED.SCREENING"


def test_a_proposal_against_the_law_is_declined_with_its_rule(world: World) -> None:
    first = propose(world)
    give(world, "officer", cmd.Submit(mutation=first, documents={"G2": HASH}))
    declined = propose(world)
    assert not [r for r in world.rows("mutations", table(Case)) if r["id"] == declined]
    with world.app.databases.reader("mutations").connect() as conn:
        event = mutations.SERVICE.outbox.event
        import sqlalchemy as sa

        types = [t for (t,) in conn.execute(sa.select(event.c.type).where(event.c.subject.like("mutations/refusal/%")))]
    assert types == ["proposal.declined"]
