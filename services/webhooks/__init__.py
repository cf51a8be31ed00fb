"""Delivers public events to the systems of others: signed, retried, never to an address it should not call."""

from events.personnel import UnitRegistered
from services.service import Service, projects, reacts
from services.webhooks import api, endpoints, handlers, pages, rounds
from services.webhooks.commands import (
    EnableEndpoint,
    PauseEndpoint,
    Ping,
    RecordAttempts,
    RecoverSince,
    Redeliver,
    RegisterEndpoint,
    RemoveEndpoint,
    RotateSecret,
)
from services.webhooks.models import Base

SERVICE = Service(
    name="webhooks",
    metadata=Base.metadata,
    commands={
        RegisterEndpoint: endpoints.register,
        RotateSecret: endpoints.rotate,
        PauseEndpoint: endpoints.pause,
        EnableEndpoint: endpoints.enable,
        RemoveEndpoint: endpoints.remove,
        Ping: handlers.ping,
        Redeliver: handlers.redeliver,
        RecoverSince: handlers.recover,
        RecordAttempts: handlers.record_attempts,
    },
    subscriptions=[projects(UnitRegistered, handlers.add_unit), reacts("*", handlers.fan_out)],
    timers={"prune": handlers.prune},
    jobs={rounds.KIND: rounds.make_round},
    workers=16,
    doors=(api.door, pages.door),
)
