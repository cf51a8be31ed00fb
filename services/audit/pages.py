"""The screens of audit: the log with its last checkpoint, one entry with its proof, an export to take away."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy.engine import Connection
from werkzeug.wrappers import Response as AnyResponse

from events import ids
from events.envelope import digest
from services.audit import chain, key, reading
from services.audit.api import AUDITORS, LARGEST, connection
from services.audit.export import Verdict, tar
from services.audit.models import Entry, Verification
from services.audit.sealing import publish_head
from services.audit.verification import Verify
from services.auth import requires
from services.db import db
from services.http import application, submit
from services.jobs import Read
from services.language import language
from services.service import Words

door = Blueprint("audit", __name__, url_prefix="/audit", template_folder="templates")

PAGE = 50


class Check(NamedTuple):
    """The last verification: who asked and when, and the verdict of the last one that ended."""

    asked_by: str
    asked_at: datetime
    done_at: datetime | None
    verdict: Verdict | None

    @property
    def running(self) -> bool:
        return self.done_at is None or self.done_at < self.asked_at


class Proof(NamedTuple):
    """How an entry hangs together with a checkpoint: the path of hashes, and whether it leads to the signed root."""

    size: int
    root: bytes
    path: list[bytes]
    holds: bool


@door.get("/")
@requires(*AUDITORS)
def log() -> AnyResponse:
    """How long the log is, what vouches for it, and its entries, newest first."""
    conn, subject = connection(), request.args.get("subject", "").strip()
    last, size, check = reading.last_checkpoint(conn), reading.size(conn), _check()
    rows = _newest(subject, min(request.args.get("before", LARGEST, type=int), LARGEST))
    page, more = rows[:PAGE], len(rows) > PAGE
    shown = make_response(
        render_template(
            "audit/log.html",
            size=size,
            checkpoint=last,
            public_key=str(key.signer(application().config).verifier),
            check=check,
            command=ids.new(),
            entries=page,
            subject=subject,
            before=page[-1].seq if more else None,
            paged="before" in request.args,
        )
    )
    shown.set_etag(
        "/".join(map(str, (size, last and last.size, check and check.done_at, check and check.asked_at, language())))
    )
    return shown.make_conditional(request)


@door.get(f"/entries/<int(max={LARGEST}):seq>")
@requires(*AUDITORS)
def entry(seq: int) -> str:
    """One entry: its bytes, its leaf, and the path from there to the signed root."""
    row = db.session.get(Entry, seq)
    if row is None:
        abort(404, Words(f"Tidak ada catatan {seq}.", f"There is no entry {seq}."))
    text = row.body.decode(errors="replace")
    return render_template("audit/entry.html", entry=row, text=text, proof=_proof(connection(), row))


@door.post("/verify")
@requires(*AUDITORS)
def verify() -> AnyResponse:
    """Sign the head and check everything; the page shows the verdict when it is there."""
    publish_head(application())
    submit("audit", Verify())
    flash(_("Pemeriksaan dimulai; hasilnya muncul di halaman ini."), "success")
    return redirect("/audit/")


@door.get("/export.tar")
@requires(*AUDITORS)
def export() -> Response:
    """The whole log up to a checkpoint of this moment, to be checked elsewhere with verify.py."""
    app = application()
    publish_head(app)
    archive = tar(Read(app.databases.reader("audit").connect, app.config))
    response = Response(archive, content_type="application/x-tar")
    response.headers["Content-Disposition"] = "attachment; filename=imbang-audit.tar"
    return response


def _newest(subject: str, before: int) -> list[Entry]:
    """One page of entries and one entry more, of one subject or of all."""
    statement = sa.select(Entry).where(Entry.seq < before).order_by(Entry.seq.desc()).limit(PAGE + 1)
    if subject:
        statement = statement.where(Entry.subject == subject)
    return list(db.session.scalars(statement))


def _check() -> Check | None:
    row = db.session.get(Verification, 1)
    if row is None:
        return None
    verdict = msgspec.json.decode(row.verdict, type=Verdict) if row.verdict else None
    return Check(row.asked_by, row.asked_at, row.done_at, verdict)


def _proof(conn: Connection, row: Entry) -> Proof | None:
    """The proof under the last checkpoint; None while that does not cover the entry."""
    last = reading.last_checkpoint(conn)
    if last is None or row.seq > last.size:
        return None
    path = chain.inclusion_proof(row.seq - 1, last.size, reading.nodes(conn))
    holds = chain.included(digest(row.body), row.seq - 1, last.size, path, last.root)
    return Proof(last.size, last.root, path, holds)
