"""The route of a move, computed from its two places and its duration; never chosen from a menu. Data: routes.toml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from events.mutation import Mode, Place
from workflow.definition import Title

#: Codes of the Ministry of Home Affairs begin with the province; central agencies have none and use this.
CENTRAL = "00"
STRUCTURAL = frozenset({"jpt", "administrator", "pengawas"})


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A route and its parties in the order in which they act; `{source}` and `{target}` stand for agencies."""

    code: str
    title: Title
    basis: str
    chain: list[Title]

    def parties(self, source: str, target: str) -> Title:
        """The chain in words, with the two agencies named."""
        names = {"source": source, "target": target}
        return Title(
            id=" → ".join(party.id.format_map(names) for party in self.chain),
            en=" → ".join(party.en.format_map(names) for party in self.chain),
        )


@cache
def routes() -> Mapping[str, Route]:
    """Code -> route, R1 to R6."""
    text = (Path(__file__).parent / "routes.toml").read_text()
    return {route.code: route for route in msgspec.toml.decode(text, type=dict[str, list[Route]])["routes"]}


def route_of(source: Place, target: Place, mode: Mode) -> Route:
    """R1 and R5 stay within one government; R2 to R4 and R6 cross its border."""
    return routes()[_code(source.instansi, target.instansi, mode)]


def needs_minister(place: Place) -> bool:
    """Officials of civil registration are appointed by the Minister of Home Affairs (Permendagri 76/2015)."""
    return place.ministerial and place.kind in STRUCTURAL


def _code(source: str, target: str, mode: Mode) -> str:
    if source == target:
        return "R5" if mode == "temporary" else "R1"
    if mode == "temporary":
        return "R6"
    if source.startswith(CENTRAL) or target.startswith(CENTRAL):
        return "R4"
    return "R2" if source[:2] == target[:2] else "R3"
