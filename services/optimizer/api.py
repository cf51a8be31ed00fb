"""The JSON door of the optimizer: plans and proposals, with the input that reproduces them."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from flask import Response, abort, jsonify

from events.schema import schema_of
from services.auth import actor, needs, requires
from services.db import db
from services.doors import JsonDoor
from services.http import submit
from services.optimizer.models import PlanRow, ProposalRow
from services.optimizer.planning import SignAssessment
from services.service import Words

door = JsonDoor("optimizer_api", __name__, url_prefix="/api/optimizer", description="Plans and proposals")


#: Roles of those who may read of people about whom nothing is decided yet.
READERS = ("names", "personnel", "auditor", "operator")


@door.get("/proposals")
@requires(*READERS)
def proposals() -> Response:
    """The newest proposals, with what became of each."""
    rows = db.session.scalars(sa.select(ProposalRow).order_by(ProposalRow.at.desc(), ProposalRow.id.desc()).limit(100))
    return jsonify(
        proposals=[{"state": r.state, "mutation": r.mutation, "proposal": msgspec.json.decode(r.body)} for r in rows]
    )


@door.get("/plans/<uuid:plan>")
@requires(*READERS)
def plan(plan: Any) -> Response:
    """A plan with its figures, and the picture it was solved from: solving it again gives the same plan."""
    row = db.session.get(PlanRow, str(plan))
    if row is None:
        abort(404, Words(f"Tidak ada rencana {plan}.", f"There is no plan {plan}."))
    return jsonify(plan=msgspec.json.decode(row.body), picture=msgspec.json.decode(row.picture))


@door.post("/assessments")
@requires("personnel", "operator")
@door.arguments(schema_of(SignAssessment))
@door.response(200)
def sign(body: dict[str, Any]) -> dict[str, Any]:
    """Record that the impact assessment was signed; without it nothing is proposed."""
    if not {f"personnel@{body['instansi']}", "operator@imbang"} & set(actor().roles):
        abort(403, needs(f"personnel@{body['instansi']}"))
    return submit("optimizer", SignAssessment(**body))
