"""The composition root: which services there are, and how a process is put together from its configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Flask, redirect
from flask_smorest import Api
from werkzeug.wrappers import Response

from events.log import DatabaseLog, EventLog
from services import audit, identity, mutations, operations, optimizer, personnel, webhooks, workload
from services.auth import Void, current_user, install_auth, open_door
from services.clock import Clock, DatabaseClock
from services.committer import Committer
from services.config import EMBEDDED_LOG, Config
from services.db import READER, Databases, db, prepared
from services.demo import install_demo
from services.http import install_http
from services.language import install_languages
from services.logs import install_logs
from services.problems import install_problems
from services.revocations import Revocations
from services.runtime import Runtime
from services.service import Service

#: All services, in the order in which a turn visits them.
SERVICES: tuple[Service, ...] = (
    personnel.SERVICE,
    workload.SERVICE,
    optimizer.SERVICE,
    mutations.SERVICE,
    identity.SERVICE,
    webhooks.SERVICE,
    audit.SERVICE,
)
NAMES = tuple(s.name for s in SERVICES)


@dataclass
class Application:
    """A process: its services, what turns them, and its web doors. `everyone`: also the services of other processes."""

    config: Config
    services: Sequence[Service]
    everyone: Sequence[Service]
    databases: Databases
    clock: Clock
    event_log: EventLog
    committer: Committer
    runtime: Runtime
    web: Flask


def build(
    config: Config,
    clock: Clock | None = None,
    services: Sequence[Service] = SERVICES,
    through: Callable[[EventLog], EventLog] = lambda log: log,
) -> Application:
    """Put a process together. The database must have been migrated. `through` may put something around the log."""
    app = assemble(config, clock, services, through)
    _build_web(app)
    return app


def assemble(
    config: Config,
    clock: Clock | None = None,
    services: Sequence[Service] = SERVICES,
    through: Callable[[EventLog], EventLog] = lambda log: log,
) -> Application:
    """A process as `build` makes it, its doors still shut: all that a simulation needs, in a tenth of the time."""
    chosen = [s for s in services if not config.services or s.name in config.services]
    databases = Databases(config)
    clock = clock or DatabaseClock()
    event_log = through(open_log(config, databases, chosen))
    committer = Committer(databases, {s.name: s for s in chosen}, event_log, clock)
    runtime = Runtime(databases, chosen, event_log, clock, committer)
    return Application(config, chosen, services, databases, clock, event_log, committer, runtime, Flask("services"))


def open_log(config: Config, databases: Databases, services: Sequence[Service]) -> EventLog:
    """The log that the configuration names."""
    if config.event_log_url == EMBEDDED_LOG:
        return DatabaseLog(databases.reader(services[0].name))
    from events.kafka import KafkaLog

    return KafkaLog(config.event_log_url)


def _build_web(app: Application) -> None:
    web, config = app.web, app.config
    binds = {s.name: config.service_urls[s.name] for s in app.services if s.name in config.service_urls}
    for service in app.services:
        if service.name in binds:
            service.metadata.info["bind_key"] = service.name
    web.config |= {
        "SECRET_KEY": config.secret_key,
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_BINDS": binds,
        "SQLALCHEMY_ENGINE_OPTIONS": {"hide_parameters": True},
        "MAX_CONTENT_LENGTH": 8 * 1024 * 1024,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "API_TITLE": "Imbang",
        "API_VERSION": "v1",
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
    }
    web.extensions["imbang"] = app
    db.init_app(web)
    with web.app_context():
        for engine in db.engines.values():
            prepared(engine, READER)
    install_http(web)
    install_logs(web)
    install_auth(web, _void(app))
    install_languages(web)
    web.context_processor(lambda: {"demo": config.demo})
    if config.demo:
        install_demo(web)
    api = Api(web)
    install_problems(web)  # after the Api, whose own error documents it replaces
    for door in (*operations.DOORS, *(door for service in app.services for door in service.doors)):
        (api if hasattr(door, "arguments") else web).register_blueprint(door)

    @web.get("/")
    @open_door
    def home() -> Response:
        user = current_user()
        employee = user is not None and user.person is not None and not user.roles
        return redirect("/mutations/inbox" if employee else "/workload/")


def _void(app: Application) -> Void:
    """Revocations as the first service with doors hears of them; where none does, nobody is let in."""
    doors = [s for s in app.services if s.doors]
    if not doors:
        return lambda account, signed_in: True
    return Revocations(app.databases.reader(doors[0].name), doors[0].revoked).void
