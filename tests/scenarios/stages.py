"""The story on the cluster: over the network, through the one front door, to two instances of everything."""

from __future__ import annotations

from datetime import date

from deploy.cluster import Cluster
from deploy.sample.accounts import PASSWORD
from deploy.sample.browserless import Http, OverNetwork, Visitor
from deploy.sample.days import morning, move_clock, today
from deploy.sample.settled import settle
from services.app import Application


class OnCluster:
    """The stage of deploy/sample/story.py; `observer` looks at the stores from this process and turns nothing."""

    def __init__(self, cluster: Cluster, observer: Application):
        self.cluster, self.observer = cluster, observer
        self._presser: Visitor | None = None

    def http(self) -> Http:
        return OverNetwork(self.cluster.url)

    def settle(self) -> None:
        settle(self.observer)

    def next_day(self) -> date:
        """Press the button that every screen of the demo has."""
        self._presser = self._presser or Visitor(OverNetwork(self.cluster.url), "operator", PASSWORD)
        self._presser.post("/demo/next-day", {})
        return self.today()

    def jump(self, to: date) -> None:
        move_clock(self.observer, morning(to))

    def today(self) -> date:
        return today(self.observer)
