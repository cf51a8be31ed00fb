"""Who is asking: sessions and tokens, signed, short-lived, verified locally; and the guards of routes.

Signing in gives a person an *identity*, never authority over a mutation: that comes from the offices held at the moment
of action. A revocation travels by event and voids all that follows from earlier sign-ins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from flask import Flask, Response, abort, current_app, g, redirect, request
from flask_wtf.csrf import CSRFProtect
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from services.service import Actor, Words

COOKIE = "imbang_session"
SESSION_SECONDS = 15 * 60
#: A session that is used is renewed for this long before the password is asked again.
SIGN_IN_SECONDS = 10 * 3600
View = TypeVar("View", bound=Callable[..., Any])
#: Tells whether an account's sign-in at a moment was revoked.
Void = Callable[[str, datetime], bool]

csrf = CSRFProtect()
EXPIRED = Words("Token pembawanya tidak sah atau sudah kedaluwarsa.", "The bearer token is not valid or has expired.")


@dataclass(frozen=True)
class User:
    """The signed-in account. `label` is what its own pages call it; `roles` open doors as `name@scope`."""

    account: str
    person: str | None
    label: str
    roles: tuple[str, ...] = ()
    signed_in: float = 0.0
    by_cookie: bool = field(default=True, compare=False)

    @property
    def actor(self) -> Actor:
        return Actor(self.account, self.person, self.roles)

    @property
    def since(self) -> datetime:
        """When the user signed in."""
        return datetime.fromtimestamp(self.signed_in, UTC)

    def may(self, *roles: str) -> bool:
        """Whether the user has one of these roles, for whatever scope."""
        return any(r.partition("@")[0] in roles for r in self.roles)


def issue(user: User) -> str:
    """The signed form of a session or token."""
    return _serializer().dumps([user.account, user.person, user.label, list(user.roles), user.signed_in])


def verify(token: str, *, by_cookie: bool) -> User | None:
    """The user of a valid token, None for one that is forged or old."""
    try:
        account, person, label, roles, since = _serializer().loads(token, max_age=SESSION_SECONDS)
    except (BadSignature, SignatureExpired, ValueError, TypeError):
        return None
    user = User(account, person, label, tuple(roles), since, by_cookie)
    return user if (datetime.now(UTC) - user.since).total_seconds() <= SIGN_IN_SECONDS else None


def _still_signed_in(user: User | None) -> User | None:
    """The user, None for one whose sign-in was revoked."""
    void = cast(Void, current_app.extensions["imbang_void"])
    return None if user is None or void(user.account, user.since) else user


def current_user() -> User | None:
    return cast("User | None", g.get("user"))


def signed_in() -> User:
    """The signed-in user; 401 when nobody is."""
    return current_user() or abort(401)


def actor() -> Actor:
    """The signed-in user as the author of commands; 401 when nobody is."""
    return signed_in().actor


def needs(*roles: str) -> Words:
    """The sentence for who lacks a role."""
    listed = ", ".join(roles)
    return Words(f"Ini memerlukan salah satu peran: {listed}.", f"This needs one of the roles {listed}.")


def open_door(view: View) -> View:
    """A route for everybody, on purpose."""
    view.guard = "open"  # type: ignore[attr-defined]
    return view


def commands_only(view: View) -> View:
    """A route that looks at nothing before its command, with which it is judged whether the author is signed in."""
    view.commands_only = True  # type: ignore[attr-defined]
    return view


def requires(*roles: str) -> Callable[[View], View]:
    """A route for signed-in users; with roles, for those who have one of them."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            user = current_user()
            if user is None:
                if request.path.startswith("/api/"):
                    abort(401)
                return redirect(f"/identity/sign-in?{urlencode({'next': request.full_path.rstrip('?')})}")
            if roles and not user.may(*roles):
                abort(403, needs(*roles))
            return view(*args, **kwargs)

        guarded.guard = roles or ("signed in",)  # type: ignore[attr-defined]
        return cast(View, guarded)

    return guard


def install_auth(app: Flask, void: Void) -> None:
    """Find out who asks before each request; protect cookies against other sites; renew sessions in use."""
    app.extensions["imbang_void"] = void
    app.config |= {"WTF_CSRF_CHECK_DEFAULT": False, "WTF_CSRF_TIME_LIMIT": None}
    csrf.init_app(app)

    @app.before_request
    def who() -> None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer":
            user = verify(token, by_cookie=False)
            judged_later = hasattr(app.view_functions.get(request.endpoint or ""), "commands_only")
            g.user = (user if judged_later else _still_signed_in(user)) or abort(401, EXPIRED)
        else:
            g.user = _still_signed_in(verify(request.cookies.get(COOKIE, ""), by_cookie=True))
            from_a_browser = g.user is not None or not request.path.startswith("/api/")
            if from_a_browser and request.method not in ("GET", "HEAD", "OPTIONS"):
                csrf.protect()

    @app.after_request
    def renew(response: Response) -> Response:
        user = current_user()
        if user is not None and user.by_cookie and COOKIE not in response.headers.get("Set-Cookie", ""):
            set_session(response, user)
        return response

    app.context_processor(lambda: {"current_user": current_user()})


def set_session(response: Response, user: User) -> None:
    secure = request.is_secure
    response.set_cookie(COOKIE, issue(user), max_age=SESSION_SECONDS, httponly=True, samesite="Lax", secure=secure)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="imbang-session")
