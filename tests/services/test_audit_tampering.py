"""Every way to tamper with the database of the audit log and the event stores beside it is found and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import ids, outbox
from events.envelope import digest
from services.audit import chain
from services.audit.export import Verdict, verify_all
from services.audit.models import CheckpointRow, Entry, FrontierRow, Node
from services.audit.sealing import EVERY, WITHIN, signed_head
from services.db import table
from services.service import Refused
from tests.services.sealing import SUBJECTS, Edit, by_hand, file_url, opened, read, tell, tell_many, told
from tests.worlds import World

entry, node, edge, checkpoint = table(Entry), table(Node), table(FrontierRow), table(CheckpointRow)
stored = outbox.tables(sa.MetaData(), "workload").event


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = told(file_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres_url"), tmp_path)
    yield made
    made.close()


def body_of(conn: Connection, seq: int) -> bytes:
    return conn.execute(sa.select(entry.c.body).where(entry.c.seq == seq)).scalar_one()


def forged(body: bytes) -> bytes:
    return body.replace(b'"opd":"o"', b'"opd":"x"')


def edit_body(conn: Connection) -> None:
    conn.execute(entry.update().where(entry.c.seq == 3).values(body=forged(body_of(conn, 3))))


def edit_body_and_leaf(conn: Connection) -> None:
    body = forged(body_of(conn, 3))
    conn.execute(entry.update().where(entry.c.seq == 3).values(body=body, leaf=digest(body)))
    conn.execute(node.update().where(node.c.level == 0, node.c.index == 2).values(hash=digest(body)))


def swap_bodies(conn: Connection) -> None:
    third, fourth = body_of(conn, 3), body_of(conn, 4)
    conn.execute(entry.update().where(entry.c.seq == 3).values(body=fourth))
    conn.execute(entry.update().where(entry.c.seq == 4).values(body=third))


def rewrite(conn: Connection) -> None:
    """Forge an entry and build the whole tree anew, as a patient keeper would."""
    edit_body_and_leaf(conn)
    leaves = conn.execute(sa.select(entry.c.leaf).order_by(entry.c.seq)).scalars().all()
    tree, nodes = chain.Frontier().append(leaves)
    for (level, index), hash in nodes.items():
        conn.execute(node.update().where(node.c.level == level, node.c.index == index).values(hash=hash))
    conn.execute(edge.update().values(peaks=b"".join(tree.peaks)))


def insert_entry(conn: Connection) -> None:
    body = body_of(conn, 7).replace(b'"subjectversion":3', b'"subjectversion":4')
    row = {**conn.execute(sa.select(entry).where(entry.c.seq == 7)).mappings().one(), "event_id": ids.new()}
    conn.execute(sa.insert(entry).values({**row, "seq": 8, "subject_version": 4, "body": body, "leaf": digest(body)}))


#: What is done to the log -> the faults it makes, those of event stores by kind alone.
TAMPERING: dict[str, tuple[Edit, list[tuple[str, str, int] | str]]] = {
    "an entry edited": (edit_body, [("edited", "audit_entry", 3), ("copied", "audit_entry", 3)]),
    "an entry edited with its hashes": (
        edit_body_and_leaf,
        [("rewritten", "audit_entry", 1), ("tree", "audit_node", 3), "altered"],
    ),
    "an entry edited with the whole tree": (rewrite, [("rewritten", "audit_entry", 1), "altered"]),
    "an entry deleted": (
        lambda conn: conn.execute(entry.delete().where(entry.c.seq == 3)),
        [("missing", "audit_entry", 3), ("tree", "audit_node", 3), "unsealed"],
    ),
    "the last entry deleted": (
        lambda conn: conn.execute(entry.delete().where(entry.c.seq == 7)),
        [("truncated", "audit_entry", 7), "unsealed"],
    ),
    "two entries exchanged": (swap_bodies, [("reordered", "audit_entry", 3), ("copied", "audit_entry", 3)]),
    "an entry added": (insert_entry, [("tree", "audit_frontier", 8), "lost"]),
    "a column of an entry changed": (
        lambda conn: conn.execute(entry.update().where(entry.c.seq == 2).values(type="personnel.person_registered")),
        [("copied", "audit_entry", 2)],
    ),
    "a hash of the tree changed": (
        lambda conn: conn.execute(node.update().where(node.c.level == 1, node.c.index == 2).values(hash=bytes(32))),
        [("tree", "audit_node", 5)],
    ),
    "the edge of the tree set back": (
        lambda conn: conn.execute(edge.update().values(size=6)),
        [("tree", "audit_frontier", 8)],
    ),
    "a checkpoint changed": (
        lambda conn: conn.execute(checkpoint.update().values(note=b"x\n1\ny\n\n" + "— x y\n".encode())),
        [("signature", "audit_checkpoint", 1)],
    ),
}


def alter_stored(conn: Connection) -> None:
    body = conn.execute(sa.select(stored.c.body).where(stored.c.subject_version == 2)).scalar_one()
    new = {"body": forged(body), "hash": digest(forged(body))}
    conn.execute(stored.update().where(stored.c.subject_version == 2).values(new))


def add_stored(conn: Connection) -> None:
    row = dict(conn.execute(sa.select(stored).where(stored.c.subject_version == 2)).mappings().one())
    conn.execute(sa.insert(stored).values({**row, "event_id": ids.new(), "subject_version": 3}))


#: What is done to the event store of `workload` -> the fault it makes, at which version of workload/unit/a.
STORE_TAMPERING: dict[str, tuple[Edit, str, int]] = {
    "an event altered": (alter_stored, "altered", 2),
    "an event added": (add_stored, "unsealed", 3),
    "an event deleted": (lambda conn: conn.execute(stored.delete().where(stored.c.subject_version == 1)), "lost", 1),
    "a hash altered": (
        lambda conn: conn.execute(stored.update().where(stored.c.subject_version == 2).values(hash=bytes(32))),
        "altered",
        2,
    ),
    "an event moved to another subject": (
        lambda conn: conn.execute(stored.update().where(stored.c.subject_version == 2).values(subject="workload/b")),
        "altered",
        2,
    ),
}


@contextmanager
def tampered(world: World, edit: Edit) -> Iterator[Verdict]:
    """The verdict over a database that its owner has edited; undone afterwards."""
    tables = (entry, node, edge, checkpoint, stored)
    before = {t: by_hand(world, lambda conn, t=t: conn.execute(sa.select(t)).mappings().all()) for t in tables}
    by_hand(world, edit)
    yield verify_all(world.app)
    for t, rows in before.items():
        by_hand(world, lambda conn, t=t: conn.execute(t.delete()))
        by_hand(world, lambda conn, t=t, rows=rows: conn.execute(sa.insert(t), [dict(row) for row in rows]))
    assert verify_all(world.app)["faults"] == []


def test_tampering_with_the_log_is_found_and_named(world: World, subtests: pytest.Subtests) -> None:
    for what, (edit, expected) in TAMPERING.items():
        with subtests.test(what), tampered(world, edit) as verdict:
            seen = [(f["kind"], f["where"], f["entry"]) for f in verdict["faults"]]
            assert [s if s[1].startswith("audit_") else s[0] for s in seen] == expected
            assert not verdict["verified"]


def test_a_keeper_who_edits_an_event_store_is_found(world: World, subtests: pytest.Subtests) -> None:
    for what, (edit, kind, version) in STORE_TAMPERING.items():
        with subtests.test(what), tampered(world, edit) as verdict:
            (fault,) = verdict["faults"]
            assert (fault["kind"], fault["where"], fault["version"]) == (kind, "workload_event", version)
            assert f"version {version} of workload/unit/a" in fault["en"]


def test_an_event_that_is_gone_before_it_was_sealed_is_found(world: World) -> None:
    tell(world, SUBJECTS[2])
    world.app.runtime.relay(next(s for s in world.app.services if s.name == "workload"))
    by_hand(world, lambda conn: conn.execute(stored.delete().where(stored.c.subject_version == 3)))
    (fault,) = verify_all(world.app)["faults"]
    assert (fault["kind"], fault["where"]) == ("vanished", "workload_event")


def test_a_rewritten_log_is_not_signed(world: World) -> None:
    by_hand(world, rewrite)
    tell(world, SUBJECTS[0])
    world.drain()
    with pytest.raises(Refused, match=r"audit\.rewritten"):
        signed_head(read(world))
    assert [f["kind"] for f in verify_all(world.app)["faults"]] == ["rewritten", "altered"]


def test_a_column_of_an_event_that_differs_from_its_bytes_is_found(world: World, subtests: pytest.Subtests) -> None:
    for column, value in (
        ("type", "personnel.person_registered"),
        ("time", datetime(2020, 1, 1, tzinfo=UTC)),
        ("correlation", ids.new()),
        ("causation", ids.new()),
    ):
        change = stored.update().where(stored.c.subject_version == 2).values({column: value})
        with subtests.test(column), tampered(world, lambda conn, change=change: conn.execute(change)) as verdict:
            assert [(f["kind"], f["where"], f["version"]) for f in verdict["faults"]] == [
                ("altered", "workload_event", 2)
            ]


def test_a_log_that_lost_its_checkpoints_is_found_and_not_signed_as_if_it_had_none(world: World) -> None:
    world.pass_time(WITHIN)
    by_hand(world, lambda conn: conn.execute(checkpoint.delete()))
    for _ in range(2):
        lost, none = verify_all(world.app)["faults"]
        assert (lost["kind"], lost["where"], lost["entry"]) == ("unsigned", "audit_checkpoint", 1)
        assert none["kind"] == "signature"
    assert world.rows("audit", checkpoint) == []


def test_so_many_entries_without_a_checkpoint_are_found_while_another_is_asked_for(world: World) -> None:
    tell_many(world, EVERY)
    world.drain()
    tell(world, SUBJECTS[0])
    world.drain()
    by_hand(world, lambda conn: conn.execute(checkpoint.delete()))
    assert [fault["kind"] for fault in verify_all(world.app)["faults"]] == ["unsigned", "signature"]


def test_a_log_whose_first_checkpoint_is_still_due_is_whole(tmp_path: Path) -> None:
    world = opened(file_url(tmp_path), tmp_path)
    tell(world, *SUBJECTS)
    world.drain()
    assert world.rows("audit", checkpoint) == []
    assert verify_all(world.app)["faults"] == []
    world.close()
