"""A restore: an empty place becomes the system that a backup was taken of.

    look whether it fits -> compare the hashes -> load -> migrate, which states the rights anew

Everything is checked before anything is written; a database is filled wholly or not at all.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from events import inbox
from events.catalog import CATALOG, TOPICS
from events.log import Position
from services.backup import MANIFEST, Copy, Manifest, kind_of_log, sha256
from services.db import Databases
from services.dump import load, occupied
from services.migrate import SCRIPTS, create_roles, migrate
from services.service import Service
from services.whole import NotReconciled, require_whole

if TYPE_CHECKING:
    from services.app import Application

#: Where a copy belongs, and the copy.
Plan = list[tuple[str, Copy]]


class NotRestored(Exception):
    """Nothing was restored"""


def restore(databases: Databases, services: Sequence[Service], place: Path, keys: Mapping[str, str]) -> Manifest:
    """Fill the databases of the configuration, which must be empty, from a backup, and migrate them.

    `keys`: what tells whether a key is the one in use then; those left out are not compared. Raises NotRestored,
    NotMigrated, and ToolFailed of services.dump.
    """
    made = manifest(place)
    plan = _plan(databases, services, made)
    _compare_keys(made, keys)
    for url, copy in plan:
        _check_copy(place / copy.file, copy)
        if occupied(databases, url):
            raise NotRestored(f"{_name(url)} holds something already; a restore needs an empty place")
    for url, copy in plan:
        create_roles(url)
        load(databases, url, place / copy.file)
    migrate(databases, services)
    return made


def manifest(place: Path) -> Manifest:
    """What a backup says of itself. Raises NotRestored for a folder that holds no whole one."""
    try:
        return msgspec.json.decode((place / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        raise NotRestored(f"{place} holds no whole backup: {MANIFEST}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise NotRestored(f"{place / MANIFEST}: {error}") from error


def _plan(databases: Databases, services: Sequence[Service], made: Manifest) -> Plan:
    """Which copy goes where. The services must be spread over databases, and their log kept, as they were then."""
    here = kind_of_log(databases.config.event_log_url)
    if made.log != here:
        raise NotRestored(f"the backup is of a system whose log is in {made.log}, EVENT_LOG_URL names one in {here}")
    homes = {frozenset(s.name for s in residents): url for url, residents in databases.urls(services).items()}
    known = {script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()}
    plan: Plan = []
    for copy in made.databases:
        url = homes.pop(frozenset(copy.services), None)
        if url is None or sa.make_url(url).get_backend_name() != copy.kind:
            inside = ", ".join(copy.services)
            raise NotRestored(f"{copy.file} is a database ({copy.kind}) of {inside}; no URL names one for them")
        if newer := {held.revision for held in copy.services.values()} - known:
            raise NotRestored(f"{copy.file} has the tables {', '.join(newer)} of a newer release; install that one")
        plan.append((url, copy))
    if homes:
        raise NotRestored(f"the backup holds nothing of {', '.join(sorted(frozenset().union(*homes)))}")
    return plan


def _compare_keys(made: Manifest, keys: Mapping[str, str]) -> None:
    for name, told in keys.items():
        if not hmac.compare_digest(made.keys.get(name, ""), told):
            raise NotRestored(
                f"{name} is not the key that was in use when the backup was taken; put that one in its place, or, "
                "if it is lost, restore with --other-keys"
            )


def _check_copy(file: Path, copy: Copy) -> None:
    try:
        found = sha256(file)
    except OSError as error:
        raise NotRestored(f"{file}: {error.strerror}") from error
    if found != copy.sha256:
        raise NotRestored(f"{file} was altered since the backup: its SHA-256 is {found}, not {copy.sha256}")


def _name(url: str) -> str:
    return sa.make_url(url).render_as_string()


def reconciled(app: Application) -> dict[str, Any]:
    """Reconcile; what came back, by service, and what is lost."""
    from services import reconcile  # it needs Kafka

    back = reconcile.reconcile(app)
    lost = [f"{each.service}: {what}" for each in back for what in each.lost]
    return {"taken_back": msgspec.to_builtins(back), "lost": [*lost, *reconcile.UNTOLD] if back else []}


def following(app: Application) -> list[str]:
    """What to do before the services go on."""
    steps = []
    try:
        require_whole(app.databases, app.services)
    except NotReconciled:
        steps.append("run `imbang restore --reconcile`: the log holds events from after the backup")
    behind = {topic for service in app.services for topic in _lacking(app, service)}
    steps += [f"run `imbang republish {topic}`: this log holds less than the backup" for topic in sorted(behind)]
    return [*steps, "start the services"]


def _lacking(app: Application, service: Service) -> Iterator[str]:
    """The topics in which the log holds less than what this service has read, or than what it has sent."""
    event, unpublished = service.outbox.event, service.outbox.unpublished
    with app.databases.reader(service.name).connect() as conn:
        read = inbox.positions(conn, service.inbox)
        sent = Counter[str]()
        for kind, count in conn.execute(sa.select(event.c.type, sa.func.count()).group_by(event.c.type)):
            sent[CATALOG[kind].topic] += count
        for topic, count in conn.execute(sa.select(unpublished.c.topic, sa.func.count()).group_by(unpublished.c.topic)):
            sent[topic] -= count
    for topic in TOPICS:
        ends = app.event_log.ends(topic)
        if sum(ends.values()) < sent[topic] or any(
            read.get((topic, p), Position()).offset > n for p, n in ends.items()
        ):
            yield topic


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """A restore in words."""
    for back in report.get("taken_back", ()):
        yield (
            f"{back['service']}: took back {back['events']} events of {back['subjects']} subjects, recorded for "
            f"{back['causes']} commands and events, and read {back['read']} events of others"
        )
    yield from (f"lost: {what}" for what in report.get("lost", ()))
    yield "events: " + ", ".join(f"{service} {count}" for service, count in report["events"].items())
    yield f"verified: {'yes' if report['verified'] else 'no'}"
    yield from (f"fault in {fault['where']} ({fault['kind']}): {fault['en']}" for fault in report["faults"])
    yield (
        f"the audit log goes on after entry {report['entries']} (root {report['root']}): a checkpoint of more entries, "
        "which others may keep, will not fit it; tell them of the restore"
    )
    yield from (f"next: {step}" for step in report["next"])
