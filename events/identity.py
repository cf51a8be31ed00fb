"""Contracts of the service `identity`."""

from __future__ import annotations

import msgspec

from events.catalog import event
from events.shapes import Moment


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    pass


@event("identity.account_opened", topic="identity")
class AccountOpened(_Payload, frozen=True, kw_only=True):
    """A person or an integration has an account. Subject `identity/account/<account>`. Never a login or a secret."""

    account: str
    person: str | None
    kind: str


@event("identity.roles_granted", topic="identity")
class RolesGranted(_Payload, frozen=True, kw_only=True):
    """The roles of an account, all of them, as of now. Subject `identity/account/<account>`.

    A role is `name@scope`: `operator@imbang`, `webhooks@8200`, `reports@<opd>`. Roles open doors of screens; they give
    no authority over a mutation, which comes from offices alone.
    """

    account: str
    roles: list[str]


@event("identity.session_revoked", topic="identity")
class SessionRevoked(_Payload, frozen=True, kw_only=True):
    """Sessions of an account issued up to a moment are void. Subject `identity/account/<account>`."""

    account: str
    issued_before: Moment
