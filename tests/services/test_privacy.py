"""Nobody's number, name or words where they do not belong: logs, problem documents, addresses, events, claims."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import pytest
import structlog
from msgspec import convert

from services.app import SERVICES
from services.audit.models import Entry
from services.db import table
from services.http import _fingerprint
from services.logs import configure_logs
from services.personnel.commands import NewPerson
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


@dataclass(frozen=True)
class Story:
    """A town in which many things were mistaken, what it answered, and its log as a machine reads it."""

    world: World
    answers: list[Any]
    log: str


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    before, handlers = structlog.get_config(), logging.root.handlers[:]
    with redirect_stderr(io.StringIO()) as log:
        configure_logs(terminal=False)
        world = town(f"sqlite:///{tmp_path_factory.mktemp('town') / 'imbang.db'}")
        answers = mistaken(world)
    structlog.configure(**before)
    logging.root.handlers[:] = handlers
    yield Story(world, answers, log.getvalue())
    world.close()


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


def test_no_answer_repeats_what_names_somebody(story: Story) -> None:
    assert {answer.status_code for answer in story.answers} >= {200, 201, 400, 404, 422}
    assert [found(answer.text) for answer in story.answers if found(answer.text)] == []


def test_no_line_of_the_log_names_anybody(story: Story) -> None:
    assert '"event": "request"' in story.log
    assert found(story.log) == []


def test_nothing_that_is_kept_names_anybody(story: Story) -> None:
    """Events, claims, jobs, what audit sealed, and all other rows of all tables: names and words are there, sealed."""
    kept = everything(story.world)
    events = [row for service in SERVICES for row in kept[service.outbox.event.name]]
    claims = [row for service in SERVICES for row in kept[service.inbox.claim.name]]
    assert len(events) > 30
    assert claims
    assert len(kept[table(Entry).name]) == len(events)
    assert {name: found(repr(rows)) for name, rows in kept.items() if found(repr(rows))} == {}


def test_a_fingerprint_tells_a_command_only_to_who_has_the_secret(story: Story) -> None:
    """A name and a number could be guessed from a plain hash; so the same command has another print elsewhere."""
    prints = set()
    for secret in ("one", "other"):
        config = replace(story.world.app.config, secret_key=secret)
        with story.world.app.web.app_context(), patch.object(story.world.app, "config", config):
            prints.add(_fingerprint(convert(DEWI, NewPerson)))
    assert len(prints) == 2


def test_a_page_carries_random_ids_and_no_names(story: Story) -> None:
    world = story.world
    drawn = give(acting(world, "officer"), "/api/mutations/", drafted(words=WORDS))
    browser = browsing(world, "officer")
    for path in ("/mutations/", "/mutations/inbox", f"/mutations/{drawn.get_json()['mutation']}", "/workload/"):
        page = browser.get(path).text
        assert [name for name in NAMES.values() if name in page] == []
        assert [nip for nip in NIPS.values() if nip in page] == []
    assert PERSON["ana"] in browser.get(f"/mutations/{drawn.get_json()['mutation']}").text
    assert COUNTER.upper() in browser.get("/workload/").text
