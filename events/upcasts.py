"""Old payload versions lifted to new ones: one function a step, `@upcast("type", from_version)`, dict to dict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from events.catalog import EventType

Step = Callable[[dict[str, Any]], dict[str, Any]]
STEPS: dict[tuple[str, int], Step] = {}


def upcast(type: str, from_version: int) -> Callable[[Step], Step]:
    """Register the step from `from_version` to the next."""

    def register(step: Step) -> Step:
        STEPS[type, from_version] = step
        return step

    return register


def lift(kind: EventType, version: int, raw: bytes | msgspec.Raw) -> bytes:
    """The payload bytes brought from `version` to the catalogue's version."""
    data = msgspec.json.decode(raw)
    for step in range(version, kind.version):
        data = STEPS[kind.type, step](data)
    return msgspec.json.encode(data)
