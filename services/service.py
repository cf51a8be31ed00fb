"""What a service says about itself, and what its handlers raise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from flask import Blueprint
from sqlalchemy.engine import Engine

from events import inbox, outbox
from events.catalog import entry
from events.identity import SessionRevoked
from services import jobs, revocations, timers

if TYPE_CHECKING:
    from services.transaction import Tx

Answer = dict[str, Any]
Kind = Literal["projects", "reacts"]


@dataclass(frozen=True)
class Actor:
    """Who acts, as signed in. What they may do is judged by the service, never by this."""

    account: str
    person: str | None
    roles: tuple[str, ...] = ()


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One intent on its way to a handler. `id` makes it idempotent, `fingerprint` tells a repeat from a reuse of it.

    `signed_in`: when its author did, where somebody had to; what was revoked since then is not done.
    """

    id: str
    data: msgspec.Struct
    actor: Actor | None = None
    signed_in: datetime | None = None
    correlation: str = ""
    fingerprint: bytes = b""
    expected_version: int | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A consumed event as its handler sees it; `data` is the typed payload in its newest shape."""

    id: str
    type: str
    subject: str
    version: int
    time: datetime
    correlation: str
    causation: str
    data: Any
    raw: bytes


@dataclass(frozen=True)
class Firing:
    """A timer that is due. `arming` names the setting of the timer; a timer set again has another."""

    subject: str
    name: str
    arming: str
    due: datetime


@dataclass(frozen=True)
class Subscription:
    """`projects` writes tables of its service and is replayed on a rebuild; `reacts` may record, enqueue and arm."""

    event: type[msgspec.Struct] | Literal["*"]
    handler: Callable[[Tx, Event], None]
    kind: Kind


def projects(event: type[msgspec.Struct] | Literal["*"], handler: Callable[[Tx, Event], None]) -> Subscription:
    return Subscription(event, handler, "projects")


def reacts(event: type[msgspec.Struct] | Literal["*"], handler: Callable[[Tx, Event], None]) -> Subscription:
    return Subscription(event, handler, "reacts")


Prepare = Callable[["Tx", Sequence[Command | Event | Firing]], None]
Finish = Callable[["Tx"], None]


class Adopted(NamedTuple):
    """What follows from events that came back: answers by the id of the command that recorded them, and in words what
    these events do not tell and is therefore lost."""

    answers: dict[str, Answer]
    lost: list[str]


class Differs(NamedTuple):
    """A table that holds something about a subject which does not follow from its history of `version` events."""

    where: str
    subject: str
    version: int


@dataclass(frozen=True)
class Service:
    """One service. `prepare` may read in bulk what the items of a batch need; `finish` writes what they changed.

    `beats`: topics that only this service writes and whose readers must know how fresh they are. `workers`: how many of
    its jobs a process runs at a time. `projections`: the tables that only `projects` handlers write, and that a rebuild
    therefore makes anew. `append_only`: the tables, besides its events, of which no row is ever changed or deleted.
    `check` compares what it keeps with its own history, for `imbang verify`; it is given an engine that reads.
    `adopt` makes its tables what they are after events of its own that a restored database lacked.
    """

    name: str
    metadata: sa.MetaData
    commands: Mapping[type[msgspec.Struct], Callable[[Tx, Command], Answer]] = field(default_factory=dict)
    subscriptions: Sequence[Subscription] = ()
    timers: Mapping[str, Callable[[Tx, Firing], None]] = field(default_factory=dict)
    jobs: Mapping[str, jobs.Runner] = field(default_factory=dict)
    workers: int = 1
    beats: Sequence[str] = ()
    doors: Sequence[Blueprint] = ()
    projections: Sequence[sa.Table] = ()
    append_only: Sequence[sa.Table] = ()
    prepare: Prepare | None = None
    finish: Finish | None = None
    check: Callable[[Engine], Iterator[Differs]] | None = None
    adopt: Callable[[Tx, Sequence[Event]], Adopted] | None = None

    @cached_property
    def outbox(self) -> outbox.Outbox:
        return outbox.tables(self.metadata, self.name)

    @cached_property
    def inbox(self) -> inbox.Inbox:
        return inbox.tables(self.metadata, self.name)

    @cached_property
    def timer(self) -> sa.Table:
        return timers.table(self.metadata, self.name)

    @cached_property
    def job(self) -> sa.Table:
        return jobs.table(self.metadata, self.name)

    @cached_property
    def revoked(self) -> sa.Table:
        return revocations.table(self.metadata, self.name)

    def projector(self, prepare: Prepare | None = None, finish: Finish | None = None) -> Service:
        """This service reduced to its projections, on the same tables: what a rebuild runs."""
        only = [s for s in self.subscriptions if s.kind == "projects"]
        reduced = replace(self, commands={}, subscriptions=only, prepare=prepare, finish=finish, check=None, adopt=None)
        tables = ("outbox", "inbox", "timer", "job", *(["revoked"] if self.doors else []))
        vars(reduced).update({name: getattr(self, name) for name in tables})
        return reduced

    @cached_property
    def hears(self) -> tuple[Subscription, ...]:
        """Its subscriptions; a service with doors also hears which sessions it must no longer let in."""
        kernel = (projects(SessionRevoked, revocations.void_sign_ins),) if self.doors else ()
        return (*self.subscriptions, *kernel)

    @cached_property
    def topics(self) -> list[str]:
        """The topics it reads; a subscription to "*" reads them all."""
        from events.catalog import TOPICS

        if any(s.event == "*" for s in self.hears):
            return sorted(TOPICS)
        return sorted({entry(s.event).topic for s in self.hears if s.event != "*"})

    def handlers(self, type_string: str, kind: Kind) -> list[Callable[[Tx, Event], None]]:
        """Who takes an event, in the order of the declaration."""
        return self._routes.get((type_string, kind), []) + self._routes.get(("*", kind), [])

    @cached_property
    def _routes(self) -> dict[tuple[str, Kind], list[Callable[[Tx, Event], None]]]:
        routes: dict[tuple[str, Kind], list[Callable[[Tx, Event], None]]] = {}
        for s in self.hears:
            name = "*" if s.event == "*" else entry(s.event).type
            routes.setdefault((name, s.kind), []).append(s.handler)
        return routes


class Words(NamedTuple):
    """A sentence in Bahasa Indonesia and in English."""

    id: str
    en: str


class Refused(Exception):
    """The rules do not allow this"""

    def __init__(self, rule: str, detail: Words, remedy: Words, *, status: int = 409, **more: object):
        """`more` goes into the problem document: its `basis` in law, the `field` at fault, `who` can act."""
        super().__init__(f"{rule}: {detail.en}")
        self.rule, self.detail, self.remedy, self.status, self.more = rule, detail, remedy, status, more


class NotYet(Exception):
    """Something that this event builds on has not arrived"""

    def __init__(self, subject: str):
        super().__init__(f"waits for {subject}")
        self.subject = subject


class Retry(Exception):
    """The world is slow; this will be tried again"""

    def __init__(self, detail: str, after: timedelta = timedelta(seconds=1)):
        super().__init__(detail)
        self.after = after
