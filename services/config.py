"""Settings from the environment. Every name is here, with what it means when it is absent."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from environs import Env, EnvError

EMBEDDED_LOG = "database:"


class Misconfigured(Exception):
    """A setting cannot be used"""


@dataclass(frozen=True)
class Config:
    """How this process runs. Two URLs make the difference between one file and a cluster."""

    database_url: str = "sqlite:///var/imbang.db"
    service_urls: Mapping[str, str] = field(default_factory=dict)
    #: `database:` keeps the log in the database; `kafka://host:port[,host:port]/prefix` uses Kafka.
    event_log_url: str = EMBEDDED_LOG
    #: The services of this process; empty means all.
    services: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8000
    secret_key: str = ""
    #: The sample's demo clock and accounts; never in production.
    demo: bool = False
    #: Networks that webhooks may reach although they are private, as CIDR.
    webhook_networks: tuple[str, ...] = ()
    #: Where keys and papers are kept.
    directory: Path = Path("var")
    #: The private key that signs the audit log, PEM; all instances need the same. Without it `directory` keeps one.
    audit_key: Path | None = None
    #: Which log its checkpoints speak for: a name like an address without scheme, that no other log has.
    audit_origin: str = "imbang.example/audit"

    def url(self, service: str) -> str:
        return self.service_urls.get(service, self.database_url)

    def check(self) -> None:
        """Refuse what cannot be used, and combinations that cannot keep the promises."""
        urls = {self.database_url, *self.service_urls.values()}
        for url in urls:
            _check_database(url)
        if not 0 < self.port < 65536:
            raise Misconfigured(f"IMBANG_PORT={self.port}: a port is a number from 1 to 65535")
        for network in self.webhook_networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise Misconfigured(f"IMBANG_WEBHOOK_NETWORKS: {error}; write networks as 10.1.0.0/16") from error
        if self.audit_key and not self.audit_key.is_file():
            raise Misconfigured(f"IMBANG_AUDIT_KEY: there is no file {self.audit_key}")
        if self.event_log_url != EMBEDDED_LOG and not self.event_log_url.startswith("kafka://"):
            raise Misconfigured(f"EVENT_LOG_URL is {EMBEDDED_LOG} or kafka://HOST:PORT/PREFIX")
        if self.event_log_url == EMBEDDED_LOG and len(urls) > 1:
            raise Misconfigured(
                "EVENT_LOG_URL=database: needs all services in one database; use Kafka or one DATABASE_URL"
            )
        if self.event_log_url != EMBEDDED_LOG and any(u.startswith("sqlite") for u in urls):
            raise Misconfigured("Kafka needs PostgreSQL: SQLite has one writer and cannot serve several processes")


def from_environment(names: tuple[str, ...]) -> Config:
    """The configuration of this process; `names` are the services whose `<NAME>_DATABASE_URL` is looked up.

    Raises Misconfigured for a value that cannot be used.
    """
    try:
        config = _read(Env(), names)
    except EnvError as error:
        raise Misconfigured(str(error)) from error
    except OSError as error:
        raise Misconfigured(
            f"{error.filename}: {error.strerror}; IMBANG_DIRECTORY names where files are kept"
        ) from error
    if strangers := set(config.services) - set(names):
        raise Misconfigured(f"IMBANG_SERVICES: no service {', '.join(strangers)}; there are {', '.join(names)}")
    config.check()
    return config


def _read(env: Env, names: tuple[str, ...]) -> Config:
    directory = Path(env.str("IMBANG_DIRECTORY", "var")).absolute()
    overrides = {n: u for n in names if (u := env.str(f"{n.upper()}_DATABASE_URL", ""))}
    return Config(
        database_url=driver(env.str("DATABASE_URL", f"sqlite:///{directory / 'imbang.db'}")),
        service_urls={n: driver(u) for n, u in overrides.items()},
        event_log_url=env.str("EVENT_LOG_URL", EMBEDDED_LOG),
        services=tuple(env.list("IMBANG_SERVICES", [])),
        host=env.str("IMBANG_HOST", "127.0.0.1"),
        port=env.int("IMBANG_PORT", 8000),
        secret_key=env.str("IMBANG_SECRET_KEY", "") or _kept_secret(directory),
        demo=env.bool("IMBANG_DEMO", False),
        webhook_networks=tuple(env.list("IMBANG_WEBHOOK_NETWORKS", [])),
        directory=directory,
        audit_key=Path(key) if (key := env.str("IMBANG_AUDIT_KEY", "")) else None,
        audit_origin=env.str("IMBANG_AUDIT_ORIGIN", Config.audit_origin),
    )


def _check_database(url: str) -> None:
    """Refuse an address that names no database we can use; its password is not repeated."""
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
    except sa.exc.ArgumentError:
        backend = "nothing"
    if backend not in ("sqlite", "postgresql"):
        raise Misconfigured(
            f"a DATABASE_URL names {backend}: write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"
        )
    if backend == "sqlite" and (
        not (path := Path(parsed.database or "")).name or path.name == ":memory:" or path.is_dir()
    ):
        raise Misconfigured(
            "a DATABASE_URL names no file, and a database in memory would be lost: write sqlite:///PATH"
        )


def driver(url: str) -> str:
    """PostgreSQL by psycopg 3, whatever the usual spellings of the address; a file of SQLite by its whole path, since
    Flask-SQLAlchemy would look for a relative one elsewhere than we do."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    if (path := url.removeprefix("sqlite:///")) != url:
        return f"sqlite:///{Path(path).absolute()}"
    return url


def _kept_secret(directory: Path) -> str:
    """One process alone keeps its own key; several processes need IMBANG_SECRET_KEY."""
    path = directory / "secret-key"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()
