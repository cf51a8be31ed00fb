"""Real PostgreSQL clusters and Apache Kafka brokers as native processes, for tests and for `make up`.

A server is a directory: its data, ports, password, process id and log lie in it, and `Postgres(directory)` or
`Kafka(directory)` is a handle on it, in whichever process.
"""

from __future__ import annotations

import base64
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from string import Template
from typing import ClassVar

from deploy.daemon import Daemon, StartFailed
from deploy.provision import KAFKA, find_java, find_kafka, find_postgres


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody uses, below the range from which the kernel gives ports to clients.

    A client that calls a server that is down may be given the server's own port, and keep it from coming back.
    """
    ports: list[int] = []
    with ExitStack() as held:
        for port in random.sample(range(20_000, 32_000), 500):
            probe = held.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise StartFailed("no free port between 20000 and 32000 on 127.0.0.1")


class Server(Daemon, ABC):
    """A server process. `settings` add to its configuration."""

    port_count: ClassVar[int] = 1

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None, user: str | None = None) -> None:
        super().__init__(directory, user)
        self.settings = dict(settings or {})

    @abstractmethod
    def prepare(self) -> None:
        """Write the configuration, and format the directory if this is the first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """Program and arguments."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether clients are served."""

    @property
    def ports(self) -> list[int]:
        """Chosen at the first start, the same ever after."""
        return [int(port) for port in (self.directory / "ports").read_text().split()]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ports[0]}"

    def start(self, seconds: float = 60) -> None:
        """Start, recovering from a crash if need be, and return when ready. A running server is left as it is."""
        if self.pid:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.user:
            shutil.chown(self.directory, self.user)
        if not (self.directory / "ports").exists():
            (self.directory / "ports").write_text(" ".join(map(str, free_ports(self.port_count))))
        self.prepare()
        self.spawn(self.command(), self.ready, seconds)


def unprivileged_user() -> str | None:
    """Whom a server that refuses root shall run as; None, ourselves, unless we are root."""
    if os.geteuid():
        return None
    return "postgres" if "postgres" in {account.pw_name for account in pwd.getpwall()} else "nobody"


class Postgres(Server):
    """A PostgreSQL cluster with the superuser `imbang`. It never runs as root, which it refuses."""

    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait until the last client has left

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(directory, settings, unprivileged_user())

    @cached_property
    def programs(self) -> Path:
        return find_postgres()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://imbang:{self._password.read_text()}@{self.address}/{database}"

    def prepare(self) -> None:
        data, unfinished = self.directory / "data", self.directory / "unfinished"
        if data.exists():
            return
        shutil.rmtree(unfinished, ignore_errors=True)
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_hex(16))
        if self.user:
            shutil.chown(self._password, self.user)
        access = ("--username=imbang", "--auth=scram-sha-256", f"--pwfile={self._password}")
        text = ("--encoding=UTF8", "--locale=C.UTF-8")
        self.run(f"{self.programs}/initdb", f"--pgdata={unfinished}", *access, *text)
        unfinished.rename(data)

    def command(self) -> list[str]:
        settings = {"listen_addresses": "127.0.0.1", "port": str(self.ports[0]), "unix_socket_directories": ""}
        options = [f"--{name}={value}" for name, value in (settings | self.settings).items()]
        return [f"{self.programs}/postgres", "-D", f"{self.directory}/data", *options]

    def ready(self) -> bool:
        probe = [f"{self.programs}/pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.ports[0]}"]
        return subprocess.run(probe).returncode == 0

    @property
    def _password(self) -> Path:
        return self.directory / "password"


class Kafka(Server):
    """An Apache Kafka broker that is its own controller (KRaft)."""

    port_count = 2

    @cached_property
    def java(self) -> Path:
        return find_java()

    @cached_property
    def libs(self) -> Path:
        return find_kafka()

    def prepare(self) -> None:
        port, controller_port = self.ports
        template = Template((KAFKA / "server.properties").read_text())
        lines = template.substitute(directory=self.directory, port=port, controller_port=controller_port).splitlines()
        lines += [f"{name}={value}" for name, value in self.settings.items()]
        self._properties.write_text("\n".join(lines) + "\n")
        if not (self.directory / "data" / "meta.properties").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            storage_tool = self._java("kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster}")
            self.run(*storage_tool, f"--config={self._properties}")

    def command(self) -> list[str]:
        return self._java("kafka.Kafka", str(self._properties))

    def ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports[0])) == 0

    def _java(self, *arguments: str) -> list[str]:
        memory = ("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC")
        logging = f"-Dlog4j2.configurationFile={KAFKA / 'log4j2.properties'}"
        return [str(self.java), *memory, logging, "-cp", f"{self.libs}/*", *arguments]

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"
