"""What others do meanwhile, at the JSON doors of the same site, so that a story can tell of one person's screens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from deploy.sample.accounts import PASSWORD, employee_login
from deploy.sample.browserless import OverNetwork, Visitor
from deploy.sample.days import province
from tests.browser.site import Site

DONOR, COUNTER = "8200.dpmptsp.loket-ptsp", "8200.dukcapil.loket-sofifi"
PAPER = "a" * 64
TEMPORARY = {"mode": "temporary", "start": "2026-03-16", "until": "2026-06-12", "origin": "opd"}
PERMANENT = {"mode": "permanent", "start": "2026-04-01", "origin": "opd"}


class Errands:
    """The people of a site who act off stage, each signed in once."""

    def __init__(self, site: Site) -> None:
        self._site, self._people = site, dict[str, Visitor]()

    def of(self, login: str) -> Visitor:
        if login not in self._people:
            self._people[login] = Visitor(OverNetwork(self._site.url), login, PASSWORD)
        return self._people[login]

    def give(self, login: str, case: str, command: str, **fields: Any) -> Any:
        return self.of(login).post_json(f"/api/mutations/{case}/{command}", fields)

    def consulting(self, person: str, to: Post, move: Mapping[str, str]) -> str:
        """A case of this person in which the parties are asked; returns its id."""
        asked = {"person": person, "to_position": to.position, **move}
        case = str(self.of("bkd").post_json("/api/mutations/", asked)["mutation"])
        self.give("bkd", case, "submit", documents=dict.fromkeys(("G2", "G7", "G8"), PAPER))
        self.give("verifikator", case, "screen", outcome="pass")
        return case

    def agreed(self, person: str, to: Post, case: str) -> None:
        """Employee, both heads and, where they are asked, clearance, inspection and panel say yes."""
        self.give(employee_login(person), case, "answer", answer="willing")
        self.give("kepala.8200.dpmptsp", case, "release", answer="yes", handover_planned=True, floor_kept=True)
        answered = self.give(to.head, case, "receive", answer="yes", budgeted=True)
        if answered["state"] == "CONSULTATION":
            self.give("verifikator", case, "clear", answer="clear")
            self.give("inspektur", case, "inspect", answer="clear")
            for n in (1, 2, 3):
                self.give(f"tpk-{n}", case, "vote", vote="recommend")

    def stuck(self) -> list[dict[str, Any]]:
        """The cases that do not move because nobody could act, as the secretary sees them."""
        told = self.of("sekda").http.get("/api/mutations/stuck").json()["mutations"]
        return [each for each in told if "nobody_can_act" in each["obstacles"]]


class Post(NamedTuple):
    """A position, and the login of the head of its agency."""

    position: str
    head: str


@cache
def desk() -> Post:
    """A desk at the counter in Sofifi; help for a time needs no free place."""
    desks = (p for p in province().positions if p.unit == COUNTER and p.kind in ("pelaksana", "fungsional"))
    return Post(next(desks).position, "kepala.8200.dukcapil")


@cache
def vacancy() -> Post:
    """A desk of another agency of the province with a place to spare."""
    opd = {unit.unit: unit.opd for unit in province().units if unit.instansi == "8200" and not unit.dukcapil}
    staff = Counter(person.position for person in province().people)
    free = (p for p in province().positions if p.kind == "pelaksana" and p.places > staff[p.position])
    found = next(p for p in free if opd.get(p.unit, "8200.dpmptsp") != "8200.dpmptsp")
    return Post(found.position, f"kepala.{opd[found.unit]}")


@cache
def volunteers() -> list[str]:
    """People of the donor's counter who hold no office and may move, by random id."""
    held = {holding.person for holding in province().holdings}
    there = [p for p in province().people if p.unit == DONOR and p.person not in held]
    return [p.person for p in there if p.eligible and p.status == "pns" and p.since.year < 2024]
