"""Rule packs: the law's numbers, dated. A transition stores the pack that judged it; a new one changes no past."""

from __future__ import annotations

from datetime import date

import msgspec


class Pack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One set of numbers, in force from a day until the next pack's. Its file names the source of each field."""

    id: str
    valid_from: date
    permanent_statuses: list[str]
    temporary_statuses: list[str]
    tenure_months: int
    retirement_horizon_months: int
    cooling_off_months: int
    temporary_months: int
    extensions: int
    share_min: float
    resubmissions: int
    draft_ttl_days: int
    case_age_days: int
    expiring_days: int
    start_days: int
    return_confirmation_working_days: int
    objection_working_days: int
