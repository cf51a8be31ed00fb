"""What every event of a mutation carries: places, the move, the agencies concerned, who acted by what right."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec

from events.personnel import PositionKind
from events.shapes import Moment

Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}(?!\n)$")]
Mode = Literal["temporary", "permanent"]
Origin = Literal["load", "programme", "own_request", "opd", "leader_instruction", "reorganisation", "oversight_order"]
ActingAs = Literal["definitive", "plt", "plh", "delegate", "employee", "engine"]
Willingness = Literal["willing", "conditional", "unwilling", "no_response"]
Consent = Literal["yes", "no", "no_response"]
Opinion = Literal["recommend", "revise", "reject"]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A position and where it stands. `instansi` is the code of the government, `0000` and the like for central ones.

    `ministerial`: officials of the unit are appointed by the Minister of Home Affairs (civil registration).
    `heads_unit`: the post leads a unit, as that of a school or health centre, whatever its kind.
    """

    position: str
    unit: str
    opd: str
    instansi: str
    kind: PositionKind = "pelaksana"
    ministerial: bool = False
    heads_unit: bool = False


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Who would sit where: `start` and `until` (last day, inclusive) as wished, `share` of working time, 0.2 to 1.0."""

    source: Place
    target: Place
    mode: Mode
    start: date
    until: date | None = None
    share: float = 1.0


class Agency(msgspec.Struct, frozen=True):
    """An agency concerned, and on which side; public forms show an agency its own side only."""

    side: Literal["source", "receiver"]
    instansi: str
    opd: str


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Who did it and by what right. `command` is the class name of the command, `Proceed` for the engine's own step.

    `order` is the order that seats the holder or names the delegate, who acts `on_behalf_of` the holder.
    `authority_position` is the position in the topic `authority` by which the right was judged.
    """

    command: str
    actor: str
    capacity: ActingAs
    office: str | None = None
    order: str | None = None
    on_behalf_of: str | None = None
    authority_position: int | None = None


class MutationEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of a mutation carries. Subject `mutations/mutation/<mutation>`.

    `row` is the row of the state table, `pack` the rule pack that judged it, `at` business time (UTC). `asks`: the
    duties that begin with it, where they are not simply all those of the new state.
    """

    mutation: str
    person: str
    agencies: list[Agency]
    act: Act
    definition: str
    pack: str
    row: str
    state: str
    at: Moment
    closes: str | None = None
    deadlines: dict[str, Moment] = {}
    words_hash: str | None = None
    asks: list[str] | msgspec.UnsetType = msgspec.UNSET
