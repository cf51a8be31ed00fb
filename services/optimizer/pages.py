"""The screens of the optimizer: what it proposes and what it does not, and a proposal with all its reasons."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from flask import Blueprint, abort, render_template
from flask_babel import format_decimal

from events.proposal import ProposalDrafted, Reason
from services.auth import current_user, needs, requires
from services.db import db
from services.language import language
from services.optimizer.api import READERS
from services.optimizer.models import Assessment, PlanRow, ProposalRow, Unit
from services.optimizer.solver import Plan
from services.service import Words
from workflow.routes import routes

door = Blueprint("optimizer", __name__, url_prefix="/optimizer", template_folder="templates")


#: Figures of reasons that are ratios of load.
RATIOS = {"before", "after_plan", "worst_here", "worst_there", "ratio"}
#: Reasons whose figures are listed with them -> the kind of their codes in words.toml.
PARTICULARS = {"least_burden": "burden", "better_but_blocked": "rule"}


@cache
def words() -> dict[str, dict[str, str]]:
    """Reason code -> language -> sentence with {figures}; and `kind.code` -> language -> what the code means."""
    return msgspec.toml.decode((Path(__file__).parent / "words.toml").read_text(), type=dict[str, dict[str, str]])


def sentence(reason: Reason) -> str:
    """A reason in the reader's language, its figures rounded to what the data can bear."""
    equal = reason.code == "runner_up" and not reason.figures["hours_worse"]
    said = words()["runner_up_as_good" if equal else reason.code][language()]
    return said.format_map({k: _shown(k, v) for k, v in reason.figures.items()})


def particulars(reason: Reason) -> list[str]:
    """What a sum in a reason is made of, or which rules it counts, in words."""
    kind = PARTICULARS.get(reason.code)
    if kind is None:
        return []
    counted = {k: v for k, v in reason.figures.items() if k != "total"}
    return [f"{words()[f'{kind}.{name}'][language()]} {_shown(name, value)}" for name, value in counted.items()]


def _shown(name: str, value: float | str) -> str:
    """A figure of a reason: a code in words, a unit by its name, a ratio with two decimals, anything else with one."""
    if isinstance(value, str):
        if name.endswith("unit"):
            return unit_name(value)
        return words().get(f"{name}.{value}", {}).get(language(), value)
    return str(format_decimal(value, "0.00" if name in RATIOS else "0.#"))


@door.get("/")
@requires(*READERS)
def proposals() -> str:
    """Newest proposals; of the newest plan, the units that get nothing and why."""
    rows = db.session.scalars(sa.select(ProposalRow).order_by(ProposalRow.at.desc(), ProposalRow.id).limit(50)).all()
    newest = db.session.scalars(sa.select(PlanRow).order_by(PlanRow.at.desc(), PlanRow.id.desc()).limit(1)).first()
    return render_template(
        "optimizer/proposals.html",
        proposals=[(r, msgspec.json.decode(r.body, type=ProposalDrafted)) for r in rows],
        newest=newest,
        plan=msgspec.json.decode(newest.body, type=Plan) if newest else None,
        signed=db.session.scalars(sa.select(Assessment)).first(),
        unit=unit,
        sentence=sentence,
        crossing=_crossing,
    )


@door.get("/proposals/<uuid:proposal>")
@requires()
def proposal(proposal: Any) -> str:
    """One proposal: what it does, why there, why this person, what it rests on; for its person once it is a case."""
    row = db.session.get(ProposalRow, str(proposal))
    if row is None:
        abort(404, Words(f"Tidak ada usulan {proposal}.", f"There is no proposal {proposal}."))
    drafted = msgspec.json.decode(row.body, type=ProposalDrafted)
    user = current_user()
    assert user is not None
    if not user.may(*READERS) and not (row.mutation and drafted.person == user.person):
        abort(403, needs(*READERS))
    return render_template(
        "optimizer/proposal.html",
        row=row,
        proposal=drafted,
        unit=unit,
        unit_name=unit_name,
        sentence=sentence,
        particulars=particulars,
        readers=READERS,
    )


def unit(code: str) -> Unit | None:
    """A unit by its code."""
    return db.session.get(Unit, code)


def unit_name(code: str) -> str:
    """The name of a unit; its code while it is unknown."""
    known = unit(code)
    return known.name if known else code


def _crossing(hint: Any) -> dict[str, Any]:
    """For a unit that only another government could help: the route that needs, and its parties in order."""
    here = db.session.get(Unit, hint.unit)
    there = db.session.scalars(sa.select(Unit).where(Unit.instansi == hint.instansi[0]).limit(1)).first()
    route = routes()["R6"]
    assert here is not None, hint.unit
    assert there is not None, hint.instansi
    parties = route.parties(there.instansi_name, here.instansi_name)
    return {
        "unit": here,
        "from": there.instansi_name,
        "route": route.title.en if language() == "en" else route.title.id,
        "parties": parties.en if language() == "en" else parties.id,
    }
