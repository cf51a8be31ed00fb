"""The cluster while its processes are killed, and clients who press again until they are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import requests
import sqlalchemy as sa

from deploy.cluster import Cluster
from deploy.daemon import wait_until
from deploy.sample.browserless import Http, OverNetwork, Reply
from deploy.sample.settled import settle
from services import mutations
from services.app import Application
from tests.scenarios.stages import OnCluster

#: A killed worker's job is leased again after two minutes.
PATIENCE = 240.0


class Stubborn:
    """A browser that sends again, with the same key, what brought no answer. `promised`: keys of answered commands."""

    def __init__(self, inner: Http, promised: list[str]):
        self.inner, self.promised = inner, promised

    def get(self, path: str) -> Reply:
        return insist(lambda: self.inner.get(path))

    def post(self, path: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
        reply = insist(lambda: self.inner.post(path, form, headers))
        if reply.status < 400 and "key" in form:
            self.promised.append(form["key"])
        return reply

    def post_json(self, path: str, body: Any, headers: Mapping[str, str]) -> Reply:
        return insist(lambda: self.inner.post_json(path, body, headers))


def insist(ask: Callable[[], Reply]) -> Reply:
    """What the server says when it is able to."""
    replies: list[Reply] = []

    def answered() -> bool:
        try:
            replies.append(ask())
        except requests.RequestException:
            return False
        return replies[-1].status not in (502, 503, 504)

    assert wait_until(answered, 60, every=0.5), replies[-1:]
    return replies[-1]


#: A strike against the broker alone, which stays away until the next one.
BROKER = ("kafka",)


class UnderFire(OnCluster):
    """A stage on which processes die by SIGKILL while what people just did takes its course.

    Each strike names its victims, and comes only when commands were answered since the last one. They are started again
    at once; but the strike after BROKER hits while the log is away, so `in_hand` counts what relays died with.
    """

    def __init__(self, cluster: Cluster, app: Application, strikes: Sequence[tuple[str, ...]]):
        super().__init__(cluster, app)
        self.strikes = list(strikes)
        self.promised: list[str] = []
        self.in_hand = 0
        self._seen = 0

    def http(self) -> Http:
        return Stubborn(OverNetwork(self.cluster.url), self.promised)

    def settle(self) -> None:
        acted, self._seen = len(self.promised) > self._seen, len(self.promised)
        away = self.cluster.kafka.pid is None
        if acted and self.strikes:
            self.in_hand += self._unpublished() if away else 0
            victims = self.strikes.pop(0)
            self._strike(victims)
            if victims == BROKER:
                return
        elif away:
            self.strikes.insert(0, BROKER)  # nobody did anything meanwhile
        self.cluster.heal()
        settle(self.app, PATIENCE)

    def _strike(self, victims: Sequence[str]) -> None:
        parts = {part.directory.name: part for part in self.cluster.parts}
        for name in victims:
            parts[name].kill()
        # The observer's own connections died with the database.
        self.app.committer.close()
        self.app.databases.close()

    def _unpublished(self) -> int:
        with self.app.databases.reader("mutations").connect() as conn:
            count = sa.select(sa.func.count()).select_from(mutations.SERVICE.outbox.unpublished)
            return conn.scalar(count) or 0
