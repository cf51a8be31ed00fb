"""What is shipped beside the code: definitions, rule packs and calendars, read once and checked when read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import msgspec

from events.mutation import EVENTS, Mode, Place
from workflow.calendar import Calendar, Zone
from workflow.definition import PROCEED, Definition, parse
from workflow.guards import GUARDS
from workflow.machine import compiled
from workflow.pack import Pack
from workflow.refusal import wordings
from workflow.routes import route_of

DEFINITIONS = Path(__file__).parent / "definitions"
PARTS = DEFINITIONS / "parts"
RULES = Path(__file__).parent / "rules"


class Unknown(LookupError):
    """This process does not know the definition or rule pack; a newer one may."""


@cache
def definitions() -> Mapping[str, Definition]:
    """Versioned name -> definition, every version ever shipped."""
    return {path.stem: load(path.read_text()) for path in sorted(DEFINITIONS.glob("*.toml"))}


def load(text: str) -> Definition:
    """A definition from TOML, checked and with its table. Raises ValueError naming what it refers to in vain."""
    parsed = parse(text, lambda part: (PARTS / f"{part}.toml").read_text())
    unknown = _unknown(parsed)
    if unknown:
        raise ValueError(f"{parsed.name} refers to unknown {', '.join(sorted(unknown))}")
    return msgspec.structs.replace(parsed, table=compiled(parsed))


def definition(name: str) -> Definition:
    """The definition of a versioned name, `R5@1`; raises `Unknown`."""
    if name not in definitions():
        raise Unknown(f"definition {name}")
    return definitions()[name]


def definition_for(source: Place, target: Place, mode: Mode) -> Definition:
    """The newest definition of a move's route."""
    return newest()[route_of(source, target, mode).code]


def newest() -> Mapping[str, Definition]:
    """Code of a route -> its newest definition."""
    return {law.route: law for law in sorted(definitions().values(), key=lambda law: law.version)}


@cache
def packs() -> Mapping[str, Pack]:
    """Id -> rule pack, oldest first."""
    read = [msgspec.toml.decode(path.read_text(), type=Pack) for path in RULES.glob("*.toml")]
    return {pack.id: pack for pack in sorted(read, key=lambda pack: pack.valid_from)}


def pack_on(day: date) -> Pack:
    """The rule pack in force on a day; raises `Unknown` before the first."""
    in_force = [pack for pack in packs().values() if pack.valid_from <= day]
    if not in_force:
        raise Unknown(f"rule pack for {day}")
    return in_force[-1]


@cache
def calendar(zone: Zone) -> Calendar:
    """The calendar of a time zone with all holidays shipped."""
    days = [date.fromisoformat(day) for path in RULES.glob("holidays-*.json") for day in json.loads(path.read_text())]
    return Calendar(zone, frozenset(days))


def _unknown(definition: Definition) -> set[str]:
    """Names that a definition uses and nobody defines; a guard of a command must also have words for its refusal."""
    rules, duties = definition.transitions, definition.duties.values()
    fired = {duty.silence for duty in duties if duty.within} | {timer.fires for timer in definition.timers.values()}
    states = {rule.to for rule in rules if rule.to} | {duty.state for duty in duties if duty.state}
    states.add(definition.initial)
    parties = {party for rule in rules for party in rule.by}
    parties |= {party for duty in duties for party in (duty.party, duty.escalates_to) if party}
    asked = {guard for rule in rules for guard in rule.guards} | {guard for duty in duties for guard in duty.when}
    named = {name for rule in rules for name in (*rule.asks, rule.duty) if name} | set(definition.grants)
    refusing = {guard for rule in rules if rule.on != PROCEED for guard in rule.guards}
    return (
        (states - set(definition.states))
        | (parties - set(definition.parties))
        | ((named | set(definition.clearances)) - set(definition.duties))
        | (asked - set(GUARDS))
        | (fired - {rule.on for rule in rules})
        | ({type_ for rule in rules for type_ in rule.emits} - set(EVENTS))
        | (refusing - set(wordings()))
    )
