"""What the optimizer learns: units and their load, posts, people, and what becomes of the moves it or others began."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from services.db import table
from services.optimizer.models import Move, Person, Position, ProposalRow, Refusal, Unit
from services.optimizer.picture import months_after
from services.service import Event, NotYet
from services.transaction import Tx

#: Months without a new temporary duty after one has ended.
COOLING_OFF = 12

unit, position, person = table(Unit), table(Position), table(Person)
move, refusal, proposal = table(Move), table(Refusal), table(ProposalRow)


#: What is not known yet of a unit that was registered.
UNMEASURED = {"load": None, "staff": 0.0, "need": None, "lasting": 0, "level": "unknown", "as_of": None, "version": 0}
#: Decimals of a share of working time that are kept, so that sums do not depend on their order.
PRECISION = 6


def add_unit(tx: Tx, event: Event) -> None:
    """A unit, or its new name: what was measured of it stays."""
    e = event.data
    known = tx.get(unit, e.unit) or UNMEASURED
    told = {n: getattr(e, n) for n in ("name", "opd", "instansi", "instansi_name", "island")}
    tx.upsert(unit, {**known, "id": e.unit, **told})


def add_position(tx: Tx, event: Event) -> None:
    e = event.data
    tx.upsert(
        position,
        {
            "id": e.position,
            "unit": e.unit,
            "kind": e.kind,
            "family": e.family,
            "job_class": e.job_class,
            "places": e.places,
            "version": event.version,
        },
    )


def add_person(tx: Tx, event: Event) -> None:
    e = event.data
    tx.upsert(
        person,
        {
            "id": e.person,
            "position": e.position,
            "unit": e.unit,
            "status": e.status,
            "since": e.since,
            "retires_on": e.retires_on,
            "skills": json.dumps(e.skills),
            "home": e.home,
            "eligible": e.eligible,
            "cooling_until": None,
            "running_share": 0.0,
            "version": event.version,
        },
    )
    _restaff(tx, e.unit, 1.0)


def move_person(tx: Tx, event: Event) -> None:
    """Someone works elsewhere: staff follow at once, and the move is no longer under way.

    Staff are counted from these events alone: a measurement that has seen the move may arrive before or after it.
    """
    e = event.data
    row = _known(tx, person, e.person, event.subject)
    changed: dict[str, Any] = {"version": event.version}
    match e.kind:
        case "definitive":
            changed |= {"position": e.to_position, "unit": e.to_unit, "since": e.since or e.on}
        case "temporary":
            changed["running_share"] = row["running_share"] + e.share
        case "returned":
            changed["running_share"] = max(0.0, row["running_share"] - e.share)
            changed["cooling_until"] = months_after(e.on, COOLING_OFF)
    tx.upsert(person, row | changed)
    for where, change in ((e.from_unit, -e.share), (e.to_unit, e.share)):
        _restaff(tx, where, change)
    end_move(tx, e.mutation)


def _restaff(tx: Tx, where: str, change: float) -> None:
    row = _known(tx, unit, where, f"personnel/unit/{where}")
    tx.upsert(unit, row | {"staff": round(row["staff"] + change, PRECISION)})


def measure_unit(tx: Tx, event: Event) -> None:
    e = event.data
    row = _known(tx, unit, e.unit, f"personnel/unit/{e.unit}")
    tx.upsert(unit, row | {"load": e.ratio * e.staff, "as_of": e.period_to, "version": event.version})


def judge_unit(tx: Tx, event: Event) -> None:
    e = event.data
    row = _known(tx, unit, e.unit, f"personnel/unit/{e.unit}")
    tx.upsert(unit, row | {"level": e.level, "lasting": e.lasting, "version": event.version})


def set_need(tx: Tx, event: Event) -> None:
    e = event.data
    row = _known(tx, unit, e.unit, f"personnel/unit/{e.unit}")
    tx.upsert(unit, row | {"need": e.need, "version": event.version})


def draft_move(tx: Tx, event: Event) -> None:
    """A case exists for a proposal, or somebody opened one by hand: it is under way."""
    e = event.data
    key = e.proposal or e.mutation
    tx.upsert(
        move,
        {
            "id": key,
            "mutation": e.mutation,
            "person": e.person,
            "from_unit": e.move.source.unit,
            "to_unit": e.move.target.unit,
            "to_position": e.move.target.position,
            "mode": e.move.mode,
            "share": e.move.share,
            "state": "drafted",
        },
    )
    if e.proposal and (row := tx.get(proposal, e.proposal)):
        tx.upsert(proposal, row | {"state": "drafted", "mutation": e.mutation})


def open_move(tx: Tx, event: Event) -> None:
    for row in _moves(tx, event.data.mutation):
        tx.upsert(move, row | {"state": "open"})


def drop_move(tx: Tx, event: Event) -> None:
    """The case ended before its decree."""
    end_move(tx, event.data.mutation)


def refuse_move(tx: Tx, event: Event) -> None:
    """The person is unwilling or somebody said no: not counted on, and not proposed again on the same premises."""
    e = event.data
    if getattr(e, "answer", "no") in ("unwilling", "no"):
        for row in _moves(tx, e.mutation):
            _refuse(tx, row)


def forget_proposal(tx: Tx, event: Event) -> None:
    """The law refused the proposal."""
    e = event.data
    row = tx.get(move, e.proposal)
    if row is not None:
        _refuse(tx, row)
    if stored := tx.get(proposal, e.proposal):
        tx.upsert(proposal, stored | {"state": "declined"})


def end_move(tx: Tx, mutation: str) -> None:
    for row in _moves(tx, mutation):
        tx.delete(move, row["id"])


def _refuse(tx: Tx, row: dict[str, Any]) -> None:
    before = tx.get(refusal, row["person"], row["to_unit"])
    tx.delete(move, row["id"])
    tx.upsert(
        refusal,
        {
            "person": row["person"],
            "to_unit": row["to_unit"],
            "premise": f"personnel/person/{row['person']}",
            "premise_version": (tx.get(person, row["person"]) or {"version": 0})["version"],
            "times": before["times"] + 1 if before else 1,
        },
    )


def _moves(tx: Tx, mutation: str) -> list[dict[str, Any]]:
    rows = tx.read(sa.select(move).where(move.c.mutation == mutation)).mappings()
    return [dict(row) for row in rows]


def _known(tx: Tx, of: sa.Table, key: str, subject: str) -> dict[str, Any]:
    row = tx.get(of, key)
    if row is None:
        raise NotYet(subject)
    return row
