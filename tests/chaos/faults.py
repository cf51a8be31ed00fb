"""The kinds of faults, as data: what each does, how often it comes, and what it needs of the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from deploy.cluster import Instance, together
from deploy.daemon import Daemon
from tests.chaos.brokers import be_slow, lose_tail, stay_away
from tests.chaos.host import no_disk, no_faketime
from tests.chaos.machine import fill_disk, jump, pull_cable
from tests.chaos.network import no_network
from tests.chaos.scene import Scene

Strike = Callable[[Scene, Random], None]


@dataclass(frozen=True)
class Kind:
    """`strike` returns when the fault is mended; `weight`: how often it comes beside others; `lacking`: what the
    machine lacks for it, nothing if it can be done here.
    """

    strike: Strike
    weight: int = 4
    lacking: Callable[[], str] = lambda: ""


def one(victims: str, act: Callable[[Scene, Daemon, Random], None]) -> Strike:
    """Do it to one of the processes of a kind."""
    return lambda scene, random: act(scene, random.choice(scene.groups(victims)), random)


def kill(scene: Scene, part: Daemon, random: Random) -> None:
    """It dies at once, and is started again, now and then after a while."""
    part.kill()
    scene.last(random.choice((0, 0, 1.5)))
    scene.heal()


def kill_both(scene: Scene, random: Random) -> None:
    """No instance of some services is left for a moment."""
    name = random.choice(scene.groups("instance")).directory.name.partition("-")[0]
    copies = [part for part in scene.cluster.instances if part.directory.name.startswith(name)]
    together(Instance.kill, copies)
    together(Instance.start, copies)


def freeze(scene: Scene, part: Daemon, random: Random) -> None:
    with scene.frozen(part):
        scene.last(random.uniform(0.5, 4))


def oversleep(scene: Scene, part: Daemon, random: Random) -> None:
    """It wakes when others have taken over its partitions: a consumer's session lasts 10 s."""
    with scene.frozen(part):
        scene.last(12)


def restart(scene: Scene, part: Daemon, random: Random) -> None:
    part.stop()
    scene.heal()


KINDS: Mapping[str, Kind] = {
    "kill instance": Kind(one("instance", kill), 10),
    "kill all of a service": Kind(kill_both),
    "kill door": Kind(one("nginx", kill)),
    "kill broker": Kind(one("kafka", kill)),
    "kill database": Kind(one("postgres", kill)),
    "freeze instance": Kind(one("instance", freeze), 10),
    "freeze door": Kind(one("nginx", freeze)),
    "freeze broker": Kind(one("kafka", freeze)),
    "freeze database": Kind(one("postgres", freeze)),
    "oversleep": Kind(one("instance", oversleep), 2),
    "restart instance": Kind(one("instance", restart)),
    "restart broker": Kind(one("kafka", restart)),
    "restart database": Kind(one("postgres", restart)),
    "broker away": Kind(stay_away),
    "log without its tail": Kind(lose_tail, 1),
    "slow consumer": Kind(be_slow, 2),
    "full disk": Kind(fill_disk, 2, no_disk),
    "clock jump": Kind(jump, 2, no_faketime),
    "network cut": Kind(pull_cable, 4, no_network),
}


def drawn(count: int, random: Random, kinds: Mapping[str, Kind]) -> Iterator[str]:
    """So many faults: each kind once, as far as the count goes, the rest by weight, in an order of the seed's."""
    once = random.sample(list(kinds), min(count, len(kinds)))
    weights = [kind.weight for kind in kinds.values()]
    order = once + random.choices(list(kinds), weights, k=count - len(once))
    random.shuffle(order)
    yield from order
