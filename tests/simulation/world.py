"""The world: two instances of the engine on one database, everyone who uses them, and a scheduler that owns chance.

A step is one thing that one instance does: a command, or a turn of one service's relay, reader, timers, retries or
jobs. Which, on which instance, with which blow of fate, follows from the seed. After each step the touched cases are
judged, after every five hundred everything.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import sqlalchemy as sa

from events import ids
from services.config import Config
from services.service import Actor, Command
from tests.simulation import ending, errands, histories, islands, officials, totals
from tests.simulation.authority import LOCAL, Offices
from tests.simulation.clients import Ledger, command_of
from tests.simulation.instance import DAWN, Instance, TwoHands
from tests.simulation.mortal import Died, drawn
from tests.simulation.officials import Wish
from tests.simulation.outside import Receivers
from tests.worlds import prepare

#: Partitions of each topic but `authority`, which has one.
PARTS = 3
EVERYTHING = 500
#: What a step does -> how often, relative to the others.
DOES = {"command": 30, "together": 5, "repeat": 5, "relay": 14, "read": 26, "fire": 10, "retry": 8, "work": 9}
DOES |= {"time": 5}
#: How far business time moves -> how often; wall time creeps by a few seconds each time.
JUMPS = {"none": 60, "hours": 30, "days": 9, "months": 1}
#: Whose turn it is, where that is not chance alone: what officials wait for comes more often.
EAGER = {"relay": "personnel", "read": "mutations"}


FOUNDER = Actor("founder", islands.person(3), ("operator@imbang",))


class Violated(Exception):
    """A promise was broken"""


class World:
    """`step` is the number of the last step; `faults` counts what went wrong on purpose, by kind."""

    def __init__(self, seed: int, directory: Path, receivers: Receivers, rate: float = 0.025):
        self.random, self.rate, self.receivers = Random(seed), rate, receivers
        self.step, self.faults, self.ledger, self.offices = 0, Counter[str](), Ledger(), Offices()
        self.clock = TwoHands(DAWN)
        path = directory / "imbang.db"
        config = Config(database_url=f"sqlite:///{path}", secret_key="for tests only", directory=directory)
        self._found(config, path)
        self.conn = sqlite3.connect(path, isolation_level=None)
        self.conn.row_factory = sqlite3.Row
        self.instances = [Instance(config, self.clock, self._meanwhile) for _ in range(2)]
        for instance in self.instances:
            self._begin(instance)
        self._seen, self._told, self._nested = 0, 0, False

    def _found(self, config: Config, path: Path) -> None:
        """The islands as they are before anything goes wrong."""
        first = Instance(self._migrated(config, path), self.clock, lambda _: None)
        for service, data in islands.founding():
            first.app.committer.submit(service, command_of(ids.new(), data, actor=FOUNDER))
            first.app.runtime.drain()
        first.end()

    @staticmethod
    def _migrated(config: Config, path: Path) -> Config:
        from services.app import SERVICES

        prepare(config, SERVICES)
        with sqlite3.connect(path) as conn:
            for part in range(1, PARTS):
                conn.execute(f"INSERT INTO log_head SELECT topic, {part}, 0 FROM log_head "
                             "WHERE topic <> 'authority' AND part = 0")  # fmt: skip
        conn.close()
        return config

    def close(self) -> None:
        for instance in self.instances:
            instance.end()
        self.conn.close()

    # -- steps -------------------------------------------------------------------------------------------------------

    def run(self, steps: int) -> None:
        """Take steps, then let everything come to rest. Raises Violated."""
        for _ in range(steps):
            self.step += 1
            self._take(self.random.choice(self.instances))
            self._judge_touched()
            if self.step % EVERYTHING == 0:
                self._judge_everything()
        self.rest()

    def _take(self, instance: Instance) -> None:
        if self.random.random() < self.rate / 8:
            self.faults["death between steps"] += 1
            self._begin(instance)
        does = self.random.choices(list(DOES), list(DOES.values()))[0]
        if self.random.random() < self.rate:
            instance.fate.threaten(drawn(self.random, 0.6))
        with self._mortal(instance):
            match does:
                case "time":
                    self._pass_time()
                case "command":
                    self._command(instance, 1)
                case "together":
                    self._command(instance, self.random.randint(2, 5))
                case "repeat":
                    self._repeat(instance)
                case step:
                    names = [service.name for service in instance.app.services]
                    name = self.random.choice((*names, *[EAGER.get(step, names[0])] * 3))
                    getattr(instance.app.runtime, step)(instance.app.committer.services[name])
        instance.fate.threaten(None)

    @contextmanager
    def _mortal(self, instance: Instance) -> Iterator[None]:
        """A process that died is started anew; a database that faltered is tried again later, as the threads do."""
        with suppress(Died, sa.exc.OperationalError, sa.exc.InterfaceError):
            yield
        if struck := instance.fate.struck:
            self.faults[struck.name] += 1
        if instance.fate.dead:
            self._begin(instance)

    def _begin(self, instance: Instance) -> None:
        self._count_log(instance)
        instance.begin(self.random.getrandbits(32), self.rate)

    def _count_log(self, instance: Instance) -> None:
        if log := getattr(instance, "log", None):
            kinds = {"copies": log.copies, "repeats": log.repeats, "delays": log.delays, "moves": log.moves}
            kinds["overtaken"] = log.overtaken
            self.faults.update({f"log {kind}": n for kind, n in kinds.items()})

    def _meanwhile(self, instance: Instance) -> None:
        """Between what a step of one instance has read and what it commits, the other may do something."""
        if self._nested or self.random.random() > self.rate:
            return
        self._nested = True
        self.faults["interleaving"] += 1
        try:
            self._take(next(other for other in self.instances if other is not instance))
        finally:
            self._nested = False

    def _pass_time(self) -> None:
        creep = 130 if self.random.random() < 0.03 else self.random.choice((0.1, 1, 2, 6, 6, -2))
        self.clock.wall += timedelta(seconds=creep)
        match self.random.choices(list(JUMPS), list(JUMPS.values()))[0]:
            case "hours":
                self.clock.ahead += timedelta(hours=self.random.randint(1, 10))
            case "days":
                self.clock.ahead += timedelta(days=self.random.randint(1, 6))
            case "months":
                self.clock.ahead += timedelta(days=self.random.randint(25, 70))

    # -- commands ----------------------------------------------------------------------------------------------------

    def _command(self, instance: Instance, count: int) -> None:
        wishes = [self._wish() for _ in range(count)]
        service = wishes[0].service
        commands = [self._made(wish) for wish in wishes if wish.service == service]
        self.ledger.give(instance, service, commands)

    def _wish(self) -> Wish:
        today, random = (self.clock.now + LOCAL).date(), self.random
        (open_cases,) = self.conn.execute("SELECT count(*) FROM mutations_case WHERE NOT closed").fetchone()
        if random.random() < 0.3:
            return errands.errand(random, self.conn, today)
        if random.random() < 0.25 and open_cases < 25:
            return officials.draft(random, self.conn, today, ids.new())
        return officials.move_on(random, self.conn, today) or errands.errand(random, self.conn, today)

    def _made(self, wish: Wish) -> Command:
        actor = Actor("account", wish.person, ("operator@imbang",)) if wish.person else None
        return command_of(ids.new(), wish.data, actor=actor, expected_version=wish.expected_version)

    def _repeat(self, instance: Instance) -> None:
        """What nobody answered is asked again until it is; and what was answered, for no good reason."""
        ledger, random = self.ledger, self.random
        if ledger.doubtful and random.random() < 0.7:
            key = ledger.doubtful.pop(random.randrange(len(ledger.doubtful)))
            sent = ledger.sent[key]
            sent.doubtful = False
            # Still unanswered, it is doubtful again; refused now, it has certainly changed nothing.
            ledger.give(instance, sent.service, [sent.command])
        elif ledger.acknowledged:
            sent = ledger.sent[random.choice(ledger.acknowledged[-300:])]
            command = sent.command
            if random.random() < 0.1 and (other := self._wish()).service == sent.service:
                command = command_of(command.id, other.data, actor=command.actor)
            ledger.give(instance, sent.service, [command])

    # -- judgement ---------------------------------------------------------------------------------------------------

    def _judge_touched(self) -> None:
        rows = self.conn.execute("SELECT rowid, subject FROM mutations_event WHERE rowid > ?", (self._seen,)).fetchall()
        cases = {row["subject"] for row in rows if row["subject"].startswith(histories.PREFIX)}
        self._seen = max((row["rowid"] for row in rows), default=self._seen)
        self.offices.look(self.conn)
        for subject in sorted(cases):
            self._judge_case(subject.removeprefix(histories.PREFIX))
        found = list(self.ledger.broken(self.conn, self._told))
        self._told = len(self.ledger.acknowledged)
        self._fail(found)

    def _judge_case(self, mutation: str) -> None:
        self._fail([f"{mutation}: {fault}" for fault in histories.broken(self.conn, mutation, self.offices)])

    def _judge_everything(self) -> None:
        self.offices.look(self.conn)
        for (mutation,) in self.conn.execute("SELECT id FROM mutations_case ORDER BY id").fetchall():
            self._judge_case(mutation)
        told = self.receivers.broken(self.conn)
        stopped = [f"stopped: {why}" for i in self.instances for why in i.app.runtime.stopped.values()]
        self._fail([*stopped, *told, *totals.broken(self.conn), *self.ledger.broken(self.conn)])
        self._fail(list(self.ledger.groundless(self.conn)))

    def _fail(self, found: list[str]) -> None:
        if found:
            raise Violated("\n".join(found[:10]))

    # -- rest --------------------------------------------------------------------------------------------------------

    def rest(self) -> None:
        """No more faults: leases run out, retries come due, everything arrives. Then everything is judged."""
        self.rate = self.receivers.rude = 0.0
        for instance in self.instances:
            self._begin(instance)
        while self.ledger.doubtful:
            self.ledger.give(self.instances[0], *self._doubtful())
        for _ in range(3):
            self.clock.wall += timedelta(minutes=10)
            for instance in self.instances:
                instance.app.runtime.drain()
        self._judge_touched()
        self._judge_everything()
        self._fail(list(totals.unsettled(self.conn, self.clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))))
        self._fail(list(ending.broken(self.instances[0].app)))

    def _doubtful(self) -> tuple[str, list[Command]]:
        sent = self.ledger.sent[self.ledger.doubtful.pop()]
        sent.doubtful = False
        return sent.service, [sent.command]
