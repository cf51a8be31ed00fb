"""The service `mutations`: tracks each mutation through proposal, consultation, approval and placement."""

from events.authority import Delegated, HolderAppointed, HolderEnded, OfficeEstablished
from events.personnel import IncumbencyChanged, PersonRegistered, PositionRegistered, UnitRegistered
from events.proposal import ProposalDrafted, ProposalOutdated
from events.workload import AbkFinalised, WorkloadMeasured
from services.mutations import handlers, pages, projections, repairs
from services.mutations.adoption import adopt
from services.mutations.check import check
from services.mutations.execute import Act, act, finish, prepare
from services.mutations.groups import SignTogether, sign_together
from services.mutations.migrating import MigrateCases, migrate_cases
from services.mutations.models import Base
from services.service import Service, projects, reacts
from workflow.library import definitions

SERVICE = Service(
    name="mutations",
    metadata=Base.metadata,
    commands={Act: act, SignTogether: sign_together, MigrateCases: migrate_cases},
    subscriptions=[
        projects(UnitRegistered, projections.add_unit),
        projects(PositionRegistered, projections.add_position),
        projects(PersonRegistered, projections.add_person),
        projects(IncumbencyChanged, projections.move_person),
        projects(WorkloadMeasured, projections.measure_unit),
        projects(AbkFinalised, projections.set_floor),
        projects(OfficeEstablished, projections.add_office),
        projects(HolderAppointed, projections.seat_holder),
        projects(HolderEnded, projections.unseat_holder),
        projects(Delegated, projections.add_delegation),
        projects(ProposalDrafted, projections.keep_reasons),
        reacts(HolderAppointed, handlers.void_votes),
        reacts(HolderEnded, handlers.void_votes),
        reacts(ProposalDrafted, handlers.draft_proposals),
        reacts(ProposalOutdated, handlers.cancel_outdated),
    ],
    timers={name: handlers.fire for law in definitions().values() for name in (*law.duties, *law.timers)},
    doors=(repairs.door, pages.door),
    projections=projections.TABLES,
    prepare=prepare,
    finish=finish,
    check=check,
    adopt=adopt,
)
