"""What must hold after every scenario, read from the stores alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from events import envelope, outbox
from events.mutation import MutationEvent
from events.proposal import ProposalDrafted
from services import mutations, optimizer
from services.app import Application
from services.db import table
from services.mutations.execute import PREFIX
from services.mutations.models import Case
from services.service import Service
from workflow.evolution import replay
from workflow.library import definition
from workflow.mutation import Mutation


def rows(app: Application, source: sa.Table) -> list[dict[str, Any]]:
    with app.databases.reader(app.services[0].name).connect() as conn:
        return [dict(row) for row in conn.execute(sa.select(source)).mappings()]


def cases(app: Application) -> list[Mutation]:
    """The stored state of every case, oldest first."""
    kept = sorted(rows(app, table(Case)), key=lambda row: (row["opened_at"], row["id"]))
    return [msgspec.json.decode(row["body"], type=Mutation) for row in kept]


def replayed(app: Application) -> list[Mutation]:
    """What the histories of these cases say, in the same order."""
    return [replay(definition, history(app, case.id)) for case in cases(app)]


def history(app: Application, mutation: str) -> list[MutationEvent]:
    """Every event of a case, oldest first."""
    with app.databases.reader("mutations").connect() as conn:
        bodies = list(outbox.stream(conn, mutations.SERVICE.outbox, PREFIX + mutation))
    return [envelope.payload(envelope.decode(body)) for body in bodies]  # type: ignore[misc]


def proposals(app: Application) -> list[ProposalDrafted]:
    """Everything that the optimizer ever proposed, in order."""
    return [e for e in recorded(app, optimizer.SERVICE) if isinstance(e, ProposalDrafted)]


def recorded(app: Application, service: Service) -> Iterator[msgspec.Struct]:
    """Everything that a service ever recorded, in order."""
    for row in sorted(rows(app, service.outbox.event), key=lambda row: str(row["event_id"])):
        yield envelope.payload(envelope.decode(row["body"]))
