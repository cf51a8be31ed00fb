"""What is read of the log. Rows are only added, so nothing read here needs a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from services.audit.chain import Frontier, Place
from services.audit.chain import Read as ReadNodes
from services.audit.models import CheckpointRow, FrontierRow, Node
from services.db import table

PAGE = 500

#: Rows and queries of whatever columns.
AnyRow = Row[*tuple[Any, ...]]
AnySelect = sa.Select[*tuple[Any, ...]]

node, checkpoint, edge = table(Node), table(CheckpointRow), table(FrontierRow)


def frontier(conn: Connection, *, lock: bool = False) -> Frontier | None:
    """The right edge of the tree; None before the first batch."""
    statement = sa.select(edge.c.size, edge.c.peaks)
    row = conn.execute(statement.with_for_update() if lock else statement).first()
    if row is None:
        return None
    return Frontier(row.size, tuple(row.peaks[i : i + 32] for i in range(0, len(row.peaks), 32)))


def size(conn: Connection) -> int:
    """How many entries the log has."""
    return conn.scalar(sa.select(edge.c.size)) or 0


def last_checkpoint(conn: Connection) -> AnyRow | None:
    """The newest checkpoint: size, root, note, at."""
    return conn.execute(sa.select(checkpoint).order_by(checkpoint.c.size.desc()).limit(1)).first()


def nodes(conn: Connection) -> ReadNodes:
    """Fetches nodes for a root or a proof, in one query."""

    def read(places: Collection[Place]) -> Mapping[Place, bytes]:
        here = sa.tuple_(node.c.level, node.c.index).in_(places)
        return {(level, index): hash for level, index, hash in conn.execute(sa.select(node).where(here))}

    return read


def root_at(conn: Connection, size: int) -> bytes | None:
    """The root over the first `size` entries, folded from the stored nodes; None when some are missing."""
    try:
        return Frontier.read(size, nodes(conn)).root
    except KeyError:
        return None


def pages(
    connect: Callable[[], Connection], statement: AnySelect, key: sa.ColumnElement[Any]
) -> Iterator[Sequence[AnyRow]]:
    """The rows of a query in the order of `key`, its first column, page by page, each on a connection of its own."""
    following, full = statement.order_by(key).limit(PAGE), True
    while full:
        with connect() as conn:
            rows = conn.execute(following).all()
        if rows:
            yield rows
            following = statement.where(key > rows[-1][0]).order_by(key).limit(PAGE)
        full = len(rows) == PAGE
