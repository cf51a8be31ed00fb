"""Where the stories are played: in this process, and on a cluster with two instances of every consumer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from deploy.cluster import Cluster
from deploy.sample import load
from deploy.sample.accounts import PASSWORD
from deploy.sample.browserless import Http, OverNetwork, Visitor
from deploy.sample.days import morning, move_clock, today
from deploy.sample.demo import Embedded, listen
from deploy.sample.receiver import Receiver
from deploy.sample.settled import settle
from deploy.sample.story import Story, Told
from services.app import Application
from tests.conftest import available
from tests.stations import KAFKA_SETTINGS, POSTGRES_SETTINGS, Stations

#: What the instances are told beside what they need anyway.
ENVIRONMENT = {"IMBANG_DEMO": "1", "IMBANG_WEBHOOK_NETWORKS": "127.0.0.0/8"}


class OnCluster:
    """The stage over the network, through the one front door; `app` sees the stores from here and turns nothing."""

    def __init__(self, cluster: Cluster, app: Application):
        self.cluster, self.app = cluster, app
        self._presser: Visitor | None = None

    def http(self) -> Http:
        return OverNetwork(self.cluster.url)

    def settle(self) -> None:
        settle(self.app)

    def next_day(self) -> date:
        """Press the button that every screen of the demo has."""
        self._presser = self._presser or Visitor(self.http(), "operator", PASSWORD)
        self._presser.post("/demo/next-day", {})
        return self.today()

    def jump(self, to: date) -> None:
        move_clock(self.app, morning(to))

    def today(self) -> date:
        return today(self.app)


@dataclass(frozen=True)
class Played:
    """A story that has ended."""

    app: Application
    told: Told
    receiver: Receiver


def play(stage: Embedded | OnCluster, receiver: Receiver, until: date, skip_to: date | None = None) -> Played:
    """Tell the story on a stage, with somebody listening to its webhooks."""
    story = Story(stage)
    listen(story, receiver)
    return Played(stage.app, story.tell(until, skip_to), receiver)


@contextmanager
def cluster_with_sample(stations: Stations) -> Iterator[tuple[Cluster, Application]]:
    """A cluster of the test's own, and its observer; the whole province is loaded."""
    home = stations.directory / f"cluster-{uuid.uuid4().hex}"
    cluster = available("cluster", lambda: Cluster(home, None, ENVIRONMENT, POSTGRES_SETTINGS, KAFKA_SETTINGS))
    try:
        available("cluster", cluster.start_stores)
        app = cluster.observer()
        try:
            cluster.start_instances(app)
            load.load_once(app, lambda: settle(app))
            yield cluster, app
        finally:
            app.runtime.stop()
    finally:
        cluster.stop()
