"""The distributed mode on one machine: PostgreSQL, Apache Kafka, two instances of every service, one front door.

All are native processes whose state lies in one directory, so `down` and a later `up` go on where they were.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from string import Template

from deploy.daemon import Daemon, StartFailed
from deploy.native import Kafka, Postgres, free_ports
from deploy.provision import Missing, find_nginx

HOME = Path("var/cluster")
FRONT_DOOR = 8000
COPIES = 2

#: Which services share a process. What is slow or talks to the outside is apart from what people wait for.
GROUPS: dict[str, tuple[str, ...]] = {
    "people": ("personnel", "identity"),
    "cases": ("mutations",),
    "load": ("workload", "optimizer"),
    "records": ("audit", "webhooks"),
}


class Instance(Daemon):
    """One process of some services."""

    def __init__(self, directory: Path, services: Sequence[str], port: int, environment: dict[str, str]):
        super().__init__(directory)
        self.services, self.port, self.environment = services, port, environment

    def start(self, seconds: float = 60) -> None:
        """Start and return when it is ready; a running instance is left as it is."""
        if self.pid:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        settings = self.environment | {"IMBANG_SERVICES": ",".join(self.services), "IMBANG_PORT": str(self.port)}
        program = [sys.executable, "-m", "services", "serve", "--directory", str(self.directory)]
        self.spawn(["env", *(f"{k}={v}" for k, v in settings.items()), *program], self.ready, seconds)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class FrontDoor(Daemon):
    """nginx, routing by path prefix."""

    def __init__(self, directory: Path, port: int, groups: dict[str, list[int]]):
        super().__init__(directory)
        self.port, self.groups = port, groups

    def start(self, seconds: float = 20) -> None:
        if self.pid:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "nginx.conf").write_text(self._configuration())
        program = [str(find_nginx()), "-p", str(self.directory), "-c", str(self.directory / "nginx.conf")]
        self.spawn(program, self.ready, seconds)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _configuration(self) -> str:
        upstreams = [
            "  upstream {} {{ {} }}".format(
                group, " ".join(f"server 127.0.0.1:{p} max_fails=1 fail_timeout=2s;" for p in ports)
            )
            for group, ports in self.groups.items()
        ]
        locations = [
            f"    location ~ ^/(api/)?{service}(/|$) {{ proxy_pass http://{group}; }}"
            for group, services in GROUPS.items()
            for service in services
        ]
        locations.append("    location / { proxy_pass http://load; }")
        template = Template((Path(__file__).parent / "nginx.conf").read_text())
        return template.substitute(
            directory=self.directory, port=self.port, upstreams="\n".join(upstreams), locations="\n".join(locations)
        )


class Cluster:
    """Everything of one directory. `environment` adds to the settings of the instances."""

    def __init__(self, home: Path, front_door: int | None = None, environment: dict[str, str] | None = None):
        self.home = home.absolute()
        self.postgres, self.kafka = Postgres(self.home / "postgres"), Kafka(self.home / "kafka")
        self.front_door_port = front_door
        self.extra = environment or {}
        self.instances: list[Instance] = []
        self.door: FrontDoor | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What every instance and every tool of this cluster is told."""
        return {
            "DATABASE_URL": self.postgres.url("imbang"),
            "EVENT_LOG_URL": f"kafka://{self.kafka.address}/imbang",
            "IMBANG_SECRET_KEY": self._secret(),
            "IMBANG_AUDIT_KEY": str(self.home / "audit-key.pem"),
            **self.extra,
        }

    @property
    def url(self) -> str:
        assert self.door is not None, "the cluster has not been started"
        return f"http://127.0.0.1:{self.door.port}"

    def start_stores(self) -> None:
        """PostgreSQL with its database, and Kafka."""
        self.postgres.start()
        self.kafka.start()
        import psycopg

        with psycopg.connect(self.postgres.url(), autocommit=True) as conn:
            if not conn.execute("SELECT 1 FROM pg_database WHERE datname = 'imbang'").fetchone():
                conn.execute("CREATE DATABASE imbang")

    def start_instances(self) -> None:
        """All instances, then the front door. The database has been migrated."""
        ports = self._ports(len(GROUPS) * COPIES + 1)
        groups: dict[str, list[int]] = {}
        for group, services in GROUPS.items():
            for copy in range(COPIES):
                port = ports[len(self.instances)]
                groups.setdefault(group, []).append(port)
                directory = self.home / f"{group}-{copy + 1}"
                self.instances.append(Instance(directory, services, port, self.environment))
        starting = [threading.Thread(target=instance.start) for instance in self.instances]
        for thread in starting:
            thread.start()
        for thread in starting:
            thread.join()
        if late := [i.directory.name for i in self.instances if not i.pid]:
            raise StartFailed(f"did not start: {', '.join(late)}; see the file log in {self.home}/<name>")
        self.door = FrontDoor(self.home / "nginx", self.front_door_port or ports[-1], groups)
        self.door.start()

    def heal(self) -> list[str]:
        """Start again what has died; returns their names."""
        assert self.door is not None
        parts: list[Instance | FrontDoor | Postgres | Kafka] = [self.postgres, self.kafka, *self.instances, self.door]
        dead = [part for part in parts if not part.pid]
        for part in dead:
            part.start()
        return [part.directory.name for part in dead]

    def stop(self) -> None:
        """End everything in the order in which it depends on each other; nothing is lost."""
        directories = sorted(p for p in self.home.glob("*-[0-9]") if p.is_dir())
        for part in (Daemon(self.home / "nginx"), *map(Daemon, directories), self.kafka, self.postgres):
            part.stop()

    def _ports(self, count: int) -> list[int]:
        kept = self.home / "ports"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(" ".join(map(str, free_ports(count))))
        return [int(p) for p in kept.read_text().split()]

    def _secret(self) -> str:
        kept = self.home / "secret-key"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.touch(mode=0o600)
            kept.write_text(secrets.token_urlsafe(48))
        return kept.read_text()


def up() -> int:
    """Start everything, load the sample once, and restart what dies until a signal ends it."""
    try:
        cluster = Cluster(HOME, FRONT_DOOR, {"IMBANG_DEMO": "1"})
    except Missing as reason:
        print(f"imbang up: this machine lacks a part: {reason}", file=sys.stderr)
        return 1
    print("PostgreSQL and Kafka ...", flush=True)
    cluster.start_stores()
    os.environ |= cluster.environment
    prepare()
    print(f"{len(GROUPS) * COPIES} instances ...", flush=True)
    cluster.start_instances()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print(f"Imbang: {cluster.url}  (topics, consumers and lag: {cluster.url}/operations/)", flush=True)
    while not stop.wait(2):
        if healed := cluster.heal():
            print(f"started again: {', '.join(healed)}", flush=True)
    cluster.stop()
    return 0


def down() -> int:
    """Stop everything that `up` started, whoever started it."""
    Cluster(HOME).stop()
    return 0


def prepare() -> None:
    """Migrate, and load the sample province if it is not there. The environment names the stores."""
    from deploy.sample import load
    from services.app import NAMES, SERVICES, build
    from services.config import from_environment
    from services.db import Databases
    from services.migrate import migrate

    config = from_environment(NAMES)
    databases = Databases(config)
    migrate(databases, SERVICES)
    databases.close()
    app = build(config)
    load.load_once(app)
    app.runtime.stop()
    print(load.accounts_text(), flush=True)
