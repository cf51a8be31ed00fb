"""Nobody's number, name or words where they do not belong: logs, problem documents, addresses, events, claims."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from services.app import SERVICES
from services.audit.models import Entry
from services.db import table
from services.logs import configure_logs
from tests.town import COUNTER, DONOR, NAMES, NIPS, PERSON, acting, browsing, drafted, everything, give, town
from tests.worlds import World

NIP, NIK, NAME, WORDS = "199207082018012004", "8271010807920001", "Dewi Kaunar", "Anak saya sedang sakit keras"
PERSONAL = (NIP, NIK, NAME, WORDS, *NAMES.values(), *NIPS.values())
ROLES = ("operator@imbang", "personnel@8200", "names@8200")
DEWI = {
    "name": NAME, "nip": NIP, "status": "pns", "grade": 9, "position": f"{DONOR}.p", "unit": DONOR,
    "since": "2020-01-01", "appointed_on": "2018-01-01", "retires_on": "2050-08-01", "skills": ["layanan"],
    "home": "halmahera",
}  # fmt: skip


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, io.StringIO]]:
    """A town, and all that it writes to its log as a machine reads it."""
    log = io.StringIO()
    before = structlog.get_config()
    monkeypatch.setattr(sys, "stderr", log)
    configure_logs(terminal=False)
    world = town(f"sqlite:///{tmp_path / 'imbang.db'}")
    yield world, log
    world.close()
    structlog.configure(**before)


def found(text: str) -> list[str]:
    return [each for each in PERSONAL if each in text]


def mistaken(world: World) -> list[Any]:
    """Commands in which a number or name stands where it does not belong, and a few good ones; the answers."""
    keeper = acting(world, "officer", *ROLES)
    answers = [give(keeper, "/api/personnel/people", DEWI) for _ in range(2)]
    for field in DEWI:
        for personal in (NIP, NIK):
            answers.append(give(keeper, "/api/personnel/people", DEWI | {field: personal}))
    for field in ("person", "to_position", "mode", "start", "origin"):
        answers.append(give(keeper, "/api/mutations/", drafted(**{field: NIP})))
    drawn = give(keeper, "/api/mutations/", drafted(words=WORDS))
    case = f"/api/mutations/{drawn.get_json()['mutation']}"
    answers += [
        drawn,
        give(keeper, f"{case}/submit", {"documents": {"G2": NIP}}),
        give(keeper, f"{case}/submit", {"documents": {NIP: "a" * 64}}),
        give(keeper, f"{case}/sign", {"number": NIP, "decree_date": NIP, "effective_on": NIP}),
        give(keeper, f"{case}/hand-over", {"successor": NIP, "record": NAME, "e_signature": "none"}),
        give(keeper, f"{case}/register", {"reference": f"SK {NIP}"}),
        give(keeper, f"{case}/cancel", {"reason_class": NAME}),
        give(keeper, "/api/identity/accounts", {"login": "dewi", "label": NAME, "person": NIP}),
        keeper.get(f"/api/workload/units/{NIP}"),
        keeper.get(f"/api/mutations/?after={NIP}"),
        keeper.get(f"/personnel/cards?ids={NIP}", headers={"Accept": "application/json"}),
        keeper.get(f"/{NIP}", headers={"Accept": "application/json"}),
        give(keeper, f"{case}/cancel", {"reason_class": "need_gone", "words": WORDS}),
    ]
    world.drain()
    return answers


def test_no_answer_repeats_what_names_somebody(told: tuple[World, io.StringIO]) -> None:
    world, _ = told
    answers = mistaken(world)
    assert {answer.status_code for answer in answers} >= {200, 201, 400, 404, 422}
    assert [found(answer.text) for answer in answers if found(answer.text)] == []


def test_no_line_of_the_log_names_anybody(told: tuple[World, io.StringIO]) -> None:
    world, log = told
    mistaken(world)
    written = log.getvalue()
    assert '"event": "request"' in written
    assert found(written) == []


def test_nothing_that_is_kept_names_anybody_but_the_sealed_cards_and_words(told: tuple[World, io.StringIO]) -> None:
    """Events, claims, jobs, what was sealed for audit and all other rows of all tables."""
    world, _ = told
    mistaken(world)
    kept = everything(world)
    events = [row for service in SERVICES for row in kept[service.outbox.event.name]]
    claims = [row for service in SERVICES for row in kept[service.inbox.claim.name]]
    assert len(events) > 40
    assert claims
    assert len(kept[table(Entry).name]) == len(events)
    assert {name: found(repr(rows)) for name, rows in kept.items() if found(repr(rows))} == {}


def test_a_fingerprint_cannot_be_guessed_from_a_name_and_a_number(told: tuple[World, io.StringIO]) -> None:
    """The same command leaves another fingerprint where the secret is another."""
    world, _ = told
    prints = []
    for secret in ("one", "other"):
        object.__setattr__(world.app.config, "secret_key", secret)
        keeper = acting(world, "officer", *ROLES)
        assert give(keeper, "/api/personnel/units", _unit(secret)).status_code == 201
        with world.app.databases.reader("personnel").connect() as conn:
            newest = sa.text("SELECT fingerprint FROM personnel_claim ORDER BY at DESC, rowid DESC LIMIT 1")
            prints.append(conn.execute(newest).scalar_one())
    assert prints[0] != prints[1]


def _unit(name: str) -> dict[str, str]:
    return {
        "unit": "8200.umum.x", "name": name, "opd": "8200.umum", "opd_name": "o", "instansi": "8200",
        "instansi_name": "i", "region": "1", "island": "h",
    }  # fmt: skip


def test_a_link_carries_random_ids_and_no_names(told: tuple[World, io.StringIO]) -> None:
    world, _ = told
    drawn = give(acting(world, "officer"), "/api/mutations/", drafted(words=WORDS))
    browser = browsing(world, "officer")
    for path in ("/mutations/", "/mutations/inbox", f"/mutations/{drawn.get_json()['mutation']}", "/workload/"):
        page = browser.get(path).text
        assert [name for name in NAMES.values() if name in page] == []
        assert [nip for nip in NIPS.values() if nip in page] == []
    assert PERSON["ana"] in browser.get(f"/mutations/{drawn.get_json()['mutation']}").text
    assert COUNTER.upper() in browser.get("/workload/").text
