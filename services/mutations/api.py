"""The JSON door of mutations: lists, cases, histories, and one route for each command of the law."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import msgspec
from flask import abort, jsonify, request
from werkzeug.wrappers import Response

from events import ids
from events.schema import schema_of
from services.auth import actor, commands_only, requires
from services.doors import JsonDoor
from services.http import KEY, submit
from services.mutations import reading, sight
from services.mutations.execute import LONGEST_WORDS, Act
from services.mutations.groups import SignTogether
from services.mutations.models import Case
from services.service import Words
from workflow import commands as cmd
from workflow.mutation import Mutation

door = JsonDoor("mutations_api", __name__, url_prefix="/api/mutations", description="Mutations and their approval")

#: Commands that people give; the rest belongs to the engine.
OFFERED: tuple[type[cmd.Command], ...] = (
    cmd.Submit,
    cmd.Screen,
    cmd.Resubmit,
    cmd.Answer,
    cmd.Release,
    cmd.Receive,
    cmd.Clear,
    cmd.Inspect,
    cmd.Settle,
    cmd.Vote,
    cmd.Consent,
    cmd.Grant,
    cmd.Sign,
    cmd.Refuse,
    cmd.Appoint,
    cmd.Serve,
    cmd.HandOver,
    cmd.Start,
    cmd.Register,
    cmd.Extend,
    cmd.Recall,
    cmd.ConfirmReturn,
    cmd.Withdraw,
    cmd.Cancel,
    cmd.Hold,
    cmd.Resume,
    cmd.Postpone,
    cmd.Reassign,
    cmd.Object,
    cmd.DecideObjection,
    cmd.Reverse,
    cmd.Correct,
)
INTERNAL = frozenset({"mutation", "words_hash", "proposal", "converts"})


class Listing(ma.Schema):
    """What a list may be narrowed to. `after` is the `next` of the page before."""

    after = ma.fields.String(load_default="")
    state = ma.fields.String(load_default="")
    opd = ma.fields.String(load_default="")
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))


class OwnWords(ma.Schema):
    """What the author of a command writes beside it, in their own words; it never leaves this service."""

    words = ma.fields.String(load_default=None, validate=ma.validate.Length(max=LONGEST_WORDS))


class Answered(ma.Schema):
    """The case after a command."""

    mutation = ma.fields.UUID()
    version = ma.fields.Integer()
    state = ma.fields.String()


def body_of(command: type[cmd.Command]) -> type[ma.Schema]:
    """The request body of a command: its own fields, and the author's words."""
    return type(f"{command.__name__}Body", (schema_of(command, without=INTERNAL), OwnWords), {})


def summary(row: Case) -> dict[str, Any]:
    names = ("id", "version", "state", "route", "person", "source_unit", "target_unit", "mode", "origin", "contested")
    return {n: getattr(row, n) for n in names} | {"opened_at": row.opened_at.isoformat(), "closed": row.closed}


@door.get("/")
@requires()
@door.arguments(Listing, location="query")
def cases(query: dict[str, Any]) -> Response:
    """Cases that the user may open, newest first."""
    after, limit = reading.cursor(query["after"]), query["limit"]
    rows = reading.listing(visible(), after, state=query["state"], opd=query["opd"], limit=limit)
    page = rows[:limit]
    following = reading.token(page[-1]) if len(rows) > len(page) else None
    return jsonify(mutations=[summary(row) for row in page], next=following)


@door.get("/inbox")
@requires()
def inbox() -> Response:
    """What is asked of the user, by their offices of today and of themselves."""
    user = actor()
    found = reading.inbox(reading.authority(), user.person, reading.today())
    return jsonify(
        duties=[
            {
                "mutation": duty.mutation,
                "duty": duty.name,
                "party": duty.party,
                "due": duty.due.isoformat() if duty.due else None,
                "escalated": duty.escalated,
                "case": summary(row),
            }
            for duty, row in found
        ]
    )


@door.post("/")
@commands_only
@requires()
@door.arguments(body_of(cmd.Draft))
@door.response(201, Answered)
def draft(body: dict[str, Any]) -> dict[str, Any]:
    """Consider a move. The id of the case follows from the Idempotency-Key, so a repeat finds the same case."""
    words = body.pop("words")
    mutation = ids.derived("draft", actor().account, request.headers.get(KEY, ""))
    return submit("mutations", Act(command=cmd.Draft(mutation=mutation, **body), words=words))


@door.post("/decrees")
@requires()
@door.arguments(schema_of(SignTogether, without=frozenset({"group"})))
@door.response(201)
def decree(body: dict[str, Any]) -> dict[str, Any]:
    """Sign several cases under one number: all of them or none."""
    seen = visible()
    if hidden := [member for member in body["members"] if reading.case(member, seen) is None]:
        abort(404, nowhere(hidden[0]))
    group = ids.derived("group", actor().account, request.headers.get(KEY, ""))
    return submit("mutations", SignTogether(group=group, **body))


@door.get("/<uuid:mutation>")
@requires()
def case(mutation: Any) -> Response:
    """One case, with its version as ETag."""
    row, state = opened(str(mutation))
    if not _confided(state):
        state = reading.discreet(state)
    response = jsonify(summary(row) | {"case": msgspec.to_builtins(state)})
    response.set_etag(str(row.version))
    return response.make_conditional(request)


@door.get("/<uuid:mutation>/history")
@requires()
def history(mutation: Any) -> Response:
    """Every event of a case, oldest first."""
    confided = _confided(opened(str(mutation))[1])
    return jsonify(
        events=[
            {
                "id": e.id,
                "type": e.type,
                "version": e.subjectversion,
                "time": e.time.isoformat(),
                "data": msgspec.to_builtins(payload if confided else reading.discreet_event(payload)),
            }
            for e, payload in reading.history(str(mutation))
        ]
    )


def _confided(state: Mutation) -> bool:
    return reading.confides(state, actor().person, reading.authority(), reading.today())


def opened(mutation: str) -> tuple[Case, Any]:
    """A case that the user may see; 404 for one that does not exist or is none of theirs."""
    return reading.case(mutation, visible()) or abort(404, nowhere(mutation))


def nowhere(mutation: str) -> Words:
    return Words(f"Tidak ada perkara {mutation}.", f"There is no mutation {mutation}.")


def visible() -> sight.Visible:
    """The cases that the user may see."""
    user = actor()
    return sight.visible(reading.authority(), user.person, reading.today(), user.roles)


def _command_route(command: type[cmd.Command]) -> None:
    """`POST /api/mutations/<id>/<command-name>`. Whether the author may see the case is judged with the command."""
    name = str(command.__struct_config__.tag)

    @door.post(f"/<uuid:mutation>/{name.replace('_', '-')}", endpoint=name)
    @commands_only
    @requires()
    @door.arguments(body_of(command))
    @door.response(200, Answered)
    def give(body: dict[str, Any], mutation: Any) -> dict[str, Any]:
        words = body.pop("words")
        return submit("mutations", Act(command=command(mutation=str(mutation), **body), words=words))

    give.__doc__ = command.__doc__


for _offered in OFFERED:
    _command_route(_offered)
