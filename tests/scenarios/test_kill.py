"""Any process may die at any moment: nothing that was promised is lost, and nothing has an effect twice."""

from __future__ import annotations

from datetime import date

import pytest

from deploy.sample.ledger import doubled
from deploy.sample.receiver import Receiver
from events import ids
from services import mutations
from services.app import Application
from services.audit.export import verify_all
from services.db import table
from services.identity.models import Account
from services.webhooks.models import Delivery
from tests.scenarios import proofs
from tests.scenarios.fire import BROKER, UnderFire
from tests.scenarios.stages import cluster_with_sample, play
from tests.stations import Stations

#: By then the first helper is at work.
UNTIL = date(2026, 3, 18)
STRIKES = [
    ("cases-1",),
    ("people-1",),
    ("load-1",),
    ("records-1",),
    ("postgres",),
    ("nginx",),
    BROKER,
    ("cases-1", "cases-2"),
    ("people-2", "load-2", "records-2"),
]


def kept(app: Application, promised: list[str]) -> bool:
    """Whether each answered command is in a history: an event there names it as its cause."""
    accounts = [row["id"] for row in proofs.rows(app, table(Account))]
    causes = {str(row["causation"]) for row in proofs.rows(app, mutations.SERVICE.outbox.event)}
    return all(any(ids.derived("http", a, "mutations", key) in causes for a in accounts) for key in promised)


@pytest.mark.postgres
@pytest.mark.kafka
@pytest.mark.timeout(900)
def test_a_story_whose_every_process_is_killed_loses_nothing_and_repeats_nothing(stations: Stations) -> None:
    with cluster_with_sample(stations) as (cluster, app), Receiver() as receiver:
        stage = UnderFire(cluster, app, STRIKES)
        played = play(stage, receiver, UNTIL)
        assert stage.strikes == []
        assert stage.in_hand
        assert played.told.completed
        assert kept(app, stage.promised)
        assert proofs.replayed(app) == proofs.cases(app)
        with app.databases.reader("audit").connect() as conn:
            assert doubled(conn) == {}
        verdict = verify_all(app)
        assert (verdict["faults"], verdict["pending"]) == ([], 0)
        assert {row["event"] for row in proofs.rows(app, table(Delivery))} == receiver.verified.keys()
        assert receiver.rejected == 0
