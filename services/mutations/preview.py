"""What a move opened by hand would do, before anything is recorded: rules it breaks, and both loads after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

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
from workflow.definition import Definition, Title
from workflow.evolution import evolve
from workflow.facts import Facts, LoadFacts
from workflow.figures import figures
from workflow.guards import GUARDS, Question
from workflow.library import definition_for
from workflow.mutation import Mutation
from workflow.refusal import Refused as AgainstTheLaw
from workflow.routes import Route, route_of


@dataclass(frozen=True)
class Effect:
    """A unit's load ratio before and after the move, which is `work` ÷ `staff` then, in full-time people, by the report
    that ends on `as_of`; None while the unit has not reported."""

    unit: str
    before: float | None = None
    after: float | None = None
    work: float | None = None
    staff: float | None = None
    as_of: date | None = None


@dataclass(frozen=True)
class Preview:
    """The `route` follows from the two positions; `parties`: who has a say, in order. `broken`: every rule that speaks
    against the move now, the first being the one that would stop it. `draftable`: whether it may be drafted all the
    same, to be submitted when they are met. `ahead`: what would stop a later step as things stand, though everyone
    agreed."""

    route: Route
    parties: Title
    broken: tuple[AgainstTheLaw, ...]
    draftable: bool
    ahead: tuple[AgainstTheLaw, ...]
    effects: tuple[Effect, ...]


def preview(command: cmd.Draft, actor: str | None) -> Preview:
    """Judge a draft and its submission with the facts of now. Raises `Refused` for a person or position unknown."""
    app = application()
    conn = db.session.connection(bind_arguments={"mapper": Case})
    service = next(s for s in app.services if s.name == "mutations")
    tx = Tx(service, conn, app.clock.ask(conn))
    tx.memo |= {"book": Book(), "occupied": {}, "sites": {}}
    tx.memo["book"].load(conn, things(command.person, command.to_position), lock=False)
    try:
        known = facts.facts(
            tx, tx.now, facts.read_authority(conn), actor, command.mutation, command.person, command.to_position, None
        )
    except NotYet as missing:
        raise not_known(missing.subject) from None
    if known.source.unit == known.target.unit:  # nobody comes or goes
        effects: tuple[Effect, ...] = (_effect(known.target.unit, known.target_load, 0.0),)
    else:
        effects = (
            _effect(known.source.unit, known.source_load, -command.share),
            _effect(known.target.unit, known.target_load, command.share),
        )
    route = route_of(known.source, known.target, command.mode)
    return Preview(route, _parties(route, known), *_judged(command, known), effects)


def _judged(command: cmd.Draft, known: Facts) -> tuple[tuple[AgainstTheLaw, ...], bool, tuple[AgainstTheLaw, ...]]:
    """The rules broken by the draft itself or, if it may be drafted, by submitting it; whether it may be; and what
    both agencies would break by agreeing."""
    mutation = None
    ahead: tuple[AgainstTheLaw, ...] = ()
    try:
        law = definition_for(known.source, known.target, command.mode)
        for event in decide(law, None, command, known):
            mutation = evolve(law, mutation, event)
        assert mutation is not None
        ahead = tuple(_ahead(law, mutation, known))
        decide(law, mutation, cmd.Submit(mutation=command.mutation), known)
    except AgainstTheLaw as refusal:
        return (refusal, *refusal.also), mutation is not None, ahead
    return (), True, ahead


def _ahead(law: Definition, mutation: Mutation, known: Facts) -> Iterator[AgainstTheLaw]:
    released = cmd.Release(mutation=mutation.id, answer="yes", handover_planned=True, floor_kept=True)
    received = cmd.Receive(mutation=mutation.id, answer="yes", budgeted=True)
    for rule, command in (("floor_kept", released), ("place_free", received)):
        asked = Question(law, mutation, command, known)
        if not GUARDS[rule](asked):
            yield AgainstTheLaw(rule, figures(asked))


def _parties(route: Route, known: Facts) -> Title:
    """The parties of a route in order, the two governments by their names."""
    names = dict(db.session.execute(sa.select(Unit.instansi, Unit.instansi_name).distinct()).all())
    return route.parties(names[known.source.instansi], names[known.target.instansi])


def _effect(unit: str, load: LoadFacts | None, change: float) -> Effect:
    if load is None:
        return Effect(unit)
    work, staff = load.ratio * load.staff, load.staff + change
    told = db.session.get(Unit, unit)
    return Effect(unit, load.ratio, work / staff if staff > 0 else None, work, staff, told.as_of if told else None)
