"""What the outside may see of an event: the thin, public form, cut to the side of the agency that gets it.

Pure. A list of what is shared, not of what is held back: a field that is new in a contract stays inside until it is put
here on purpose. Reasons, papers, actors and anything longer are read from the API, where the reader is authorised and
the reading is logged. The person stays the random id under which no other system knows them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from events.catalog import CATALOG, EventType
from events.mutation import MutationEvent
from services.service import Event

#: The scope of the operator's endpoints, which see both sides.
EVERYONE = "*"

#: The fields of public payloads that leave the house.
SHARED = frozenset(
    {
        *("mutation", "person", "agencies", "state", "at", "move", "number", "decree_date", "effective_on"),
        *("started_on", "returned_on", "converts", "permanent", "reference", "cause", "clock", "duty"),
        *("unit", "ratio", "previous_ratio", "level", "staff", "needed", "lasting", "as_of"),
    }
)
#: Which part of a move belongs to which side.
PLACES = {"source": "source", "target": "receiver"}


def is_public(type: str) -> bool:
    return CATALOG[type].audience == "public"


def public_types() -> dict[str, EventType]:
    """The catalogue entries that may leave, by type."""
    return {name: kind for name, kind in sorted(CATALOG.items()) if is_public(name)}


def public_form(event: Event, scope: str, home: Collection[str] = ()) -> bytes | None:
    """The event as an endpoint of `scope` gets it, in CloudEvents structured JSON; None when it does not concern it.

    `home`: the codes of the agencies of the unit, for an event about a unit. `sequence` orders the messages of a
    subject, with holes where internal events are (CloudEvents extension "sequence": sorts as text).
    """
    if not is_public(event.type):
        return None
    data = {name: value for name, value in msgspec.to_builtins(event.data).items() if name in SHARED}
    if isinstance(event.data, MutationEvent):
        sides = {a.side for a in event.data.agencies if scope in (EVERYONE, a.instansi, a.opd)}
        if not sides:
            return None
        data = _own_side(data, sides)
    elif scope not in (EVERYONE, *home):
        return None
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": f"/imbang/{event.subject.partition('/')[0]}",
            "type": event.type,
            "subject": event.subject,
            "time": event.time,
            "datacontenttype": "application/json",
            "sequence": f"{event.version:010d}",
            "data": data,
        }
    )


def _own_side(data: dict[str, Any], sides: Collection[str]) -> dict[str, Any]:
    own = data | {"agencies": [agency for agency in data["agencies"] if agency["side"] in sides]}
    if "move" in data:
        hidden = {place for place, side in PLACES.items() if side not in sides}
        own["move"] = {name: value for name, value in data["move"].items() if name not in hidden}
    return own
