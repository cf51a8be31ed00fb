"""`imbang up` and `imbang down`: start the cluster with the sample, start again what dies, stop it all.

Who supervises holds the lock of a file in the cluster's directory and writes its process id into it; the kernel frees
the lock of whoever dies.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.cluster import Cluster
from deploy.daemon import StartFailed
from deploy.provision import Missing
from deploy.sample import load
from deploy.sample.settled import settle

HOME = Path("var/cluster")
#: Seconds between two looks at who has died.
LOOK = 2.0


def up(front_door: int) -> int:
    """Start everything behind a door at this port, load the sample once, and start again what dies, until a signal
    ends it."""
    with supervising(HOME) as ours:
        if not ours:
            print("imbang up: it is up already; `imbang down` stops it", file=sys.stderr)
            return 1
        try:
            return _supervise(Cluster(HOME, front_door, {"IMBANG_DEMO": "1"}))
        except (Missing, StartFailed) as reason:
            print(f"imbang up: {reason}", file=sys.stderr)
            return 1


def down() -> int:
    """Stop everything that `up` started, its supervisor first if that still lives. Nothing is lost."""
    with supervising(HOME, instead=True):
        Cluster(HOME).stop()
    return 0


@contextmanager
def supervising(home: Path, *, instead: bool = False) -> Iterator[bool]:
    """Whether this process is the only one that starts and stops the cluster; `instead`: after ending another one."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "supervisor").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not instead:
                yield False
                return
            file.seek(0)
            os.kill(int(file.read()), signal.SIGTERM)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield True


def _supervise(cluster: Cluster) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _start(cluster)
        while True:
            time.sleep(LOOK)
            try:
                if healed := cluster.heal():
                    print(f"started again: {', '.join(healed)}", flush=True)
            except StartFailed as reason:
                print(f"tried again at the next look: {reason}", file=sys.stderr)
    except KeyboardInterrupt:
        return 0
    finally:
        print("stopping ...", flush=True)
        cluster.stop()


def _start(cluster: Cluster) -> None:
    print("PostgreSQL and Kafka ...", flush=True)
    cluster.start_stores()
    print(f"{len(cluster.instances)} instances and their door ...", flush=True)
    app = cluster.observer()
    try:
        cluster.start_instances(app)
        load.load_once(app, lambda: settle(app))
    finally:
        app.runtime.stop()
    print(load.accounts_text())
    print(f"Imbang: {cluster.url}  (topics, consumers and lag: {cluster.url}/operations/)", flush=True)
