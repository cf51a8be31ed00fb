"""The catalogue of events: one typed class for each event type.

An event class is a frozen `msgspec.Struct` decorated with `@event`. The type string is explicit, so that moving or
renaming the class never breaks stored history. The class's docstring is its entry in CATALOG.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

Audience = Literal["internal", "public"]
T = TypeVar("T", bound=type[msgspec.Struct])

#: Topic -> why it exists. A subject always travels in one topic, so its events keep their order.
TOPICS = {
    "personnel": "units, positions, people and who works where",
    "authority": "offices, their holders, orders and delegations; one partition, watched for freshness",
    "workload": "load of units and final workload analysis",
    "proposal": "moves that the optimizer suggests",
    "mutation": "the history of every mutation, and refusals of proposals",
    "identity": "accounts, roles and revoked sessions",
    "access": "who read whose personal data, for which purpose",
}


@dataclass(frozen=True)
class EventType:
    """One entry of the catalogue."""

    type: str
    version: int
    topic: str
    audience: Audience
    cls: Any

    @property
    def doc(self) -> str:
        return " ".join((self.cls.__doc__ or "").split())


CATALOG: dict[str, EventType] = {}
_BY_CLASS: dict[type, EventType] = {}


def event(type: str, *, topic: str, version: int = 1, audience: Audience = "internal") -> Callable[[T], T]:
    """Register a class as the payload of events of `type`."""

    def register(cls: T) -> T:
        if topic not in TOPICS:
            raise ValueError(f"{type}: unknown topic {topic!r}")
        if type in CATALOG:
            raise ValueError(f"{type} is registered twice")
        CATALOG[type] = _BY_CLASS[cls] = EventType(type, version, topic, audience, cls)
        return cls

    return register


def entry(cls_or_payload: Any) -> EventType:
    """The catalogue entry of a payload or its class; KeyError when it is not an event."""
    return _BY_CLASS[cls_or_payload if isinstance(cls_or_payload, type) else type(cls_or_payload)]
