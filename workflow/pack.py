"""Rule packs: the law's numbers, dated. A transition stores the pack that judged it; a new one changes no past."""

from __future__ import annotations

from datetime import date

import msgspec

from workflow.calendar import add_months


class Election(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A regional election and whom it touches: codes of governments, or the beginning of such.

    Freeze A: from six months before the candidates are fixed to the end of the term (UU 10/2016 art. 71). Freeze B: six
    months from the inauguration (art. 162). First and last days count.
    """

    regions: list[str]
    candidates_fixed: date
    term_ends: date
    inaugurated: date | None = None

    def freezes(self, instansi: str, day: date) -> bool:
        """Whether officials of a government may not be replaced on a day."""
        if not instansi.startswith(tuple(self.regions)):
            return False
        before = add_months(self.candidates_fixed, -6) <= day <= self.term_ends
        return before or (self.inaugurated is not None and self.inaugurated <= day <= add_months(self.inaugurated, 6))


class Pack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One set of numbers, in force from a day until the next pack's. Its file names the source of each field.

    The fields with a default came later: packs in force before 2024 do not spell them out. `acting_barred`: role -> the
    commands that a Plt or Plh of such an office may give only with the consideration of BKN.
    """

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
    objection_decision_working_days: int = 21
    hold_days: int = 180
    leaving_statuses: list[str] = msgspec.field(default_factory=lambda: ["pns"])
    lock_years: int = 0
    assignment_months: int = 60
    panel_for_transfers: bool = False
    acting_barred: dict[str, list[str]] = {}
    elections: list[Election] = []

    def frozen(self, instansi: str, day: date) -> bool:
        """Whether an election bars the replacement of officials of a government on a day."""
        return any(election.freezes(instansi, day) for election in self.elections)
