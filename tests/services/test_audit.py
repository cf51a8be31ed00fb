"""The service `audit`: every event sealed once, heads signed, and every way to tamper with the database found."""

from __future__ import annotations

import io
import re
import stat
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Connection

from events import ids, outbox
from events.envelope import digest
from events.personnel import UnitRegistered
from services import audit
from services.audit import chain, key, reading
from services.audit.checkpoint import Checkpoint, Signer, Verifier, verified
from services.audit.export import Verdict, verify_all
from services.audit.models import CheckpointRow, Entry, FrontierRow, Node
from services.audit.sealing import EVERY, WITHIN, publish_head, signed_head
from services.audit.verify import verify
from services.auth import User, issue
from services.config import Misconfigured
from services.db import table
from services.jobs import Read
from services.service import Command, Refused
from services.transaction import Batch
from tests.worlds import Emit, World

entry, node, edge, checkpoint = table(Entry), table(Node), table(FrontierRow), table(CheckpointRow)
EMITTERS = ("personnel", "workload")
SUBJECTS = ("personnel/unit/a", "personnel/unit/b", "workload/unit/a")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return file_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres_url")


def file_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'imbang.db'}"


@pytest.fixture
def world(url: str, tmp_path: Path) -> Iterator[World]:
    made = opened(url, tmp_path)
    yield made
    made.close()


def opened(url: str, directory: Path, **config: Any) -> World:
    return World(url, [audit.SERVICE], EMITTERS, directory=directory, **config)


def unit(name: str) -> UnitRegistered:
    return UnitRegistered(
        unit=name, name=name, opd="o", opd_name="O", instansi="8200", instansi_name="P", region="82", island="H"
    )


def tell(world: World, *subjects: str) -> None:
    for subject in subjects:
        world.tell(subject, unit(subject))


def tell_many(world: World, count: int) -> None:
    """So many events of one subject in one transaction."""
    emits = [Emit(SUBJECTS[0], unit("a"))] * count
    service = world.app.committer.services["personnel"]
    world.app.committer.run(service, Batch(commands=[Command(id=ids.new(), data=emit) for emit in emits]))


def told(url: str, directory: Path) -> World:
    """Seven events of three subjects, sealed and signed; the later ones of each subject after the others'."""
    world = opened(url, directory)
    tell(world, *SUBJECTS, *SUBJECTS, SUBJECTS[0])
    world.drain()
    publish_head(world.app)
    return world


def entries(world: World) -> list[dict[str, Any]]:
    return world.rows("audit", entry)


def read(world: World) -> Read:
    return Read(world.app.databases.reader("audit").connect, world.app.config)


def heads(world: World) -> list[Checkpoint]:
    """The kept checkpoints, once their signatures hold."""
    public = key.signer(world.app.config).verifier
    return [verified(row["note"].decode(), public) for row in world.rows("audit", checkpoint)]


def by_hand(world: World, edit: Callable[[Connection], object]) -> None:
    """Change the database as its owner, beside the program."""
    engine = sa.create_engine(world.app.config.database_url)
    with engine.begin() as conn:
        edit(conn)
    engine.dispose()


def found(verdict: Verdict) -> list[tuple[str, str, int | None]]:
    return [(f["kind"], f["where"], f["entry"] or f["version"]) for f in verdict["faults"]]


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
        for i in range(12):
            tell(world, f"personnel/unit/{i % 5}-{id(world)}", f"workload/unit/{i % 3}-{id(world)}")
            world.drain()
            publish_head(world.app)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, worlds))
    worlds[0].drain()
    verdict = verify_all(worlds[0].app)
    assert (verdict["entries"], verdict["pending"], verdict["faults"]) == (48, 0, [])
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
        publish_head(world.app)
    assert len(entries(world)) == 8
    assert found(verify_all(world.app)) == [("signature", "audit_checkpoint", 1)]
    world.close()


def test_a_rewritten_log_is_not_signed(url: str, tmp_path: Path) -> None:
    world = told(url, tmp_path)
    by_hand(world, rewrite)
    tell(world, SUBJECTS[0])
    world.drain()
    with pytest.raises(Refused, match=r"audit\.rewritten"):
        publish_head(world.app)
    assert found(verify_all(world.app))[0] == ("rewritten", "audit_entry", 1)
    world.close()


# -- tampering -------------------------------------------------------------------------------------------------------


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


def chosen(subject: str, version: int) -> sa.ColumnElement[bool]:
    return (entry.c.subject == subject) & (entry.c.subject_version == version)


