"""The screens of mutations: my inbox, the list, a case with its timeline, a case opened by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Blueprint, abort, flash, make_response, redirect, render_template, request
from flask_babel import format_date
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from events import ids
from events.mutation import MutationEvent
from events.proposal import ProposalDrafted
from services.auth import actor, requires
from services.db import db
from services.http import submit
from services.language import language
from services.mutations import reading
from services.mutations.api import opened, visible
from services.mutations.choosing import choices, of_field
from services.mutations.execute import Act
from services.mutations.forms import COMMANDS, Form, checked, command_of, form_of, lexicon, meanings, wrong
from services.mutations.models import Asked, Case, Position, Proposal, Unit
from services.mutations.preview import Preview, preview
from services.problems import FAULTS, pick
from services.service import Refused, Words
from workflow import commands as cmd
from workflow.authority import Authority
from workflow.definition import Title
from workflow.library import definition, pack_on
from workflow.mutation import Mutation
from workflow.rights import who_can_act

door = Blueprint("mutations", __name__, url_prefix="/mutations", template_folder="templates")

#: What silence does: trigger -> words.
SILENCE = {
    "overdue": Title(id="Tenggat dicatat lewat, atasan diberi tahu.", en="Recorded as overdue; the superior is told."),
    "objection_overdue": Title(
        id="Tidak memutus apa pun; dicatat lewat, Sekda diberi tahu.",
        en="Nothing is decided by it; recorded as overdue, the secretary is told.",
    ),
    "expire": Title(id="Perkara kedaluwarsa.", en="The case expires."),
    "return_overdue": Title(
        id="Dicatat terlambat, Sekda diberi tahu.", en="Recorded as overdue; the secretary is told."
    ),
}
NO_ANSWER = Title(
    id="Dicatat tidak menjawab; bukan persetujuan, dan PyB harus memutuskan.",
    en="Recorded as no answer, which is never consent; the secretary must decide.",
)


#: What became of a case that ended without a move; others that ended are done.
ENDS = {"REJECTED": "refused", "REVERSED": "refused"} | dict.fromkeys(
    ("WITHDRAWN", "CANCELLED", "EXPIRED"), "not_needed"
)


#: How an office is written when its holder is not the definitive one.
ACTING = {"plt": "Plt ", "plh": "Plh ", "delegate": "a.n. "}


def said(title: Title) -> str:
    """A title in the reader's language."""
    return title.en if language() == "en" else title.id


def _tone(row: Case) -> str:
    """The state for the macro `badge`."""
    if row.closed:
        return ENDS.get(row.state, "done")
    return "overdue" if row.contested else "waiting"


@dataclass(frozen=True)
class Action:
    """A command that the reader may give, with its form and a fresh key so that a double click is one command.

    After a refusal `typed` is what was sent, and `problem` the refusal for the macro `notice`.
    """

    name: str
    form: Form
    key: str
    typed: Mapping[str, str] = field(default_factory=dict)
    problem: Mapping[str, str] | None = None


@door.get("/inbox")
@requires()
def inbox() -> str:
    """What is asked of me, through the offices I hold today and of myself."""
    user, known, on = actor(), reading.authority(), reading.today()
    found = reading.inbox(known, user.person, on)
    drafts = reading.listing(visible(), None, state="DRAFT")[: reading.PAGE]
    mine = [row for row in drafts if "submit" in reading.offered(known, reading.state_of(row), user.person, on)]
    duties = [_card(known, asked, row, on) for asked, row in found]
    return render_template("mutations/inbox.html", duties=duties, drafts=[_line(row) for row in mine])


@door.get("/")
@requires()
def cases() -> str:
    """Cases that the reader may open, newest first."""
    after, state = reading.cursor(request.args.get("after", "")), request.args.get("state", "")
    rows = reading.listing(visible(), after, state=state)
    page = rows[: reading.PAGE]
    more = {"state": state, "after": reading.token(page[-1])} if len(rows) > len(page) else {}
    return render_template(
        "mutations/list.html",
        cases=[_line(r) for r in page],
        next_url=f"/mutations/?{urlencode(more)}" if more else "",
        paged="after" in request.args,
    )


@door.get("/<uuid:mutation>")
@requires()
def case(mutation: Any) -> AnyResponse:
    """One case: where it stands, what is asked of whom, why it was proposed, what happened."""
    row, state = opened(str(mutation))
    page = make_response(_case(row, state))
    page.set_etag(f"{row.version}-{reading.today()}-{language()}-{actor().account}")
    return page.make_conditional(request)


