"""What officials and employees ask of cases: mostly what their inbox says, often what they may not.

They read the engine's tables as a screen would, and know no rule of the law: what they may not is for it to refuse.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple

import msgspec

from services.mutations.execute import Act
from services.mutations.groups import SignTogether
from tests.simulation.islands import UNITS, person, post, staff
from workflow import commands as cmd

PAPER = "b" * 64
GATES = dict.fromkeys((f"G{n}" for n in range(1, 11)), PAPER)
REASON = "service_need"
ORIGINS = ("opd", "opd", "load", "own_request", "programme", "leader_instruction")


class Wish(NamedTuple):
    """A command of somebody, before it has an id."""

    service: str
    data: msgspec.Struct
    person: str | None = None
    expected_version: int | None = None


class Scene(NamedTuple):
    """A case as its officials see it, and their day."""

    random: Random
    case: dict[str, Any]
    today: date

    @property
    def id(self) -> str:
        return str(self.case["id"])


def _screen(s: Scene) -> cmd.Command:
    outcome = s.random.choices(("pass", "return", "fail"), (80, 12, 4))[0]
    papers = GATES if s.random.random() < 0.9 else {}
    return cmd.Screen(mutation=s.id, outcome=outcome, documents=papers, reason_class=REASON)


def _answer(s: Scene) -> cmd.Command:
    answer = s.random.choices(("willing", "conditional", "unwilling"), (75, 10, 15))[0]
    why: dict[str, Any] = {
        "willing": {},
        "conditional": {"condition": "near_home"},
        "unwilling": {"reason_class": "family"},
    }
    return cmd.Answer(mutation=s.id, answer=answer, **why[answer])


def _release(s: Scene) -> cmd.Command:
    answer = s.random.choices(("yes", "no"), (85, 15))[0]
    return cmd.Release(
        mutation=s.id, answer=answer, reason_class=REASON, handover_planned=True, floor_kept=s.random.random() < 0.95
    )


def _receive(s: Scene) -> cmd.Command:
    answer = s.random.choices(("yes", "no"), (85, 15))[0]
    return cmd.Receive(mutation=s.id, answer=answer, reason_class=REASON, budgeted=True, accepts_condition="near_home")


def _settle(s: Scene) -> cmd.Command:
    outcome = s.random.choices(("panel", "return", "reject"), (60, 30, 10))[0]
    return cmd.Settle(mutation=s.id, outcome=outcome, reason_class=REASON)


def _vote(s: Scene) -> cmd.Command:
    vote = s.random.choices(("recommend", "revise", "reject", "recuse"), (75, 8, 7, 10))[0]
    return cmd.Vote(mutation=s.id, vote=vote, reason_class=REASON)


def _sign(s: Scene) -> cmd.Command:
    if s.random.random() < 0.08:
        return cmd.Refuse(mutation=s.id, reason_class=REASON)
    return cmd.Sign(mutation=s.id, **_decree(s.random, s.today))


def _decree(random: Random, today: date) -> dict[str, Any]:
    signed = today - timedelta(days=random.choice((0, 0, 0, 1, 40, 900, -1)))
    effective = signed + timedelta(days=random.choice((0, 0, 1, 2, 10, -1)))
    return {"number": f"800/{random.randrange(1000)}", "decree_date": signed, "effective_on": effective}


def _consent(s: Scene) -> cmd.Command:
    position = s.case["state_of"]["move"]["target"]["position"]
    answer = s.random.choices(("yes", "no"), (90, 10))[0]
    return cmd.Consent(mutation=s.id, answer=answer, position=position, letter=PAPER, reason_class=REASON)


def _grant(grant: str) -> Callable[[Scene], cmd.Command]:
    def given(s: Scene) -> cmd.Command:
        outcome = s.random.choices(("grant", "return", "refuse"), (85, 10, 5))[0]
        letter: dict[str, Any] = {"reference": "B-1", "letter": PAPER, "dated": _about(s), "reason_class": REASON}
        return cmd.Grant(mutation=s.id, grant=grant, outcome=outcome, **letter)

    return given


def _decide_objection(s: Scene) -> cmd.Command:
    outcome = s.random.choices(("uphold", "dismiss"), (30, 70))[0]
    return cmd.DecideObjection(mutation=s.id, outcome=outcome, reason_class=REASON)


def _serve(s: Scene) -> cmd.Command:
    return cmd.Serve(mutation=s.id, served_on=_about(s), receipt=PAPER)


def _hand_over(s: Scene) -> cmd.Command:
    return cmd.HandOver(mutation=s.id, successor=person(s.random.randrange(30)), record=PAPER, e_signature="none")


def _start(s: Scene) -> cmd.Command:
    effective = s.case["state_of"].get("effective_on")
    on = date.fromisoformat(effective) if effective and s.random.random() < 0.3 else _about(s)
    return cmd.Start(mutation=s.id, started_on=on, oath_taken=True)


def _about(s: Scene) -> date:
    return s.today - timedelta(days=s.random.choices((0, 1, 5, -1, 100), (75, 10, 8, 4, 3))[0])


#: Duty -> what it asks for.
ASKED: dict[str, Callable[[Scene], cmd.Command]] = {
    "screening": _screen,
    "completion": lambda s: cmd.Resubmit(mutation=s.id, documents=GATES),
    "employee": _answer,
    "source": _release,
    "receiver": _receive,
    "clearance": lambda s: cmd.Clear(
        mutation=s.id, answer=s.random.choices(("clear", "block"), (95, 5))[0], reason_class=REASON
    ),
    "inspection": lambda s: cmd.Inspect(mutation=s.id, answer="clear"),
    "settlement": _settle,
    "panel": _vote,
    "consent": _consent,
    "pertek": _grant("pertek"),
    "minister_freeze": _grant("minister_freeze"),
    "minister_registry": _grant("minister_registry"),
    "decision": _sign,
    "appointment": lambda s: cmd.Appoint(mutation=s.id, **_decree(s.random, s.today)),
    "objection": _decide_objection,
    "service": _serve,
    "handover": _hand_over,
    "start": _start,
    "registration": lambda s: cmd.Register(mutation=s.id, reference="I-MUT-1", payroll_moved=True),
    "employee_again": _answer,
    "source_again": _release,
    "receiver_again": _receive,
    "return": lambda s: cmd.ConfirmReturn(mutation=s.id, returned_on=_about(s)),
}
#: What nobody asked for, and some do all the same.
UNASKED: tuple[Callable[[Scene], cmd.Command], ...] = (
    lambda s: cmd.Submit(mutation=s.id, documents=GATES),
    lambda s: cmd.Withdraw(mutation=s.id, reason_class=REASON),
    lambda s: cmd.Cancel(mutation=s.id, reason_class="need_gone"),
    lambda s: cmd.Recall(mutation=s.id, reason_class=REASON),
    lambda s: cmd.Hold(mutation=s.id, reason_class="legal_process", until=s.today + timedelta(days=20)),
    lambda s: cmd.Resume(mutation=s.id),
    lambda s: cmd.Object(mutation=s.id, reason_class="family"),
    lambda s: cmd.Reverse(mutation=s.id, ground="court", reference="PTUN-7"),
    lambda s: cmd.Correct(mutation=s.id, number="800/1-A", decree_date=s.today, letter=PAPER),
    lambda s: cmd.Extend(mutation=s.id, until=s.today + timedelta(days=s.random.choice((20, 100, 400)))),
)


def draft(random: Random, conn: sqlite3.Connection, today: date, mutation: str) -> Wish:
    """Somebody considers a move, sensible or not."""
    mover = random.choice(conn.execute("SELECT id, position FROM personnel_person ORDER BY id").fetchall())
    government = mover["position"][:4]
    near = [unit for unit in UNITS if unit.startswith(government)]
    target = random.choice(near if random.random() < 0.8 else UNITS)
    temporary = random.random() < 0.6
    start = today + timedelta(days=random.choice((1, 5, 20, -3)))
    dated = temporary != (random.random() < 0.02)
    until = start + timedelta(days=random.choice((6, 25, 60, 120, 170))) if dated else None
    command = cmd.Draft(
        mutation=mutation,
        person=mover["id"],
        to_position=post(target),
        mode="temporary" if temporary else "permanent",
        start=start,
        until=until,
        share=random.choice((0.2, 0.4, 0.6, 1.0)) if temporary else 1.0,
        origin=random.choice(ORIGINS),
        letter=PAPER if random.random() < 0.5 else None,
    )
    officer = staff(government)[0]
    actor = random.choices((officer, command.person, person(random.randrange(30))), (70, 20, 10))[0]
    return Wish("mutations", Act(command=command, words=_words(random, 0.1)), actor)


def move_on(random: Random, conn: sqlite3.Connection, today: date) -> Wish | None:
    """Somebody acts on an open case; None when there is none."""
    cases = conn.execute("SELECT id, version, state, person, body FROM mutations_case WHERE NOT closed ORDER BY id")
    rows = [dict(row) for row in cases]
    if not rows:
        return None
    if random.random() < 0.03 and (wish := _decree_of_several(random, conn, rows, today)):
        return wish
    case = random.choice(rows)
    case["state_of"] = json.loads(case["body"])
    scene = Scene(random, case, today)
    duties = conn.execute("SELECT * FROM mutations_duty WHERE mutation = ? ORDER BY name", (case["id"],)).fetchall()
    duty = random.choice(duties) if duties else None
    if case["state"] == "DRAFT" and random.random() < 0.8:
        command, seat = UNASKED[0](scene), _officer(case)
    elif duty is None or random.random() < 0.06:
        command, seat = random.choice((*UNASKED, *ASKED.values()))(scene), _officer(case)
    elif duty["name"] == "employee_again" and random.random() < 0.5:
        command, seat = UNASKED[-1](scene), {"role": "pyb", "scope": case["state_of"]["move"]["target"]["instansi"]}
    else:
        command, seat = ASKED[duty["name"]](scene), dict(duty)
    contested = bool(case["state_of"].get("contested"))
    version = random.choices((None, case["version"], case["version"] - 1), (80, 17, 3))[0]
    words = _words(random, 0.95 if contested else 0.1)
    return Wish("mutations", Act(command=command, words=words), _actor(random, conn, seat, today), version)


def _decree_of_several(
    random: Random, conn: sqlite3.Connection, rows: list[dict[str, Any]], today: date
) -> Wish | None:
    """One decree for all that wait for a decision, and for one that does not, now and then."""
    waiting = [row for row in rows if row["state"] == "APPROVAL.DECISION" or random.random() < 0.05]
    if len(waiting) < 2:
        return None
    chosen = random.sample(waiting, min(3, len(waiting)))
    target = json.loads(chosen[0]["body"])["move"]["target"]["instansi"]
    members = [row["id"] for row in chosen]
    group = f"00000000-0000-4000-b000-{random.getrandbits(48):012x}"
    data = SignTogether(group=group, members=members, words="kata", **_decree(random, today))
    seat = {"role": random.choice(("pyb", "ppk")), "scope": target}
    return Wish("mutations", data, _actor(random, conn, seat, today))


def _officer(case: dict[str, Any]) -> dict[str, str]:
    return {"role": "personnel_officer", "scope": case["state_of"]["move"]["target"]["instansi"]}


def _actor(random: Random, conn: sqlite3.Connection, seat: dict[str, Any], today: date) -> str:
    """One of those whose office the seat is today, or, one time in ten, anybody."""
    found = [seat["person"]] if seat.get("person") else []
    if not found:
        held = (
            "SELECT DISTINCT h.person FROM mutations_holding h JOIN mutations_office o ON o.id = h.office "
            "WHERE ((o.role = ? AND o.scope = ?) OR o.id = ?) AND h.since <= ? AND ifnull(h.until, '9') >= ? "
            "ORDER BY h.person"
        )
        day = today.isoformat()
        rows = conn.execute(held, (seat.get("role", ""), seat.get("scope", ""), seat.get("office", ""), day, day))
        found = [row["person"] for row in rows]
    return random.choice(found) if found and random.random() < 0.9 else person(random.randrange(30))


def _words(random: Random, rate: float) -> str | None:
    return "kata sendiri" if random.random() < rate else None
