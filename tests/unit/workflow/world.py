"""A small province for tests of the law: two agencies, their officials, one employee, and a case to walk through."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from msgspec.structs import replace

from events import mutation as ev
from events.catalog import entry
from workflow import commands as cmd
from workflow.authority import Authority, Delegation, Holding, Office
from workflow.decision import decide
from workflow.evolution import evolve, replay
from workflow.facts import Facts, LoadFacts, PersonFacts, PostFacts
from workflow.library import calendar, definition, definition_for, pack_on
from workflow.mutation import Mutation

MONDAY = datetime(2026, 2, 2, 1, tzinfo=UTC)  # 10:00 in Sofifi
EMPLOYEE = "employee"
PAPERS = {"G2": "a1", "G7": "b2", "G8": "c3"}

SCHOOLS = ev.Place(position="teacher-clerk", unit="schools", opd="education", instansi="8200")
COUNTER = ev.Place(position="counter-clerk", unit="counter", opd="registry", instansi="8200")
TIDORE_COUNTER = ev.Place(position="tidore-clerk", unit="tidore-counter", opd="tidore-registry", instansi="8272")

OFFICES = [
    Office(id="head-education", role="unit_head", scope="education", title="Kepala Dinas Pendidikan"),
    Office(id="head-registry", role="unit_head", scope="registry", title="Kepala Dinas Dukcapil"),
    Office(id="officer", role="personnel_officer", scope="8200", title="Petugas BKD"),
    Office(id="verifier", role="personnel_verifier", scope="8200", title="Verifikator BKD"),
    Office(id="inspector", role="inspector", scope="8200", title="Inspektur"),
    Office(id="secretary", role="pyb", scope="8200", title="Sekretaris Daerah"),
    Office(id="governor", role="ppk", scope="8200", title="Gubernur"),
    *(Office(id=f"panel-{n}", role="panel_member", scope="8200", title=f"Anggota TPK {n}") for n in range(1, 6)),
]


def holding(office: str, person: str | None = None, **changes: Any) -> Holding:
    """Someone in an office; the definitive holder has the office's name unless told otherwise."""
    given = {"capacity": "definitive", "order": f"order-{office}", "since": date(2024, 1, 1), **changes}
    return Holding(office=office, person=person or office, **given)


HOLDINGS = [holding(office.id) for office in OFFICES]


def authority(*more: Holding, without: str | None = None, delegations: tuple[Delegation, ...] = ()) -> Authority:
    """Every office definitively held, apart from the holder of `without`, and `more` holdings."""
    return Authority.of(OFFICES, [h for h in HOLDINGS if h.office != without] + list(more), delegations, position=7)


