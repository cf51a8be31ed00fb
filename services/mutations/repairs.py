"""Doors for who asks why cases do not move: one, all that are stuck, and the same step given to many of them."""

from __future__ import annotations

from itertools import islice
from typing import Any

import marshmallow as ma
from flask import jsonify
from werkzeug.wrappers import Response

from services.auth import requires
from services.db import db
from services.http import submit
from services.mutations import reading, standing
from services.mutations.api import body_of, door, opened, visible
from services.mutations.execute import Act
from services.mutations.models import Case
from services.service import Refused
from workflow import commands as cmd

#: Steps that mend cases, each given to many at once.
MENDING: tuple[type[cmd.Command], ...] = (cmd.Postpone, cmd.Reassign, cmd.Hold, cmd.Resume, cmd.Cancel)
#: So many cases are listed or mended by one request.
MOST = 200


class After(ma.Schema):
    """`after` is the `next` of the page before."""

    after = ma.fields.String(load_default="")


class Members(ma.Schema):
    """The cases that a step is given to."""

    members = ma.fields.List(ma.fields.UUID(), required=True, validate=ma.validate.Length(min=1, max=MOST))


@door.get("/<uuid:mutation>/why")
@requires()
def why(mutation: Any) -> Response:
    """Why a case does not move: who is asked what since when, who can act today, who cannot and by which rule."""
    _row, state = opened(str(mutation))
    return jsonify(standing.told(state, standing.standing(state, reading.authority(), reading.now(), reading.today())))


@door.get("/stuck")
@requires()
@door.arguments(After, location="query")
def stuck(query: dict[str, Any]) -> Response:
    """The open cases that do not move by themselves, of those that the user may open, with the reason of each."""
    conn = db.session.connection(bind_arguments={"mapper": Case})
    known, now, on = reading.authority(), reading.now(), reading.today()
    found = standing.stuck(conn, known, now, on, visible(), query["after"])
    page = [standing.told(state, each) for state, each in islice(found, MOST)]
    return jsonify(mutations=page, next=page[-1]["mutation"] if len(page) == MOST else None)


def _mending_route(command: type[cmd.Command]) -> None:
    """`POST /api/mutations/repairs/<command-name>`: each case is its own command, so one refusal stops no other."""
    name = str(command.__struct_config__.tag)
    body_type = type(f"{command.__name__}Repair", (body_of(command), Members), {})

    @door.post(f"/repairs/{name.replace('_', '-')}", endpoint=f"repair_{name}")
    @requires()
    @door.arguments(body_type)
    @door.response(200)
    def mend(body: dict[str, Any]) -> dict[str, Any]:
        words = body.pop("words")
        members = [str(member) for member in body.pop("members")]
        return {"report": [_given(command(mutation=member, **body), words) for member in members]}

    mend.__doc__ = f"{command.__doc__} Of many cases; the report has a line for each."


def _given(command: cmd.Command, words: str | None) -> dict[str, Any]:
    """What became of one case."""
    try:
        answer = submit("mutations", Act(command=command, words=words), None, command.mutation)
    except Refused as refusal:
        told = {"id": refusal.detail.id, "en": refusal.detail.en}
        return {"mutation": command.mutation, "done": False, "rule": refusal.rule, "detail": told}
    return {"done": True, **answer}


for _mending in MENDING:
    _mending_route(_mending)
