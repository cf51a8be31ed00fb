"""Compares the live tables with each other: entries, the stored tree, and the event stores of this database.

A sealed event must stand in the event store of its service with the same bytes, and every event of a store must be
sealed, unless it is still on its way. The signatures are checked elsewhere (verify.py), on an export.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain
from typing import TypedDict

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import envelope, inbox, outbox
from events.log import log_entry
from events.outbox import Outbox
from services import jobs
from services.audit import reading
from services.audit.chain import Frontier
from services.audit.models import Entry, FrontierRow, Node
from services.audit.reading import AnyRow, AnySelect
from services.audit.sealing import EVERY
from services.audit.verify import MEANING, Fault
from services.db import table
from services.service import Differs

#: What each finding means, in Bahasa Indonesia and English; those of an export are in verify.MEANING.
MEANINGS = {
    "copied": ("kolom entri {entry} tidak sesuai dengan isinya", "the columns of entry {entry} differ from its bytes"),
    "tree": ("pohon tersimpan tidak sesuai, dari entri {entry}", "the stored tree is wrong from entry {entry} on"),
    "altered": (
        "versi {version} dari {subject} diubah sesudah disegel, di {where}",
        "version {version} of {subject} was altered after it was sealed, in {where}",
    ),
    "lost": (
        "versi {version} dari {subject} disegel, tetapi hilang dari {where}",
        "version {version} of {subject} is sealed, but missing from {where}",
    ),
    "unsealed": (
        "versi {version} dari {subject} ada di {where}, tetapi tidak pernah disegel",
        "version {version} of {subject} is in {where}, but was never sealed",
    ),
    "unsigned": (
        "entri {entry} dan seterusnya tidak lagi tercakup titik periksa; pulihkan audit_checkpoint dari cadangan",
        "entry {entry} and all after it lost their checkpoint; restore audit_checkpoint from a backup",
    ),
    "state": (
        "{where} menyimpan {subject} lain dari riwayatnya, yang berakhir pada versi {version}",
        "{where} holds {subject} otherwise than its history gives it, which ends with version {version}",
    ),
    "vanished": (
        "log menyebut peristiwa {subject}, yang hilang dari {where} sebelum disegel",
        "the log names the event {subject}, which is missing from {where} and was never sealed",
    ),
}

entry, node = table(Entry), table(Node)
Connect = Callable[[], Connection]


class Finding(TypedDict):
    """A fault: its kind, the table at fault, the entry or the event concerned, and what it means in both languages."""

    kind: str
    where: str
    entry: int | None
    subject: str | None
    version: int | None
    id: str
    en: str


def of_export(fault: Fault) -> Finding:
    """What verify.py found in an export."""
    indonesian, english = (words.format(fault.entry) for words in MEANING[fault.kind])
    where = "audit_checkpoint" if fault.kind == "signature" else "audit_entry"
    return Finding(
        kind=fault.kind, where=where, entry=fault.entry, subject=None, version=None, id=indonesian,
        en=f"{english} ({fault.detail})",
    )  # fmt: skip


def of_state(differs: Differs) -> Finding:
    """What a service found in its own tables."""
    return _finding("state", differs.where, subject=differs.subject, version=differs.version)


def unsigned(conn: Connection, wall: datetime) -> Iterator[Finding]:
    """Entries that lost their checkpoint: whoever seals asks for a signature, within a minute or, of many entries, at
    once. So entries for which nothing is asked, or of which too many wait for a later moment, have been signed before.
    """
    last, job = reading.last_checkpoint(conn), jobs.table(sa.MetaData(), "audit")
    covered, size = last.size if last else 0, reading.size(conn)
    under_way = (job.c.run_at <= wall) | job.c.lease_until.is_not(None) | (job.c.attempts > 0)
    asked = sa.exists().where(job.c.kind == "sign", under_way if size - covered >= EVERY else sa.true())
    if size > covered and not conn.scalar(sa.select(asked)):
        yield _finding("unsigned", "audit_checkpoint", entry=covered + 1)


def log_findings(connect: Connect, size: int) -> Iterator[Finding]:
    """The first entry among the first `size` whose columns or tree differ from its bytes."""
    tree = Frontier()
    entries = sa.select(entry).where(entry.c.seq <= size)
    for page in reading.pages(connect, entries, entry.c.seq):
        if wrong := next((row for row in page if not _copied(row)), None):
            yield _finding("copied", "audit_entry", entry=wrong.seq)
            return
        grown, nodes = tree.append(row.leaf for row in page)
        with connect() as conn:
            stored = _completed(conn, tree.size, grown.size)
        if stored != nodes:
            level, index = min(place for place in nodes if stored.get(place) != nodes[place])
            yield _finding("tree", "audit_node", entry=(index << level) + 1)
            return
        tree = grown
    with connect() as conn:
        if not _edge_is_right(conn, size):
            yield _finding("tree", "audit_frontier", entry=size + 1)


def _edge_is_right(conn: Connection, size: int) -> bool:
    """Whether the frontier covers the first `size` entries, fits the stored nodes, and nothing stands beyond it."""
    end = sa.select(sa.func.coalesce(sa.func.max(table(FrontierRow).c.size), 0)).scalar_subquery()
    beyond = conn.scalar(sa.select(sa.func.count()).where(entry.c.seq > end))
    tree = reading.frontier(conn) or Frontier()
    return not beyond and tree.size >= size and reading.root_at(conn, tree.size) == tree.root


def _copied(row: AnyRow) -> bool:
    """Whether the columns of an entry are those of its bytes."""
    try:
        e = envelope.decode(row.body)
    except msgspec.MsgspecError:
        return False
    said = (row.event_id, row.subject, row.subject_version, row.type, row.time, row.leaf)
    return said == (e.id, e.subject, e.subjectversion, e.type, e.time, envelope.digest(row.body))


def _completed(conn: Connection, start: int, end: int) -> dict[tuple[int, int], bytes]:
    """The stored subtrees that the leaves from `start` up to, not including, `end` completed."""
    spans = [
        (node.c.level == level) & (node.c.index >= start >> level) & (node.c.index < end >> level)
        for level in range(end.bit_length())
    ]
    return {(level, index): hash for level, index, hash in conn.execute(sa.select(node).where(sa.or_(*spans)))}


def stores(conn: Connection) -> list[Outbox]:
    """The event stores that live in this database."""
    names = set(sa.inspect(conn).get_table_names())
    services = sorted(name.removesuffix("_event") for name in names if name.endswith("_event"))
    return [outbox.tables(sa.MetaData(), s) for s in services if f"{s}_unpublished" in names]


def store_findings(connect: Connect, store: Outbox) -> Iterator[Finding]:
    """The first event of a store that differs from its seal, the first that is gone, the first without a seal, and the
    first that only the log still names."""
    event = store.event
    seal = (entry.c.leaf, entry.c.subject.label("sealed_as"), entry.c.subject_version.label("sealed_version"))
    sealed = sa.select(event, *seal).join(entry, entry.c.event_id == event.c.event_id)
    rows = chain.from_iterable(reading.pages(connect, sealed, event.c.event_id))
    if wrong := next((row for row in rows if not _as_sealed(row)), None):
        yield _finding("altered", event.name, subject=wrong.sealed_as, version=wrong.sealed_version)
    with connect() as conn:
        gone = (
            sa.select(entry.c.subject, entry.c.subject_version)
            .outerjoin(event, event.c.event_id == entry.c.event_id)
            .where(entry.c.subject.startswith(f"{store.service}/", autoescape=True), event.c.event_id.is_(None))
            .order_by(entry.c.seq)
        )
        unsealed = _unsealed(store, on_its_way=False).order_by(event.c.subject, event.c.subject_version)
        for kind, statement in (("lost", gone), ("unsealed", unsealed)):
            if row := conn.execute(statement.limit(1)).first():
                yield _finding(kind, event.name, subject=row.subject, version=row.subject_version)
        vanished = (
            sa.select(log_entry.c.event_id)
            .outerjoin(event, event.c.event_id == log_entry.c.event_id)
            .outerjoin(entry, entry.c.event_id == log_entry.c.event_id)
            .where(log_entry.c.service == store.service, log_entry.c.watermark.is_(None))
            .where(event.c.event_id.is_(None), entry.c.event_id.is_(None))
            .order_by(log_entry.c.topic, log_entry.c.part, log_entry.c.n)
        )
        if event_id := conn.scalar(vanished.limit(1)):
            yield _finding("vanished", event.name, subject=event_id)


def _as_sealed(row: AnyRow) -> bool:
    """Whether a stored event is the one that was sealed, in its bytes and in the columns, which are copies of them."""
    if not row.hash == row.leaf == envelope.digest(row.body):
        return False
    e = envelope.decode(row.body)
    said = (row.event_id, row.subject, row.subject_version, row.type, row.time, row.correlation, row.causation)
    return said == (e.id, e.subject, e.subjectversion, e.type, e.time, e.correlationid, e.causationid)


def pending(conn: Connection, store: Outbox) -> int:
    """How many events of a store are still on their way to the log."""
    return conn.scalar(sa.select(sa.func.count()).select_from(_unsealed(store, on_its_way=True).subquery())) or 0


def _unsealed(store: Outbox, *, on_its_way: bool) -> AnySelect:
    """Events without a seal: those that wait for the relay, in the log or in the inbox of `audit`, or the others."""
    event, box = store.event, inbox.tables(sa.MetaData(), "audit")
    here = (box.position.c.topic == log_entry.c.topic) & (box.position.c.part == log_entry.c.part)
    waiting = sa.union(
        sa.select(store.unpublished.c.event_id),
        sa.select(log_entry.c.event_id)
        .outerjoin(box.position, here)
        .where(log_entry.c.n >= sa.func.coalesce(box.position.c.next, 0)),
        sa.select(box.waiting.c.event_id),
    )
    # A log outside the database cannot be asked what it still carries.
    travels = event.c.event_id.in_(waiting) | ~sa.exists(sa.select(log_entry.c.n))
    return (
        sa.select(event.c.subject, event.c.subject_version)
        .outerjoin(entry, entry.c.event_id == event.c.event_id)
        .where(entry.c.event_id.is_(None), travels if on_its_way else ~travels)
    )


def _finding(
    kind: str, where: str, *, entry: int | None = None, subject: str | None = None, version: int | None = None
) -> Finding:
    words = {"where": where, "entry": entry, "subject": subject, "version": version}
    indonesian, english = (meaning.format(**words) for meaning in MEANINGS[kind])
    return Finding(kind=kind, where=where, entry=entry, subject=subject, version=version, id=indonesian, en=english)
