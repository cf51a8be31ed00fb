"""A definition: one route of a mutation as data. Read from workflow/definitions/*.toml, never edited once shipped.

A transition is one row of the state table: in a state, on a trigger, if its guards hold, by one of its parties. Several
transitions of one state and trigger are tried in order. The trigger `proceed` is the engine's own: tried after every
event. Duties say who is asked while the mutation is in a state, and what silence does; it never approves.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from workflow.calendar import Calendar
from workflow.pack import Pack

Anchor = Literal["entry", "effective_on", "until"]
Reservation = Literal["person", "place", "share"]
Table = Mapping[tuple[str, str], tuple["Transition", ...]]

#: The state before the first event; the trigger that the engine tries by itself.
NEW, PROCEED = "NEW", "proceed"


class _Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Title(_Data, frozen=True):
    id: str
    en: str


class Clock(_Data, frozen=True):
    """A deadline: the end of a day. `days` or `working_days` is a number, or the name of one in the rule pack."""

    days: int | str | None = None
    working_days: int | str | None = None
    after: Anchor = "entry"
    before: Anchor | None = None

    @property
    def from_entry(self) -> bool:
        """Whether it counts from the day the state is entered, not from a date of the case."""
        return self.after == "entry" and self.before is None

    def due(self, anchors: Mapping[Anchor, date | None], calendar: Calendar, pack: Pack) -> datetime | None:
        """The moment (UTC) when it is over; None while its anchor has no date yet."""
        day = anchors[self.before or self.after]
        if day is None:
            return None
        if self.working_days is not None:
            return calendar.end_of(calendar.add_working(day, _number(self.working_days, pack)))
        span = timedelta(days=_number(self.days or 0, pack))
        return calendar.end_of(day - span if self.before else day + span)


class Party(_Data, frozen=True):
    """Someone with a say: the holder of an office (`role` for a `scope`), or a person the case itself names."""

    title: Title
    seat: Literal["office", "employee", "sponsor", "engine"] = "office"
    role: str = ""
    scope: Literal["", "source.opd", "target.opd", "source.instansi", "target.instansi"] = ""


class State(_Data, frozen=True):
    """`reserves`: the person (one such case each), a place of the target position, the share of working time."""

    title: Title
    terminal: bool = False
    reserves: list[Reservation] = []


class DutyRule(_Data, frozen=True):
    """Who is asked for which command while in a state. `needed` of `of` seats must act; recusals lower `of`.

    `silence` is the trigger fired when `within` has passed; `escalates_to` the party told of an overdue duty.
    """

    state: str
    party: str
    command: str
    title: Title
    within: Clock | None = None
    silence: str = "overdue"
    escalates_to: str | None = None
    needed: int = 1
    of: int = 1


class TimerRule(_Data, frozen=True):
    """A clock that runs while the mutation is in one of the states `during` (patterns) and then `fires` a trigger."""

    during: list[str]
    due: Clock
    fires: str


class Transition(_Data, frozen=True, rename={"source": "from"}):
    """A row of the state table. `to` is missing where the state stays; `source` are patterns of states.

    `duty` is discharged by it; `reason` is the reason class when no command gives one; the first event of `emits`
    enters the new state, the others say what follows from it.
    """

    row: str
    source: list[str]
    on: str
    emits: list[str]
    by: list[str] = msgspec.field(default_factory=lambda: ["engine"])
    to: str | None = None
    guards: list[str] = []
    duty: str | None = None
    reason: str | None = None


class Papers(_Data, frozen=True):
    """Gate codes of the documents that screening needs, always and for the employee's own request."""

    always: list[str] = []
    own_request: list[str] = []


class Definition(_Data, frozen=True):
    """A route as data. `checks` are named lists of guards; `four_eyes` lists commands no two of which one person gives.

    `clearances` are the duties that must end `clear`; `table` is compiled from the state machine by `machine.compiled`.
    """

    route: str
    version: int
    title: Title
    initial: str
    papers: Papers
    clearances: list[str]
    four_eyes: list[list[str]]
    checks: dict[str, list[str]]
    parties: dict[str, Party]
    states: dict[str, State]
    duties: dict[str, DutyRule]
    timers: dict[str, TimerRule]
    transitions: list[Transition]
    table: Table = {}

    @property
    def name(self) -> str:
        """The versioned name that every event carries: `R5@1`."""
        return f"{self.route}@{self.version}"


def parse(text: str) -> Definition:
    """A definition from TOML; patterns of states, names of checks written out. Raises msgspec.ValidationError."""
    raw = msgspec.toml.decode(text, type=Definition)
    return msgspec.structs.replace(
        raw,
        transitions=[
            msgspec.structs.replace(rule, source=_matching(raw, rule.source), guards=_guards(raw, rule.guards))
            for rule in raw.transitions
        ],
        timers={
            name: msgspec.structs.replace(timer, during=_matching(raw, timer.during))
            for name, timer in raw.timers.items()
        },
    )


def _matching(definition: Definition, patterns: list[str]) -> list[str]:
    return [state for state in definition.states if any(fnmatchcase(state, pattern) for pattern in patterns)]


def _guards(definition: Definition, names: list[str]) -> list[str]:
    return [guard for name in names for guard in definition.checks.get(name, [name])]


def _number(value: int | str, pack: Pack) -> int:
    return value if isinstance(value, int) else int(getattr(pack, value))
