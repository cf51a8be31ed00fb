"""What happens to accounts. Time here is wall time: a demo that moves business time ends nobody's session."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from events import ids
from events.identity import AccountOpened, RolesGranted, SessionRevoked
from services.db import table
from services.identity.commands import (
    ChangePassword,
    GrantRoles,
    IssueKey,
    OpenAccount,
    RevokeSessions,
    SignIn,
    WithdrawKey,
)
from services.identity.credentials import login_hash, pause
from services.identity.models import Account, ApiKey, Attempt
from services.service import Answer, Command, Refused, Words
from services.transaction import Tx

account, api_key, attempt = table(Account), table(ApiKey), table(Attempt)

#: Failed sign-ins are forgotten after this long without another one.
FORGIVEN = timedelta(days=1)


def open_account(tx: Tx, command: Command) -> Answer:
    data: OpenAccount = command.data  # type: ignore[assignment]
    if tx.read(sa.select(account.c.id).where(account.c.login == data.login)).first():
        raise Refused(
            "login_taken",
            Words(f"Nama akun {data.login} sudah dipakai.", f"The login {data.login} is taken."),
            Words("Pilih nama akun lain.", "Choose another login."),
            field="login",
        )
    account_id = ids.new()
    tx.upsert(
        account,
        {
            "id": account_id,
            "login": data.login,
            "label": data.label,
            "kind": data.kind,
            "person": data.person,
            "roles": " ".join(data.roles),
            "password_hash": data.password_hash,
            "opened_at": tx.wall,
        },
    )
    tx.record(_subject(account_id), AccountOpened(account=account_id, person=data.person, kind=data.kind))
    if data.roles:
        tx.record(_subject(account_id), RolesGranted(account=account_id, roles=data.roles))
    return {"account": account_id}


def sign_in(tx: Tx, command: Command) -> Answer:
    """Count the failures in a row of a login; while it pauses, not even the right password lets in."""
    data: SignIn = command.data  # type: ignore[assignment]
    row = tx.get(attempt, data.login_hash)
    if row is not None and tx.wall < row["closed_until"]:
        return {"let_in": False, "closed_until": row["closed_until"].isoformat()}
    if data.passed:
        tx.delete(attempt, data.login_hash)
        return {"let_in": True, "at": tx.wall.timestamp()}
    recent = row is not None and tx.wall - row["last_at"] < FORGIVEN
    failures = row["failures"] + 1 if row is not None and recent else 1
    until = tx.wall + pause(failures)
    tx.execute(sa.delete(attempt).where(attempt.c.last_at <= tx.wall - FORGIVEN))
    tx.upsert(
        attempt,
        {"login_hash": data.login_hash, "failures": failures, "last_at": tx.wall, "closed_until": until},
    )
    return {"let_in": False, "closed_until": until.isoformat() if until > tx.wall else None}


def change_password(tx: Tx, command: Command) -> Answer:
    """The session in which it was changed goes on as a sign-in of this moment."""
    data: ChangePassword = command.data  # type: ignore[assignment]
    row = _known(tx, data.account)
    tx.upsert(account, row | {"password_hash": data.password_hash})
    tx.delete(attempt, login_hash(row["login"]))
    _revoke(tx, data.account)
    return {"at": tx.wall.timestamp()}


def grant_roles(tx: Tx, command: Command) -> Answer:
    data: GrantRoles = command.data  # type: ignore[assignment]
    row = _known(tx, data.account)
    tx.upsert(account, row | {"roles": " ".join(data.roles)})
    tx.record(_subject(data.account), RolesGranted(account=data.account, roles=data.roles))
    if set(row["roles"].split()) - set(data.roles):
        _revoke(tx, data.account)
    return {"account": data.account, "roles": data.roles}


def revoke_sessions(tx: Tx, command: Command) -> Answer:
    data: RevokeSessions = command.data  # type: ignore[assignment]
    _known(tx, data.account)
    _revoke(tx, data.account)
    return {"account": data.account}


def issue_key(tx: Tx, command: Command) -> Answer:
    data: IssueKey = command.data  # type: ignore[assignment]
    _known(tx, data.account)
    tx.upsert(
        api_key,
        {
            "id": data.key,
            "account": data.account,
            "label": data.label,
            "secret_hash": data.secret_hash,
            "issued_at": tx.wall,
        },
    )
    return {"account": data.account, "key": data.key}


def withdraw_key(tx: Tx, command: Command) -> Answer:
    data: WithdrawKey = command.data  # type: ignore[assignment]
    row = tx.get(api_key, data.key)
    if row is None or row["account"] != data.account:
        raise Refused(
            "key_unknown",
            Words(f"Akun ini tidak punya kunci {data.key}.", f"This account has no key {data.key}."),
            Words("Periksa nomor kunci.", "Check the id of the key."),
            status=404,
        )
    tx.delete(api_key, data.key)
    _revoke(tx, data.account)
    return {"account": data.account, "key": data.key}


def _known(tx: Tx, account_id: str) -> dict[str, Any]:
    row = tx.get(account, account_id)
    if row is None:
        raise Refused(
            "account_unknown",
            Words(f"Tidak ada akun {account_id}.", f"There is no account {account_id}."),
            Words("Periksa nomor akun.", "Check the id of the account."),
            status=404,
        )
    return row


def _revoke(tx: Tx, account_id: str) -> None:
    tx.record(_subject(account_id), SessionRevoked(account=account_id, issued_before=tx.wall))


def _subject(account_id: str) -> str:
    return f"identity/account/{account_id}"