def _case(row: Case, state: Mutation, refused: Action | None = None) -> str:
    known, on, user = reading.authority(), reading.today(), actor()
    names = reading.offered(known, state, user.person, on)
    actions = [Action(n, form_of(n, state), ids.new()) for n in names if refused is None or n != refused.name]
    confided, history = reading.confides(state, user.person, known, on), reading.history(row.id)
    words = reading.words_for(row.id, (event for _, event in history), user.person, confided=confided)
    return render_template(
        "mutations/case.html",
        case=row,
        mutation=state,
        state=said(definition(state.definition).states[state.state].title),
        route=said(definition(state.definition).title),
        source=_place(state.move.source.unit, state.move.source.position),
        target=_place(state.move.target.unit, state.move.target.position),
        duties=[_card(known, asked, row, on) for asked in _asked(row.id)],
        timers=sorted((t.due, name) for name, t in state.timers.items()),
        actions=[refused, *actions] if refused else actions,
        tone=_tone(row),
        origin=said(lexicon().origins[row.origin]),
        choices=lambda field: of_field(field, state, known, user.person, on),
        timeline_entries=[
            _entry(known, wrapped, event if confided else reading.discreet_event(event), words)
            for wrapped, event in history
        ],
        proposal=_proposal(state),
        unit_name=_unit_name,
        said=said,
        narrow=user.person == row.person,
    )


@door.post("/<uuid:mutation>/act/<name>")
@requires()
def act(mutation: Any, name: str) -> AnyResponse:
    """Give a command from the page; a refusal shows the case as it is now, says why, and keeps what was typed."""
    _row, state = opened(str(mutation))
    if name not in COMMANDS or name not in lexicon().commands:
        abort(404, Words(f"Tidak ada perintah {name}.", f"There is no command {name}."))
    form = _filled()
    try:
        command = command_of(name, state, form)
        submit("mutations", Act(command=command, words=form.get("words") or None))
    except Refused as refusal:
        row, state = opened(str(mutation))
        refused = Action(name, form_of(name, state), ids.new(), form, _notice(refusal))
        return make_response(_case(row, state, refused), refusal.status)
    flash(_("Tersimpan."), "success")
    return redirect(f"/mutations/{mutation}")


def _filled() -> MultiDict[str, str]:
    """The form as it was sent; a paper that was chosen is its SHA-256 in hexadecimal, and is not kept."""
    form = MultiDict(request.form)
    for name, paper in request.files.items():
        if paper.filename:
            form[name] = hashlib.sha256(paper.read()).hexdigest()
    return form


@door.get("/new")
@requires()
def new() -> str:
    """Open a case by hand: rules broken and the effect on both loads are shown before it is drafted."""
    return _new(request.args, ids.new())


@door.post("/new")
@requires()
def draft() -> AnyResponse:
    """The first press shows the consequences, the second drafts."""
    user, form = actor(), _filled()
    try:
        command = _draft_of(form, ids.derived("draft", user.account, form.get("key", "")))
        seen: Preview | None = preview(command, user.person)
        if not form.get("words", "").strip():
            raise wrong("words", FAULTS["Missing data"])
        if form.get("confirmed"):
            answer = submit("mutations", Act(command=command, words=form.get("words") or None))
            flash(_("Rancangan dibuat."), "success")
            return redirect(f"/mutations/{answer['mutation']}")
    except Refused as refusal:
        return make_response(_new(form, form.get("key", ""), problem=_notice(refusal)), refusal.status)
    return make_response(_new(form, form.get("key", ""), seen=seen))


def _notice(refusal: Refused) -> dict[str, str]:
    """What a refusal says, for the macro `notice`."""
    words = {"detail": pick(refusal.detail), "remedy": pick(refusal.remedy)}
    return words | {"basis": str(refusal.more.get("basis", "")), "rule": refusal.rule}


def _new(
    form: MultiDict[str, str], key: str, seen: Preview | None = None, problem: Mapping[str, str] | None = None
) -> str:
    known, person, on = reading.authority(), actor().person, reading.today()
    return render_template(
        "mutations/new.html",
        form=form,
        key=key,
        seen=seen,
        problem=problem,
        offered=choices(form.get("from", ""), form.get("to", ""), known, person, on),
        origins=[(code, said(title)) for code, title in lexicon().origins.items()],
        unit_name=_unit_name,
        said=said,
    )


