"""A database that has seen many cases: every row that the engine leaves of a finished case, many times over.

A few cases are taken to their end by the engine itself. Their rows are the template: the history is copies of them,
under ids and people of their own, with hashes that are right and the entries of the log that they would have, written
in bulk. Only their times are those of the template.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import cycle, islice
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from events import bulk, envelope, ids
from events.log import log_entry, log_head
from events.outbox import EVENT_COLUMNS, shard
from services.db import table
from services.mutations import SERVICE
from services.mutations.execute import PREFIX
from services.mutations.models import Case
from tests.bench import flow
from tests.bench.engine import Engine as Contestant
from tests.bench.runner import COMMITTED, in_batches

TOPIC = "mutation"
#: Cases of the template, and those that are written at once.
SAMPLE, CHUNK = 60, 500
_UUID = r"([0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"
UUID, UUID_BYTES = re.compile(_UUID), re.compile(_UUID.encode())

case, event, claim = table(Case), SERVICE.outbox.event, SERVICE.inbox.claim
KEPT = (event, case, claim)

Row = tuple[Any, ...]
#: The rows of one case, each with its table.
Template = list[tuple[sa.Table, list[Any]]]


class Ids(dict[Any, Any]):
    """The ids of a copy by those of the template: people by their turn, all others new."""

    def __init__(self, person: str):
        super().__init__()
        self.person = person

    def __missing__(self, of: Any) -> Any:
        if isinstance(of, bytes):
            self[of] = self[of.decode()].encode()
        else:
            self[of] = self.person if of[14] == "4" else ids.new()
        return self[of]


class Mold:
    """A value with ids in it; every odd piece is an id."""

    def __init__(self, pieces: list[Any]):
        self.pieces, self.empty = pieces, pieces[0][:0]

    def cast(self, given: Ids) -> Any:
        return self.empty.join([given[piece] if n % 2 else piece for n, piece in enumerate(self.pieces)])


def fill(writer: Engine, molds: Sequence[Template], cases: int, people: int) -> None:
    """Add so many finished cases, of the first `people` of the town in turn, to a database of the service."""
    with writer.begin() as conn:
        heads = _heads(conn)
    owners = cycle(map(flow.person, range(people)))
    copies = (list(_copy(mold, Ids(next(owners)))) for mold in islice(cycle(molds), cases))
    while chunk := list(islice(copies, CHUNK)):
        with writer.begin() as conn:
            _write(conn, [row for rows in chunk for row in rows], heads)


def template() -> list[Template]:
    """The rows of some cases that the engine has taken to their end, on a file of its own."""
    with TemporaryDirectory() as directory:
        contestant = Contestant(f"sqlite:///{directory}/template.db", SAMPLE)
        with closing(contestant), contestant.app.databases.reader(SERVICE.name).connect() as conn:
            contestant.refresh()
            in_batches(contestant.take, flow.messages(SAMPLE), COMMITTED)
            contestant.check()
            return list(_molds(conn))


def _molds(conn: Connection) -> Iterator[Template]:
    """The rows of each case."""
    rows: dict[str, Template] = defaultdict(list)
    commands: dict[str, str] = {}
    for row in conn.execute(sa.select(event).order_by(event.c.event_id)):
        commands[row.causation] = row.subject
        rows[row.subject].append((event, list(map(_mold, row))))
    for row in conn.execute(sa.select(case)):
        rows[PREFIX + row.id].append((case, list(map(_mold, row))))
    for row in conn.execute(sa.select(claim)):
        rows[commands[row.command_id]].append((claim, list(map(_mold, row))))
    yield from rows.values()


def _mold(value: Any) -> Any:
    if not isinstance(value, str | bytes):
        return value
    pieces: list[Any] = UUID.split(value) if isinstance(value, str) else UUID_BYTES.split(value)
    return Mold(pieces) if len(pieces) > 1 else value


def _copy(mold: Template, given: Ids) -> Iterator[tuple[sa.Table, Row]]:
    for of, values in mold:
        row = tuple(v.cast(given) if isinstance(v, Mold) else v for v in values)
        yield of, (*row[:-1], envelope.digest(row[-2])) if of is event else row


def _heads(conn: Connection) -> Counter[int]:
    """The next entry of each partition of the log."""
    of = sa.select(log_head.c.part, log_head.c.next).where(log_head.c.topic == TOPIC)
    return Counter(dict(conn.execute(of).all()))


def _write(conn: Connection, rows: list[tuple[sa.Table, Row]], heads: Counter[int]) -> None:
    """Insert the rows by table, and the entries of the log for the events."""
    assert event.columns.keys() == list(EVENT_COLUMNS)
    entries = []
    for of in KEPT:
        bulk.insert(conn, of, of.columns.keys(), [row for whose, row in rows if whose is of])
    for of, row in rows:
        if of is event:
            part = shard(row[1], len(heads))
            entries.append((TOPIC, part, heads[part], SERVICE.name, row[0]))
            heads[part] += 1
    bulk.insert(conn, log_entry, ("topic", "part", "n", "service", "event_id"), entries)
    bulk.upsert(conn, log_head, ("topic", "part", "next"), [(TOPIC, *head) for head in sorted(heads.items())])
