"""The JSON door of audit: the published checkpoint, the entries, and proofs that tie them together.

The checkpoint and the proof that one extends another are open to all: they hold hashes only, and whoever keeps a
checkpoint can later show that nothing before it was changed. Hashes are in hex; the checkpoint is a C2SP signed note.
"""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import sqlalchemy as sa
from flask import Response, abort, jsonify
from sqlalchemy.engine import Connection

from services.audit import chain, reading
from services.audit.models import Entry
from services.auth import open_door, requires
from services.db import db
from services.doors import JsonDoor
from services.service import Words

door = JsonDoor("audit_api", __name__, url_prefix="/api/audit", description="The sealed log of all events")

AUDITORS = ("auditor", "operator")
#: The largest number that a database keeps.
LARGEST = 2**63 - 1


class Listing(ma.Schema):
    """A page of entries; `after` is the `next` of the page before."""

    after = ma.fields.Integer(load_default=0, validate=ma.validate.Range(0, LARGEST))
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 500))


class Inclusion(ma.Schema):
    """Which entry, in the log of how many entries; without a size, that of the last checkpoint."""

    seq = ma.fields.Integer(required=True, validate=ma.validate.Range(1))
    size = ma.fields.Integer(load_default=None, allow_none=True, validate=ma.validate.Range(1))


class Consistency(ma.Schema):
    """The sizes of an earlier and a later log."""

    first = ma.fields.Integer(required=True, validate=ma.validate.Range(0))
    second = ma.fields.Integer(required=True, validate=ma.validate.Range(0))


def connection() -> Connection:
    """The request's connection to the database of audit."""
    return db.session.connection(bind_arguments={"mapper": Entry})


@door.get("/checkpoint")
@open_door
def checkpoint() -> Response:
    """The newest signed checkpoint, as text."""
    last = reading.last_checkpoint(connection())
    if last is None:
        abort(
            404,
            Words(
                "Belum ada segel yang ditandatangani; yang pertama menyusul semenit sesudah peristiwa pertama.",
                "No checkpoint has been signed yet; the first follows a minute after the first event.",
            ),
        )
    return Response(last.note, content_type="text/plain; charset=utf-8")


@door.get("/entries")
@requires(*AUDITORS)
@door.arguments(Listing, location="query")
def entries(query: dict[str, Any]) -> Response:
    """Entries in their order. `body` is the event's exact text: its leaf is SHA-256 of a zero byte and these bytes."""
    statement = sa.select(Entry).where(Entry.seq > query["after"]).order_by(Entry.seq).limit(query["limit"] + 1)
    rows = db.session.scalars(statement).all()
    page = rows[: query["limit"]]
    following = page[-1].seq if len(rows) > len(page) else None
    return jsonify(
        entries=[{"seq": e.seq, "leaf": e.leaf.hex(), "body": e.body.decode(errors="replace")} for e in page],
        next=following,
    )


@door.get("/proof/inclusion")
@requires(*AUDITORS)
@door.arguments(Inclusion, location="query")
def inclusion(query: dict[str, Any]) -> Response:
    """The audit path of an entry (RFC 6962), from its sibling up."""
    conn = connection()
    last = reading.last_checkpoint(conn)
    size = query["size"] or (last.size if last else 0)
    _held(conn, size)
    try:
        proof = chain.inclusion_proof(query["seq"] - 1, size, reading.nodes(conn))
    except IndexError:
        abort(
            404,
            Words(
                f"Entri {query['seq']} tidak ada di antara {size} yang pertama.",
                f"Entry {query['seq']} is not among the first {size}.",
            ),
        )
    root = reading.root_at(conn, size)
    return jsonify(seq=query["seq"], size=size, root=root.hex() if root else None, proof=[h.hex() for h in proof])


@door.get("/proof/consistency")
@open_door
@door.arguments(Consistency, location="query")
def consistency(query: dict[str, Any]) -> Response:
    """The proof that the later log extends the earlier one (RFC 6962)."""
    conn, first, second = connection(), query["first"], query["second"]
    _held(conn, second)
    try:
        proof = chain.consistency_proof(first, second, reading.nodes(conn))
    except IndexError as error:
        abort(400, f"{error}.")
    return jsonify(first=first, second=second, proof=[h.hex() for h in proof])


def _held(conn: Connection, size: int) -> None:
    """404 for a log longer than this one is."""
    held = reading.size(conn)
    if size > held:
        abort(404, Words(f"Log itu berisi {held} entri, bukan {size}.", f"The log has {held} entries, not {size}."))
