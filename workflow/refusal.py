"""The law says no: which rule, on what basis, what would make it pass, and who can act. Words: refusals.toml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from events.mutation import ActingAs
from workflow.definition import Title


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who may act, and as what. `objection`: the rule that keeps them from it just now."""

    person: str
    capacity: ActingAs
    office: str | None = None
    title: str | None = None
    order: str | None = None
    on_behalf_of: str | None = None
    objection: str | None = None


class Wording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule in both languages. `kind`: wrong moment, wrong person, or against the law whoever asks."""

    kind: Literal["state", "authority", "law"]
    text: Title
    basis: str
    remedy: Title


@cache
def wordings() -> Mapping[str, Wording]:
    """Rule code -> its words."""
    return msgspec.toml.decode((Path(__file__).parent / "refusals.toml").read_text(), type=dict[str, Wording])


class Refused(Exception):
    """The law does not allow it.

    `figures` fill the words; `also` are the other rules broken at the same time, so that one reading shows all;
    `who` can act instead, where it is a question of authority.
    """

    def __init__(
        self,
        rule: str,
        figures: Mapping[str, object] | None = None,
        *,
        who: tuple[Candidate, ...] = (),
        also: tuple[Refused, ...] = (),
    ) -> None:
        self.rule = rule
        self.who = who
        self.also = also
        self.wording = wordings()[rule]
        self.figures = figures or {}
        super().__init__(f"{rule}: {self.text.en}")

    @property
    def kind(self) -> str:
        return self.wording.kind

    @property
    def text(self) -> Title:
        """What is wrong, in both languages."""
        return self._filled(self.wording.text)

    @property
    def remedy(self) -> Title:
        """What would make it pass, in both languages."""
        return self._filled(self.wording.remedy)

    @property
    def basis(self) -> str:
        """The regulation, or `policy`."""
        return self.wording.basis.format_map(self.figures)

    def _filled(self, words: Title) -> Title:
        return Title(id=words.id.format_map(self.figures), en=words.en.format_map(self.figures))
