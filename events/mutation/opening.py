"""From the idea to a screened case."""

from __future__ import annotations

from events.catalog import event
from events.mutation.case import Code, Move, MutationEvent, Origin


@event("mutation.drafted", topic="mutation")
class MutationDrafted(MutationEvent, frozen=True, kw_only=True):
    """A move is considered. It reserves nothing, and few may know of it. `letter`: SHA-256 of what ordered it."""

    move: Move
    origin: Origin
    proposal: str | None = None
    converts: str | None = None
    letter: str | None = None


@event("mutation.proposed", topic="mutation", audience="public")
class MutationProposed(MutationEvent, frozen=True, kw_only=True):
    """A named official sponsors the move and submits it. `documents`: gate code (G1..G10) -> SHA-256."""

    move: Move
    origin: Origin
    documents: dict[str, str]


@event("mutation.screened", topic="mutation")
class MutationScreened(MutationEvent, frozen=True, kw_only=True):
    """The verifier found the person eligible and the papers complete; consultation begins."""

    documents: dict[str, str]


@event("mutation.returned", topic="mutation")
class MutationReturned(MutationEvent, frozen=True, kw_only=True):
    """Sent back to the sponsor for completion or revision."""

    reason_class: Code


@event("mutation.resubmitted", topic="mutation")
class MutationResubmitted(MutationEvent, frozen=True, kw_only=True):
    """The sponsor submits again; answers and votes of the earlier round no longer count."""

    round: int
    documents: dict[str, str]


@event("mutation.rejected", topic="mutation", audience="public")
class MutationRejected(MutationEvent, frozen=True, kw_only=True):
    """The move will not happen: decided by the official or panel in `act`, or blocked by clearance."""

    reason_class: Code
