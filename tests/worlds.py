"""A small world for testing one service: the real kernel on a real database, other services reduced to their events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import sqlalchemy as sa

from events import ids
from events.log import EventLog
from services.app import Application, build
from services.clock import SetClock
from services.config import Config
from services.db import Databases, db
from services.migrate import migrate
from services.service import Actor, Answer, Command, Service
from services.transaction import Tx

#: Monday 2 March 2026, 09:00 in Maluku Utara.
MORNING = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)


class Emit(msgspec.Struct, frozen=True):
    """Record this payload on a subject of the toy service."""

    subject: str
    payload: Any


def emit(tx: Tx, command: Command) -> Answer:
    data: Emit = command.data  # type: ignore[assignment]
    return {"event": tx.record(data.subject, data.payload)}


def toy(name: str) -> Service:
    """A service that only tells what it is told to tell."""
    beats = ("authority",) if name == "personnel" else ()
    return Service(name=name, metadata=sa.MetaData(), commands={Emit: emit}, beats=beats)


def prepare(config: Config, services: Sequence[Service]) -> None:
    """Migrate a database. A new SQLite file is a copy of one that was migrated before, which takes a millisecond."""
    path = Path(sa.make_url(config.database_url).database or "")
    if config.database_url.startswith("sqlite") and not path.exists():
        path.write_bytes(_migrated_file(tuple(s.name for s in services)))
        return
    databases = Databases(config)
    migrate(databases, services)
    databases.close()


@cache
def _migrated_file(names: tuple[str, ...]) -> bytes:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "imbang.db"
        databases = Databases(Config(database_url=f"sqlite:///{path}"))
        migrate(databases, [toy(name) for name in names])
        databases.close()
        return path.read_bytes()


class World:
    """An application of some real services; `emitters` are toys that stand for the others, `through` as for `build`."""

    def __init__(
        self,
        url: str,
        services: Sequence[Service],
        emitters: Iterable[str],
        through: Callable[[EventLog], EventLog] = lambda log: log,
        **config: Any,
    ):
        self.clock = SetClock(MORNING)
        everyone = [*services, *(toy(n) for n in emitters)]
        settings = Config(database_url=url, secret_key="for tests only", **config)
        prepare(settings, everyone)
        self.app: Application = build(settings, self.clock, everyone, through)

    def tell(self, subject: str, payload: msgspec.Struct) -> None:
        """Record an event as the service that writes this subject."""
        self.submit(subject.partition("/")[0], Emit(subject, payload))

    def submit(self, service: str, data: msgspec.Struct, person: str | None = None, **more: Any) -> Answer:
        """Give a command, as a person if one is named."""
        who = Actor(f"account-{person}", person) if person else None
        return self.app.committer.submit(service, Command(id=ids.new(), data=data, actor=who, **more))

    def drain(self) -> int:
        return self.app.runtime.drain()

    def pass_time(self, by: timedelta) -> None:
        """Move business time ahead and let everything that is due happen."""
        self.clock.advance(by)
        self.drain()

    def rows(self, service: str, table: sa.Table) -> list[dict[str, Any]]:
        with self.app.databases.reader(service).connect() as conn:
            return [dict(r) for r in conn.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()]

    def close(self) -> None:
        self.app.runtime.stop()
        with self.app.web.app_context():
            for engine in db.engines.values():
                engine.dispose()
