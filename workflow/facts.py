"""All that the law may know about the world when it judges a command. Read by the caller, passed in, never fetched."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from events.mutation import Place
from workflow.authority import Authority
from workflow.calendar import Calendar
from workflow.pack import Pack


class PersonFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The person who would move.

    `status` as rule packs name it (pns, cpns, pppk, pppk_part_time); `since`: in the present position. `eligible`:
    appraisals good and no open process (a band, never the grounds). `open_case`: the mutation that holds the person's
    reservation, this one or another. `running_share`: the sum of the shares of other temporary duties, running or
    reserved. `last_duty_ended`: the last day of the latest one. `appointed_on`: as a recruit. `conflicts`: units where
    a conflict of interest is on record.
    """

    status: str
    since: date
    retires_on: date
    eligible: bool = True
    open_case: str | None = None
    running_share: float = 0.0
    last_duty_ended: date | None = None
    holds_e_signature: bool = False
    appointed_on: date | None = None
    conflicts: frozenset[str] = frozenset()


class PostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The target position: `places` by the final workload analysis, people in it, places reserved by *other* cases."""

    places: int
    occupied: int
    reserved: int = 0

    @property
    def free(self) -> int:
        return self.places - self.occupied - self.reserved


class LoadFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A unit's load now: `ratio` of work to working time, `staff` in full-time people, `floor` the least it needs."""

    ratio: float
    staff: float
    floor: float


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """`now` is aware business time; `actor` a person id, None for the engine.

    `source` and `target` are the places as they are now; loads are None while a unit has not reported.
    """

    now: datetime
    actor: str | None
    authority: Authority
    calendar: Calendar
    pack: Pack
    person: PersonFacts
    source: Place
    target: Place
    post: PostFacts
    source_load: LoadFacts | None = None
    target_load: LoadFacts | None = None

    @property
    def today(self) -> date:
        return self.calendar.today(self.now)
