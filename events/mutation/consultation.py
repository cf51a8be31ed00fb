"""The employee, both agencies and the clearances are asked; contested cases are settled openly."""

from __future__ import annotations

from typing import Literal

from events.catalog import event
from events.mutation.case import Code, Consent, MutationEvent, Willingness


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
