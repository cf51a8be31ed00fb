"""The distributed mode on one machine: PostgreSQL, Apache Kafka, two instances of every service, one front door.

All are native processes whose state lies in one directory, so that `imbang down` and a later `imbang up` go on where
they were (deploy/supervisor.py does that).
"""

from __future__ import annotations

import secrets
import sys
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from string import Template
from typing import TypeVar

import psycopg

from deploy.daemon import Daemon
from deploy.native import Kafka, Postgres, Server, free_ports
from deploy.provision import find_nginx
from services.app import SERVICES, Application, build
from services.audit import key
from services.config import Config, driver
from services.db import Databases
from services.migrate import migrate

COPIES = 2

#: Which services share a process. What is slow or talks to the outside is apart from what people wait for.
GROUPS: dict[str, tuple[str, ...]] = {
    "people": ("personnel", "identity"),
    "cases": ("mutations",),
    "load": ("workload", "optimizer"),
    "records": ("audit", "webhooks"),
}


Part = TypeVar("Part", bound=Daemon)


class Answering(Daemon):
    """A process with a web door; it is ready when that answers."""

    path = "/healthz"

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(directory)
        self.port, self.host = port, "127.0.0.1"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}{self.path}", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Instance(Answering):
    """One process of some services."""

    path = "/readyz"

    def __init__(self, directory: Path, port: int, services: Sequence[str], environment: Mapping[str, str]) -> None:
        super().__init__(directory, port)
        #: The words before the command, for one that shall live in another network.
        self.within: tuple[str, ...] = ()
        self.environment = {
            **environment,
            "IMBANG_SERVICES": ",".join(services),
            "IMBANG_PORT": str(port),
            "IMBANG_DIRECTORY": str(directory),
            "PYTHONPATH": str(Path(__file__).parents[1]),  # it runs in its own directory
        }

    def start(self, seconds: float = 120) -> None:
        """Start and return when it is ready; a running instance is left as it is."""
        if not self.pid:
            self.directory.mkdir(parents=True, exist_ok=True)
            program = [sys.executable, "-m", "services", "serve", "--directory", str(self.directory)]
            self.spawn([*self.within, *program], self.ready, seconds)


class FrontDoor(Answering):
    """nginx, routing by path. `groups`: the addresses of each group's instances."""

    def __init__(self, directory: Path, port: int, groups: Mapping[str, Sequence[str]]) -> None:
        super().__init__(directory, port)
        self.groups = groups

    def start(self, openapi: str = "", seconds: float = 20) -> None:
        """Start, with a description of all doors: an instance knows only its own. Without one the last is served."""
        if not self.pid:
            self.directory.mkdir(parents=True, exist_ok=True)
            if openapi:
                (self.directory / "openapi.json").write_text(openapi)
            configuration = self.directory / "nginx.conf"
            configuration.write_text(self._configuration())
            program = [str(find_nginx()), "-p", str(self.directory), "-c", str(configuration)]
            self.spawn(program, self.ready, seconds)

    def _configuration(self) -> str:
        # No instance is marked as failed: who is down refuses at once and the next is asked, and a mark that outlived a
        # restart would leave nobody to ask when the other one is restarted in its turn.
        upstreams = [
            "  upstream {} {{ {} }}".format(group, " ".join(f"server {address} max_fails=0;" for address in addresses))
            for group, addresses in self.groups.items()
        ]
        paths = {group: f"^/(api/|operations/parked/)?({'|'.join(GROUPS[group])})(/|$)" for group in self.groups}
        locations = [f"    location ~ {path} {{ proxy_pass http://{group}; }}" for group, path in paths.items()]
        return Template((Path(__file__).parent / "nginx.conf").read_text()).substitute(
            directory=self.directory, port=self.port, upstreams="\n".join(upstreams), locations="\n".join(locations)
        )


def together(act: Callable[[Part], None], parts: Iterable[Part]) -> None:
    """Do it to all at once; raises what the first of them raised."""
    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(act, part) for part in parts]:
            done.result()


