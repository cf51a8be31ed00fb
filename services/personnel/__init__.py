"""The service `personnel`: units, positions, people and their names, who works where, who holds which office."""

from events.mutation import MutationReversed, PlacementStarted, TempEnded, TempExtended
from services.personnel import api, cards, incumbency, offices, pages, people, structure
from services.personnel.adoption import adopt
from services.personnel.commands import (
    AppointHolders,
    Delegate,
    EndHolding,
    EstablishOffices,
    RegisterOfficials,
    RegisterPeople,
    RegisterPositions,
    RegisterUnits,
    ViewCards,
)
from services.personnel.models import Base
from services.service import Service, reacts

SERVICE = Service(
    name="personnel",
    metadata=Base.metadata,
    commands={
        RegisterUnits: structure.register_units,
        RegisterPositions: structure.register_positions,
        RegisterPeople: people.register_people,
        RegisterOfficials: people.register_officials,
        EstablishOffices: offices.establish_offices,
        AppointHolders: offices.appoint_holders,
        EndHolding: offices.end_holding,
        Delegate: offices.delegate,
        ViewCards: cards.record_view,
    },
    subscriptions=[
        reacts(PlacementStarted, incumbency.start),
        reacts(TempExtended, incumbency.extend),
        reacts(TempEnded, incumbency.end),
        reacts(MutationReversed, incumbency.reverse),
    ],
    doors=(api.door, pages.door),
    beats=("authority",),
    adopt=adopt,
)
