"""Two toy services on the real kernel: one records what units report, the other mirrors and reacts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import msgspec
import sqlalchemy as sa

from events import ids
from events.kafka import KafkaLog, create_topics
from events.log import DatabaseLog, EventLog, Record
from events.personnel import UnitRegistered
from events.workload import WorkloadChanged
from services import jobs
from services.clock import SetClock
from services.committer import Committer
from services.config import EMBEDDED_LOG, Config
from services.db import Databases
from services.migrate import migrate
from services.runtime import Runtime
from services.service import Command, Event, Firing, NotYet, Refused, Service, Words, projects, reacts
from services.transaction import Tx

MORNING = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


class Register(msgspec.Struct, frozen=True):
    unit: str


class Report(msgspec.Struct, frozen=True):
    unit: str
    ratio: float


class Solved(msgspec.Struct, frozen=True):
    unit: str


def unit_event(unit: str) -> UnitRegistered:
    return UnitRegistered(
        unit=unit, name=unit, opd="o", opd_name="O", instansi="8200", instansi_name="P", region="82", island="H"
    )


def load_event(unit: str, ratio: float) -> WorkloadChanged:
    return WorkloadChanged(
        unit=unit, report="r", ratio=ratio, previous_ratio=1.0, level="overload", staff=6, needed=2, lasting=0,
        as_of=date(2026, 3, 2),
    )  # fmt: skip


class World:
    """Two toy services on one database. Not `new`: one more process on what another World has migrated."""

    def __init__(self, url: str, log_url: str = EMBEDDED_LOG, *, new: bool = True):
        self.faults: dict[str, Exception] = {}
        self.log_url = log_url
        meters, mirror = sa.MetaData(), sa.MetaData()
        self.load = sa.Table(
            "workload_last_ratio", meters, sa.Column("unit", sa.String, primary_key=True), sa.Column("ratio", sa.Float)
        )
        self.seen = sa.Table(
            "optimizer_seen", mirror, sa.Column("unit", sa.String, primary_key=True), sa.Column("times", sa.Integer)
        )
        self.workload = Service(
            name="workload",
            metadata=meters,
            commands={Register: self.register, Report: self.report},
            beats=("workload",),
        )
        self.optimizer = Service(
            name="optimizer",
            metadata=mirror,
            commands={Solved: self.solved},
            subscriptions=[
                projects(UnitRegistered, self.add),
                projects(WorkloadChanged, self.count),
                reacts(WorkloadChanged, self.react),
            ],
            timers={"remind": self.remind},
            jobs={"solve": self.solve},
        )
        self.clock = SetClock(MORNING)
        self.databases = Databases(Config(database_url=url))
        services = [self.workload, self.optimizer]
        if new:
            migrate(self.databases, services)
            with self.databases.owner(url).begin() as conn:
                self.load.create(conn)
                self.seen.create(conn)
            migrate(self.databases, services)  # once more: it gives the roles their rights on these two
        self.log = self.open_log(log_url, new)
        self.committer = Committer(self.databases, {s.name: s for s in services}, self.log, self.clock)
        self.runtime = Runtime(self.databases, services, self.log, self.clock, self.committer)
        self.fired: list[str] = []
        self.solves: list[str] = []
        self.solver: Callable[[jobs.Read], object] = lambda read: None

    def open_log(self, url: str, new: bool) -> EventLog:
        if url == EMBEDDED_LOG:
            return DatabaseLog(self.databases.reader("workload"))
        if new:
            create_topics(url, parts=4)
        return KafkaLog(url, wait=0.05)

    def register(self, tx: Tx, command: Command) -> dict[str, str]:
        unit = command.data.unit
        return {"event": tx.record(f"workload/place/{unit}", unit_event(unit))}

    def report(self, tx: Tx, command: Command) -> dict[str, float]:
        unit, ratio = command.data.unit, command.data.ratio
        tx.upsert(self.load, {"unit": unit, "ratio": ratio})
        if ratio < 0:
            raise Refused("load.negative", Words("Beban negatif.", "Negative load."), Words("Perbaiki.", "Correct it."))
        tx.record(f"workload/unit/{unit}", load_event(unit, ratio))
        return {"ratio": ratio}

    def add(self, tx: Tx, event: Event) -> None:
        tx.upsert(self.seen, {"unit": event.data.unit, "times": 0})

    def count(self, tx: Tx, event: Event) -> None:
        row = tx.get(self.seen, event.data.unit)
        if row is None:
            raise NotYet(f"workload/place/{event.data.unit}")
        tx.upsert(self.seen, {**row, "times": row["times"] + 1})

    def react(self, tx: Tx, event: Event) -> None:
        if fault := self.faults.get(event.data.unit):
            raise fault
        tx.arm(event.subject, "remind", tx.now + timedelta(days=1))
        tx.enqueue("solve", event.data.unit, event.data)

    def remind(self, tx: Tx, firing: Firing) -> None:
        self.fired.append(firing.subject)

    def solve(self, job: jobs.Job, read: jobs.Read) -> Solved:
        self.solves.append(job.key)
        self.solver(read)
        return Solved(job.key)

    def solved(self, tx: Tx, command: Command) -> dict[str, str]:
        return {"unit": command.data.unit}

    def send(self, data: msgspec.Struct, command_id: str | None = None) -> dict[str, object]:
        raw = msgspec.json.encode(data)
        return self.committer.submit("workload", Command(id=command_id or ids.new(), data=data, fingerprint=raw))

    def rows(self, service: str, table: sa.Table) -> list[tuple[object, ...]]:
        with self.databases.reader(service).connect() as conn:
            return [tuple(r) for r in conn.execute(sa.select(table).order_by(*table.primary_key.columns))]

    def records(self, count: int) -> list[Record]:
        """What the mirror reads next, not applied."""
        found: list[Record] = []
        while len(found) < count:
            found += self.runtime._reader(self.optimizer).read(100)
        return found

    def catch_up(self) -> None:
        """The mirror applies what is in the log, and does nothing else."""
        while self.runtime._behind(self.optimizer):
            self.runtime.read(self.optimizer)
        self.runtime.retry(self.optimizer)

    def times(self) -> dict[object, object]:
        return dict(self.rows("optimizer", self.seen))  # type: ignore[arg-type]
