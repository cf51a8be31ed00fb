"""What faults of the machine need before the stores start: a disk and a clock of the database's own.

Each is made where that is permitted; where it is not, its faults are left out by name.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.cluster import Cluster
from deploy.provision import Missing, find_faketime

#: A disk of the database's own, in memory; what the sample and the load need of it, and its log kept small.
DISK = "640m"
SMALL_LOG = {"max_wal_size": "128MB", "min_wal_size": "32MB"}


def no_disk() -> str:
    """What the machine lacks for a disk of one's own."""
    with TemporaryDirectory() as place:
        mounted = mount(Path(place), "64k")
        if not mounted.returncode:
            unmount(Path(place))
    return mounted.stderr.partition("\n")[0] if mounted.returncode else ""


def no_faketime() -> str:
    try:
        find_faketime()
    except Missing as reason:
        return str(reason)
    return ""


def mount(place: Path, size: str) -> subprocess.CompletedProcess[str]:
    options = ["-t", "tmpfs", "-o", f"size={size},mode=755", "imbang-chaos", str(place)]
    return subprocess.run(["mount", *options], capture_output=True, text=True)


def unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def own_disk(cluster: Cluster) -> Iterator[None]:
    """The database on a small disk, where that is permitted."""
    if no_disk():
        yield
        return
    place = cluster.postgres.directory
    place.mkdir(parents=True)
    mount(place, DISK).check_returncode()
    cluster.postgres.settings |= SMALL_LOG
    try:
        yield
    finally:
        unmount(place)


def own_clock(cluster: Cluster) -> None:
    """The database by a clock that a file can turn, where the library for it is there. It is the clock of all."""
    if no_faketime():
        return
    turn(cluster, "+0")
    cluster.postgres.environment |= {
        "LD_PRELOAD": str(find_faketime()),
        "FAKETIME_TIMESTAMP_FILE": str(clock(cluster)),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def clock(cluster: Cluster) -> Path:
    return cluster.home / "faketime"


def turn(cluster: Cluster, to: str) -> None:
    """Set the clock at once."""
    fresh = clock(cluster).with_suffix(".new")
    fresh.write_text(f"{to}\n")
    fresh.rename(clock(cluster))
