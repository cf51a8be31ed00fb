"""Who works where, as mutations start and end: a definitive one moves the home post, a temporary one adds a duty."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from events.mutation import MutationReversed, PlacementStarted, TempEnded, TempExtended
from events.personnel import IncumbencyChanged
from services.db import table
from services.personnel.models import Duty, Incumbency, Person, Position
from services.service import Event, NotYet
from services.transaction import Tx
from workflow.calendar import Calendar, Zone
from workflow.library import calendar as calendar_of

person, position = table(Person), table(Position)
incumbency, duty = table(Incumbency), table(Duty)

#: The time zone of the province's offices (Maluku Utara: UTC+9).
ZONE: Zone = "WIT"
DAY = timedelta(days=1)


def calendar() -> Calendar:
    return calendar_of(ZONE)


def start(tx: Tx, event: Event) -> None:
    """Someone is at work in the new place. A start that is told twice happens once."""
    begun: PlacementStarted = event.data
    if begun.move.mode == "temporary":
        if tx.get(duty, begun.mutation) is None:
            _lend(tx, begun)
        return
    known = tx.get(incumbency, begun.person, begun.started_on)
    if known is None or known["mutation"] != begun.mutation:
        if begun.converts is not None:
            _convert(tx, begun.converts, begun.started_on)
        _move(tx, begun)


def extend(tx: Tx, event: Event) -> None:
    """The last day of a duty moves; who works where does not change by it."""
    extended: TempExtended = event.data
    row = tx.get(duty, extended.mutation)
    if row is not None:
        tx.upsert(duty, row | {"until": extended.move.until})


def end(tx: Tx, event: Event) -> None:
    """A duty is over, by its last day or by recall. One that never began changed nothing."""
    ended: TempEnded = event.data
    back_on = calendar().today(ended.at)
    if ended.move.until is not None:
        back_on = min(back_on, ended.move.until + DAY)
    row = tx.get(duty, ended.mutation)
    if row is not None:
        _bring_back(tx, row, back_on)


def reverse(tx: Tx, event: Event) -> None:
    """A decree is revoked: who moved by it is back, unless another decree has moved them on since."""
    reversed_: MutationReversed = event.data
    on = calendar().today(reversed_.at)
    if (lent := tx.get(duty, reversed_.mutation)) is not None:
        _bring_back(tx, lent, on)
        return
    row = _registered(tx, reversed_.person)
    present = tx.get(incumbency, row["id"], row["since"])
    if present is not None and present["mutation"] == reversed_.mutation:
        home = reversed_.move.source.position
        before = sa.select(sa.func.max(incumbency.c.since)).where(
            incumbency.c.person == row["id"], incumbency.c.position == home, incumbency.c.since < row["since"]
        )
        tenure = tx.read(before).scalar_one()
        _settle(tx, row, home, max(on, row["since"]), reversed_.mutation, tenure)


def _move(tx: Tx, begun: PlacementStarted) -> None:
    """The home post moves, with the working time that is not lent: the new row of its history ends the one before."""
    row = _registered(tx, begun.person)
    if begun.started_on < row["since"]:
        raise ValueError(f"mutation {begun.mutation} starts before its person's present post did")
    _settle(tx, row, begun.move.target.position, begun.started_on, begun.mutation)


def _settle(tx: Tx, row: dict[str, Any], position_id: str, on: date, mutation: str, tenure: date | None = None) -> None:
    """The home post of a person is another one from a day on; `tenure`: it counts as held since then."""
    post = _post(tx, position_id)
    tx.upsert(incumbency, {"person": row["id"], "since": on, "position": post["id"], "mutation": mutation})
    tx.upsert(person, row | {"position": post["id"], "unit": post["unit"], "since": tenure or on})
    _tell(tx, row["id"], "definitive", row, post, on, mutation, share=1 - _lent(tx, row["id"]), since=tenure)


def _lent(tx: Tx, person_id: str) -> float:
    """The share of working time that a person owes to running duties."""
    running = sa.select(sa.func.coalesce(sa.func.sum(duty.c.share), 0.0))
    return float(tx.read(running.where(duty.c.person == person_id, duty.c.back_on.is_(None))).scalar_one())


def _lend(tx: Tx, begun: PlacementStarted) -> None:
    row, move = _registered(tx, begun.person), begun.move
    post = _post(tx, move.target.position)
    tx.upsert(
        duty,
        {
            "mutation": begun.mutation,
            "person": begun.person,
            "position": post["id"],
            "since": begun.started_on,
            "until": move.until,
            "share": move.share,
            "back_on": None,
        },
    )
    _tell(
        tx, begun.person, "temporary", row, post, begun.started_on, begun.mutation, until=move.until, share=move.share
    )


def _convert(tx: Tx, temporary: str, on: date) -> None:
    """The duty that becomes permanent ends with it. Its case is another subject, whose start may arrive later."""
    row = tx.get(duty, temporary)
    if row is None:
        raise NotYet(f"mutations/mutation/{temporary}")
    _bring_back(tx, row, on)


def _bring_back(tx: Tx, row: dict[str, Any], on: date) -> None:
    if row["back_on"] is None:
        tx.upsert(duty, row | {"back_on": on})
        home, away = _registered(tx, row["person"]), _post(tx, row["position"])
        back = {"position": away["id"], "unit": away["unit"]}
        _tell(tx, row["person"], "returned", back, _post(tx, home["position"]), on, row["mutation"], share=row["share"])


def _tell(
    tx: Tx,
    person_id: str,
    kind: Any,
    source: dict[str, Any],
    target: dict[str, Any],
    on: date,
    mutation: str,
    **more: Any,
) -> None:
    changed = IncumbencyChanged(
        person=person_id,
        kind=kind,
        from_position=source["position"],
        from_unit=source["unit"],
        to_position=target["id"],
        to_unit=target["unit"],
        on=on,
        mutation=mutation,
        **more,
    )
    tx.record(f"personnel/person/{person_id}", changed)


def _registered(tx: Tx, person_id: str) -> dict[str, Any]:
    row = tx.get(person, person_id)
    if row is None:
        raise LookupError(f"person {person_id} was never registered")
    return row


def _post(tx: Tx, position_id: str) -> dict[str, Any]:
    row = tx.get(position, position_id)
    if row is None:
        raise LookupError(f"position {position_id} was never registered")
    return row
