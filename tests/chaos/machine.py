"""Faults of the machine: a disk that is full, a clock that jumps, a cable that is pulled."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from contextlib import suppress
from random import Random

from deploy.cluster import Cluster
from deploy.daemon import StartFailed, wait_until
from tests.chaos.host import turn
from tests.chaos.scene import MEND, Scene, Stuck

#: How far the clock jumps; timers stop when it is more than an hour.
JUMP, HOME = "+2h", "+0"


def fill_disk(scene: Scene, random: Random) -> None:
    """Not a byte is left on the database's disk; then there is room again."""
    place = scene.cluster.postgres.directory
    ballast = place / "ballast"
    with ballast.open("wb") as file, suppress(OSError):
        for size in (2**20, 2**12):
            while True:
                try:
                    os.posix_fallocate(file.fileno(), file.tell(), size)
                    file.seek(size, os.SEEK_CUR)
                except OSError:
                    break
    scene.last(random.uniform(2, 5))
    ballast.unlink()

    def mended() -> bool:
        """A database that could not write its log has given up, perhaps only now."""
        with suppress(StartFailed):
            scene.heal()
        return scene.cluster.postgres.ready()

    if not wait_until(mended, MEND, every=0.5):
        raise Stuck("the database did not come back when its disk had room again")


def jump(scene: Scene, random: Random) -> None:
    """The clock is two hours ahead: timers stand still until an operator believes it, or until it is put right."""
    cluster = scene.cluster
    turn(cluster, JUMP)
    try:
        _timers(cluster, stand=True)
        if random.random() < 0.5:
            confirm = [sys.executable, "-m", "services", "clock", "--confirm", "--by", "chaos"]
            environment = os.environ | cluster.environment | {"IMBANG_DIRECTORY": str(cluster.home)}
            subprocess.run(confirm, env=environment, cwd=cluster.home, check=True, capture_output=True)
            _timers(cluster, stand=False)
            scene.goes_on()
    finally:
        turn(cluster, HOME)
    _timers(cluster, stand=False)


def pull_cable(scene: Scene, random: Random) -> None:
    """The host of the second copies is cut off from the stores and from the door, and nobody is told."""
    assert scene.cable is not None
    scene.cable.plug("down")
    try:
        scene.last(random.choice((1.5, 4, 12)))
    finally:
        scene.cable.plug("up")


def _timers(cluster: Cluster, *, stand: bool) -> None:
    """Wait until the instances with cases say that their timers stand still, or that they do not."""
    addresses = [instance.address for instance in cluster.instances if instance.directory.name.startswith("cases")]

    def said() -> bool:
        told = list(map(_readiness, addresses))
        return all(told) and all((b"timers mutations" in body) == stand for body in told)

    if not wait_until(said, MEND, every=0.5):
        raise Stuck(f"after the clock was turned, timers {'did not stand still' if stand else 'stood still for ever'}")


def _readiness(address: str) -> bytes:
    with suppress(OSError), urllib.request.urlopen(f"http://{address}/readyz", timeout=5) as told:
        return bytes(told.read())
    return b""
