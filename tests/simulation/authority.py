"""Who held which office, by the orders in the log up to a position: read from the rows, told by nobody."""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_left
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

#: Maluku Utara keeps UTC+9.
LOCAL = timedelta(hours=9)


class _Order(NamedTuple):
    at: int
    kind: str
    data: dict[str, Any]


class Offices:
    """The topic `authority`, which has one partition, as far as it has been looked at."""

    def __init__(self) -> None:
        self.read_to = 0
        self.orders: dict[str, list[_Order]] = {}
        self._seen: set[str] = set()

    def look(self, conn: sqlite3.Connection) -> None:
        """Read what is new in the log."""
        rows = conn.execute(
            "SELECT l.n, l.event_id, e.body FROM log_entry l JOIN personnel_event e ON e.event_id = l.event_id "
            "WHERE l.topic = 'authority' AND l.n >= ? ORDER BY l.n",
            (self.read_to,),
        ).fetchall()
        for n, event_id, body in rows:
            self.read_to = n + 1
            if event_id not in self._seen:  # the log holds copies
                self._seen.add(event_id)
                event = json.loads(body)
                self.orders.setdefault(event["data"]["office"], []).append(_Order(n, event["type"], event["data"]))

    def objection(self, act: dict[str, Any], at: datetime) -> str | None:
        """Why a person could not act for an office at a moment, None when they could."""
        on = (at + LOCAL).date()
        known = self.orders.get(act["office"], [])
        known = known[: bisect_left([order.at for order in known], act["authority_position"])]
        if act["capacity"] != "delegate":
            return _not_seated(known, act["actor"], act["capacity"], act["command"], on)
        for order in known:
            d = order.data
            mine = order.kind.endswith("delegated") and (d["to_person"], d["order"]) == (act["actor"], act["order"])
            if mine and _within(d, on) and act["command"] in d["commands"]:
                return _not_seated(known, d["by_person"], None, act["command"], on)
        return "no delegation is in force"


def _not_seated(known: list[_Order], person: str, capacity: str | None, command: str, on: date) -> str | None:
    """A person must hold the office on the day, in this capacity or, for None, in any."""
    seats: dict[tuple[str, str], dict[str, Any]] = {}
    for order in known:
        d = order.data
        if "capacity" not in d or d["person"] != person or (capacity and d["capacity"] != capacity):
            continue
        if order.kind.endswith("appointed"):
            seats[d["capacity"], d["since"]] = dict(d)
            continue
        for seat in seats.values():
            if seat["capacity"] == d["capacity"] and (seat.get("until") is None or seat["until"] > d["on"]):
                seat["until"] = d["on"]
    held = [seat for seat in seats.values() if _within(seat, on)]
    if not held:
        return f"does not hold it on {on}"
    return "barred" if all(command in seat.get("barred", ()) for seat in held) else None


def _within(order: dict[str, Any], on: date) -> bool:
    return order["since"] <= on.isoformat() and (order.get("until") is None or on.isoformat() <= order["until"])
