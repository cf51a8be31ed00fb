"""What people, and the engine's timers, may ask of a mutation.

Free text never comes this far: it is split off before, and a command holds at most its HMAC commitment (`words_hash`).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

import msgspec

from events.mutation import Code, Mode, Origin
from events.shapes import Number, PersonId, SeatCode

#: The SHA-256 of a paper, in hex; the paper itself stays where it is kept.
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
#: The code of a document that screening asks for.
Gate = Annotated[str, msgspec.Meta(pattern=r"^G(?:[1-9]|10)(?!\n)$")]


def _tag(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", tag=_tag):
    """Something asked of one mutation. Its class name is the kind of decision that orders bar and delegations name."""

    mutation: str
    words_hash: str | None = None

    @property
    def trigger(self) -> str:
        """The name that definitions give this command: `confirm_return`; with an outcome, `screen.pass`."""
        return str(self.__struct_config__.tag)


class Draft(Command, frozen=True, kw_only=True):
    """Consider a move to a position. `proposal`: the optimizer's; `converts`: the temporary duty it makes permanent.

    `letter`: SHA-256 of the leader's instruction or oversight order from which the case comes.
    """

    person: PersonId
    to_position: SeatCode
    mode: Mode
    start: date
    origin: Origin
    until: date | None = None
    share: float = 1.0
    proposal: str | None = None
    converts: str | None = None
    letter: Digest | None = None


class Submit(Command, frozen=True, kw_only=True):
    """Sponsor a draft and submit it. `documents`: gate code (G1..G10) -> SHA-256."""

    documents: dict[Gate, Digest] = {}


class Screen(Command, frozen=True, kw_only=True):
    """Verify eligibility and papers: pass, return as incomplete (BTL), or fail as not eligible (TMS)."""

    outcome: Literal["pass", "return", "fail"]
    documents: dict[Gate, Digest] = {}
    reason_class: Code | None = None

    @property
    def trigger(self) -> str:
        return f"screen.{self.outcome}"


class Resubmit(Command, frozen=True, kw_only=True):
    """Submit a returned case again, with the missing papers."""

    documents: dict[Gate, Digest] = {}


class Answer(Command, frozen=True, kw_only=True):
    """The employee's own view, on a `condition` perhaps."""

    answer: Literal["willing", "conditional", "unwilling"]
    reason_class: Code | None = None
    condition: Code | None = None


class Release(Command, frozen=True, kw_only=True):
    """The head of the source agency lets the employee go or not; keeps the service floor; plans the handover."""

    answer: Literal["yes", "no"]
    reason_class: Code | None = None
    handover_planned: bool = False
    floor_kept: bool = False


class Receive(Command, frozen=True, kw_only=True):
    """The head of the receiving agency takes the employee or not; has the budget; may accept their condition."""

    answer: Literal["yes", "no"]
    reason_class: Code | None = None
    budgeted: bool = False
    accepts_condition: Code | None = None


class Clear(Command, frozen=True, kw_only=True):
    """The clearance officer finds no disciplinary process, poor appraisal or study bond (G6, G8, G9), or blocks."""

    answer: Literal["clear", "block"]
    reason_class: Code | None = None


class Inspect(Command, frozen=True, kw_only=True):
    """The inspector certifies that there are no audit findings (G10), or blocks."""

    answer: Literal["clear", "block"]
    reason_class: Code | None = None


class Settle(Command, frozen=True, kw_only=True):
    """The regional secretary decides a contested consultation openly."""

    outcome: Literal["panel", "return", "reject"]
    reason_class: Code

    @property
    def trigger(self) -> str:
        return f"settle.{self.outcome}"


class Vote(Command, frozen=True, kw_only=True):
    """A member of the panel votes once, or stands back."""

    vote: Literal["recommend", "revise", "reject", "recuse"]
    reason_class: Code | None = None


class VoidVote(Command, frozen=True, kw_only=True):
    """Who voted for this office no longer may; whoever holds it now votes anew."""

    office: SeatCode


class Sign(Command, frozen=True, kw_only=True):
    """Sign the decree: its number, its date, the date from which it takes effect (TMT); `group`: of a batch decree."""

    number: Number
    decree_date: date
    effective_on: date
    group: str | None = None


class Refuse(Command, frozen=True, kw_only=True):
    """Refuse to sign."""

    reason_class: Code


