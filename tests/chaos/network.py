"""A second host: the second copy of every service lives in a network namespace, behind one cable that can be pulled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.cluster import Cluster
from deploy.native import free_ports

#: Addresses of the two ends, in a range that is nobody's on the Internet.
HERE, THERE, RANGE = "198.18.{}.1", "198.18.{}.2", "198.18.{}.0/30"
ACCESS = "host all all 127.0.0.1/32 scram-sha-256\nhost all all {} scram-sha-256\n"


class Cable:
    """A network of two: this machine and a namespace."""

    def __init__(self) -> None:
        self.namespace = f"imbang-{os.getpid()}"
        self.ends = f"imb{os.getpid()}a", f"imb{os.getpid()}b"
        number = os.getpid() % 256
        #: Where the broker is reached from the far end.
        self.broker = ""
        self.here, self.there, self.range = (text.format(number) for text in (HERE, THERE, RANGE))

    def lay(self) -> None:
        near, far = self.ends
        ip("netns", "add", self.namespace)
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self.namespace)
        ip("addr", "add", f"{self.here}/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", self.namespace, "addr", "add", f"{self.there}/30", "dev", far)
        ip("-n", self.namespace, "link", "set", "lo", "up")
        self.plug("up")

    def plug(self, way: str) -> None:
        """`up` or `down`, at the far end: here nobody is told that nobody is there."""
        ip("-n", self.namespace, "link", "set", self.ends[1], way)

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "del", self.namespace], capture_output=True)
        subprocess.run(["ip", "link", "del", self.ends[0]], capture_output=True)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def no_network() -> str:
    """What the machine lacks for a network of one's own."""
    cable = Cable()
    try:
        cable.lay()
    except FileNotFoundError:
        return "ip is not on the PATH; install iproute2"
    except subprocess.CalledProcessError as refused:
        return str(refused.stderr.strip())
    finally:
        cable.remove()
    return ""


@contextmanager
def second_host(cluster: Cluster) -> Iterator[Cable | None]:
    """The cable, where that is permitted; the stores, which start after this, listen at its near end too."""
    if no_network():
        yield None
        return
    cable = Cable()
    cable.lay()
    try:
        access = cluster.home / "pg_hba.conf"
        access.write_text(ACCESS.format(cable.range))
        cluster.postgres.settings |= {"listen_addresses": f"127.0.0.1,{cable.here}", "hba_file": str(access)}
        client, controller, far = free_ports(3)
        cluster.kafka.directory.mkdir()
        (cluster.kafka.directory / "ports").write_text(f"{client} {controller}")
        doors = f"PLAINTEXT://127.0.0.1:{client},FAR://{cable.here}:{far}"
        cluster.kafka.settings |= {
            "listeners": f"{doors},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": doors,
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT",
        }
        cable.broker = f"{cable.here}:{far}"
        yield cable
    finally:
        cable.remove()


def move(cluster: Cluster, cable: Cable) -> None:
    """Let the second copy of every service live at the far end, and reach the stores through the cable."""
    for instance in cluster.instances:
        if instance.directory.name.endswith("-2"):
            instance.host, instance.within = cable.there, ("ip", "netns", "exec", cable.namespace)
            told = instance.environment
            told["IMBANG_HOST"] = cable.there
            told["DATABASE_URL"] = told["DATABASE_URL"].replace("@127.0.0.1:", f"@{cable.here}:")
            told["EVENT_LOG_URL"] = told["EVENT_LOG_URL"].replace(cluster.kafka.address, cable.broker)
