"""Cards: the only place where a name is shown. Other services frame them; each view is recorded before it is shown."""

from __future__ import annotations

import re
from uuid import UUID

from flask import Blueprint, Response, abort, g, make_response, render_template, request

from events import ids
from services.auth import actor, current_user, requires
from services.db import db
from services.http import application
from services.personnel import cards
from services.personnel.commands import ViewCards
from services.service import Command, Words

door = Blueprint("personnel", __name__, url_prefix="/personnel", template_folder="templates")

#: A frame shows at most this many cards; a longer list is read page by page.
MOST = 50
PURPOSE = re.compile("[a-z][a-z_]{0,39}")


@door.get("/cards")
@requires()
def framed() -> Response:
    """Cards as a frame of another page: `ids` with commas between, `case` and `purpose` say why they are read."""
    people = list(dict.fromkeys(_uuid(text) for text in request.args.get("ids", "").split(",") if text))
    if not 0 < len(people) <= MOST:
        abort(400, Words(f"`ids` menyebut 1 sampai {MOST} orang.", f"`ids` names 1 to {MOST} people."))
    return _shown("personnel/cards.html", people)


@door.get("/people/<uuid:person>/card")
@requires()
def single(person: UUID) -> Response:
    """The card of one person as a page of its own, for browsers that show no frames."""
    return _shown("personnel/card.html", [str(person)])


def _shown(template: str, people: list[str]) -> Response:
    """Record who reads whom and why, then open the cards; those the reader need not know stay shut."""
    user = current_user()
    assert user is not None
    case, purpose = request.args.get("case", ""), request.args.get("purpose", "case")
    if not PURPOSE.fullmatch(purpose):
        abort(400, Words("`purpose` adalah kode dengan huruf kecil.", "`purpose` is a code of small letters."))
    allowed = cards.readable(db.session(), user, people)
    if allowed:
        _record(ViewCards(people=allowed, purpose=purpose, mutation=_uuid(case) if case else None))
    opened = cards.faces(db.session(), allowed)
    faces = [opened.get(person, cards.Face(person)) for person in people]
    return make_response(render_template(template, faces=faces), 200 if allowed else 403)


def _record(view: ViewCards) -> None:
    sent = Command(id=ids.new(), data=view, actor=actor(), correlation=g.request_id)
    application().committer.submit("personnel", sent)


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        abort(400, Words("`ids` dan `case` adalah UUID.", "`ids` and `case` are UUIDs."))
