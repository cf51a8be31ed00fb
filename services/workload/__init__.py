"""The service `workload`: weighs what units report against the people they have; says who drowns and who idles."""

from events.personnel import IncumbencyChanged, PersonRegistered, PositionRegistered, UnitRegistered
from services.service import Service, projects, reacts
from services.workload import api, handlers, pages
from services.workload.adoption import adopt
from services.workload.analyses import finalise_abk, finalise_abks
from services.workload.commands import FinaliseAbk, FinaliseAbks, SubmitReport, SubmitReports
from services.workload.locking import lock_loads
from services.workload.models import Base
from services.workload.reporting import submit_report, submit_reports

SERVICE = Service(
    name="workload",
    metadata=Base.metadata,
    commands={
        SubmitReport: submit_report,
        SubmitReports: submit_reports,
        FinaliseAbk: finalise_abk,
        FinaliseAbks: finalise_abks,
    },
    subscriptions=[
        projects(UnitRegistered, handlers.add_unit),
        projects(PositionRegistered, handlers.add_position),
        projects(PersonRegistered, handlers.seat_person),
        projects(IncumbencyChanged, handlers.move_person),
        reacts(PersonRegistered, handlers.welcome),
        reacts(IncumbencyChanged, handlers.restaff),
    ],
    doors=(api.door, pages.door),
    projections=(handlers.unit, handlers.position, handlers.seat),
    prepare=lock_loads,
    adopt=adopt,
)
