"""Panel, consent of origin, grants from outside, and the decree."""

from __future__ import annotations

from datetime import date
from typing import Literal

from events.catalog import event
from events.mutation.case import Code, Move, MutationEvent, Opinion


@event("approval.panel_voted", topic="mutation")
class PanelVoted(MutationEvent, frozen=True, kw_only=True):
    """A member of the panel votes, or stands back (`recuse`)."""

    vote: Literal["recommend", "revise", "reject", "recuse"]
    reason_class: Code | None = None


@event("approval.vote_voided", topic="mutation")
class VoteVoided(MutationEvent, frozen=True, kw_only=True):
    """The vote of an `office` no longer counts, since who cast it has left it; its holder of now may vote."""

    office: str


@event("approval.panel_opined", topic="mutation")
class PanelOpined(MutationEvent, frozen=True, kw_only=True):
    """The panel's opinion. `mutation.returned` or `.rejected` follows unless it recommends. `tally`: votes by kind."""

    opinion: Opinion
    tally: dict[str, int]


@event("decree.issued", topic="mutation", audience="public")
class DecreeIssued(MutationEvent, frozen=True, kw_only=True):
    """The competent authority signed. `effective_on` is the TMT of the decree; `number` comes from the secretariat.

    `group`: the batch decree by which several cases were decided as one.
    """

    move: Move
    number: str
    decree_date: date
    effective_on: date
    group: str | None = None


@event("approval.source_consented", topic="mutation")
class SourceConsented(MutationEvent, frozen=True, kw_only=True):
    """The appointing authority of origin lets the person go to the named `position`. `letter`: its SHA-256."""

    position: str
    letter: str


@event("approval.external_granted", topic="mutation")
class ExternalGranted(MutationEvent, frozen=True, kw_only=True):
    """BKN or a minister gave the `grant` needed. `letter`: its SHA-256; `reference`, `dated`: what it says."""

    grant: Code
    reference: str
    letter: str
    dated: date


@event("approval.externals_complete", topic="mutation")
class ExternalsComplete(MutationEvent, frozen=True, kw_only=True):
    """Everything that BKN and ministers had to grant is granted; the competent authority decides."""


@event("approval.external_refused", topic="mutation")
class ExternalRefused(MutationEvent, frozen=True, kw_only=True):
    """BKN or a minister sent the case back or refused the `grant`; `mutation.returned` or `.rejected` follows.

    `outcome`: which of both; `letter`: its SHA-256; `reference`, `dated`: its number and date.
    """

    grant: Code
    outcome: Literal["return", "refuse"]
    reference: str
    letter: str
    dated: date


@event("appointment.issued", topic="mutation", audience="public")
class AppointmentIssued(MutationEvent, frozen=True, kw_only=True):
    """After the decree of a higher authority the receiving one appointed the person, under `number`."""

    move: Move
    number: str
    decree_date: date
    effective_on: date
