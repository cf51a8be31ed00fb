"""What a move opened by hand would do, before anything is recorded: rules it breaks, and both loads after it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from msgspec.structs import replace

from services.db import db
from services.http import application
from services.mutations import facts
from services.mutations.models import Case, Unit
from services.mutations.refusals import not_known
from services.mutations.reservations import Book, things
from services.service import NotYet
from services.transaction import Tx
from workflow import commands as cmd
from workflow.decision import decide
from workflow.facts import Facts, LoadFacts
from workflow.library import definition_for
from workflow.mutation import evolve
from workflow.refusal import Refused as AgainstTheLaw


@dataclass(frozen=True)
class Effect:
    """A unit's load ratio before and after the move; None while the unit has not reported."""

    unit: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Preview:
    """`broken`: every rule that speaks against the move now, the first being the one that would stop it. `draftable`:
    whether it may be drafted all the same, to be submitted when they are met."""

    broken: tuple[AgainstTheLaw, ...]
    draftable: bool
    effects: tuple[Effect, Effect]

    @property
    def allowed(self) -> bool:
        return not self.broken


def preview(command: cmd.Draft, actor: str | None) -> Preview:
    """Judge a draft and its submission with the facts of now. Raises `Refused` for a person or position unknown."""
    app = application()
    conn = db.session.connection(bind_arguments={"mapper": Case})
    service = next(s for s in app.services if s.name == "mutations")
    tx = Tx(service, conn, app.clock.read(conn))
    tx.memo |= {"book": Book(), "occupied": {}}
    tx.memo["book"].load(conn, things(command.person, command.to_position), lock=False)
    try:
        known = facts.facts(
            tx, tx.now, facts.read_authority(conn), actor, command.mutation, command.person, command.to_position, None
        )
    except NotYet as missing:
        raise not_known(missing.subject) from None
    broken, draftable = _judged(command, known)
    effects = (
        _effect(known.source.unit, known.source_load, -command.share),
        _effect(known.target.unit, known.target_load, command.share),
    )
    return Preview(broken, draftable, effects)


def _judged(command: cmd.Draft, known: Facts) -> tuple[tuple[AgainstTheLaw, ...], bool]:
    """The rules broken by the draft itself or, if it may be drafted, by submitting it; and whether it may be."""
    mutation = None
    try:
        law = definition_for(known.source, known.target, command.mode, _names())
        for event in decide(law, None, command, replace(known, actor=None)):
            mutation = evolve(law, mutation, event)
        decide(law, mutation, cmd.Submit(mutation=command.mutation), known)
    except AgainstTheLaw as refusal:
        return (refusal, *refusal.also), mutation is not None
    return (), True


def _names() -> dict[str, str]:
    """Code of a government -> its name."""
    return dict(db.session.execute(sa.select(Unit.instansi, Unit.instansi_name).distinct()).all())


def _effect(unit: str, load: LoadFacts | None, change: float) -> Effect:
    if load is None:
        return Effect(unit, None, None)
    staff = load.staff + change
    return Effect(unit, load.ratio, load.ratio * load.staff / staff if staff > 0 else None)
