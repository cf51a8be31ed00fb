"""Contracts of the topic `authority`: offices and who may act for them. Written by `personnel` from orders."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from events.catalog import event
from events.shapes import Code, CommandName, GovernmentCode, Name, Number, PersonId, SeatCode

Capacity = Literal["definitive", "plt", "plh"]


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    pass


@event("authority.office_established", topic="authority")
class OfficeEstablished(_Payload, frozen=True, kw_only=True):
    """An office exists: a seat to which duties belong. Subject `personnel/office/<office>`.

    `role` says which duties may fall to it: `unit_head`, `personnel_officer`, `personnel_verifier`, `inspector`,
    `panel_member`, `pyb` (regional secretary), `ppk` (governor, mayor, regent). `scope` is the OPD or instansi it
    acts for.
    """

    office: SeatCode
    role: Code
    scope: Code
    instansi: GovernmentCode
    title: Name


@event("authority.holder_appointed", topic="authority")
class HolderAppointed(_Payload, frozen=True, kw_only=True):
    """A person holds an office: definitive, acting in a vacancy (plt) or for the day (plh), under an order.

    Subject `personnel/office/<office>`. `until` is the last day, inclusive. `barred`: kinds of decision the holder may
    not take (Perpres 116/2022 for acting heads), by the name of the command.
    """

    office: SeatCode
    person: PersonId
    capacity: Capacity
    order: Number
    since: date
    until: date | None = None
    barred: list[CommandName] = []


@event("authority.holder_ended", topic="authority")
class HolderEnded(_Payload, frozen=True, kw_only=True):
    """A holding ends on a date (last day, inclusive). Subject `personnel/office/<office>`."""

    office: SeatCode
    person: PersonId
    capacity: Capacity
    on: date
    order: Number


@event("authority.delegated", topic="authority")
class Delegated(_Payload, frozen=True, kw_only=True):
    """The holder of an office lets another person take named kinds of decision for some days.

    Subject `personnel/office/<office>`. `commands` are command names; a delegate never sub-delegates.
    """

    office: SeatCode
    to_person: PersonId
    by_person: PersonId
    order: Number
    commands: list[CommandName]
    since: date
    until: date
