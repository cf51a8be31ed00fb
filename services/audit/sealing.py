"""Appends every event to the log, and has the head of the log signed.

    seal_event (each event, in the order applied) -> finish (one append a batch) -> job sign -> publish

Every batch locks the one row of the frontier first, so instances take turns and the log never forks. Signing happens
outside the transaction: a lost key stops the checkpoints, never the sealing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
import structlog

from events import bulk, ids
from events.envelope import digest
from services.audit import key, reading
from services.audit.chain import Frontier
from services.audit.checkpoint import Checkpoint, Malformed, Unsigned, verified
from services.audit.models import CheckpointRow, Entry, FrontierRow, Node
from services.db import table
from services.jobs import Job, Read
from services.service import Answer, Command, Event, Firing, Refused, Words
from services.transaction import Tx

if TYPE_CHECKING:
    from services.app import Application

log = structlog.get_logger(__name__)

#: A checkpoint is due after so many entries, or so long after the first entry that none covers (wall time).
EVERY = 256
WITHIN = timedelta(minutes=1)

entry, node, edge, checkpoint = table(Entry), table(Node), table(FrontierRow), table(CheckpointRow)
ENTRY_COLUMNS = ("seq", "event_id", "subject", "subject_version", "type", "time", "leaf", "body")


class Publish(msgspec.Struct, frozen=True):
    """Keep a signed checkpoint, so that all may see it."""

    size: int
    root: bytes
    note: str


@dataclass
class _Batch:
    """The tree as it was, and what this transaction appends to it."""

    tree: Frontier
    events: list[Event] = field(default_factory=list)


def prepare(tx: Tx, items: Sequence[Command | Event | Firing]) -> None:
    """Take the log's turn. The first batch ever makes the row; of two at once the other is tried again."""
    tree = reading.frontier(tx._conn, lock=True)
    if tree is None:
        tree = Frontier()
        bulk.insert(tx._conn, edge, ("id", "size", "peaks"), [(1, 0, b"")])
    tx.memo[_Batch] = _Batch(tree)


def seal_event(tx: Tx, event: Event) -> None:
    """Put an event behind the earlier ones of its batch; no handler may follow that can still refuse it."""
    batch: _Batch = tx.memo[_Batch]
    batch.events.append(event)


def finish(tx: Tx) -> None:
    """Append the events of the batch."""
    batch: _Batch = tx.memo[_Batch]
    if not batch.events:
        return
    old, conn = batch.tree, tx._conn
    leaves = [digest(e.raw) for e in batch.events]
    new, nodes = old.append(leaves)
    numbered = zip(range(old.size + 1, new.size + 1), batch.events, leaves, strict=True)
    rows = [(n, e.id, e.subject, e.version, e.type, e.time, leaf, e.raw) for n, e, leaf in numbered]
    bulk.insert(conn, entry, ENTRY_COLUMNS, rows)
    bulk.insert(conn, node, ("level", "index", "hash"), [(*place, hash) for place, hash in nodes.items()])
    conn.execute(edge.update().values(size=new.size, peaks=b"".join(new.peaks)))
    _ask_for_signature(tx, old.size, new.size)


def _ask_for_signature(tx: Tx, before: int, after: int) -> None:
    """Ask once for each stretch of entries, so that steady traffic never puts the signature off."""
    last = reading.last_checkpoint(tx._conn)
    covered = last.size if last else 0
    if (before - covered) // EVERY < (after - covered) // EVERY:
        tx.enqueue("sign", "head", b"")
    elif before == covered:
        tx.enqueue("sign", "head", b"", after=WITHIN)


def sign(job: Job, read: Read) -> Publish | None:
    """Sign the head of the log."""
    return signed_head(read)


def signed_head(read: Read) -> Publish | None:
    """A checkpoint over all entries, None when the last one covers them.

    Raises Refused when the stored log does not extend the last checkpoint, or when another key signed that.
    """
    signer = key.signer(read.config)
    with read() as conn:
        last, size = reading.last_checkpoint(conn), reading.size(conn)
        if last is not None and size <= last.size:
            return None
        root = reading.root_at(conn, size)
        extends = last is None or reading.root_at(conn, last.size) == last.root
    if root is None or not extends:
        raise Refused(
            "audit.rewritten",
            Words("Log ini bukan lanjutan titik periksa terakhir.", "The log does not extend its last checkpoint."),
            Words("Jalankan `imbang verify` dan simpan basis datanya.", "Run `imbang verify` and keep the database."),
        )
    if last is not None:
        try:
            verified(last.note.decode(), signer.verifier)
        except (Malformed, Unsigned) as error:
            raise Refused(
                "audit.other_key",
                Words("Titik periksa terakhir bukan dari kunci ini.", "The last checkpoint is not of this key."),
                Words("Pulihkan kuncinya, atau set IMBANG_AUDIT_KEY.", "Restore the key, or set IMBANG_AUDIT_KEY."),
            ) from error
    return Publish(size, root, signer.sign(Checkpoint(signer.name, size, root)))


def publish(tx: Tx, command: Command) -> Answer:
    """Keep a checkpoint unless a later one is kept; what was sealed meanwhile waits for the next."""
    head = command.data
    assert isinstance(head, Publish)
    last = reading.last_checkpoint(tx._conn)
    if last is None or head.size > last.size:
        row = {"size": head.size, "root": head.root, "note": head.note.encode(), "at": tx.wall}
        tx.execute(sa.insert(checkpoint).values(row))
        batch: _Batch = tx.memo[_Batch]
        if left := batch.tree.size - head.size:
            tx.enqueue("sign", "head", b"", after=WITHIN if left < EVERY else timedelta(0))
    return {"size": head.size}


def publish_head(app: Application) -> None:
    """Have the last checkpoint cover every entry of now; where signing is refused, what was signed before stands."""
    try:
        head = signed_head(Read(app.databases.reader("audit").connect, app.config))
    except Refused as refusal:
        log.error("head not signed", rule=refusal.rule)
        return
    if head is not None:
        app.committer.submit("audit", Command(id=ids.new(), data=head))