TAMPERING: dict[str, tuple[Callable[[Connection], object], list[tuple[str, str, int | None]]]] = {
    "an entry edited": (edit_body, [("edited", "audit_entry", 3), ("copied", "audit_entry", 3)]),
    "an entry edited with its hashes": (
        edit_body_and_leaf,
        [("rewritten", "audit_entry", 1), ("tree", "audit_node", 3), ("altered", "*", None)],
    ),
    "an entry edited with the whole tree": (rewrite, [("rewritten", "audit_entry", 1), ("altered", "*", None)]),
    "an entry deleted": (
        lambda conn: conn.execute(entry.delete().where(entry.c.seq == 3)),
        [("missing", "audit_entry", 3), ("tree", "audit_node", 3), ("unsealed", "*", None)],
    ),
    "the last entry deleted": (
        lambda conn: conn.execute(entry.delete().where(entry.c.seq == 7)),
        [("truncated", "audit_entry", 7), ("unsealed", "*", None)],
    ),
    "two entries exchanged": (swap_bodies, [("reordered", "audit_entry", 3), ("copied", "audit_entry", 3)]),
    "an entry added": (insert_entry, [("tree", "audit_frontier", 8), ("lost", "*", None)]),
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


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_with_the_log_is_found_and_named(url: str, tmp_path: Path, what: str) -> None:
    world = told(url, tmp_path)
    assert verify_all(world.app)["faults"] == []
    edit, expected = TAMPERING[what]
    by_hand(world, edit)
    verdict = verify_all(world.app)
    seen = found(verdict)
    assert not verdict["verified"]
    for (kind, where, number), (seen_kind, seen_where, seen_number) in zip(expected, seen, strict=True):
        assert (seen_kind, where in ("*", seen_where), number in (None, seen_number)) == (kind, True, True)
    world.close()


def store_of(service: str) -> sa.Table:
    return outbox.tables(sa.MetaData(), service).event


def alter_stored(conn: Connection) -> None:
    event = store_of("workload")
    body = conn.execute(sa.select(event.c.body).where(event.c.subject_version == 2)).scalar_one()
    new = {"body": forged(body), "hash": digest(forged(body))}
    conn.execute(event.update().where(event.c.subject_version == 2).values(new))


def add_stored(conn: Connection) -> None:
    event = store_of("workload")
    row = dict(conn.execute(sa.select(event).where(event.c.subject_version == 2)).mappings().one())
    conn.execute(sa.insert(event).values({**row, "event_id": ids.new(), "subject_version": 3}))


@pytest.mark.parametrize(
    ("edit", "kind", "version"),
    [
        (alter_stored, "altered", 2),
        (add_stored, "unsealed", 3),
        (lambda conn: conn.execute(store_of("workload").delete().where(sa.column("subject_version") == 1)), "lost", 1),
        (lambda conn: conn.execute(store_of("workload").update().values(hash=bytes(32))), "altered", None),
    ],
    ids=["altered", "added", "deleted", "hash altered"],
)
def test_a_keeper_who_edits_an_event_store_is_found(
    url: str, tmp_path: Path, edit: Callable[[Connection], object], kind: str, version: int | None
) -> None:
    world = told(url, tmp_path)
    by_hand(world, edit)
    (fault,) = verify_all(world.app)["faults"]
    assert (fault["kind"], fault["where"], fault["subject"]) == (kind, "workload_event", "workload/unit/a")
    assert version in (None, fault["version"])
    assert f"version {fault['version']} of workload/unit/a" in fault["en"]
    world.close()


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


# -- doors -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[World]:
    made = told(file_url(tmp_path), tmp_path)
    yield made
    made.close()


def client(world: World, *roles: str) -> FlaskClient:
    """A program of somebody with these roles; without a bearer token when there are none."""
    made = world.app.web.test_client()
    if roles:
        user = User(ids.new(), None, "Rahma", roles, datetime.now(UTC).timestamp())
        with world.app.web.app_context():
            made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {issue(user)}"
    return made


def test_anyone_may_keep_the_checkpoint_and_see_that_the_next_extends_it(sealed: World) -> None:
    anyone, public = client(sealed), key.signer(sealed.app.config).verifier
    first = verified(anyone.get("/api/audit/checkpoint").text, public)
    tell(sealed, *SUBJECTS)
    sealed.drain()
    sealed.pass_time(timedelta(minutes=1))
    second = verified(anyone.get("/api/audit/checkpoint").text, public)
    asked = f"/api/audit/proof/consistency?first={first.size}&second={second.size}"
    proof = [bytes.fromhex(h) for h in anyone.get(asked).get_json()["proof"]]
    assert chain.consistent(first.size, first.root, second.size, second.root, proof)


@pytest.mark.parametrize(
    "path",
    ["/api/audit/entries", "/api/audit/proof/inclusion?seq=1", "/audit/", "/audit/entries/1", "/audit/export.tar"],
)
def test_entries_are_for_auditors_and_operators(sealed: World, path: str) -> None:
    assert client(sealed).get(path).status_code in (302, 401)
    assert client(sealed, "officer@bkd").get(path).status_code == 403
    for role in ("auditor@8200", "operator@imbang"):
        assert client(sealed, role).get(path).status_code == 200


def test_every_entry_is_proved_to_be_under_the_published_checkpoint(sealed: World) -> None:
    auditor = client(sealed, "auditor@8200")
    (head,) = heads(sealed)
    page = auditor.get("/api/audit/entries?limit=5").get_json()
    rest = auditor.get(f"/api/audit/entries?after={page['next']}").get_json()
    listed = page["entries"] + rest["entries"]
    assert ([e["seq"] for e in listed], rest["next"]) == (list(range(1, 8)), None)
    for e in listed:
        answer = auditor.get(f"/api/audit/proof/inclusion?seq={e['seq']}").get_json()
        proof = [bytes.fromhex(h) for h in answer["proof"]]
        assert chain.included(digest(e["body"].encode()), e["seq"] - 1, head.size, proof, head.root)


@pytest.mark.parametrize(
    ("query", "status"),
    [("inclusion?seq=8", 404), ("inclusion?seq=1&size=8", 404), ("inclusion?seq=0", 422), ("inclusion", 422),
     ("consistency?first=1&second=8", 404), ("consistency?first=3&second=2", 400)],
)  # fmt: skip
def test_a_proof_of_what_the_log_has_not_is_refused(sealed: World, query: str, status: int) -> None:
    assert client(sealed, "auditor@8200").get(f"/api/audit/proof/{query}").status_code == status


def test_the_download_is_verified_without_this_program(sealed: World, tmp_path: Path) -> None:
    tell(sealed, SUBJECTS[2])
    sealed.drain()
    archive = client(sealed, "auditor@8200").get("/audit/export.tar").data
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(tmp_path, filter="data")
    report = verify(tmp_path / "audit", (tmp_path / "audit" / "key.txt").read_text())
    assert (report.entries, report.subjects, report.checkpoints) == (8, 3, 2)


def test_the_page_lists_the_newest_first_and_one_subject_when_asked(sealed: World) -> None:
    auditor = client(sealed, "auditor@8200")
    page = auditor.get("/audit/?lang=en").text
    assert page.index('href="/audit/entries/7"') < page.index('href="/audit/entries/1"')
    assert "covers 7 entries" in page
    one = auditor.get(f"/audit/?subject={SUBJECTS[1]}").text
    assert one.count('href="/audit/entries/') == 2
    assert one.count('href="/audit/entries/', one.index("<tbody>")) == 2


def test_long_lists_go_on_where_the_page_ended(sealed: World) -> None:
    tell_many(sealed, 60)
    sealed.drain()
    auditor = client(sealed, "auditor@8200")
    assert 'href="/audit/?before=18" rel="next"' in auditor.get("/audit/").text
    older = auditor.get("/audit/?before=18").text
    assert 'href="/audit/entries/17"' in older
    assert 'rel="next"' not in older


def test_an_entry_shows_its_bytes_and_its_proof_once_a_checkpoint_covers_it(sealed: World) -> None:
    auditor = client(sealed, "auditor@8200")
    shown = auditor.get("/audit/entries/3?lang=en").text
    assert "proved" in shown
    assert entries(sealed)[2]["leaf"].hex() in shown
    tell(sealed, SUBJECTS[0])
    sealed.drain()
    assert "does not cover this entry yet" in auditor.get("/audit/entries/8?lang=en").text
    assert auditor.get("/audit/entries/9").status_code == 404


def test_the_button_checks_everything_and_the_page_says_what_was_found(sealed: World) -> None:
    auditor = client(sealed, "auditor@8200")

    def check() -> str:
        sealed.app.web.config["WTF_CSRF_ENABLED"] = False
        assert auditor.post("/audit/verify", data={"key": ids.new()}).status_code == 302
        assert "being checked" in auditor.get("/audit/?lang=en").text
        sealed.drain()
        return auditor.get("/audit/?lang=en").text

    assert "7 entries of 3 subjects agree with 1 signed checkpoints" in check()
    by_hand(sealed, edit_body)
    sealed.clock.advance(timedelta(seconds=1))
    page = check()
    assert "entry 3 was edited" in page
    assert "agree with" not in page


def test_the_page_names_the_key_that_its_checkpoints_are_signed_with(sealed: World) -> None:
    page = client(sealed, "auditor@8200").get("/audit/").text
    shown = re.search(rf"{re.escape(sealed.app.config.audit_origin)}\+[^<]+", page)
    assert shown
    (note,) = (row["note"].decode() for row in sealed.rows("audit", checkpoint))
    assert verified(note, Verifier.parse(shown[0])).size == 7
