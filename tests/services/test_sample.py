"""The sample province goes in through the commands of the services, once, whole, and can be signed in to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from deploy.sample import load as loading
from deploy.sample.accounts import PASSWORD, accounts, employee_login
from deploy.sample.browserless import InProcess, Visitor
from deploy.sample.model import Province
from deploy.sample.province import generate
from events import ids
from services.app import SERVICES
from services.config import Misconfigured
from services.db import table
from services.identity.commands import OpenAccount
from services.identity.credentials import hash_password
from services.identity.models import Account
from services.personnel.models import Card, Person
from services.service import Command
from tests.worlds import World


@pytest.fixture(scope="module")
def sample() -> Province:
    """The province with the people of the stories and the holders of offices only: a fifteenth of it."""
    whole = generate()
    stages = {whole.planted.counter, whole.planted.counter_donor, whole.planted.vaccination_donor}
    holders = {held.person for held in whole.holdings}
    people = [p for p in whole.people if p.unit in stages or p.person in holders]
    return msgspec.structs.replace(whole, people=people)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, sample: Province, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setattr(loading, "province", lambda: sample)
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'imbang.db'}" if sqlite else request.getfixturevalue("postgres_url")
    made = World(url, SERVICES, [])
    yield made
    made.close()


def recorded(world: World) -> int:
    return sum(len(world.rows(s.name, s.outbox.event)) for s in SERVICES)


def test_the_sample_is_loaded_once_and_every_service_takes_it(world: World, sample: Province) -> None:
    loading.load_once(world.app)
    assert len(world.rows("personnel", table(Person))) == len(sample.people)
    assert len(world.rows("personnel", table(Card))) == len(sample.people) + len(sample.officials)
    assert [row for s in SERVICES for row in world.rows(s.name, s.inbox.waiting)] == []
    before = recorded(world)
    loading.load_once(world.app)
    world.drain()
    assert recorded(world) == before


def test_an_interrupted_load_goes_on_where_it_stopped(world: World, sample: Province) -> None:
    for n, data in enumerate(list(loading.registrations(sample))[:3]):
        command_id = ids.derived("sample", str(sample.seed), "personnel", str(n))
        world.app.committer.submit("personnel", Command(id=command_id, data=data))
    loading.load_once(world.app)
    assert len(world.rows("personnel", table(Person))) == len(sample.people)
    assert len(world.rows("identity", table(Account))) == len(list(accounts(sample)))


def test_the_sample_and_its_known_password_never_enter_a_database_in_use(world: World) -> None:
    world.submit("identity", OpenAccount(login="admin", label="Admin", password_hash=hash_password("their own secret")))
    before = recorded(world)
    with pytest.raises(Misconfigured, match="not of the sample"):
        loading.load_once(world.app)
    assert recorded(world) == before


def test_people_of_the_sample_sign_in_by_the_printed_accounts(world: World, sample: Province) -> None:
    for account in accounts(sample):
        world.submit("identity", account)
    unwilling = employee_login(sample.planted.unwilling)
    for login in ("bkd", "kepala.8200.dukcapil", unwilling, "operator"):
        Visitor(InProcess(world.app.web.test_client()), login, PASSWORD)
    assert PASSWORD in loading.accounts_text()
