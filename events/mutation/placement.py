"""From the served decree to the new desk, and back home from temporary duty."""

from __future__ import annotations

from datetime import date
from typing import Literal

from events.catalog import event
from events.mutation.case import Move, MutationEvent


@event("decree.served", topic="mutation")
class DecreeServed(MutationEvent, frozen=True, kw_only=True):
    """The employee received the decree. It binds from then on, so `effective_on` is never before `served_on`.

    `receipt` is the SHA-256 of the receipt, `objection_until` the last day of the objection period (PP 79/2021).
    """

    served_on: date
    receipt: str
    effective_on: date
    objection_until: date


@event("placement.handed_over", topic="mutation")
class HandedOver(MutationEvent, frozen=True, kw_only=True):
    """Files, assets and accounts have a successor. `record` is the SHA-256 of the signed handover record (BAST)."""

    successor: str
    record: str
    e_signature: Literal["handed", "none"]


@event("placement.started", topic="mutation", audience="public")
class PlacementStarted(MutationEvent, frozen=True, kw_only=True):
    """The person is at work in the new place since `started_on`. A permanent move `converts` a temporary duty."""

    move: Move
    started_on: date
    converts: str | None = None


@event("placement.registered", topic="mutation", audience="public")
class PlacementRegistered(MutationEvent, frozen=True, kw_only=True):
    """National personnel systems (SIASN, I-MUT) accepted the change under `reference`."""

    reference: str


@event("temp.expiring", topic="mutation")
class TempExpiring(MutationEvent, frozen=True, kw_only=True):
    """A temporary duty ends soon; it may be extended or converted until then."""

    until: date


@event("temp.extended", topic="mutation", audience="public")
class TempExtended(MutationEvent, frozen=True, kw_only=True):
    """A temporary duty goes on until the new `move.until`; employee and both heads agreed again."""

    move: Move


@event("temp.ended", topic="mutation", audience="public")
class TempEnded(MutationEvent, frozen=True, kw_only=True):
    """A temporary duty is over and the person returns, by themselves. `started_on` is None when it never began."""

    move: Move
    cause: Literal["end_date", "recall"]
    started_on: date | None


@event("temp.returned", topic="mutation", audience="public")
class TempReturned(MutationEvent, frozen=True, kw_only=True):
    """The home agency confirms that the person is back."""

    move: Move
    returned_on: date


@event("temp.return_overdue", topic="mutation", audience="public")
class TempReturnOverdue(MutationEvent, frozen=True, kw_only=True):
    """Nobody confirmed the return in time: the `duty` stays, and the regional secretary is told."""

    duty: str


@event("temp.converted", topic="mutation", audience="public")
class TempConverted(MutationEvent, frozen=True, kw_only=True):
    """The temporary duty became permanent by the mutation `permanent`."""

    permanent: str