class Case:
    """One case as the service would run it: decide, apply, keep the history; time moves only when told."""

    def __init__(self, route: str = "R5", **changes: Any) -> None:
        self.now = MONDAY
        self.mutation: Mutation | None = None
        self.history: list[ev.MutationEvent] = []
        self.mode: ev.Mode = "temporary" if route in ("R5", "R6") else "permanent"
        self.facts: dict[str, Any] = {
            "authority": authority(),
            "calendar": calendar("WIT"),
            "pack": pack_on(date(2026, 2, 2)),
            "person": PersonFacts(status="pns", since=date(2020, 1, 1), retires_on=date(2040, 1, 1)),
            "source": SCHOOLS,
            "target": COUNTER,
            "post": PostFacts(places=9, occupied=6),
            "source_load": LoadFacts(ratio=0.6, staff=7, floor=4),
            "target_load": LoadFacts(ratio=1.42, staff=6, floor=6),
            **changes,
        }

    @property
    def state(self) -> str:
        return self.mutation.state if self.mutation else "NEW"

    @property
    def it(self) -> Mutation:
        assert self.mutation is not None
        return self.mutation

    def knows(self, **changes: Any) -> None:
        """The world has changed."""
        self.facts.update(changes)

    def decide(self, actor: str | None, command: cmd.Command) -> list[ev.MutationEvent]:
        facts = Facts(now=self.now, actor=actor, **self.facts)
        if self.mutation is None:
            return decide(definition_for(facts.source, facts.target, self.mode), None, command, facts)
        return decide(definition(self.mutation.definition), self.mutation, command, facts)

    def do(self, actor: str | None, command: type[cmd.Command], **fields: Any) -> list[str]:
        """Give a command and apply what it leads to; returns the types of its events."""
        events = self.decide(actor, command(mutation="m", **fields))
        for event in events:
            self.mutation = evolve(definition(event.definition), self.mutation, event)
        self.history += events
        return [entry(event).type for event in events]

    def fire(self, name: str) -> list[str]:
        """Wait until a timer is due, and let it fire."""
        timer = self.it.timers[name]
        self.now = max(self.now, timer.due)
        return self.do(None, cmd.FireTimer, name=name, arming=timer.arming)

    def replayed(self) -> Mutation:
        return replay(definition, self.history)

    # The way a case usually goes; each step starts where the one before ends.

    def draft(self, actor: str | None = None, **changes: Any) -> list[str]:
        fields: dict[str, Any] = {"person": EMPLOYEE, "to_position": "counter-clerk", "mode": self.mode}
        fields |= {"start": date(2026, 2, 16), "origin": "load"}
        if self.mode == "temporary":
            fields["until"] = date(2026, 5, 15)
        return self.do(actor, cmd.Draft, **(fields | changes))

    def proposed(self, **changes: Any) -> Case:
        self.draft(**changes)
        self.do("officer", cmd.Submit, documents=PAPERS)
        return self

    def consulting(self) -> Case:
        self.proposed()
        self.do("verifier", cmd.Screen, outcome="pass")
        return self

    def heads_agree(self) -> None:
        self.do("head-education", cmd.Release, answer="yes", handover_planned=True, floor_kept=True)
        self.do("head-registry", cmd.Receive, answer="yes", budgeted=True)

    def clearances(self) -> None:
        self.do("verifier", cmd.Clear, answer="clear")
        self.do("inspector", cmd.Inspect, answer="clear")

    def contested(self) -> Case:
        self.consulting()
        self.heads_agree()
        self.do(EMPLOYEE, cmd.Answer, answer="unwilling", reason_class="family")
        if self.mode == "permanent":
            self.clearances()
        return self

    def paneled(self) -> Case:
        self.contested()
        self.do("secretary", cmd.Settle, outcome="panel", reason_class="service_need", words_hash="w")
        return self

    def deciding(self) -> Case:
        self.consulting()
        self.heads_agree()
        self.do(EMPLOYEE, cmd.Answer, answer="willing")
        if self.mode == "permanent":
            self.clearances()
            for n in (1, 2, 3):
                self.do(f"panel-{n}", cmd.Vote, vote="recommend")
        return self

    def sign(self, actor: str, **changes: Any) -> list[str]:
        fields = {"number": "800/1", "decree_date": self.facts["calendar"].today(self.now)}
        return self.do(actor, cmd.Sign, **(fields | {"effective_on": date(2026, 2, 16)} | changes))

    def decreed(self) -> Case:
        self.deciding()
        self.sign("secretary" if self.mode == "temporary" else "governor")
        return self

    def served(self) -> Case:
        self.decreed()
        self.do("officer", cmd.Serve, served_on=date(2026, 2, 2), receipt="r")
        return self

    def handed_over(self) -> Case:
        self.served()
        self.do("head-education", cmd.HandOver, successor="colleague", record="h", e_signature="none")
        return self

    def started(self) -> Case:
        self.handed_over()
        self.now = datetime(2026, 2, 16, 1, tzinfo=UTC)
        self.do("head-registry", cmd.Start, started_on=date(2026, 2, 16))
        return self

    def registered(self) -> Case:
        self.started()
        self.do("officer", cmd.Register, reference="I-MUT-1", payroll_moved=True)
        return self

    def expiring(self) -> Case:
        self.registered()
        self.fire("expiring")
        return self

    def returning(self) -> Case:
        self.registered()
        self.fire("expiring")
        self.fire("end")
        return self

    def person(self, **changes: Any) -> None:
        """Change what is known of the person."""
        self.knows(person=replace(self.facts["person"], **changes))
