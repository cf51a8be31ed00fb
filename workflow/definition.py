"""A definition: one route of a mutation as data. Read from workflow/definitions/*.toml, never edited once shipped.

A transition is one row of the state table: in a state, on a trigger, if its guards hold, by one of its parties. Several
transitions of one state and trigger are tried in order. The trigger `proceed` is the engine's own: tried after every
event. Duties say who is asked while the mutation is in a state, and what silence does; it never approves.

What routes have in common stands in `parts`, versioned and unedited like themselves. A route's own transitions come
before those of its parts, and its own words win over theirs: the particular before the general.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from workflow.calendar import Calendar
from workflow.pack import Pack

Anchor = Literal["entry", "effective_on", "until", "held_until"]
Scope = Literal[
    "", "source.opd", "target.opd", "source.instansi", "target.instansi", "source.province", "target.province", "nation"
]
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
    """Someone with a say: the holder of an office (`role` for a `scope`), or a person the case itself names.

    Scopes: the agency or government of a side, the province in which that lies, or the `nation`.
    """

    title: Title
    seat: Literal["office", "employee", "sponsor", "engine"] = "office"
    role: str = ""
    scope: Scope = ""


class State(_Data, frozen=True):
    """`reserves`: the person (one such case each), a place of the target position, the share of working time."""

    title: Title
    terminal: bool = False
    reserves: list[Reservation] = []


class DutyRule(_Data, frozen=True):
    """Who is asked for which command while in a state. `needed` of `of` seats must act; recusals lower `of`.

    Without a `state` it is asked for by a transition (`asks`), and stays through changes of state until it is done.
    `when`: guards that must hold as the state is entered, else nobody is asked.
    `silence` is the trigger fired when `within` has passed; `escalates_to` the party told of an overdue duty.
    """

    party: str
    command: str
    title: Title
    state: str = ""
    when: list[str] = []
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

    `duty` is discharged by it, the duties in `asks` begin; `reason` is the reason class when no command gives one; the
    first event of `emits` enters the new state, the others say what follows from it. `at_rest`: also while held.
    """

    row: str
    source: list[str]
    on: str
    emits: list[str]
    by: list[str] = msgspec.field(default_factory=lambda: ["engine"])
    to: str | None = None
    guards: list[str] = []
    duty: str | None = None
    asks: list[str] = []
    reason: str | None = None
    at_rest: bool = False


class Papers(_Data, frozen=True):
    """Gate codes of the documents that screening needs, always and for the employee's own request."""

    always: list[str] = []
    own_request: list[str] = []


class Definition(_Data, frozen=True):
    """A route as data. `checks` are named lists of guards; `four_eyes` lists commands no two of which one person gives.

    `clearances` are the duties that must end `clear`, `grants` those in which others than the two governments have a
    say; `table` is compiled from the state machine by `machine.compiled`.
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
    grants: list[str] = []
    table: Table = {}

    @property
    def name(self) -> str:
        """The versioned name that every event carries: `R5@1`."""
        return f"{self.route}@{self.version}"


def parse(text: str, part: Callable[[str], str]) -> Definition:
    """A definition from TOML, its parts put in; patterns of states, names of checks written out.

    `part`: name of a part, `opening@1` -> its TOML. Raises msgspec.ValidationError.
    """
    own = msgspec.toml.decode(text)
    parts = [msgspec.toml.decode(part(name)) for name in own.pop("parts", ())]
    whole: dict[str, Any] = {}
    for each in (*parts, own):
        whole = _joined(whole, each)
    whole["transitions"] = [rule for each in (own, *parts) for rule in each.get("transitions", ())]
    raw = msgspec.convert(whole, type=Definition)
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


def _joined(general: Mapping[str, Any], particular: Mapping[str, Any]) -> dict[str, Any]:
    """Both, key by key; where they differ, the particular's word."""
    both = {**general, **particular}
    for name in general.keys() & particular.keys():
        if isinstance(general[name], Mapping):
            both[name] = _joined(general[name], particular[name])
    return both


def _matching(definition: Definition, patterns: list[str]) -> list[str]:
    return [state for state in definition.states if any(fnmatchcase(state, pattern) for pattern in patterns)]


def _guards(definition: Definition, names: list[str]) -> list[str]:
    return [guard for name in names for guard in definition.checks.get(name, [name])]


def _number(value: int | str, pack: Pack) -> int:
    return value if isinstance(value, int) else int(getattr(pack, value))
