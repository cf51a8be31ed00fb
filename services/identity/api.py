"""The JSON door of identity: tokens for API keys, and the administration of accounts by operators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import abort, jsonify
from werkzeug.wrappers import Response

from events.schema import schema_of
from services.auth import SESSION_SECONDS, User, issue, open_door, requires
from services.db import db
from services.doors import JsonDoor
from services.http import submit
from services.identity import credentials
from services.identity.commands import GrantRoles, IssueKey, OpenAccount, RevokeSessions, WithdrawKey
from services.identity.models import Account, ApiKey
from services.service import Words

door = JsonDoor("identity_api", __name__, url_prefix="/api/identity", description="Accounts, roles, API keys, tokens")

NewAccount = schema_of(OpenAccount, without=frozenset({"password_hash"}))
Roles = schema_of(GrantRoles, without=frozenset({"account"}))
KeyLabel = schema_of(IssueKey, without=frozenset({"account", "key", "secret_hash"}))
Password = ma.fields.String(
    load_default=None, validate=ma.validate.Length(credentials.SHORTEST_PASSWORD, credentials.LONGEST_PASSWORD)
)


class Opening(NewAccount):  # type: ignore[misc, valid-type]
    """An account to open, with the first password of a person."""

    password = Password


class Exchange(ma.Schema):
    """An API key, as it was shown when it was issued."""

    key = ma.fields.String(required=True)


class Page(ma.Schema):
    """`after` is the `next` of the page before."""

    after = ma.fields.String(load_default="")
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))


def user_of(row: Account, signed_in: float, *, by_cookie: bool) -> User:
    return User(row.id, row.person, row.label, tuple(row.roles.split()), signed_in, by_cookie)


@door.post("/tokens")
@open_door
@door.arguments(Exchange)
def exchange(body: dict[str, str]) -> Response:
    """A bearer token for an API key. It lives a quarter of an hour and dies with the key."""
    key, secret = credentials.parts(body["key"])
    kept = db.session.get(ApiKey, key)
    if kept is None or not credentials.same(secret, kept.secret_hash):
        abort(401, Words("Kunci API ini tidak sah.", "This is not a valid API key."))
    account = db.session.get_one(Account, kept.account)
    token = issue(user_of(account, datetime.now(UTC).timestamp(), by_cookie=False))
    return jsonify(token=token, token_type="Bearer", expires_in=SESSION_SECONDS)


@door.get("/accounts")
@requires("operator")
@door.arguments(Page, location="query")
def accounts(query: dict[str, Any]) -> Response:
    """Accounts by login, with their roles."""
    found = db.session.query(Account).filter(Account.login > query["after"]).order_by(Account.login)
    rows = found.limit(query["limit"] + 1).all()
    page = rows[: query["limit"]]
    shown = [
        {"account": r.id, "login": r.login, "label": r.label, "kind": r.kind, "roles": r.roles.split()} for r in page
    ]
    return jsonify(accounts=shown, next=page[-1].login if len(rows) > len(page) else None)


@door.post("/accounts")
@requires("operator")
@door.arguments(Opening)
@door.response(201)
def open_account(body: dict[str, Any]) -> Any:
    """Open an account. A repeat is known by all but the password, whose hash is salted anew each time."""
    password = body.pop("password")
    hashed = credentials.hash_password(password) if password else None
    return submit("identity", OpenAccount(**body, password_hash=hashed), meant=OpenAccount(**body))


@door.put("/accounts/<uuid:account>/roles")
@requires("operator")
@door.arguments(Roles)
@door.response(200)
def grant_roles(body: dict[str, Any], account: UUID) -> Any:
    """Make these the roles of an account."""
    return submit("identity", GrantRoles(account=str(account), **body))


@door.post("/accounts/<uuid:account>/revocations")
@requires("operator")
@door.response(200)
def revoke_sessions(account: UUID) -> Any:
    """End every session and token of an account."""
    return submit("identity", RevokeSessions(account=str(account)))


@door.post("/accounts/<uuid:account>/keys")
@requires("operator")
@door.arguments(KeyLabel)
@door.response(201)
def issue_key(body: dict[str, Any], account: UUID) -> Any:
    """A new API key, shown this once; whoever loses it asks for another."""
    key = credentials.new_key()
    command = IssueKey(account=str(account), key=key.id, secret_hash=key.secret_hash, **body)
    return submit("identity", command) | {"secret": key.text}


@door.delete("/accounts/<uuid:account>/keys/<uuid:key>")
@requires("operator")
@door.response(200)
def withdraw_key(account: UUID, key: UUID) -> Any:
    """Make a key and its tokens useless."""
    return submit("identity", WithdrawKey(account=str(account), key=str(key)))
