"""The load: teams that open cases, have them screened, answered by three at once and decided; readers; reporters."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from queue import Empty, SimpleQueue
from random import Random
from typing import Any

from deploy.sample.days import next_working_day, province
from deploy.sample.load import employee_login
from deploy.sample.model import Person
from deploy.sample.story import PAPER
from tests.chaos.book import Book, Given
from tests.chaos.clients import Client, Tokens

#: Threads of each kind.
TEAMS, READERS, REPORTERS = 4, 2, 1
#: Seconds between two acts of one thread: people think, and the machine has other things to do.
THINKING = 0.15
OFFICER, VERIFIER, SECRETARY, OPERATOR = "bkd", "verifikator", "sekda", "operator"
#: Why an officer calls a case off.
GONE = {"reason_class": "need_gone"}
#: So many people are kept for new cases: whose decree is signed moves, and cannot be asked again.
KEPT = 10


class Load:
    """Begins at once and goes on until `stop`; `book` says what came of it."""

    def __init__(self, url: str, tokens: Tokens, seed: int):
        self.url, self.tokens, self.book, self.stopping = url, tokens, Book(), threading.Event()
        self.failures: list[BaseException] = []
        self.cases: list[str] = []
        sample, random = province(), Random(seed)
        donors = {sample.planted.counter_donor, sample.planted.vaccination_donor}
        people = [person for person in sample.people if person.unit in donors]
        random.shuffle(people)
        self.idle: SimpleQueue[Person] = SimpleQueue()
        for person in people:
            self.idle.put(person)
        bodies: Sequence[tuple[int, Callable[[Random], None]]] = (
            (TEAMS, self._team), (READERS, self._reader), (REPORTERS, self._reporter)
        )  # fmt: skip
        self._threads = [
            threading.Thread(target=self._guarded, args=(body, Random(f"{seed} {body.__name__} {n}")), daemon=True)
            for count, body in bodies
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let everybody finish what they are at."""
        self.stopping.set()
        for thread in self._threads:
            thread.join()

    def _guarded(self, body: Callable[[Random], None], random: Random) -> None:
        try:
            body(random)
        except BaseException as error:
            self.failures.append(error)

    def client(self, login: str) -> Client:
        return Client(self.url, login, self.tokens, self.book)

    def _on(self) -> bool:
        return not self.stopping.wait(THINKING)

    def _reader(self, random: Random) -> None:
        officer = self.client(OFFICER)
        while self._on():
            if self.cases:
                officer.read(random.choice(self.cases[-2 * TEAMS :]))

    def _reporter(self, random: Random) -> None:
        operator, reports = self.client(OPERATOR), province().reports
        while self._on():
            report = random.choice(reports)
            busier = random.choice((1, 1, 1, 1, 1.1))  # every change of load makes the optimizer plan anew
            lines = [{"task": task, "volume": round(n * busier)} for task, n in report.counts.items()]
            body = {"unit": report.unit, "lines": lines, "absent_days": report.absent_days}
            period = {"period_from": str(report.period_from), "period_to": str(report.period_to)}
            operator.give("report", "/api/workload/reports", body | period, service="workload")

    def _team(self, random: Random) -> None:
        clients: dict[str, Client] = {}
        while self._on():
            try:
                person = self.idle.get(timeout=1)
            except Empty:
                continue
            if not Walk(self, clients, person, random).moved():
                self.idle.put(person)


class Walk:
    """One case on its way, with everybody who acts in it."""

    def __init__(self, load: Load, clients: dict[str, Client], person: Person, random: Random):
        self.load, self.clients, self.person, self.random = load, clients, person, random
        places = {unit.unit: unit for unit in province().units}
        self.source = places[person.unit]
        near = [p for p in province().positions if places[p.unit].instansi == self.source.instansi]
        ordinary = [p for p in near if p.kind == "pelaksana" and places[p.unit].opd != self.source.opd]
        self.position = random.choice(ordinary)
        self.target = places[self.position.unit]
        self.today = province().day_zero
        self.start = next_working_day(self.today)
        self.mutation = ""

    def moved(self) -> bool:
        """Walk the whole way; whether the person has a decree in the end."""
        if not self._opened() or not self._by(OFFICER, "submit", documents={"G2": PAPER}):
            return self._called_off()
        if not self._by(VERIFIER, "screen", outcome="pass") or not self._consulted():
            return self._called_off()
        if self.load.idle.qsize() < KEPT or self.random.random() < 0.7:
            self._by(SECRETARY, "refuse", reason_class="not_needed", words="Tidak diperlukan lagi.")
            return False
        number, day = f"800.1.11.1/{self.mutation[-12:]}/2026", str(self.today)
        if not self._by(SECRETARY, "sign", number=number, decree_date=day, effective_on=str(self.start)):
            return self._called_off()
        self._by(OFFICER, "serve", served_on=day, receipt=PAPER)
        staying = next(p for p in province().people if p.unit == self.person.unit and p.person != self.person.person)
        record: dict[str, Any] = {"successor": staying.person, "record": PAPER, "e_signature": "none"}
        self._by(self._head(self.source.opd), "hand_over", **record)
        return True

    def _opened(self) -> bool:
        until: date = self.start + timedelta(days=60)
        body = {
            "person": self.person.person,
            "to_position": self.position.position,
            "mode": "temporary",
            "origin": "opd",
            "start": str(self.start),
            "until": str(until),
        }
        given = self._client(OFFICER).give("draft", "/api/mutations/", body)
        self.mutation = given.mutation
        if given.acknowledged:
            self.load.cases.append(self.mutation)
        return given.acknowledged

    def _consulted(self) -> bool:
        """Three answer at once, and now and then somebody calls it off meanwhile; whether it goes on to a decision."""
        asked: list[tuple[str, str, dict[str, Any]]] = [
            (employee_login(self.person.person), "answer", {"answer": "willing"}),
            (self._head(self.source.opd), "release", {"answer": "yes", "handover_planned": True, "floor_kept": True}),
            (self._head(self.target.opd), "receive", {"answer": "yes", "budgeted": True}),
        ]
        if self.random.random() < 0.2:
            asked.append((OFFICER, "cancel", GONE))
        for login, _, _ in asked:
            self._client(login)
        with ThreadPoolExecutor(len(asked)) as together:
            told = [together.submit(self._conditionally, *each) for each in asked]
        return all(each.result() for each in told) and len(asked) == 3

    def _conditionally(self, login: str, command: str, body: dict[str, Any]) -> bool:
        """Act on the version that one has read, and read again when others were quicker."""
        while True:
            version = self._client(login).read(self.mutation).version
            given = self._give(login, command, body, version)
            if not given.stale:
                return given.acknowledged

    def _called_off(self) -> bool:
        """The officer cancels what is still open; nobody moves."""
        if self.mutation:
            self._by(OFFICER, "cancel", **GONE)
        return False

    def _by(self, login: str, command: str, **body: Any) -> bool:
        self.load.stopping.wait(THINKING)
        return self._give(login, command, body).acknowledged

    def _give(self, login: str, command: str, body: dict[str, Any], expected: int | None = None) -> Given:
        path = f"/api/mutations/{self.mutation}/{command.replace('_', '-')}"
        return self._client(login).give(command, path, body, mutation=self.mutation, expected=expected)

    def _client(self, login: str) -> Client:
        if login not in self.clients:
            self.clients[login] = self.load.client(login)
        return self.clients[login]

    @staticmethod
    def _head(opd: str) -> str:
        return f"kepala.{opd}"
