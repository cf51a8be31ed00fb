"""Contracts of the topic `mutation`: the history of every mutation, and refusals of proposals. Written by `mutations`.

Each row of the state table (workflow/definitions) has its event. An event says in which `state` it leaves the mutation,
which duty it `closes` and until when the next ones are due (`deadlines`), so a history is replayed without a calendar,
a clock or a rule pack. Only ids, codes, bands and reason classes: people's own words
stay in the service that heard them, an event holds at most their HMAC commitment (`words_hash`).
"""

from __future__ import annotations

from events.catalog import entry
from events.mutation.case import (
    Act,
    ActingAs,
    Agency,
    Code,
    Consent,
    Mode,
    Move,
    MutationEvent,
    Opinion,
    Origin,
    Place,
    Willingness,
)
from events.mutation.consultation import (
    ClearanceRecorded,
    ConsultationClosed,
    ConsultationSettled,
    EmployeeRecorded,
    MutationEscalated,
    ReceiverRecorded,
    SourceRecorded,
)
from events.mutation.decision import (
    AppointmentIssued,
    DecreeIssued,
    ExternalGranted,
    ExternalRefused,
    ExternalsComplete,
    PanelOpined,
    PanelVoted,
    SourceConsented,
)
from events.mutation.opening import (
    MutationDrafted,
    MutationProposed,
    MutationRejected,
    MutationResubmitted,
    MutationReturned,
    MutationScreened,
)
from events.mutation.placement import (
    DecreeServed,
    HandedOver,
    PlacementRegistered,
    PlacementStarted,
    TempConverted,
    TempEnded,
    TempExpiring,
    TempExtended,
    TempReturned,
    TempReturnOverdue,
)
from events.mutation.remedies import (
    DecreeCorrected,
    MutationCancelled,
    MutationExpired,
    MutationHeld,
    MutationOverdue,
    MutationResumed,
    MutationReversed,
    MutationWithdrawn,
    ObjectionDecided,
    ObjectionFiled,
    ObjectionInadmissible,
)

#: Type string -> class, for every event of a mutation.
EVENTS: dict[str, type[MutationEvent]] = {entry(cls).type: cls for cls in MutationEvent.__subclasses__()}

__all__ = [
    "EVENTS",
    "Act",
    "ActingAs",
    "Agency",
    "AppointmentIssued",
    "ClearanceRecorded",
    "Code",
    "Consent",
    "ConsultationClosed",
    "ConsultationSettled",
    "DecreeCorrected",
    "DecreeIssued",
    "DecreeServed",
    "EmployeeRecorded",
    "ExternalGranted",
    "ExternalRefused",
    "ExternalsComplete",
    "HandedOver",
    "Mode",
    "Move",
    "MutationCancelled",
    "MutationDrafted",
    "MutationEscalated",
    "MutationEvent",
    "MutationExpired",
    "MutationHeld",
    "MutationOverdue",
    "MutationProposed",
    "MutationRejected",
    "MutationResubmitted",
    "MutationResumed",
    "MutationReturned",
    "MutationReversed",
    "MutationScreened",
    "MutationWithdrawn",
    "ObjectionDecided",
    "ObjectionFiled",
    "ObjectionInadmissible",
    "Opinion",
    "Origin",
    "PanelOpined",
    "PanelVoted",
    "Place",
    "PlacementRegistered",
    "PlacementStarted",
    "ReceiverRecorded",
    "SourceConsented",
    "SourceRecorded",
    "TempConverted",
    "TempEnded",
    "TempExpiring",
    "TempExtended",
    "TempReturnOverdue",
    "TempReturned",
    "Willingness",
]
