"""Contracts of the topic `mutation`: the history of every mutation, and refusals of proposals. Written by `mutations`.

Each row of the state table (workflow/definitions) has its event. An event says in which `state` it leaves the mutation,
which duty it `closes` and until when the next ones are due (`deadlines`), so a history is replayed without a calendar,
a clock or a rule pack. Only ids, codes, bands and reason classes: people's own words
stay in the service that heard them, an event holds at most their HMAC commitment (`words_hash`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec

from events.catalog import entry, event
from events.personnel import PositionKind
from events.shapes import Moment

Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}(?!\n)$")]
Mode = Literal["temporary", "permanent"]
Origin = Literal["load", "programme", "own_request", "opd", "leader_instruction", "reorganisation", "oversight_order"]
ActingAs = Literal["definitive", "plt", "plh", "delegate", "employee", "engine"]
Willingness = Literal["willing", "conditional", "unwilling", "no_response"]
Consent = Literal["yes", "no", "no_response"]
Opinion = Literal["recommend", "revise", "reject"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A position and where it stands. `instansi` is the code of the government, `0000` and the like for central ones.

    `ministerial`: officials of the unit are appointed by the Minister of Home Affairs (civil registration).
    `heads_unit`: the post leads a unit, as that of a school or health centre, whatever its kind.
    """

    position: str
    unit: str
    opd: str
    instansi: str
    kind: PositionKind = "pelaksana"
    ministerial: bool = False
    heads_unit: bool = False


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Who would sit where: `start` and `until` (last day, inclusive) as wished, `share` of working time, 0.2 to 1.0."""

    source: Place
    target: Place
    mode: Mode
    start: date
    until: date | None = None
    share: float = 1.0


class Agency(msgspec.Struct, frozen=True):
    """An agency concerned, and on which side; public forms show an agency its own side only."""

    side: Literal["source", "receiver"]
    instansi: str
    opd: str


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Who did it and by what right. `command` is the class name of the command, `Proceed` for the engine's own step.

    `order` is the order that seats the holder or names the delegate, who acts `on_behalf_of` the holder.
    `authority_position` is the position in the topic `authority` by which the right was judged.
    """

    command: str
    actor: str
    capacity: ActingAs
    office: str | None = None
    order: str | None = None
    on_behalf_of: str | None = None
    authority_position: int | None = None


class MutationEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of a mutation carries. Subject `mutations/mutation/<mutation>`.

    `row` is the row of the state table, `pack` the rule pack that judged it, `at` business time (UTC). `asks`: the
    duties that begin with it, where they are not simply all those of the new state.
    """

    mutation: str
    person: str
    agencies: list[Agency]
    act: Act
    definition: str
    pack: str
    row: str
    state: str
    at: Moment
    closes: str | None = None
    deadlines: dict[str, Moment] = {}
    words_hash: str | None = None
    asks: list[str] | msgspec.UnsetType = msgspec.UNSET


@event("mutation.drafted", topic="mutation")
class MutationDrafted(MutationEvent, frozen=True, kw_only=True):
    """A move is considered. It reserves nothing, and few may know of it."""

    move: Move
    origin: Origin
    proposal: str | None = None
    converts: str | None = None


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


@event("consultation.employee_recorded", topic="mutation")
class EmployeeRecorded(MutationEvent, frozen=True, kw_only=True):
    """The employee's view. A later one replaces it while the consultation is open; silence is never consent."""

    answer: Willingness
    reason_class: Code | None = None
    condition: Code | None = None


@event("consultation.source_recorded", topic="mutation")
class SourceRecorded(MutationEvent, frozen=True, kw_only=True):
    """The head of the source agency releases the employee or refuses."""

    answer: Consent
    reason_class: Code | None = None
    handover_planned: bool = False
    floor_kept: bool = False


@event("consultation.receiver_recorded", topic="mutation")
class ReceiverRecorded(MutationEvent, frozen=True, kw_only=True):
    """The head of the receiving agency accepts the employee, and perhaps their condition, or refuses."""

    answer: Consent
    reason_class: Code | None = None
    accepts_condition: Code | None = None


@event("consultation.clearance_recorded", topic="mutation")
class ClearanceRecorded(MutationEvent, frozen=True, kw_only=True):
    """Discipline, appraisal, bond or audit findings were looked at. `closes` tells which clearance this is."""

    answer: Literal["clear", "block"]
    reason_class: Code | None = None


@event("consultation.closed", topic="mutation")
class ConsultationClosed(MutationEvent, frozen=True, kw_only=True):
    """Everyone asked agreed, and clearance is positive."""


@event("mutation.escalated", topic="mutation")
class MutationEscalated(MutationEvent, frozen=True, kw_only=True):
    """The consultation ended without agreement; the regional secretary must decide openly. `dissent`: who and how."""

    dissent: list[Code]


@event("consultation.settled", topic="mutation")
class ConsultationSettled(MutationEvent, frozen=True, kw_only=True):
    """The regional secretary sends a contested case to the panel, with a reason."""

    reason_class: Code


@event("approval.panel_voted", topic="mutation")
class PanelVoted(MutationEvent, frozen=True, kw_only=True):
    """A member of the panel votes, or stands back (`recuse`)."""

    vote: Literal["recommend", "revise", "reject", "recuse"]
    reason_class: Code | None = None


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
    """BKN or a minister granted what the move needs; recorded from the `letter` (SHA-256), its number and date."""

    grant: Code
    reference: str
    letter: str
    dated: date


@event("approval.externals_complete", topic="mutation")
class ExternalsComplete(MutationEvent, frozen=True, kw_only=True):
    """Everything that BKN and ministers had to grant is granted; the competent authority decides."""


@event("approval.external_refused", topic="mutation")
class ExternalRefused(MutationEvent, frozen=True, kw_only=True):
    """BKN or a minister sent the case back or refused; `mutation.returned` or `.rejected` follows."""

    grant: Code
    outcome: Literal["return", "refuse"]
    reference: str
    letter: str
    dated: date


@event("appointment.issued", topic="mutation", audience="public")
class AppointmentIssued(MutationEvent, frozen=True, kw_only=True):
    """After the decree that moves a person between governments, the receiving authority appointed them to the post."""

    move: Move
    number: str
    decree_date: date
    effective_on: date


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


@event("objection.filed", topic="mutation")
class ObjectionFiled(MutationEvent, frozen=True, kw_only=True):
    """The employee objects in time (PP 79/2021). The move goes on unless the appointing authority suspends it."""

    reason_class: Code
    evidence: str | None = None


@event("objection.inadmissible", topic="mutation")
class ObjectionInadmissible(MutationEvent, frozen=True, kw_only=True):
    """The employee objected after the last day of the objection period; nothing changes by it."""

    reason_class: Code


@event("objection.decided", topic="mutation")
class ObjectionDecided(MutationEvent, frozen=True, kw_only=True):
    """The objection was decided. `mutation.reversed` follows one that was upheld."""

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
    """A clerical error in the decree was corrected; what it decides is the same. `letter`: its SHA-256."""

    number: str
    decree_date: date
    letter: str


@event("mutation.overdue", topic="mutation")
class MutationOverdue(MutationEvent, frozen=True, kw_only=True):
    """A duty's deadline passed. Nothing is decided by it: the duty stays, and its superior is told."""

    duty: str


#: Type string -> class, for every event of a mutation.
EVENTS: dict[str, type[MutationEvent]] = {entry(cls).type: cls for cls in MutationEvent.__subclasses__()}
