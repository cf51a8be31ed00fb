"""Signing in and out, and changing one's password."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request
from flask_babel import gettext as _

from events import ids
from services.auth import COOKIE, current_user, open_door, requires, set_session
from services.db import db
from services.http import application, submit
from services.identity import credentials
from services.identity.api import user_of
from services.identity.commands import ChangePassword, SignIn
from services.identity.models import Account
from services.service import Answer, Command

door = Blueprint("identity", __name__, url_prefix="/identity", template_folder="templates")

ZONE = ZoneInfo("Asia/Jayapura")
LENGTHS = {"least": credentials.SHORTEST_PASSWORD, "most": credentials.LONGEST_PASSWORD}


@door.get("/sign-in")
@open_door
def sign_in_form() -> str:
    return render_template("signin.html", login="", error="", next=_local(request.args.get("next", "")))


@door.post("/sign-in")
@open_door
def sign_in() -> Response:
    """A right login opens a session. A wrong one, known or not, takes as long and is answered the same."""
    login, goal = request.form.get("login", "").strip().lower(), _local(request.form.get("next", ""))
    row = db.session.query(Account).filter(Account.login == login).one_or_none()
    passed = credentials.matches(request.form.get("password", ""), row.password_hash if row else None)
    answer = _attempt(login, passed)
    if row is not None and answer["let_in"]:
        response = make_response(redirect(goal))
        set_session(response, user_of(row, answer["at"], by_cookie=True))
        return response
    page = render_template("signin.html", login=login, error=_refusal(answer["closed_until"]), next=goal)
    return make_response(page, 429 if answer["closed_until"] else 401)


@door.post("/sign-out")
@open_door
def sign_out() -> Response:
    """Forget the session in this browser."""
    g.user = None
    response = make_response(redirect("/identity/sign-in"))
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax")
    return response


@door.get("/password")
@requires()
def password_form() -> str:
    return render_template("identity/password.html", error="", key=ids.new())


@door.post("/password")
@requires()
def change_password() -> Response:
    """The old password is asked again: an unattended screen is not enough, and guesses are counted."""
    user = current_user()
    assert user is not None
    row = db.session.get_one(Account, user.account)
    old, new = request.form.get("old", ""), request.form.get("new", "")
    answer = _attempt(row.login, credentials.matches(old, row.password_hash))
    if not answer["let_in"]:
        return _password_again(_refusal(answer["closed_until"]))
    if not credentials.SHORTEST_PASSWORD <= len(new) <= credentials.LONGEST_PASSWORD:
        words = _("Kata sandi baru: %(least)d sampai %(most)d huruf; sebuah kalimat paling mudah diingat.", **LENGTHS)
        return _password_again(words)
    changed = submit("identity", ChangePassword(account=row.id, password_hash=credentials.hash_password(new)))
    flash(_("Kata sandi diganti; sesi lain akun ini berakhir."), "success")
    g.user = replace(user, signed_in=changed["at"])
    response = make_response(redirect("/identity/password"))
    set_session(response, g.user)
    return response


def _attempt(login: str, passed: bool) -> Answer:
    command = SignIn(login_hash=credentials.login_hash(login), passed=passed)
    sent = Command(id=ids.new(), data=command, correlation=g.request_id)
    return application().committer.submit("identity", sent)


def _password_again(error: str) -> Response:
    return make_response(render_template("identity/password.html", error=error, key=ids.new()), 422)


def _refusal(closed_until: str | None) -> str:
    if closed_until is None:
        return str(_("Nama akun atau kata sandi salah."))
    until = datetime.fromisoformat(closed_until).astimezone(ZONE)
    return str(_("Terlalu banyak percobaan. Coba lagi setelah pukul %(time)s WIT.", time=f"{until:%H.%M.%S}"))


def _local(path: str) -> str:
    """A path of this site; the start page for anything else, so that no link leads to a stranger after sign-in."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if safe else "/"