class Consent(Command, frozen=True, kw_only=True):
    """The appointing authority of origin lets the person go to the named post, or not. `letter`: SHA-256."""

    answer: Literal["yes", "no"]
    position: SeatCode | None = None
    letter: Digest | None = None
    reason_class: Code | None = None

    @property
    def trigger(self) -> str:
        return f"consent.{self.answer}"


class Grant(Command, frozen=True, kw_only=True):
    """Record what BKN or a minister answered, from its letter: granted, sent back, or refused.

    `grant`: which consideration or permit, as the definition names it; `reference` and `dated`: of the letter.
    """

    grant: Code
    outcome: Literal["grant", "return", "refuse"]
    reference: Number
    letter: Digest
    dated: date
    reason_class: Code | None = None

    @property
    def trigger(self) -> str:
        return f"grant.{self.grant if self.outcome == 'grant' else self.outcome}"


class Appoint(Command, frozen=True, kw_only=True):
    """Appoint the person whom the decree of a higher authority moved here."""

    number: Number
    decree_date: date
    effective_on: date


class Serve(Command, frozen=True, kw_only=True):
    """Record that the employee received the decree. `receipt`: SHA-256 of the receipt."""

    served_on: date
    receipt: Digest


class HandOver(Command, frozen=True, kw_only=True):
    """Record the handover (BAST): who has files, assets and accounts now, and the authority to sign electronically."""

    successor: PersonId
    record: Digest
    e_signature: Literal["handed", "none"]


class Start(Command, frozen=True, kw_only=True):
    """Record that the person started work (SPMT). `oath_taken` where the post asks for it."""

    started_on: date
    oath_taken: bool = False


class Register(Command, frozen=True, kw_only=True):
    """Record the reference under which SIASN and I-MUT accepted the change."""

    reference: Number
    payroll_moved: bool = False


class Extend(Command, frozen=True, kw_only=True):
    """Prolong a temporary duty to a new last day."""

    until: date


class Convert(Command, frozen=True, kw_only=True):
    """The linked permanent mutation has started."""

    permanent: str


class Recall(Command, frozen=True, kw_only=True):
    """End a temporary duty before its last day."""

    reason_class: Code


class ConfirmReturn(Command, frozen=True, kw_only=True):
    """Confirm that the person is back at the home unit."""

    returned_on: date


class Withdraw(Command, frozen=True, kw_only=True):
    """Take a request or sponsorship back."""

    reason_class: Code


class Cancel(Command, frozen=True, kw_only=True):
    """End a case whose ground fell away: need gone, post filled, retirement, death, disciplinary case."""

    reason_class: Literal["need_gone", "post_filled", "retirement", "death", "discipline"]


class Hold(Command, frozen=True, kw_only=True):
    """Let the case and its clocks rest, until a day at the latest."""

    reason_class: Literal["freeze", "legal_process", "outage", "objection"]
    until: date


class Resume(Command, frozen=True, kw_only=True):
    """Let a case that rests go on before its day."""


class Object(Command, frozen=True, kw_only=True):
    """The employee objects to the decree. `evidence`: SHA-256."""

    reason_class: Code
    evidence: Digest | None = None


class DecideObjection(Command, frozen=True, kw_only=True):
    """Uphold an objection, which reverses the move, or dismiss it."""

    outcome: Literal["uphold", "dismiss"]
    reason_class: Code

    @property
    def trigger(self) -> str:
        return f"decide_objection.{self.outcome}"


class Reverse(Command, frozen=True, kw_only=True):
    """Revoke the decree, on the order of a court, BKN, a minister, or of the appointing authority itself."""

    ground: Literal["court", "bkn", "minister", "ppk"]
    reference: Number


class Correct(Command, frozen=True, kw_only=True):
    """Correct a clerical error in the number or date of the decree. `letter`: SHA-256 of the correction."""

    number: Number
    decree_date: date
    letter: Digest


class Postpone(Command, frozen=True, kw_only=True):
    """Give an outstanding duty more time, to the end of a later day."""

    duty: Code
    until: date
    reason_class: Code


class Reassign(Command, frozen=True, kw_only=True):
    """Let another office act for a party of this case, where its own cannot."""

    party: Code
    office: SeatCode
    reason_class: Code


class Migrate(Command, frozen=True, kw_only=True):
    """Let a running case go on by another version of its route. `by`: the operator's login."""

    definition: str
    by: str


class FireTimer(Command, frozen=True, kw_only=True):
    """A timer of the mutation is due. `arming` tells which setting of it; an older one has no effect."""

    name: str
    arming: int
