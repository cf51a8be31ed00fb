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
from workflow.guards import Question
from workflow.library import calendar, definition, definition_for, pack_on
from workflow.mutation import Mutation, seat

MONDAY = datetime(2026, 2, 2, 1, tzinfo=UTC)  # 10:00 in Sofifi
EMPLOYEE = "employee"
PAPERS = {f"G{n}": f"hash-{n}" for n in (1, 2, 4, 6, 7, 8, 9, 10)}

SCHOOLS = ev.Place(position="teacher-clerk", unit="schools", opd="education", instansi="8200")
COUNTER = ev.Place(position="counter-clerk", unit="counter", opd="registry", instansi="8200")
TIDORE_COUNTER = ev.Place(position="tidore-clerk", unit="tidore-counter", opd="tidore-registry", instansi="8272")
AMBON_COUNTER = ev.Place(position="ambon-clerk", unit="ambon-counter", opd="ambon-registry", instansi="8171")
MINISTRY_DESK = ev.Place(position="desk", unit="ministry-unit", opd="ministry", instansi="0010")
#: Where the person goes by a route; always from the schools of the province.
TARGETS = {
    "R1": COUNTER,
    "R5": COUNTER,
    "R2": TIDORE_COUNTER,
    "R6": TIDORE_COUNTER,
    "R3": AMBON_COUNTER,
    "R4": MINISTRY_DESK,
}


def government(code: str, prefix: str = "") -> list[Office]:
    """The offices of a government that have a say in a mutation."""
    return [
        Office(id=f"{prefix}officer", role="personnel_officer", scope=code, title="Petugas BKD"),
        Office(id=f"{prefix}verifier", role="personnel_verifier", scope=code, title="Verifikator BKD"),
        Office(id=f"{prefix}inspector", role="inspector", scope=code, title="Inspektur"),
        Office(id=f"{prefix}secretary", role="pyb", scope=code, title="Sekretaris Daerah"),
        Office(id="governor" if not prefix else f"{prefix}ppk", role="ppk", scope=code, title="PPK"),
        *(Office(id=f"{prefix}panel-{n}", role="panel_member", scope=code, title=f"TPK {n}") for n in range(1, 6)),
    ]


