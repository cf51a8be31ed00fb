"""Contracts of the topic `mutation` that are not the history of one mutation: batch decrees, refusals of proposals."""

from __future__ import annotations

from datetime import date

import msgspec

from events.catalog import event
from events.shapes import Moment


@event("group.decided", topic="mutation")
class GroupDecided(msgspec.Struct, frozen=True, kw_only=True):
    """Several cases were decided as one: all `members`, under one decree `number`. Subject `mutations/group/<group>`.

    Recorded in one transaction with an event on each member's own subject, so either all of them exist or none. A
    consumer that must act on all or none acts on this one and skips the members' own.
    """

    group: str
    members: list[str]
    number: str
    decree_date: date
    effective_on: date
    decided_by: str
    at: Moment


@event("proposal.declined", topic="mutation")
class ProposalDeclined(msgspec.Struct, frozen=True, kw_only=True):
    """The law refuses a proposal of the optimizer. Subject `mutations/refusal/<proposal>`.

    `rules` are codes of workflow/refusals.toml; the proposer does not suggest the same again until a premise changes.
    """

    proposal: str
    person: str
    rules: list[str]
    pack: str
    at: Moment
