"""Faults of the log: a broker that stays away, one that comes back without the tail, a consumer that is too slow."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import psycopg
from psycopg import sql

from deploy.cluster import Instance, together
from deploy.daemon import wait_until
from services.app import SERVICES
from tests.chaos.scene import MEND, Scene, Stuck

#: Seconds; a producer of events/kafka.py gives a record up after 4.5.
OUTAGE = 7.0
#: Seconds of a consumer's turn in the scene (patience/sitecustomize.py), and how long it is kept from its tables.
TURN, DELAY = 12, 15.0
#: Topics that grow under the load.
GROWING = ("mutation", "workload")
#: A segment's file, which begins with the offset 0; in a run it stays the only one.
SEGMENT = "0" * 20
#: Of a record batch: its first offset, and the length of what follows these two.
HEAD = 12
EVENT_ID = re.compile(rb'"id":"([0-9a-f-]{36})"')


def stay_away(scene: Scene, random: Random) -> None:
    """The broker is down for longer than a producer tries to deliver."""
    scene.cluster.kafka.kill()
    scene.last(OUTAGE)
    scene.heal()


def be_slow(scene: Scene, random: Random) -> None:
    """A consumer is kept from its tables for longer than its turn lasts, so its group goes on without it."""
    service = random.choice([s for s in SERVICES if s.topics])
    with psycopg.connect(scene.cluster.postgres.url("imbang")) as conn:
        position = sql.Identifier(service.inbox.position.name)
        conn.execute(sql.SQL("SELECT * FROM {} FOR UPDATE").format(position))
        scene.last(DELAY)


def lose_tail(scene: Scene, random: Random) -> None:
    """The broker comes back without what consumers have passed. They stop; an operator sends the topic again."""
    cluster, topics = scene.cluster, random.sample(GROWING, len(GROWING))

    def read_by_all() -> list[str]:
        return [topic for topic in topics if any(next >= 2 for next in positions(scene, topic).values())]

    if not wait_until(lambda: bool(read_by_all()), MEND, every=0.5):
        raise Stuck("no partition has been read far enough to lose its tail")
    topic = read_by_all()[0]
    cluster.kafka.kill()
    cut(scene, topic)
    scene.heal()
    readers = {service.name for service in SERVICES if topic in service.topics}
    if not wait_until(lambda: readers <= set(stopped(cluster.instances)), MEND, every=0.5):
        raise Stuck(f"a log that was cut stopped {set(stopped(cluster.instances))} of {readers}")
    together(Instance.stop, cluster.instances)
    republish = [sys.executable, "-m", "services", "republish", topic]
    environment = os.environ | cluster.environment | {"IMBANG_DIRECTORY": str(cluster.home)}
    subprocess.run(republish, env=environment, cwd=cluster.home, check=True, capture_output=True)
    together(Instance.start, cluster.instances)


def cut(scene: Scene, topic: str) -> None:
    """Cut the longest partition of a topic, of which all its consumers have read, before where they stand.

    What is lost begins with what was acknowledged: the rest is sent again, and would come to stand where it stood.
    """
    sent = acknowledged(scene)
    read = {part: next for part, next in positions(scene, topic).items() if next >= 2}
    folders = {part: scene.cluster.kafka.directory / "data" / f"imbang.{topic}-{part}" for part in read}
    part = max(read, key=lambda part: (folders[part] / f"{SEGMENT}.log").stat().st_size)
    log = folders[part] / f"{SEGMENT}.log"
    os.truncate(log, [at for offset, at, ids in batches(log) if offset < read[part] and sent(ids)][-1])
    for index in ("index", "timeindex"):
        (folders[part] / f"{SEGMENT}.{index}").unlink(missing_ok=True)


def positions(scene: Scene, topic: str) -> dict[int, int]:
    """Partition -> how far the slowest consumer of a topic has read it; one that has read nothing is at the beginning.

    What nobody has read may be lost and no position tell.
    """
    found: list[dict[int, int]] = []
    with psycopg.connect(scene.cluster.postgres.url("imbang")) as conn:
        for service in SERVICES:
            if topic in service.topics:
                query = sql.SQL("SELECT part, next FROM {} WHERE topic = %s").format(
                    sql.Identifier(service.inbox.position.name)
                )
                found.append(dict(conn.execute(query, (topic,)).fetchall()))
    return {part: min(read.get(part, 0) for read in found) for part in set().union(*found)}


def acknowledged(scene: Scene) -> Callable[[set[str]], bool]:
    """Tells of ids of events whether the log has acknowledged all of them."""
    with psycopg.connect(scene.cluster.postgres.url("imbang")) as conn:
        queries = (
            sql.SQL("SELECT event_id FROM {}").format(sql.Identifier(s.outbox.unpublished.name)) for s in SERVICES
        )
        unpublished = {str(event_id) for query in queries for (event_id,) in conn.execute(query)}
    return unpublished.isdisjoint


def batches(log: Path) -> Iterator[tuple[int, int, set[str]]]:
    """The first offset of each record batch in a segment, the byte at which it begins, and the ids of its events."""
    content, at = log.read_bytes(), 0
    while at + HEAD <= len(content):
        offset, length = int.from_bytes(content[at : at + 8]), int.from_bytes(content[at + 8 : at + HEAD])
        if not length:
            return  # the rest was set aside, not written
        yield offset, at, {found.decode() for found in EVENT_ID.findall(content, at, at + HEAD + length)}
        at += HEAD + length


def stopped(instances: list[Instance]) -> Iterator[str]:
    """The services whose consumer has stopped in an instance, as it says itself."""
    for instance in instances:
        try:
            urllib.request.urlopen(f"http://{instance.address}/readyz", timeout=5)
        except urllib.error.HTTPError as told:
            faults = json.load(told)["faults"]
            yield from (name.removeprefix("consumer ") for name in faults if name.startswith("consumer "))
        except OSError:
            pass
