"""A backup: every database as of one moment each, taken while the services run, and what is needed to trust it.

    dump each database -> hash the files -> manifest.json, last and in one step

A folder without a manifest is no backup. The keys are not in it, on purpose: who holds a backup shall neither sign the
audit log nor sign in as anybody. The manifest only holds what tells whether a key is the right one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import inbox
from events.log import log_head
from services.config import EMBEDDED_LOG
from services.db import Databases
from services.dump import SUFFIXES, dumped, keep
from services.service import Service

MANIFEST = "manifest.json"
#: What is done with the keys, as the commands say it.
APART = "keep apart from the backup, and as long: without it {}"


class NotBackedUp(Exception):
    """No backup was made"""


class Held(msgspec.Struct, frozen=True):
    """What a backup holds of a service. `read_to`: the next offset of each `topic/partition` that it consumes."""

    revision: str
    events: int
    last_event: datetime | None
    read_to: dict[str, int]


class Copy(msgspec.Struct, frozen=True):
    """One file: which database, with which services. `log_ends`: those of a log in this database."""

    file: str
    kind: str
    bytes: int
    sha256: str
    services: dict[str, Held]
    log_ends: dict[str, int]


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is. `keys`: what tells whether a key is the one in use then, by its name."""

    made_at: datetime
    log: Literal["database", "kafka"]
    databases: list[Copy]
    keys: dict[str, str]
    format: Literal[1] = 1


def backup(databases: Databases, services: Sequence[Service], place: Path, keys: Mapping[str, str]) -> Manifest:
    """Write a backup into a new or empty folder. Raises NotBackedUp, and ToolFailed of services.dump."""
    try:
        place.mkdir(parents=True, mode=0o700, exist_ok=True)
        if any(place.iterdir()):
            raise NotBackedUp(f"{place} is not empty, and nothing is overwritten; name a new folder")
        homes = databases.urls(services)
        copies = [_copy(databases, place, n, url, residents) for n, (url, residents) in enumerate(homes.items(), 1)]
        log = kind_of_log(databases.config.event_log_url)
        made = Manifest(datetime.now(UTC), log, copies, dict(keys))
        _publish(place, made)
    except OSError as error:
        raise NotBackedUp(f"{place}: {error.strerror}") from error
    return made


def kind_of_log(url: str) -> Literal["database", "kafka"]:
    return "database" if url == EMBEDDED_LOG else "kafka"


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _copy(databases: Databases, place: Path, n: int, url: str, residents: Sequence[Service]) -> Copy:
    kind = sa.make_url(url).get_backend_name()
    file = place / f"database-{n}{SUFFIXES[kind]}"
    try:
        with dumped(databases, url, file) as conn:
            held = {service.name: _held(conn, service) for service in residents}
            ends = conn.execute(sa.select(log_head.c.topic, log_head.c.part, log_head.c.next))
            log_ends = {f"{topic}/{part}": end for topic, part, end in ends if end}
    except sa.exc.DBAPIError as error:
        name = sa.make_url(url).render_as_string()
        raise NotBackedUp(f"{name}: {getattr(error, 'orig', None) or error}") from error
    keep(file)
    return Copy(file.name, kind, file.stat().st_size, sha256(file), held, log_ends)


def _held(conn: Connection, service: Service) -> Held:
    event = service.outbox.event
    events, last = conn.execute(sa.select(sa.func.count(), sa.func.max(event.c.time)).select_from(event)).one()
    revision = conn.scalar(sa.text(f'SELECT version_num FROM "{service.name}_schema"'))
    read_to = {f"{t}/{part}": p.offset for (t, part), p in inbox.positions(conn, service.inbox).items() if p.offset}
    return Held(str(revision), events, last, read_to)


def _publish(place: Path, made: Manifest) -> None:
    draft = place / f"{MANIFEST}.unfinished"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2))
    keep(draft)
    draft.rename(place / MANIFEST)
    keep(place)


def lines(made: Manifest, place: Path, keys: Mapping[str, str]) -> Iterator[str]:
    """The backup in words; `keys` says for each key where it lies and what it is for."""
    for copy in made.databases:
        events = sum(held.events for held in copy.services.values())
        yield f"{place / copy.file}: {', '.join(copy.services)}; {events} events, {copy.bytes} bytes"
    yield f"{place / MANIFEST}: written last, so this backup is whole"
    yield from (f"{where}: {APART.format(use)}" for where, use in keys.items())
    yield "The backup holds the keys of people's words beside the words: keep it no longer than their erasure allows."