OFFICES = [
    Office(id="head-education", role="unit_head", scope="education", title="Kepala Dinas Pendidikan"),
    Office(id="head-registry", role="unit_head", scope="registry", title="Kepala Dinas Dukcapil"),
    Office(id="head-tidore", role="unit_head", scope="tidore-registry", title="Kepala Dinas Dukcapil Tidore"),
    Office(id="head-ambon", role="unit_head", scope="ambon-registry", title="Kepala Dinas Dukcapil Ambon"),
    Office(id="head-ministry", role="unit_head", scope="ministry", title="Sekretaris Jenderal"),
    *government("8200"),
    *government("8272", "tidore-"),
    *government("8171", "ambon-"),
    *government("0010", "ministry-"),
    Office(id="home-affairs", role="home_affairs", scope="nation", title="Menteri Dalam Negeri"),
    Office(id="bkn", role="bkn", scope="nation", title="Kepala BKN"),
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

    def __init__(self, route: str = "R5", law: str = "", **changes: Any) -> None:
        """`law`: a version of the route; without it the newest."""
        self.now, self.law = MONDAY, law
        self.mutation: Mutation | None = None
        self.history: list[ev.MutationEvent] = []
        self.mode: ev.Mode = "temporary" if route in ("R5", "R6") else "permanent"
        self.facts: dict[str, Any] = {
            "authority": authority(),
            "calendar": calendar("WIT"),
            "pack": pack_on(date(2026, 2, 2)),
            "person": PersonFacts(status="pns", since=date(2020, 1, 1), retires_on=date(2040, 1, 1)),
            "source": SCHOOLS,
            "target": TARGETS[route],
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

    def by(self, party: str, n: int = 0) -> str:
        """The office, and its definitive holder, that a party of the definition means in this case."""
        law = definition(self.it.definition)
        return self.facts["authority"].offices_of(seat(law, self.it, party))[n].id

    def knows(self, **changes: Any) -> None:
        """The world has changed."""
        self.facts.update(changes)

    def decide(self, actor: str | None, command: cmd.Command) -> list[ev.MutationEvent]:
        facts = Facts(now=self.now, actor=actor, **self.facts)
        if self.mutation is None:
            law = definition(self.law) if self.law else definition_for(facts.source, facts.target, self.mode)
            return decide(law, None, command, facts)
        return decide(definition(self.mutation.definition), self.mutation, command, facts)

    def asks(self, command: Any) -> Question[Any]:
        """What a guard is asked of this case as it is."""
        return Question[Any](
            definition(self.it.definition), self.it, command, Facts(now=self.now, actor=None, **self.facts)
        )

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
        fields: dict[str, Any] = {"person": EMPLOYEE, "to_position": self.facts["target"].position, "mode": self.mode}
        fields |= {"start": date(2026, 2, 16), "origin": "load"}
        if self.mode == "temporary":
            fields["until"] = date(2026, 5, 15)
        return self.do(actor, cmd.Draft, **(fields | changes))

    def proposed(self, **changes: Any) -> Case:
        self.draft(**changes)
        self.do(self.by("officer"), cmd.Submit, documents=PAPERS)
        return self

    def consulting(self) -> Case:
        self.proposed()
        self.do(self.by("verifier"), cmd.Screen, outcome="pass")
        return self

    def heads_agree(self) -> None:
        self.do(self.by("source_head"), cmd.Release, answer="yes", handover_planned=True, floor_kept=True)
        self.do(self.by("receiver_head"), cmd.Receive, answer="yes", budgeted=True)

    def clearances(self) -> None:
        if "inspection" in self.it.duties:
            self.do(self.by("verifier"), cmd.Clear, answer="clear")
            self.do(self.by("inspector"), cmd.Inspect, answer="clear")

    def contested(self) -> Case:
        self.consulting()
        self.heads_agree()
        self.do(EMPLOYEE, cmd.Answer, answer="unwilling", reason_class="family")
        self.clearances()
        return self

    def paneled(self) -> Case:
        self.contested()
        self.do(self.by("pyb"), cmd.Settle, outcome="panel", reason_class="service_need", words_hash="w")
        return self

    def agreed(self) -> Case:
        """Everyone asked agrees: at the panel, the consent of origin or the decision, by the route."""
        self.consulting()
        self.heads_agree()
        self.do(EMPLOYEE, cmd.Answer, answer="willing")
        self.clearances()
        return self

    def consented(self) -> Case:
        """The authority of origin consents too, where it is asked."""
        self.agreed()
        if self.state == "APPROVAL.SOURCE_CONSENT":
            self.consent()
        return self

    def consent(self) -> list[str]:
        position = self.it.move.target.position
        return self.do(self.by("source_ppk"), cmd.Consent, answer="yes", position=position, letter="c")

    def recommend(self) -> None:
        for n in range(3):
            self.do(self.by("panel", n), cmd.Vote, vote="recommend", words_hash="w")

    def grant(self, grant: str, **changes: Any) -> list[str]:
        fields = {"outcome": "grant", "reference": f"B-{grant}", "letter": "g"}
        return self.do(self.by("officer"), cmd.Grant, grant=grant, dated=self.today, **(fields | changes))

    @property
    def today(self) -> date:
        today: date = self.facts["calendar"].today(self.now)
        return today

    def deciding(self) -> Case:
        self.consented()
        if self.state == "APPROVAL.PANEL":
            self.recommend()
        if self.state == "APPROVAL.EXTERNAL":
            for grant in list(self.it.duties):
                self.grant(grant)
        return self

    def sign(self, actor: str, **changes: Any) -> list[str]:
        fields = {"number": "800/1", "decree_date": self.today}
        return self.do(actor, cmd.Sign, **(fields | {"effective_on": date(2026, 2, 16)} | changes))

    def decreed(self) -> Case:
        self.deciding()
        self.sign(self.by("decider"))
        if self.state == "APPROVAL.APPOINTMENT":
            self.appoint()
        return self

    def appoint(self, **changes: Any) -> list[str]:
        fields = {"number": "800/2", "decree_date": self.today, "effective_on": date(2026, 2, 16)}
        return self.do(self.by("ppk"), cmd.Appoint, **(fields | changes))

    def served(self) -> Case:
        self.decreed()
        self.do(self.by("officer"), cmd.Serve, served_on=date(2026, 2, 2), receipt="r")
        return self

    def handed_over(self) -> Case:
        self.served()
        self.do(self.by("source_head"), cmd.HandOver, successor="colleague", record="h", e_signature="none")
        return self

    def started(self) -> Case:
        self.handed_over()
        self.now = datetime(2026, 2, 16, 1, tzinfo=UTC)
        self.do(self.by("receiver_head"), cmd.Start, started_on=date(2026, 2, 16))
        return self

    def registered(self) -> Case:
        self.started()
        self.do(self.by("officer"), cmd.Register, reference="I-MUT-1", payroll_moved=True)
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
