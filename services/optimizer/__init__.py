"""The service `optimizer`: reacts to load that changed with proposals that explain themselves. It only proposes."""

from events.mutation import (
    EmployeeRecorded,
    MutationCancelled,
    MutationDrafted,
    MutationExpired,
    MutationProposed,
    MutationRejected,
    MutationReversed,
    MutationWithdrawn,
    ReceiverRecorded,
    SourceRecorded,
)
from events.outcome import ProposalDeclined
from events.personnel import IncumbencyChanged, PersonRegistered, PositionRegistered, UnitRegistered
from events.workload import AbkFinalised, WorkloadChanged, WorkloadMeasured
from services.optimizer import api, pages, planning, projections
from services.optimizer.adoption import adopt
from services.optimizer.locking import lock_units
from services.optimizer.models import Base
from services.service import Service, projects, reacts

ENDED = (MutationRejected, MutationWithdrawn, MutationCancelled, MutationExpired, MutationReversed)

SERVICE = Service(
    name="optimizer",
    metadata=Base.metadata,
    commands={
        planning.SignAssessment: planning.sign_assessment,
        planning.RecordPlan: planning.record_plan,
    },
    subscriptions=[
        projects(UnitRegistered, projections.add_unit),
        projects(PositionRegistered, projections.add_position),
        projects(PersonRegistered, projections.add_person),
        projects(IncumbencyChanged, projections.move_person),
        projects(WorkloadMeasured, projections.measure_unit),
        projects(WorkloadChanged, projections.judge_unit),
        projects(AbkFinalised, projections.set_need),
        projects(MutationDrafted, projections.draft_move),
        projects(MutationProposed, projections.open_move),
        projects(EmployeeRecorded, projections.refuse_move),
        projects(SourceRecorded, projections.refuse_move),
        projects(ReceiverRecorded, projections.refuse_move),
        *(projects(ended, projections.drop_move) for ended in ENDED),
        projects(ProposalDeclined, projections.forget_proposal),
        reacts(WorkloadChanged, planning.plan_for_overload),
        reacts(EmployeeRecorded, planning.plan_again),
        reacts(SourceRecorded, planning.plan_again),
        reacts(ReceiverRecorded, planning.plan_again),
        *(reacts(ended, planning.plan_again) for ended in ENDED),
        reacts(ProposalDeclined, planning.plan_again),
    ],
    jobs={"solve": planning.solve_province},
    doors=(api.door, pages.door),
    projections=(projections.unit, projections.position, projections.person),
    prepare=lock_units,
    adopt=adopt,
)
