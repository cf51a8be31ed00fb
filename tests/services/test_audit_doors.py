"""The doors of `audit`: what anyone may have, what auditors see, and an export that is checked elsewhere."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from events import ids
from events.envelope import digest
from services.audit import chain, key
from services.audit.checkpoint import Verifier, verified
from services.audit.models import CheckpointRow, Entry
from services.audit.sealing import WITHIN
from services.audit.verify import verify
from services.auth import User, issue
from services.db import table
from tests.services.sealing import SUBJECTS, by_hand, entries, file_url, heads, tell, tell_many, told
from tests.worlds import World


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
    sealed.pass_time(WITHIN)
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
        assert auditor.post("/audit/verify", data={"key": ids.new()}).status_code == 302
        assert "being checked" in auditor.get("/audit/?lang=en").text
        sealed.drain()
        return auditor.get("/audit/?lang=en").text

    assert "Entries: 7, subjects: 3, signed checkpoints: 1; all agree" in check()
    by_hand(sealed, lambda conn: conn.execute(sa.update(Entry).where(Entry.seq == 3).values(body=b"{}")))
    sealed.clock.advance(WITHIN)
    page = check()
    assert "entry 3 was edited" in page
    assert "all agree" not in page


def test_the_page_names_the_key_that_its_checkpoints_are_signed_with(sealed: World) -> None:
    page = client(sealed, "auditor@8200").get("/audit/").text
    shown = re.search(rf"{re.escape(sealed.app.config.audit_origin)}\+[^<]+", page)
    assert shown
    (note,) = (row["note"].decode() for row in sealed.rows("audit", table(CheckpointRow)))
    assert verified(note, Verifier.parse(shown[0])).size == 7
