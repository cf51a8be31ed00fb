"""The main job, told from the first overloaded morning to the last return, by people who use the screens.

The same story runs in one process on SQLite and on PostgreSQL + Kafka with many: only `Stage` differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Protocol

from deploy.sample.browserless import Http, Turned, Visitor
from deploy.sample.days import next_working_day, province
from deploy.sample.load import PASSWORD, employee_login

#: A paper of the sample, by its SHA-256; the papers themselves come with a later release.
PAPER = hashlib.sha256(b"sample paper").hexdigest()
LAST_DAY = date(2026, 7, 31)


class Stage(Protocol):
    """Where the story is played."""

    def http(self) -> Http:
        """A fresh browser."""

    def settle(self) -> None:
        """Wait until everything that follows from what was done has happened."""

    def next_day(self) -> date:
        """Let the next working day come, with its reports; returns it."""

    def jump(self, to: date) -> None:
        """Let the morning of a later day come at once; nobody reports in between."""

    def today(self) -> date: ...


@dataclass
class Told:
    """What came of it."""

    proposals: int = 0
    escalated: int = 0
    completed: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)
    helped: set[str] = field(default_factory=set)
    before: float = 0.0
    after: float = 0.0
    later: float = 0.0
    lines: list[str] = field(default_factory=list)


class Story:
    """The cast and what they do each day: everybody does what their inbox asks, one person says no."""

    def __init__(self, stage: Stage, say: Callable[[str], None] = lambda line: None):
        self.stage, self.say, self.told = stage, say, Told()
        self.unwilling = province().planted.unwilling
        self._cast: dict[str, Visitor] = {}
        self._last_help: date | None = None

    def tell(self, until: date = LAST_DAY, skip_to: date | None = None) -> Told:
        """Play until everybody is back and thirty days have passed, or until a day.

        `skip_to`: when all help, straight to this day, where a day takes long and nobody acts in between.
        """
        self.stage.settle()
        while self.stage.today() < until:
            self.play_day()
            self.watch()
            if self.is_over():
                break
            if skip_to and self.all_help():
                self.stage.jump(skip_to)
                skip_to = None
            else:
                self.stage.next_day()
            self.stage.settle()
        return self.told

    def all_help(self) -> bool:
        """Whether each case came to its start, or to a no."""
        return bool(self.told.completed) and len(self.told.completed) + self.told.escalated == self.told.proposals

    def is_over(self) -> bool:
        if self._last_help is None or self.told.completed != self.told.returned:
            return False
        return self.stage.today() > self._last_help + timedelta(days=30)

    def play_day(self) -> None:
        """Everybody works their inbox until nothing is left for today."""
        for _ in range(12):
            acted = self.sponsor() + sum(self.answer(login) for login in self.cast())
            self.stage.settle()
            if not acted:
                return

    def cast(self) -> list[str]:
        """Whose inboxes are worked: officials first, then the employees of the open cases."""
        people = {case["person"] for state in ("CONSULTATION",) for case in self.visitor("bkd").cases(state)}
        officials = ["verifikator", "sekda", "bkd", *sorted(self._heads())]
        return officials + [f"person:{p}" for p in sorted(people)]

    def _heads(self) -> set[str]:
        units = {u.unit: u.opd for u in province().units}
        open_cases = self.visitor("bkd").http.get("/api/mutations/?limit=200").json()["mutations"]
        sides = [c[side] for c in open_cases if not c["closed"] for side in ("source_unit", "target_unit")]
        return {f"kepala.{units[u]}" for u in sides}

    def visitor(self, login: str) -> Visitor:
        """The person behind a login, signed in; sessions last a morning."""
        if login not in self._cast:
            name = employee_login(login.removeprefix("person:")) if login.startswith("person:") else login
            self._cast[login] = Visitor(self.stage.http(), name, PASSWORD)
        return self._cast[login]

    def sponsor(self) -> int:
        """The personnel officer submits the drafts of the optimizer: a named human takes each on."""
        drafts = self.visitor("bkd").cases("DRAFT")
        for case in drafts:
            self.told.proposals += 1
            self.told.helped.add(case["target_unit"])
            self.say(f"{self.stage.today()}  usulan diajukan: {case['source_unit']} → {case['target_unit']}")
            self.visitor("bkd").act(case["id"], "submit", **{"documents.G2": PAPER})
        return len(drafts)

    def answer(self, login: str) -> int:
        """Do what the inbox asks; returns how much of it could be done today."""
        done = 0
        for duty in self.visitor(login).inbox():
            act = getattr(self, f"do_{duty['duty']}", None)
            if act is None or (duty["party"] == "employee") != login.startswith("person:"):
                continue
            done += bool(act(self.visitor(login), duty["mutation"], duty["case"]))
        return done

    # What each duty leads to. An `again` duty (a view on an extension) is left: nobody asks for one.

    def _case(self, who: Visitor, mutation: str) -> dict[str, Any]:
        reply = who.http.get(f"/api/mutations/{mutation}")
        if reply.status != 200:
            raise Turned(f"{who.login} reads {mutation}: {reply.status} {reply.text}")
        state: dict[str, Any] = reply.json()["case"]
        return state

    def do_screening(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        who.act(mutation, "screen", outcome="pass")
        return True

    def do_employee(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        if case["person"] == self.unwilling:
            who.act(mutation, "answer", answer="unwilling", reason_class="family")
            self.say(f"{self.stage.today()}  pegawai tidak bersedia: dinaikkan ke Sekda")
        else:
            who.act(mutation, "answer", answer="willing")
        return True

    def do_source(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        who.act(mutation, "release", answer="yes", handover_planned="1", floor_kept="1")
        return True

    def do_receiver(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        who.act(mutation, "receive", answer="yes", budgeted="1")
        return True

    def do_settlement(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        self.told.escalated += 1
        words = "Ada calon lain yang bersedia; pegawai ini tidak dipindahkan."
        who.act(mutation, "settle", outcome="reject", reason_class="another_candidate", words=words)
        return True

    def do_decision(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        today = self.stage.today()
        move = self._case(who, mutation)["move"]
        start = max(date.fromisoformat(move["start"]), next_working_day(today))
        number = f"800.1.11.1/{mutation[-6:]}/2026"
        who.act(mutation, "sign", number=number, decree_date=str(today), effective_on=str(start))
        return True

    def do_service(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        who.act(mutation, "serve", served_on=str(self.stage.today()), receipt=PAPER)
        return True

    def do_handover(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        staying = (p.person for p in province().people if p.unit == case["source_unit"] and p.person != case["person"])
        who.act(mutation, "hand_over", successor=next(staying), record=PAPER, e_signature="none")
        return True

    def do_start(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        today = self.stage.today()
        effective = self._case(who, mutation)["effective_on"]
        if today < date.fromisoformat(effective):
            return False
        who.act(mutation, "start", started_on=str(today))
        self.say(f"{today}  mulai bertugas: {case['source_unit']} → {case['target_unit']}")
        return True

    def do_registration(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        who.act(mutation, "register", reference=f"IMUT-{mutation[-6:]}")
        self.told.completed.add(mutation)
        return True

    def do_return(self, who: Visitor, mutation: str, case: dict[str, Any]) -> bool:
        if not who.login.startswith("kepala."):
            return False
        who.act(mutation, "confirm_return", returned_on=str(self.stage.today()))
        self.told.returned.add(mutation)
        self._last_help = self.stage.today()
        self.say(f"{self.stage.today()}  kembali ke unit asal: {case['source_unit']}")
        return True

    # What the load does meanwhile, read where anyone can read it.

    def watch(self) -> None:
        """Follow the load of the units that are helped: the worst, on the last day of the help, thirty days later."""
        picture = self.visitor("bkd").http.get("/api/workload/picture").json()
        ratios = {u["unit"]: u["ratio"] for u in picture["units"] if u["unit"] in self.told.helped and u["ratio"]}
        if not ratios:
            return
        worst = max(ratios.values())
        self.told.before = max(self.told.before, worst)
        if self.told.completed and not self.told.returned:
            self.told.after = worst
        if self.told.returned:
            self.told.later = worst
