"""When to plan, from what, and what becomes of a plan. Solving is a job: it runs outside any transaction."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Annotated

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import ids
from events.proposal import Premise, ProposalDrafted, ProposalOutdated, Reason
from events.shapes import GovernmentCode
from services import jobs
from services.db import table
from services.optimizer.models import Assessment, Move, Person, PlanRow, Position, ProposalRow, Refusal, Unit
from services.optimizer.picture import Person as KnownPerson
from services.optimizer.picture import Picture, Policy, used
from services.optimizer.picture import Position as KnownPosition
from services.optimizer.picture import Refusal as KnownRefusal
from services.optimizer.picture import Unit as KnownUnit
from services.optimizer.solver import Plan, solve
from services.service import Answer, Command, Event, Refused, Words
from services.transaction import Tx
from workflow.calendar import Zone
from workflow.library import calendar

#: A report older than this is too old to plan by: two reporting weeks.
FRESH_DAYS = 14
#: Working days between a plan and the first day in the new place: the deadlines of the quick route sum to seven, those
#: of the permanent one to about thirty.
LEAD = {"temporary": 8, "permanent": 32}
#: The time zone of the province's offices (Maluku Utara: UTC+9).
ZONE: Zone = "WIT"
#: Hours added to a person's burden for each move they declined before.
DECLINED_HOURS = 40

unit, position, person, move = table(Unit), table(Position), table(Person), table(Move)
refusal, plan_row, proposal, assessment = table(Refusal), table(PlanRow), table(ProposalRow), table(Assessment)


class SignAssessment(msgspec.Struct, frozen=True, kw_only=True):
    """The impact assessment was signed: from now on the optimizer may propose. `document` is its SHA-256."""

    instansi: GovernmentCode
    document: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]


class RecordPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the solver found."""

    plan: Plan
    picture: bytes


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Why a plan is asked for."""

    cause: str


def sign_assessment(tx: Tx, command: Command) -> Answer:
    asked: SignAssessment = command.data  # type: ignore[assignment]
    if command.actor is None or command.actor.person is None:
        raise Refused(
            "assessment_unsigned",
            Words("Penilaian dampak harus ditandatangani pejabat.", "An official must sign the impact assessment."),
            Words("Masuk dengan akun pejabat itu.", "Sign in with the official's account."),
            status=403,
        )
    tx.upsert(
        assessment,
        {
            "instansi": asked.instansi,
            "document": asked.document,
            "signed_by": command.actor.person,
            "signed_at": tx.now,
        },
    )
    _ask(tx, "assessment signed")
    return {"instansi": asked.instansi}


def plan_for_overload(tx: Tx, event: Event) -> None:
    """An overloaded unit asks for a plan; one that is overloaded no more makes its proposals pointless."""
    if event.data.level == "overload":
        _ask(tx, event.id)
        return
    rows = tx.read(
        sa.select(move.c.id).where(move.c.to_unit == event.data.unit, move.c.state.in_(("proposed", "drafted")))
    )
    for (key,) in rows.all():
        stored = tx.get(proposal, key)
        if stored is not None and stored["state"] in ("proposed", "drafted"):
            reason = Reason(code="load_fell", figures={"ratio": event.data.ratio})
            tx.record(f"optimizer/proposal/{key}", ProposalOutdated(proposal=key, reason=reason))
            tx.upsert(proposal, stored | {"state": "outdated"})


def plan_again(tx: Tx, event: Event) -> None:
    """A move fell through: somebody else may help."""
    answer = getattr(event.data, "answer", "no")
    if answer in ("unwilling", "no"):
        _ask(tx, event.id)


def _ask(tx: Tx, cause: str) -> None:
    if tx.read(sa.select(assessment.c.instansi).limit(1)).first():
        tx.enqueue("solve", "province", Ask(cause=cause))


def solve_province(job: jobs.Job, read: jobs.Read) -> RecordPlan:
    """The job: read the picture, plan. What is kept of the picture is what the plan depends on."""
    with read() as conn:
        picture = used(picture_of(conn, calendar(ZONE).today(job.now)))
    return RecordPlan(plan=read.apart(solve, picture), picture=msgspec.json.encode(picture))


def record_plan(tx: Tx, command: Command) -> Answer:
    """Record the proposals whose premises still hold; if any does not, plan once more."""
    asked: RecordPlan = command.data  # type: ignore[assignment]
    plan, plan_id, recorded = asked.plan, ids.new(), 0
    for drafted in plan.proposals:
        if not all(_holds(tx, p) for p in drafted.premises):
            _ask(tx, "premises changed")
            continue
        key = ids.new()
        event = ProposalDrafted(
            proposal=key,
            plan=plan_id,
            seed=plan.seed,
            input_hash=plan.input_hash,
            model=plan.model,
            **{f: getattr(drafted, f) for f in drafted.__struct_fields__},
        )
        tx.record(f"optimizer/proposal/{key}", event)
        begin_move(tx, event, tx.now)
        recorded += 1
    body = msgspec.json.encode(plan)
    tx.upsert(plan_row, {"id": plan_id, "at": tx.now, "body": body, "picture": asked.picture})
    return {"plan": plan_id, "proposals": recorded}


def begin_move(tx: Tx, drafted: ProposalDrafted, at: datetime) -> None:
    """A proposal that was recorded, and the move that it begins."""
    body = msgspec.json.encode(drafted)
    made = {"id": drafted.proposal, "plan": drafted.plan, "at": at, "state": "proposed", "mutation": None}
    tx.upsert(proposal, made | {"body": body})
    tx.upsert(
        move,
        {
            "id": drafted.proposal,
            "mutation": None,
            "person": drafted.person,
            "from_unit": drafted.from_unit,
            "to_unit": drafted.to_unit,
            "to_position": drafted.to_position,
            "mode": drafted.mode,
            "share": drafted.share,
            "state": "proposed",
        },
    )


def _holds(tx: Tx, premise: Premise) -> bool:
    _, kind, key = premise.subject.split("/", 2)
    row = tx.get({"unit": unit, "person": person, "position": position}[kind], key)
    return row is not None and row["version"] == premise.version


def picture_of(conn: Connection, today: date) -> Picture:
    """All that a plan rests on, as of now. Moves under way count as made, so that nothing is planned twice."""
    moves = conn.execute(sa.select(move)).all()
    change: Counter[str] = Counter()
    for row in moves:
        change[row.to_unit] += row.share
        change[row.from_unit] -= row.share
    busy = {row.person for row in moves}
    filling = [row for row in moves if row.mode == "permanent"]
    filled = Counter(row.to_unit for row in filling)
    units = tuple(
        KnownUnit(
            unit=row.id,
            opd=row.opd,
            instansi=row.instansi,
            island=row.island,
            load=row.load or 0.0,
            staff=max(0.0, row.staff + change[row.id]),
            need=row.need,
            lasting=max(0, row.lasting - filled[row.id]),
            as_of=row.as_of or date.min,
            version=row.version,
            fresh=row.as_of is not None and today - row.as_of <= timedelta(days=FRESH_DAYS),
        )
        for row in conn.execute(sa.select(unit).order_by(unit.c.id))
    )
    occupied = Counter(p for (p,) in conn.execute(sa.select(person.c.position)))
    occupied.update(row.to_position for row in filling)
    return Picture(
        temporary_from=calendar(ZONE).add_working(today, LEAD["temporary"]),
        permanent_from=calendar(ZONE).add_working(today, LEAD["permanent"]),
        units=units,
        positions=tuple(
            KnownPosition(
                position=row.id,
                unit=row.unit,
                kind=row.kind,
                family=row.family,
                job_class=row.job_class,
                places=row.places,
                occupied=occupied[row.id],
                version=row.version,
            )
            for row in conn.execute(sa.select(position).order_by(position.c.id))
        ),
        people=tuple(
            KnownPerson(
                person=row.id,
                position=row.position,
                unit=row.unit,
                status=row.status,
                since=row.since,
                retires_on=row.retires_on,
                skills=tuple(json.loads(row.skills)),
                home=row.home,
                version=row.version,
                eligible=row.eligible,
                cooling_until=row.cooling_until,
                running_share=row.running_share,
                open_case=row.id in busy,
            )
            for row in conn.execute(sa.select(person).order_by(person.c.id))
        ),
        refusals=tuple(
            KnownRefusal(
                person=row.person,
                to_unit=row.to_unit,
                premise=Premise(subject=row.premise, version=row.premise_version),
            )
            for row in conn.execute(sa.select(refusal))
        ),
        penalties={
            row.person: DECLINED_HOURS * row.times
            for row in conn.execute(
                sa.select(refusal.c.person, sa.func.sum(refusal.c.times).label("times")).group_by(refusal.c.person)
            )
        },
        policy=Policy(),
    )
