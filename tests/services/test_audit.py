"""The service `audit`: every event sealed once, whoever delivers it and however often, and the heads signed."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import outbox
from services import audit
from services.audit import chain, key, reading
from services.audit.checkpoint import Signer
from services.audit.export import verify_all
from services.audit.sealing import EVERY, WITHIN, publish_head, signed_head
from services.batch import Batch
from services.config import Misconfigured
from services.service import Refused
from tests.services.sealing import SUBJECTS, by_hand, entries, file_url, heads, opened, read, tell, tell_many, told
from tests.worlds import World


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return file_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def world(url: str, tmp_path: Path) -> Iterator[World]:
    made = opened(url, tmp_path)
    yield made
    made.close()


# -- sealing ---------------------------------------------------------------------------------------------------------


def test_every_event_is_sealed_as_it_was_stored_and_each_subject_in_its_order(world: World) -> None:
    tell(world, *SUBJECTS, *SUBJECTS, SUBJECTS[0])
    world.drain()
    sealed = entries(world)
    assert [e["seq"] for e in sealed] == list(range(1, 8))
    stored = {r["event_id"]: r for s in world.app.services for r in world.rows(s.name, s.outbox.event)}
    assert {e["event_id"]: (e["body"], e["leaf"]) for e in sealed} == {
        i: (r["body"], r["hash"]) for i, r in stored.items()
    }
    for subject, versions in zip(SUBJECTS, ([1, 2, 3], [1, 2], [1, 2]), strict=True):
        assert [e["subject_version"] for e in sealed if e["subject"] == subject] == versions


def test_a_batch_delivered_again_and_again_is_sealed_once(world: World) -> None:
    tell(world, *SUBJECTS)
    for service in world.app.services:
        world.app.runtime.relay(service)
    records = world.app.event_log.reader("audit", audit.SERVICE.topics, dict).read(100)
    for _ in range(3):
        world.app.committer.offer("audit", Batch(records=records))
    assert [e["seq"] for e in entries(world)] == [1, 2, 3]


def test_a_copy_of_an_event_later_in_the_log_is_not_sealed_again(world: World) -> None:
    tell(world, *SUBJECTS)
    world.drain()
    personnel = world.app.committer.services["personnel"].outbox
    by_hand(world, lambda conn: republish(conn, personnel, world.app.event_log.partitions("personnel")))
    world.drain()
    assert [e["seq"] for e in entries(world)] == [1, 2, 3]


def republish(conn: Connection, box: outbox.Outbox, partitions: int) -> None:
    for event_id, subject in conn.execute(sa.select(box.event.c.event_id, box.event.c.subject)).all():
        row = {"event_id": event_id, "topic": "personnel", "shard": outbox.shard(subject, partitions)}
        conn.execute(sa.insert(box.unpublished).values(row))


def test_after_a_restart_the_log_goes_on_where_it_stood(url: str, tmp_path: Path) -> None:
    before = told(url, tmp_path)
    before.close()
    after = opened(url, tmp_path)
    tell(after, *SUBJECTS)
    after.drain()
    publish_head(after.app)
    first, second = heads(after)
    with read(after)() as conn:
        proof = chain.consistency_proof(first.size, second.size, reading.nodes(conn))
    assert (first.size, second.size) == (7, 10)
    assert chain.consistent(first.size, first.root, second.size, second.root, proof)
    assert verify_all(after.app)["faults"] == []
    after.close()


@pytest.mark.postgres
def test_two_instances_that_took_the_same_records_seal_them_once(postgres_url: str, tmp_path: Path) -> None:
    one, other = opened(postgres_url, tmp_path), opened(postgres_url, tmp_path)
    tell(one, *SUBJECTS)
    one.app.runtime.relay(one.app.services[1])
    same = [w.app.event_log.reader("audit", audit.SERVICE.topics, dict).read(100) for w in (one, other)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda w, r: w.app.committer.offer("audit", Batch(records=r)), (one, other), same))
    assert [e["seq"] for e in entries(one)] == [1, 2]
    one.close()
    other.close()


@pytest.mark.postgres
def test_two_instances_at_work_together_make_one_log_without_forks(postgres_url: str, tmp_path: Path) -> None:
    worlds = [opened(postgres_url, tmp_path) for _ in range(2)]

    def work(world: World) -> None:
        for i in range(6):
            tell(world, f"personnel/unit/{i % 5}-{id(world)}", f"workload/unit/{i % 3}-{id(world)}")
            world.drain()
            publish_head(world.app)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, worlds))
    worlds[0].drain()
    verdict = verify_all(worlds[0].app)
    assert (verdict["entries"], verdict["pending"], verdict["faults"]) == (24, 0, [])
    for world in worlds:
        world.close()


# -- signing ---------------------------------------------------------------------------------------------------------


def test_the_head_is_signed_a_minute_after_the_first_entry_that_no_checkpoint_covers(world: World) -> None:
    tell(world, SUBJECTS[0])
    world.drain()
    world.pass_time(WITHIN / 2)
    tell(world, SUBJECTS[1])
    world.drain()
    assert heads(world) == []
    world.pass_time(WITHIN / 2)
    assert [head.size for head in heads(world)] == [2]
    world.pass_time(10 * WITHIN)
    assert [head.size for head in heads(world)] == [2]


def test_a_burst_is_signed_at_once(world: World) -> None:
    tell_many(world, EVERY - 1)
    world.drain()
    assert heads(world) == []
    tell_many(world, 1)
    world.drain()
    assert [head.size for head in heads(world)] == [EVERY]


def test_what_is_sealed_while_the_head_is_being_signed_is_signed_a_minute_later(world: World) -> None:
    tell(world, SUBJECTS[0])
    world.drain()
    head = signed_head(read(world))
    assert head is not None
    tell(world, SUBJECTS[1])
    world.drain()
    world.submit("audit", head)
    world.pass_time(WITHIN)
    assert [head.size for head in heads(world)] == [1, 2]


def test_a_checkpoint_that_comes_late_or_twice_changes_nothing(world: World) -> None:
    tell(world, SUBJECTS[0])
    world.drain()
    late = signed_head(read(world))
    assert late is not None
    tell(world, SUBJECTS[1])
    world.drain()
    publish_head(world.app)
    world.submit("audit", late)
    publish_head(world.app)
    assert [head.size for head in heads(world)] == [2]


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    world = opened(file_url(tmp_path), tmp_path)
    first, again = key.signer(world.app.config), key.signer(world.app.config)
    assert str(first.verifier) == str(again.verifier)
    assert stat.S_IMODE((tmp_path / key.FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob(f"{key.FILE}*")] == [key.FILE]
    world.close()


def test_a_key_that_is_named_must_exist(tmp_path: Path) -> None:
    world = opened(file_url(tmp_path), tmp_path, audit_key=tmp_path / "shared.pem")
    with pytest.raises(Misconfigured, match=r"shared\.pem"):
        key.signer(world.app.config)
    (tmp_path / "shared.pem").write_bytes(Signer.generate("x").pem)
    assert key.signer(world.app.config).name == world.app.config.audit_origin
    world.close()


def test_another_key_stops_the_checkpoints_but_not_the_sealing(url: str, tmp_path: Path) -> None:
    world = told(url, tmp_path)
    (tmp_path / key.FILE).unlink()
    tell(world, SUBJECTS[0])
    world.drain()
    with pytest.raises(Refused, match=r"audit\.other_key"):
        signed_head(read(world))
    assert len(entries(world)) == 8
    assert [fault["kind"] for fault in verify_all(world.app)["faults"]] == ["signature"]
    world.close()


# -- verifying -------------------------------------------------------------------------------------------------------


def test_an_event_on_its_way_to_the_log_is_no_fault(world: World) -> None:
    tell(world, SUBJECTS[0])
    world.drain()
    tell(world, SUBJECTS[0])
    verdict = verify_all(world.app)
    assert (verdict["verified"], verdict["entries"], verdict["pending"]) == (True, 1, 1)
    world.app.runtime.relay(world.app.committer.services["personnel"])
    assert verify_all(world.app)["pending"] == 1
    world.drain()
    verdict = verify_all(world.app)
    assert (verdict["entries"], verdict["pending"], verdict["events"]["personnel"]) == (2, 0, 2)


def test_an_empty_log_is_verified(world: World) -> None:
    assert verify_all(world.app)["faults"] == []
