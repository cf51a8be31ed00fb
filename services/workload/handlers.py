"""What happens when `personnel` tells of units, positions and people: who works where, and what that does to loads."""

from __future__ import annotations

from services.db import table
from services.service import Event, NotYet
from services.transaction import Tx
from services.workload.models import HOME, Position, Seat, Unit
from services.workload.recording import remeasure
from services.workload.staffing import PRECISION

unit, position, seat = table(Unit), table(Position), table(Seat)


def add_unit(tx: Tx, event: Event) -> None:
    e = event.data
    tx.upsert(unit, {"id": e.unit, "name": e.name, "opd": e.opd, "opd_name": e.opd_name})


def add_position(tx: Tx, event: Event) -> None:
    e = event.data
    tx.upsert(position, {"id": e.position, "unit": e.unit, "title": e.title, "places": e.places})


def seat_person(tx: Tx, event: Event) -> None:
    """A person takes the home post; what running duties have lent of it stays lent."""
    e = event.data
    home = tx.get(seat, e.person, HOME)
    share = home["share"] if home else 1.0
    place = {"position": e.position, "unit": e.unit, "share": share}
    tx.upsert(seat, {"person": e.person, "mutation": HOME, **place})


def move_person(tx: Tx, event: Event) -> None:
    """A definitive move takes the home post along; a temporary duty lends a share of it, its end gives that back."""
    e = event.data
    home = tx.get(seat, e.person, HOME)
    if home is None:
        raise NotYet(event.subject)
    if e.kind == "definitive":
        tx.upsert(seat, {**home, "position": e.to_position, "unit": e.to_unit})
        return
    running = tx.get(seat, e.person, e.mutation)
    back = running["share"] if running else 0.0
    away = e.share if e.kind == "temporary" else 0.0
    tx.upsert(seat, {**home, "share": round(home["share"] + back - away, PRECISION)})
    if e.kind == "temporary":
        duty = {"position": e.to_position, "unit": e.to_unit, "share": away}
        tx.upsert(seat, {"person": e.person, "mutation": e.mutation, **duty})
    elif running:
        tx.delete(seat, e.person, e.mutation)


def restaff(tx: Tx, event: Event) -> None:
    """Help lowers a ratio and its return raises it: measure both ends, and the home post, with the staff of now."""
    e = event.data
    home = tx.get(seat, e.person, HOME)
    assert home is not None, "the projection of this event has seated the person"
    remeasure(tx, {e.from_unit, e.to_unit, home["unit"]}, "staff")


def welcome(tx: Tx, event: Event) -> None:
    """A recruit is one more at work."""
    remeasure(tx, {event.data.unit}, "staff")