class Cluster:
    """Everything of one directory. `front_door` is the port of nginx, chosen once if none is given; `environment` adds
    to the settings of the instances, `postgres` and `kafka` to those of the stores.
    """

    def __init__(
        self,
        home: Path,
        front_door: int | None = None,
        environment: Mapping[str, str] | None = None,
        postgres: Mapping[str, str] | None = None,
        kafka: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home.absolute()
        self.postgres, self.kafka = Postgres(self.home / "postgres", postgres), Kafka(self.home / "kafka", kafka)
        self.front_door, self.extra = front_door, environment or {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.door.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What every instance is told, and every tool that works on this cluster."""
        return {
            "DATABASE_URL": self.postgres.url("imbang"),
            "EVENT_LOG_URL": f"kafka://{self.kafka.address}/imbang.",
            "IMBANG_SECRET_KEY": self._secret(),
            "IMBANG_AUDIT_KEY": str(self.home / key.FILE),
            **self.extra,
        }

    @cached_property
    def instances(self) -> list[Instance]:
        ports = iter(self._ports)
        return [
            Instance(self.home / f"{group}-{copy}", next(ports), services, self.environment)
            for group, services in GROUPS.items()
            for copy in range(1, COPIES + 1)
        ]

    @cached_property
    def door(self) -> FrontDoor:
        addresses = iter([instance.address for instance in self.instances])
        groups = {group: [next(addresses) for _ in range(COPIES)] for group in GROUPS}
        return FrontDoor(self.home / "nginx", self.front_door or self._ports[-1], groups)

    def start_stores(self) -> None:
        """PostgreSQL with its database, and Kafka, with the tables and topics of all services. Raises Missing."""
        find_nginx()  # before anything starts that it would have to be in front of
        self.home.mkdir(parents=True, exist_ok=True)
        together(Server.start, (self.postgres, self.kafka))
        with psycopg.connect(self.postgres.url(), autocommit=True) as conn:
            if not conn.execute("SELECT 1 FROM pg_database WHERE datname = 'imbang'").fetchone():
                conn.execute("CREATE DATABASE imbang")
        databases = Databases(self._config())
        migrate(databases, SERVICES)
        databases.close()

    def observer(self) -> Application:
        """All services in this process, not turning: to look at the stores, and to give commands to them."""
        return build(self._config())

    def start_instances(self, observer: Application) -> None:
        """All instances, then the front door, for which the observer describes the doors of all."""
        key.signer(Config(directory=self.home))  # made by one, read by all
        together(Instance.start, self.instances)
        self.door.start(observer.web.test_client().get("/openapi.json").text)

    @property
    def parts(self) -> Sequence[Postgres | Kafka | Instance | FrontDoor]:
        """Every process, in the order in which they start."""
        return [self.postgres, self.kafka, *self.instances, self.door]

    def heal(self) -> list[str]:
        """Start again what has died; returns the names."""
        dead = [part for part in self.parts if not part.pid]
        for part in dead:
            part.start()
        return [part.directory.name for part in dead]

    def stop(self) -> None:
        """End everything in the order in which it depends on each other; nothing is lost."""
        Daemon(self.home / "nginx").stop()
        together(Daemon.stop, [Daemon(directory) for directory in self.home.glob("*-[0-9]")])
        self.kafka.stop()
        self.postgres.stop()

    def _config(self) -> Config:
        """The settings of `environment`, for this process."""
        told = self.environment
        return Config(
            database_url=driver(told["DATABASE_URL"]),
            event_log_url=told["EVENT_LOG_URL"],
            secret_key=told["IMBANG_SECRET_KEY"],
            audit_key=Path(told["IMBANG_AUDIT_KEY"]),
            demo="IMBANG_DEMO" in told,
            directory=self.home,
        )

    @cached_property
    def _ports(self) -> list[int]:
        """Those of the instances and one for the front door."""
        count = len(GROUPS) * COPIES + 1
        return [int(port) for port in self._kept("ports", lambda: " ".join(map(str, free_ports(count)))).split()]

    def _secret(self) -> str:
        return self._kept("secret-key", lambda: secrets.token_urlsafe(48))

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        """What is chosen once and the same ever after, for our eyes only."""
        path = self.home / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(make())
        return path.read_text()
