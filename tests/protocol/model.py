"""Explore the models of the protocol with SPIN, every state of them, and tell what a counterexample does, in words.

`python -m tests.protocol.model [RULE ...]` leaves out each rule, all of them by default, and prints the shortest run in
which a promise breaks; that takes a minute. The tests look depth first, which finds a longer one at once.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

HERE = Path(__file__).parent
#: Steps of a run at most; the deepest runs have some hundred.
DEPTH = 100_000
#: Megabytes that a search may take.
MEMORY = 2_000

#: What is explored to the end: the file, and its bounds.
HOLDS = {
    "commands": ("commands.pml", ("FAULTS=2",)),
    "delivery by Kafka": ("delivery.pml", ("FAULTS=1",)),
    "delivery by the database, of two services": ("delivery.pml", ("DATABASE_LOG", "SERVICES=2", "FAULTS=2")),
    "delivery by the database, in two partitions": ("delivery.pml", ("DATABASE_LOG", "PARTS=2", "FAULTS=2")),
    "restore": ("restore.pml", ("FAULTS=2",)),
}

ONE, TWO = "FAULTS=1", "FAULTS=2"


class Weakening(NamedTuple):
    """A rule left out on purpose: where, within which bounds it shows, and which promise breaks."""

    file: str
    bounds: tuple[str, ...]
    promise: str


WEAKENINGS = {
    "CLAIM_FIRST": Weakening("commands.pml", (ONE,), "nothing_is_lost"),
    "CLAIM_AFTERWARDS": Weakening("commands.pml", (ONE,), "no_double_effect"),
    "CLAIMS_UNCOUNTED": Weakening("commands.pml", (ONE,), "no_double_effect"),
    "ANSWER_BEFORE_COMMIT": Weakening("commands.pml", (ONE,), "nothing_is_lost"),
    "LOCKS_UNSORTED": Weakening("commands.pml", (ONE,), "nobody_is_stuck"),
    "SUBJECTS_UNGUARDED": Weakening("commands.pml", (ONE,), "order_is_kept"),
    "LEASE_UNFENCED": Weakening("commands.pml", (ONE,), "no_double_effect"),
    "ARMING_UNCHECKED": Weakening("commands.pml", (ONE,), "no_double_effect"),
    "RELAY_WITHOUT_RECHECK": Weakening("delivery.pml", (ONE,), "nothing_is_lost"),
    "RELAY_SKIPS_LOCKED": Weakening("delivery.pml", ("FAULTS=0", "CONSUMERS=1"), "order_is_kept"),
    "RELAY_PAST_LAST": Weakening("delivery.pml", (ONE,), "nothing_is_lost"),
    "FORGOTTEN_FIRST": Weakening("delivery.pml", (ONE, "CONSUMERS=1"), "nothing_is_lost"),
    "LOG_BY_SEQUENCE": Weakening("delivery.pml", ("DATABASE_LOG", "SERVICES=2", ONE), "nothing_is_lost"),
    "POSITION_FIRST": Weakening("delivery.pml", (ONE, "RELAYS=1"), "nothing_is_lost"),
    "POSITION_UNLOCKED": Weakening("delivery.pml", (ONE, "RELAYS=1"), "no_double_effect"),
    "POSITION_WITHOUT_ID": Weakening("delivery.pml", (ONE, "RELAYS=1", "CONSUMERS=1"), "nothing_is_lost"),
    "REPUBLISH_KEEPS_POSITIONS": Weakening("delivery.pml", (ONE, "RELAYS=1", "CONSUMERS=1"), "nothing_is_lost"),
    "VERSIONS_UNCHECKED": Weakening("delivery.pml", (ONE, "RELAYS=1", "CONSUMERS=1"), "no_double_effect"),
    "GAP_UNCHECKED": Weakening("delivery.pml", (ONE, "RELAYS=1", "CONSUMERS=1"), "order_is_kept"),
    "RECHECK_LEFT_OUT": Weakening("delivery.pml", (ONE, "RELAYS=1"), "nothing_is_lost"),
    "APPLIED_FIRST": Weakening("delivery.pml", (ONE, "RELAYS=1"), "no_double_effect"),
    "COPY_AFTER_CUT": Weakening("delivery.pml", (TWO, "RELAYS=1", "CONSUMERS=1"), "nothing_is_lost"),
    "STARTS_UNRECONCILED": Weakening("restore.pml", (ONE,), "order_is_kept"),
    "SENDS_UNPROVEN": Weakening("restore.pml", (TWO,), "order_is_kept"),
    "ADOPTED_WITHOUT_CLAIM": Weakening("restore.pml", (TWO,), "no_double_effect"),
    "REACTS_AGAIN": Weakening("restore.pml", (ONE,), "no_double_effect"),
    "FORK_OVERWRITTEN": Weakening("restore.pml", (TWO,), "nothing_is_lost"),
}

#: Names of the models and where the code has them.
NAMES = {
    "client": "services.committer:Committer.submit",
    "instance": "services.committer:Committer.run",
    "OutcomeUnknown": "services.committer:OutcomeUnknown",
    "claim": "events.inbox:Inbox.claim",
    "_repeats": "services.batch:_repeats",
    "worker": "services.steps:Steps.work",
    "jobs.lease": "services.jobs:lease",
    "jobs.finish": "services.jobs:finish",
    "fence": "services.jobs:Job.fence",
    "timer": "services.steps:Steps.fire",
    "timers.due": "services.timers:due",
    "batch._fire": "services.batch:_fire",
    "arming": "services.service:Firing.arming",
    "committer": "services.committer:Committer",
    "outbox.record": "events.outbox:record",
    "unpublished": "events.outbox:Outbox.unpublished",
    "relay": "services.steps:Steps.relay",
    "outbox.relay": "events.outbox:relay",
    "shard_lock": "events.outbox:_locked",
    "wakes": "services.runtime:Runtime._wake",
    "log.append": "events.log:EventLog.append",
    "log_entry": "events.log:log_entry",
    "log_head": "events.log:log_head",
    "enter": "events.log:DatabaseLog._enter",
    "consumer": "services.steps:Steps.read",
    "Reader.read": "events.log:Reader.read",
    "position": "events.inbox:Inbox.position",
    "last_id": "events.log:Position.last_id",
    "LogCut": "events.log:LogCut",
    "batch.apply": "services.batch:apply",
    "lock_position": "services.batch:_admit",
    "Incoming": "services.incoming:Incoming",
    "applied": "events.inbox:Inbox.applied",
    "lock_applied": "events.inbox:applied",
    "waiting": "events.inbox:Inbox.waiting",
    "lock_waiting": "events.inbox:waiting",
    "NOT_YET": "events.inbox:NOT_YET",
    "DUE": "events.inbox:due",
    "woken": "events.inbox:wake",
    "handle": "services.incoming:Incoming._handle",
    "republish": "services.republish:republish",
    "Steps.read": "services.steps:Steps.read",
    "Steps.relay": "services.steps:Steps.relay",
    "backup": "services.backup:backup",
    "restore": "services.restore:restore",
    "runtime": "services.runtime:Runtime.start",
    "require_whole": "services.whole:require_whole",
    "_ask_the_log": "services.runtime:Runtime._ask_the_log",
    "unproven": "services.steps:Steps.unproven",
    "NotReconciled": "services.whole:NotReconciled",
    "Forked": "services.whole:Forked",
    "reconcile": "services.reconcile:reconcile",
    "insert": "services.reconcile:_insert",
    "_ReadOn.to_the_end": "services.reconcile:_ReadOn.to_the_end",
}


class Run(NamedTuple):
    """What a search found. `broken`: the promise that does not hold; `story`: how that comes about."""

    complete: bool
    states: int
    depth: int
    broken: str | None
    story: list[str]


def explore(file: str, defines: Sequence[str], how: Sequence[str] = ("-O1",)) -> Run:
    """Search all states of a model, or until a promise breaks; `how` is told to the compiler of the verifier.

    States are kept whole (neither bitstate nor hash-compact), so a search that ends has left none out.
    """
    macros = [f"-D{define}" for define in defines]
    with TemporaryDirectory() as folder:

        def call(*command: str) -> str:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
            return done.stdout

        Path(folder, file).write_text((HERE / file).read_text())
        call("spin", "-a", *macros, file)
        call("gcc", *how, "-w", "-DSAFETY", f"-DMEMLIM={MEMORY}", "-o", "pan", "pan.c")
        # -E: that a process waits for ever is judged by `promises`, which may find that all is done
        said = call("./pan", "-E", f"-m{DEPTH}")
        story = []
        if Path(folder, f"{file}.trail").exists():
            told = call("spin", "-t", "-B", "-T", *macros, file).splitlines()
            story = [line.strip() for line in told if line.strip() and not line.startswith(("spin:", "#"))]
    found = {name: int(number) for number, name in re.findall(r"(\d+) (states, stored|errors)", said)}
    depth = re.search(r"depth reached (\d+), errors: (\d+)", said)
    assert depth is not None, said
    cut_short = any(sign in said for sign in ("Search not completed", "search depth too small", "out of memory"))
    broken = [line.removeprefix("broken promise: ") for line in story if line.startswith("broken promise: ")]
    return Run(
        complete=not cut_short and depth[2] == "0",
        states=found["states, stored"],
        depth=int(depth[1]),
        broken=broken[0] if broken else ("an assertion" if depth[2] != "0" else None),
        story=story,
    )


def weakened(rule: str, *, shortest: bool = False) -> Run:
    """A run in which the protocol without this rule breaks a promise."""
    weakening = WEAKENINGS[rule]
    return explore(weakening.file, (*weakening.bounds, rule), ("-O2", "-DBFS") if shortest else ("-O0",))


def main(rules: Sequence[str]) -> None:
    for rule in rules or WEAKENINGS:
        run = weakened(rule, shortest=True)
        print(f"{rule} ({run.states} states)", *run.story, sep="\n  ")


if __name__ == "__main__":
    main(sys.argv[1:])
