"""Ways out before the decree, rest, missed deadlines; objection, reversal and correction after it."""

from __future__ import annotations

from datetime import date
from typing import Literal

from events.catalog import event
from events.mutation.case import Code, Move, MutationEvent


@event("mutation.withdrawn", topic="mutation", audience="public")
class MutationWithdrawn(MutationEvent, frozen=True, kw_only=True):
    """The one who asked for the move takes it back."""

    reason_class: Code


@event("mutation.cancelled", topic="mutation", audience="public")
class MutationCancelled(MutationEvent, frozen=True, kw_only=True):
    """The ground of the move fell away: need, post, or service of the person."""

    reason_class: Code


@event("mutation.expired", topic="mutation", audience="public")
class MutationExpired(MutationEvent, frozen=True, kw_only=True):
    """Nobody acted in time; `clock` names the deadline that ran out."""

    clock: str


@event("mutation.held", topic="mutation")
class MutationHeld(MutationEvent, frozen=True, kw_only=True):
    """The case rests until `until` at the latest, and its clocks with it: freeze, legal process, outage, objection."""

    reason_class: Code
    until: date


@event("mutation.resumed", topic="mutation")
class MutationResumed(MutationEvent, frozen=True, kw_only=True):
    """The case goes on where it rested; `deadlines` give each clock the time that it had left."""


@event("mutation.migrated", topic="mutation")
class MutationMigrated(MutationEvent, frozen=True, kw_only=True):
    """The case goes on by another version of its route, `migrated_from` the one before, as the operator `by` asked.

    Its row is empty: the table knows no such step. What was answered stays; what the new version asks besides begins.
    """

    migrated_from: str
    by: str


@event("mutation.postponed", topic="mutation")
class MutationPostponed(MutationEvent, frozen=True, kw_only=True):
    """A `duty` has more time, to the end of the day `until`; an earlier escalation is taken back."""

    duty: str
    until: date
    reason_class: Code


@event("mutation.reassigned", topic="mutation")
class MutationReassigned(MutationEvent, frozen=True, kw_only=True):
    """Another `office` acts for a `party` of the case from now on, as the definition names parties."""

    party: str
    office: str
    reason_class: Code


@event("objection.filed", topic="mutation")
class ObjectionFiled(MutationEvent, frozen=True, kw_only=True):
    """The employee objects in time (PP 79/2021); the move goes on unless suspended. `evidence`: its SHA-256."""

    reason_class: Code
    evidence: str | None = None


@event("objection.inadmissible", topic="mutation")
class ObjectionInadmissible(MutationEvent, frozen=True, kw_only=True):
    """The employee objected after the last day of the objection period; nothing changes by it."""

    reason_class: Code


@event("objection.decided", topic="mutation")
class ObjectionDecided(MutationEvent, frozen=True, kw_only=True):
    """The objection was decided by `outcome`; `mutation.reversed` follows one that was upheld."""

    outcome: Literal["uphold", "dismiss"]
    reason_class: Code


@event("mutation.reversed", topic="mutation", audience="public")
class MutationReversed(MutationEvent, frozen=True, kw_only=True):
    """The decree is revoked and the person returns to the earlier post. `started_on` is None if they never left it.

    `ground`: upheld objection, or order of a court, BKN, a minister or the appointing authority, under `reference`.
    """

    move: Move
    ground: Literal["objection", "court", "bkn", "minister", "ppk"]
    reference: str | None
    started_on: date | None


@event("decree.corrected", topic="mutation", audience="public")
class DecreeCorrected(MutationEvent, frozen=True, kw_only=True):
    """A clerical error was corrected: the decree has this `number` and date. `letter`: SHA-256 of the correction."""

    number: str
    decree_date: date
    letter: str


@event("mutation.overdue", topic="mutation")
class MutationOverdue(MutationEvent, frozen=True, kw_only=True):
    """A duty's deadline passed. Nothing is decided by it: the duty stays, and its superior is told."""

    duty: str
