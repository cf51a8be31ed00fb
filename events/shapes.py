"""The texts and moments that contracts are made of: bounded, so that every consumer can keep what it is told.

A code goes into addresses, subjects and keys, so it needs no escaping. A pattern ends in `(?!\\n)$`: in Python, though
not in JSON Schema, `$` alone also matches before a last line break. No NIP or NIK passes for an id or a number.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec

#: The days that somebody in service can mean; any other is a slip of the pen, and beyond them no month can be added.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
#: One without its offset from UTC is refused: nobody could say when it was.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
#: Of a government or a region.
GovernmentCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,9}(?!\n)$")]
#: Of a unit, an OPD, a role, a job family, a skill, an island.
Code = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}(?!\n)$")]
#: Of a position or an office.
SeatCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}(?!\n)$")]
#: The random id of a person.
PersonId = Annotated[str, msgspec.Meta(pattern=r"^(?!.*[0-9]{16})[A-Za-z0-9][A-Za-z0-9-]{0,35}(?!\n)$")]
#: The class name of a command, as orders bar and delegate it.
CommandName = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Za-z]{0,39}(?!\n)$")]
#: The number of an order or a decree, the reference of another system.
Number = Annotated[str, msgspec.Meta(pattern=r"^(?!.*[0-9]{16})[A-Za-z0-9][A-Za-z0-9 ./_-]{0,79}(?!\n)$")]
#: What people call a unit or an agency, and a position or an office.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
