"""The work that every contestant does: cases of six steps, each step a message of about 400 bytes, and who may send it.

A message is what a client of the engine would send: JSON with an id, an author and a command of the law. The three
answers of a case come in random order; messages of many open cases are mixed, as they would be in a queue.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple, cast

import msgspec

from events import ids
from services.mutations.execute import Act
from services.service import Actor, Command
from workflow import commands as cmd
from workflow.definition import Definition
from workflow.library import definitions, load

STEPS = 6
PARTIES = ("employee", "source", "receiver")
GOVERNMENT = "8200"
#: Heads of agencies; with the two offices of the government, 1,000 offices in all.
AGENCIES = 998
#: Cases in flight at a time.
WINDOW = 256
#: Lawful on the day of the benchmark, and consistent with each other.
DECREED = date.today() - timedelta(days=1)
START, UNTIL = DECREED + timedelta(days=7), DECREED + timedelta(days=170)

Step = cmd.Draft | cmd.Submit | cmd.Answer | cmd.Release | cmd.Receive | cmd.Sign


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One step on its way in, as bytes: who sends what, under which id."""

    id: str
    correlation: str
    account: str
    person: str
    command: Step


class Case(NamedTuple):
    """Who moves between which agencies, all by number."""

    mutation: str
    person: int
    source: int
    target: int


decoded = msgspec.json.Decoder(Message).decode


def register() -> Definition:
    """Put the benchmark definition in force in this process, as the newest of its route."""
    law = load((Path(__file__).parent / "definition" / "BENCH@1.toml").read_text())
    cast("dict[str, Definition]", definitions())[law.name] = law
    return law


def command(raw: bytes) -> Command:
    """What a door makes of a message."""
    message = decoded(raw)
    return Command(
        id=message.id,
        data=Act(command=message.command),
        actor=Actor(message.account, message.person),
        correlation=message.correlation,
        fingerprint=hashlib.sha256(raw).digest(),
    )


def person(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def home(number: int) -> int:
    """The number of the agency where a person works."""
    return number % AGENCIES


def agency(number: int) -> str:
    return f"opd-{number:03d}"


def position(number: int) -> str:
    """The position of an agency's only unit."""
    return f"{agency(number)}.loket.pengelola"


def messages(cases: int, first: int = 0) -> list[bytes]:
    """All messages of new cases, in an order in which they can be taken; a case for each person from the `first` on."""
    rng = random.Random(first)
    waiting = (list(_steps(_case(number, rng), rng))[::-1] for number in range(first, first + cases))
    live, sent = list(islice(waiting, WINDOW)), []
    while live:
        steps = rng.choice(live)
        sent.append(steps.pop())
        if not steps:
            live.remove(steps)
            live += islice(waiting, 1)
    return sent


def _case(number: int, rng: random.Random) -> Case:
    source = home(number)
    target = (source + rng.randrange(1, AGENCIES)) % AGENCIES
    return Case(ids.new(), number, source, target)


def _steps(case: Case, rng: random.Random) -> Iterator[bytes]:
    m, who = case.mutation, person(case.person)
    source, receiver = f"head-{case.source:03d}", f"head-{case.target:03d}"
    draft = cmd.Draft(
        mutation=m,
        person=who,
        to_position=position(case.target),
        mode="temporary",
        start=START,
        until=UNTIL,
        origin="opd",
    )
    answers: list[tuple[str, Step]] = [
        (who, cmd.Answer(mutation=m, answer="willing")),
        (source, cmd.Release(mutation=m, answer="yes", handover_planned=True, floor_kept=True)),
        (receiver, cmd.Receive(mutation=m, answer="yes", budgeted=True)),
    ]
    rng.shuffle(answers)
    sign = cmd.Sign(mutation=m, number=f"800/{case.person}", decree_date=DECREED, effective_on=START)
    steps: list[tuple[str, Step]] = [("officer", draft), (source, cmd.Submit(mutation=m)), *answers, ("sekda", sign)]
    for author, step in steps:
        yield msgspec.json.encode(
            Message(id=ids.new(), correlation=ids.new(), account=f"account-{author}", person=author, command=step)
        )
