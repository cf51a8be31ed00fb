"""What must hold of each case, judged from the stored rows alone: its history, its state, and what follows from both.

Nothing of the kernel is used here, only SQL, JSON and, for "replay gives the stored state", the law's own `replay`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from events.mutation import EVENTS
from tests.simulation.authority import Offices
from workflow.evolution import replay
from workflow.library import definition
from workflow.mutation import Mutation

PREFIX = "mutations/mutation/"
#: Commands no two of which one person gives, not even for another.
APART = (("Submit", "Resubmit"), ("Screen",), ("Sign", "Refuse", "Settle", "Appoint", "DecideObjection"))
#: By which command a state is entered, from which other state.
DECIDED = {
    "APPROVAL.APPOINTMENT": {"APPROVAL.DECISION": "Sign"},
    "PLACEMENT.DECREED": {"APPROVAL.DECISION": "Sign", "APPROVAL.APPOINTMENT": "Appoint"},
}
BEFORE_DECISION = ("CONSULTATION", "APPROVAL.SOURCE_CONSENT", "APPROVAL.PANEL", "APPROVAL.EXTERNAL")
ONWARD = ("APPROVAL.", "PLACEMENT.", "TEMP.ACTIVE", "COMPLETED")

History = list[dict[str, Any]]


def broken(conn: sqlite3.Connection, mutation: str, offices: Offices) -> Iterator[str]:
    """The promises that are broken in one case; nothing for a case that does not exist."""
    query = "SELECT * FROM mutations_event WHERE subject = ? ORDER BY subject_version"
    rows = conn.execute(query, (PREFIX + mutation,))
    envelopes = []
    for n, row in enumerate(rows, start=1):
        envelope = json.loads(row["body"])
        envelopes.append(envelope)
        if not row["subject_version"] == envelope["subjectversion"] == n:
            yield f"the history has version {row['subject_version']} in place {n}"
        if hashlib.sha256(b"\0" + row["body"]).digest() != row["hash"]:
            yield f"the hash of version {n} is not that of its bytes"
    if not envelopes:
        return
    times = [datetime.fromisoformat(e["time"]) for e in envelopes]
    if times != sorted(times):
        yield "an event is older than the one before it"
    effects = Counter((e["causationid"], e["type"]) for e in envelopes)
    yield from (f"an effect happened twice: {kind} by {cause}" for (cause, kind), n in effects.items() if n > 1)
    history = [e["data"] for e in envelopes]
    yield from _state(conn, mutation, envelopes)
    yield from _hands(history)
    yield from _silence(history)
    yield from _rights(history, offices)


def _state(conn: sqlite3.Connection, mutation: str, envelopes: History) -> Iterator[str]:
    """The stored case, its duties, timers and reservations are those that follow from the history."""
    events = [msgspec.convert(e["data"], EVENTS[e["type"]]) for e in envelopes]
    replayed = replay(definition, events)
    row = conn.execute("SELECT * FROM mutations_case WHERE id = ?", (mutation,)).fetchone()
    if row is None:
        yield "the case has a history and no row"
        return
    if msgspec.json.decode(row["body"], type=Mutation) != replayed:
        yield f"replayed: {msgspec.json.encode(replayed)!r}, stored: {row['body']!r}"
    law = definition(replayed.definition)
    state = law.states[replayed.state]
    if (row["version"], row["state"], bool(row["closed"])) != (len(envelopes), replayed.state, state.terminal):
        yield f"the columns of the case say {row['version']}, {row['state']}"
    asked = {r["name"]: (r["due"], bool(r["escalated"])) for r in _of(conn, "mutations_duty", "mutation", mutation)}
    duties = {n: (_iso(d.due), d.escalated_to is not None) for n, d in replayed.duties.items()}
    if asked != duties:
        yield f"duties {duties}, stored {asked}"
    armed = {r["name"]: r["due_at"] for r in _of(conn, "mutations_timer", "subject", PREFIX + mutation)}
    if armed != {name: _iso(timer.due) for name, timer in replayed.timers.items()}:
        yield f"timers {replayed.timers}, stored {armed}"
    keys = {"person": replayed.person, "share": replayed.person, "place": replayed.move.target.position}
    held = {(r["kind"], r["key"]): r["share"] for r in _of(conn, "mutations_reservation", "mutation", mutation)}
    if held != {(kind, keys[kind]): replayed.move.share for kind in state.reserves}:
        yield f"reserves {state.reserves}, stored {held}"
    if not state.terminal and not duties and not armed:
        yield f"stuck in {replayed.state}: no duty, no timer"
    if state.terminal and {*duties, *armed} - {"objection"}:
        yield f"closed as {replayed.state} with duties or timers"


def _hands(history: History) -> Iterator[str]:
    """Nobody acts for an office in their own case; who submits, who verifies and who decides are different people."""
    groups: list[set[str]] = [set() for _ in APART]
    for event in history:
        act = event["act"]
        people = {act["actor"], act.get("on_behalf_of")} - {None}
        own = event["person"] in people
        if act["capacity"] == "employee":
            if people != {event["person"]}:
                yield f"{act['command']} as employee by somebody else"
        elif own:
            yield f"{act['command']} in the own case, as {act['capacity']}"
        if act["capacity"] != "engine":
            for commands, group in zip(APART, groups, strict=True):
                if act["command"] in commands:
                    group |= people
    for n, group in enumerate(groups):
        for m in range(n + 1, len(groups)):
            if both := group & groups[m]:
                yield f"{both} did both one of {APART[n]} and one of {APART[m]}"


def _silence(history: History) -> Iterator[str]:
    """A deadline that passed decides nothing in favour; who is said to agree has said so in this round."""
    answers: dict[str, dict[str, Any]] = {}
    votes: list[str] = []
    lacking: set[str] = set()
    state = ""
    for event in history:
        act, to = event["act"], event["state"]
        match event:
            case {"documents": _, "round": _}:
                answers, votes = {}, []
            case {"vote": vote}:
                votes.append(vote)
            case {"grant": grant, "closes": str()}:
                lacking.discard(grant)
            case {"answer": _, "closes": str(duty)}:
                answers[duty] = event
        if act["command"] == "FireTimer" and to != state and to.startswith(ONWARD):
            yield f"silence led from {state} to {to}"
        if state == "CONSULTATION" and to.startswith("APPROVAL.") and (doubts := _not_agreed(answers)):
            yield f"the consultation closed although {doubts} did not agree"
        if "tally" in event and event["opinion"] == "recommend":
            left = 5 - votes.count("recuse")
            if len(votes) - votes.count("recuse") < 3 or 2 * votes.count("recommend") <= left:
                yield f"the panel recommends with {votes}"
        if to == "APPROVAL.EXTERNAL" != state:
            lacking = set(event.get("asks", ("pertek", "minister_freeze", "minister_registry")))
        if to in DECIDED and state != to and act["command"] != DECIDED[to].get(state):
            yield f"{to} from {state} by {act['command']}"
        if to == "APPROVAL.DECISION" != state and state not in BEFORE_DECISION:
            yield f"to be decided straight from {state}"
        if to == "APPROVAL.DECISION" and lacking:
            yield f"to be decided without {lacking}"
        state = to


def _not_agreed(answers: dict[str, dict[str, Any]]) -> list[str]:
    said = {duty: event["answer"] for duty, event in answers.items()}
    condition = answers.get("employee", {}).get("condition")
    if said.get("employee") == "conditional" and answers.get("receiver", {}).get("accepts_condition") == condition:
        said["employee"] = "willing"
    wanted = {"employee": "willing", "source": "yes", "receiver": "yes", "clearance": "clear"}
    return [duty for duty, answer in wanted.items() if said.get(duty) != answer]


def _rights(history: History, offices: Offices) -> Iterator[str]:
    """Who acted for an office held it, by the orders that had been read when their right was judged."""
    for event in history:
        act = event["act"]
        if act["capacity"] in ("employee", "engine"):
            continue
        if objection := offices.objection(act, datetime.fromisoformat(event["at"])):
            yield f"{act['command']} by {act['actor']} for {act['office']}: {objection}"


def _of(conn: sqlite3.Connection, table: str, column: str, value: str) -> list[sqlite3.Row]:
    return conn.execute(f"SELECT * FROM {table} WHERE {column} = ?", (value,)).fetchall()


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment else None
