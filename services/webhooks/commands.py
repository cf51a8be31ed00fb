"""What can be asked of `webhooks`: by people about endpoints and messages, and by the worker that made attempts."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from services.webhooks.delivery import Attempt
from services.webhooks.keys import OVERLAP, Scheme


class RegisterEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Send public events that concern `scope` to a URL, which the door has found admissible.

    `types`: event types to send, none for all. `ordered`: a message waits until the earlier ones of its subject have
    arrived or were given up.
    """

    endpoint: str
    scope: str
    url: str
    types: list[str] = []
    ordered: bool = False
    scheme: Scheme = "v1"


class RotateSecret(msgspec.Struct, frozen=True, kw_only=True):
    """Sign with a new secret, and with the present one beside it until the overlap ends."""

    endpoint: str
    overlap: timedelta = OVERLAP


class PauseEndpoint(msgspec.Struct, frozen=True):
    """Keep messages until the endpoint is enabled again."""

    endpoint: str


class EnableEndpoint(msgspec.Struct, frozen=True):
    """Serve the endpoint again, what has waited first."""

    endpoint: str


class RemoveEndpoint(msgspec.Struct, frozen=True):
    """Forget the endpoint, its messages and its log."""

    endpoint: str


class Ping(msgspec.Struct, frozen=True):
    """Send a message that says nothing, to try the receiver."""

    endpoint: str


class Redeliver(msgspec.Struct, frozen=True):
    """Send a message again, whatever became of it, under its own id."""

    endpoint: str
    event: str


class RecoverSince(msgspec.Struct, frozen=True):
    """Send again, from the start of the schedule, whatever came up since a moment and did not arrive."""

    endpoint: str
    since: datetime


class RecordAttempts(msgspec.Struct, frozen=True):
    """What came of a round of attempts at an endpoint; none is a result, too."""

    endpoint: str
    attempts: list[Attempt]
