"""What `identity` can be asked to do. No command holds a password, a key or a login that failed: only their hashes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from events.shapes import PersonId

Login = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{2,59}(?!\n)$")]
#: `name@scope`; the scope is the code of an instansi, an OPD, or `imbang`.
Role = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_-]{1,39}@[a-z0-9][a-z0-9._-]{0,59}(?!\n)$")]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Kind = Literal["person", "integration"]


class _Command(msgspec.Struct, frozen=True, kw_only=True):
    pass


class OpenAccount(_Command, frozen=True, kw_only=True):
    """Open an account of a person or an integration. One without a password signs in by API key only."""

    login: Login
    label: Label
    kind: Kind = "person"
    person: PersonId | None = None
    roles: list[Role] = []
    password_hash: str | None = None


class SignIn(_Command, frozen=True, kw_only=True):
    """Someone gave a login and a password; `passed` tells whether they belong together."""

    login_hash: str
    passed: bool


class ChangePassword(_Command, frozen=True, kw_only=True):
    """Replace the password; every other session of the account ends."""

    account: str
    password_hash: str


class GrantRoles(_Command, frozen=True, kw_only=True):
    """Make these the roles of an account, all of them. Taking one away ends its sessions."""

    account: str
    roles: list[Role]


class RevokeSessions(_Command, frozen=True, kw_only=True):
    """End all sessions and tokens of an account."""

    account: str


class IssueKey(_Command, frozen=True, kw_only=True):
    """Give an account an API key, which is exchanged for short-lived tokens."""

    account: str
    key: str
    label: Label
    secret_hash: bytes


class WithdrawKey(_Command, frozen=True, kw_only=True):
    """Make an API key useless, and the tokens it was exchanged for."""

    account: str
    key: str
