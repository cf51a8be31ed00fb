"""The log as files that anyone can check without this program, and its full verification.

An export has the files that verify.py reads, and `key.txt`, the public key. What it holds was added once and is never
changed, so it is read page by page without a long transaction, up to the last checkpoint.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import sqlalchemy as sa

from services.audit import key, live, reading, verify
from services.audit.models import CheckpointRow, Entry, Node
from services.audit.sealing import publish_head
from services.db import table
from services.jobs import Read

if TYPE_CHECKING:
    from services.app import Application

BLOCK = tarfile.BLOCKSIZE
entry, node, checkpoint = table(Entry), table(Node), table(CheckpointRow)


class File(NamedTuple):
    """A file of an export; `size` in bytes."""

    name: str
    size: int
    chunks: Callable[[], Iterator[bytes]]


class Verdict(TypedDict):
    """What a verification found. `events` counts those of each event store, `pending` those still on their way.

    `root` is the hash over all entries in hex. `verified` says that there is no fault.
    """

    verified: bool
    entries: int
    subjects: int
    checkpoints: int
    root: str
    events: dict[str, int]
    pending: int
    faults: list[live.Finding]


def files(read: Read) -> list[File]:
    """The files of an export that ends at the last checkpoint."""
    with read() as conn:
        last = reading.last_checkpoint(conn)
    end = last.size if last else 0
    public = f"{key.signer(read.config).verifier}\n".encode()
    leaves = (node.c.level == 0) & (node.c.index < end)
    return [
        _file(read, "entries.jsonl", entry.c.seq, entry.c.body, entry.c.seq <= end, b"\n", b"\n"),
        _file(read, "leaves.bin", node.c.index, node.c.hash, leaves, b"", b""),
        _file(read, "checkpoints.txt", checkpoint.c.size, checkpoint.c.note, checkpoint.c.size <= end, b"\n", b""),
        File("key.txt", len(public), lambda: iter([public])),
    ]


def _file(
    read: Read,
    name: str,
    order: sa.Column[int],
    content: sa.Column[bytes],
    chosen: sa.ColumnElement[bool],
    between: bytes,
    last: bytes,
) -> File:
    """A file of the values of a column in the order of another, with `between` between them and `last` at the end."""
    with read() as conn:
        length = sa.func.coalesce(sa.func.sum(sa.func.length(content)), 0)
        total, count = conn.execute(sa.select(length, sa.func.count()).where(chosen)).one()
    if not count:
        return File(name, 0, lambda: iter(()))

    def chunks() -> Iterator[bytes]:
        before = b""
        for page in reading.pages(read, sa.select(order, content).where(chosen), order):
            yield before + between.join(value for _, value in page)
            before = between
        yield last

    return File(name, int(total) + len(between) * (count - 1) + len(last), chunks)


def write(read: Read, directory: Path) -> None:
    """Write an export into an existing directory."""
    for file in files(read):
        with (directory / file.name).open("wb") as out:
            out.writelines(file.chunks())


def tar(read: Read) -> Iterator[bytes]:
    """An export as a tar archive, made while it is sent. Times in it are zero: equal logs give equal archives."""
    for file in files(read):
        header = tarfile.TarInfo(f"audit/{file.name}")
        header.size = file.size
        yield header.tobuf()
        yield from file.chunks()
        yield bytes(-file.size % BLOCK)
    yield bytes(2 * BLOCK)


def verify_all(app: Application) -> Verdict:
    """Sign the head, then check the whole log, the event stores beside it, and what services made of their events."""
    read = Read(app.databases.reader("audit").connect, app.config)
    with read() as conn:
        wall = app.clock.read(conn).wall
        complete = not any(live.unsigned(conn, wall))
    if complete:  # else the new head would hide that earlier ones are gone
        publish_head(app)
    verdict = examine(read, wall)
    for service in app.everyone:
        if service.check is not None:
            verdict["faults"] += map(live.of_state, service.check(app.databases.reader(service.name)))
    verdict["verified"] = not verdict["faults"]
    return verdict


def examine(read: Read, wall: datetime) -> Verdict:
    """Check the log up to its last checkpoint, live tables, and every event store of this database; `wall` is now."""
    faults: list[live.Finding] = []
    report = verify.Report(0, 0, 0, "")
    with read() as conn:
        last, stores = reading.last_checkpoint(conn), live.stores(conn)
        faults += live.unsigned(conn, wall)
    with TemporaryDirectory() as directory:
        write(read, Path(directory))
        try:
            report = verify.verify(Path(directory), str(key.signer(read.config).verifier))
        except verify.Fault as fault:
            faults.append(live.of_export(fault))
    faults += live.log_findings(read, last.size if last else 0)
    for store in stores:
        faults += live.store_findings(read, store)
    with read() as conn:
        count = sa.func.count()
        return Verdict(
            verified=not faults,
            entries=report.entries,
            subjects=report.subjects,
            checkpoints=report.checkpoints,
            root=report.root,
            events={s.service: conn.scalar(sa.select(count).select_from(s.event)) or 0 for s in stores},
            pending=sum(live.pending(conn, s) for s in stores),
            faults=faults,
        )
