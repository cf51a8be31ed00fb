"""Contracts of the service `optimizer`: moves it suggests. It only proposes; a named official submits and decides."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from events.catalog import event


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    pass


class UnitEffect(_Payload, frozen=True, kw_only=True):
    """Load ratio of a unit before and after the move, alone and with the rest of the plan in place.

    Each ratio is `work`, by the report that ends on `as_of`, divided by the staff then at work, both in full-time
    people. Proposals before these figures were told have None.
    """

    unit: str
    before: float
    after_alone: float
    after_plan: float
    as_of: date | None = None
    work: float | None = None
    staff_before: float | None = None
    staff_alone: float | None = None
    staff_plan: float | None = None


class Reason(_Payload, frozen=True, kw_only=True):
    """One reason: a stable code and its figures, rendered in the reader's language by the screen."""

    code: str
    figures: dict[str, float | str]


class Premise(_Payload, frozen=True, kw_only=True):
    """What the proposal rests on: the version of a subject that was read."""

    subject: str
    version: int


@event("proposal.drafted", topic="proposal")
class ProposalDrafted(_Payload, frozen=True, kw_only=True):
    """The optimizer suggests that a person helps or moves. Subject `optimizer/proposal/<proposal>`.

    `plan` groups the proposals of one solution; `runner_up` is the next-best person and by how many hours worse.
    `seed`, `input_hash` and `model` reproduce the plan: the same input gives the same output.
    """

    proposal: str
    plan: str
    person: str
    from_position: str
    from_unit: str
    to_position: str
    to_unit: str
    mode: Literal["temporary", "permanent"]
    start: date
    until: date | None
    share: float
    effects: list[UnitEffect]
    reasons: list[Reason]
    runner_up: str | None
    premises: list[Premise]
    seed: int
    input_hash: str
    model: str


@event("proposal.outdated", topic="proposal")
class ProposalOutdated(_Payload, frozen=True, kw_only=True):
    """What a proposal rested on has changed before anyone sponsored it. Subject `optimizer/proposal/<proposal>`."""

    proposal: str
    reason: Reason