def _draft_of(form: MultiDict[str, str], mutation: str) -> cmd.Draft:
    names = ("person", "to_position", "mode", "start", "until", "origin", "letter")
    values = {name: form[name].strip() for name in names if form.get(name, "").strip()}
    return checked(cmd.Draft, values | {"mutation": mutation})


def _asked(mutation: str) -> list[Asked]:
    return list(db.session.query(Asked).filter(Asked.mutation == mutation).order_by(Asked.due))


def _card(known: Authority, asked: Asked, row: Case, on: date) -> dict[str, Any]:
    """A duty for the macro `duty_card`."""
    law = reading.law_of(row)
    rule = law.duties[asked.name]
    sponsor = known.offices.get(reading.state_of(row).sponsor_office or "")
    able = who_can_act(law, reading.state_of(row), asked.name, known, on, pack_on(on))
    titles = sorted({f"{ACTING.get(who.capacity, '')}{who.title}" for who in able if who.title})
    nobody = "" if able or law.parties[asked.party].seat == "engine" else _("belum ada yang dapat bertindak")
    return {
        "what": said(rule.title),
        "asked_by": sponsor.title if sponsor else said(lexicon().origins[row.origin]),
        "office": nobody or ", ".join(titles) or said(law.parties[asked.party].title),
        "due": asked.due.date() if asked.due else None,
        "days_left": reading.working_days_left(asked.due, on) if asked.due else None,
        "silence": said(SILENCE.get(rule.silence, NO_ANSWER)),
        "url": f"/mutations/{row.id}",
        "case": f"{_unit_name(row.source_unit)} → {_unit_name(row.target_unit)}",
        "taken_by": None,
    }


def _line(row: Case) -> dict[str, Any]:
    state = said(reading.law_of(row).states[row.state].title)
    names = {"source": _unit_name(row.source_unit), "target": _unit_name(row.target_unit)}
    told = {"state": state, "tone": _tone(row), "origin": said(lexicon().origins[row.origin])}
    mutation = reading.state_of(row)
    starts = mutation.effective_on or mutation.move.start
    return names | told | {"row": row, "url": f"/mutations/{row.id}", "starts": starts, "until": mutation.until}


def _place(unit: str, position: str) -> dict[str, Any]:
    home, post = db.session.get(Unit, unit), db.session.get(Position, position)
    return {"unit": home, "position": post, "url": f"/workload/units/{unit}"}


def _unit_name(unit: str) -> str:
    found = db.session.get(Unit, unit)
    return found.name if found else unit


def _entry(known: Authority, wrapped: Any, event: MutationEvent, words: Mapping[str, str]) -> dict[str, Any]:
    """A line of the timeline: what, by whom in which capacity, with its reason class and what they wrote."""
    by = event.act
    office = known.offices[by.office].title if by.office and by.office in known.offices else ""
    capacity = ACTING.get(by.capacity, "")
    who = {"engine": _("mesin alur"), "employee": _("pegawai yang bersangkutan")}.get(
        by.capacity, f"{capacity}{office}"
    )
    detail = []
    for name in ("answer", "vote", "opinion", "reason_class", "condition", "dissent", "number", "effective_on"):
        value = getattr(event, name, None)
        if value:
            detail.append(_worded(value))
    if by.order:
        detail.append(_("dasar %(order)s", order=by.order))
    detail.append(_("baris %(row)s, %(pack)s", row=event.row, pack=event.pack))
    return {
        "at": event.at,
        "what": said(lexicon().events[wrapped.type]),
        "who": who,
        "detail": " · ".join(detail),
        "words": words.get(event.words_hash or "", ""),
        "url": "",
    }


def _worded(value: Any) -> str:
    """A figure of the history for a reader: codes in words, dates as dates are written."""
    if isinstance(value, date):
        return str(format_date(value, "long"))
    if isinstance(value, list):
        return ", ".join(map(_worded, value))
    known = meanings().get(value)
    return said(known) if known else str(value)


def _proposal(state: Mutation) -> ProposalDrafted | None:
    row = db.session.get(Proposal, state.proposal) if state.proposal else None
    return msgspec.json.decode(row.body, type=ProposalDrafted) if row else None
