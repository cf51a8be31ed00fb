"""Batch decrees: several cases signed under one number, all of them or none."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from events.outcome import GroupDecided
from events.shapes import Number
from services.mutations.execute import Act, act
from services.service import Answer, Command, Refused, Words
from services.transaction import Tx
from workflow import commands as cmd

#: One decree names at most this many people; a longer list is several decrees.
MEMBERS = 200


class SignTogether(msgspec.Struct, frozen=True, kw_only=True):
    """Sign the decree of several cases: one number, one date, one effective date."""

    group: str
    members: Annotated[list[str], msgspec.Meta(min_length=2, max_length=MEMBERS)]
    number: Number
    decree_date: date
    effective_on: date
    words: str | None = None


def sign_together(tx: Tx, command: Command) -> Answer:
    """Decide every member as if it were signed alone; the first that may not be signed refuses the whole decree."""
    asked = command.data
    assert isinstance(asked, SignTogether)
    members = asked.members
    if twice := [n for n, member in enumerate(members) if member in members[:n]]:
        raise Refused(
            "named_twice",
            Words(f"Perkara {members[twice[0]]} disebut dua kali.", f"Case {members[twice[0]]} is named twice."),
            Words("Sebut setiap perkara satu kali.", "Name each case once."),
            status=422,
            field=f"members[{twice[0]}]",
        )
    for number, member in enumerate(members):
        sign = cmd.Sign(
            mutation=member,
            number=asked.number,
            decree_date=asked.decree_date,
            effective_on=asked.effective_on,
            group=asked.group,
        )
        try:
            act(tx, msgspec.structs.replace(command, data=Act(command=sign, words=asked.words), expected_version=None))
        except Refused as refusal:
            raise _whole(refusal, member, number) from refusal
    assert command.actor is not None
    assert command.actor.person is not None
    decided = GroupDecided(
        group=asked.group,
        members=members,
        number=asked.number,
        decree_date=asked.decree_date,
        effective_on=asked.effective_on,
        decided_by=command.actor.person,
        at=tx.now,
    )
    tx.record(f"mutations/group/{asked.group}", decided)
    return {"group": asked.group, "members": members}


def _whole(refusal: Refused, member: str, number: int) -> Refused:
    """The refusal of a member as that of the decree."""
    return Refused(
        refusal.rule,
        Words(f"Perkara {member}: {refusal.detail.id}", f"Case {member}: {refusal.detail.en}"),
        Words(
            f"Tidak satu pun ditandatangani. {refusal.remedy.id} Atau keluarkan perkara itu dari daftar.",
            f"None was signed. {refusal.remedy.en} Or take that case off the list.",
        ),
        status=refusal.status,
        **(refusal.more | {"field": f"members[{number}]"}),
    )
