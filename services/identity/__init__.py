"""The service `identity`: accounts, sign-in, roles, API keys; says which sessions are void."""

from services.identity import api, handlers, pages
from services.identity.adoption import adopt
from services.identity.commands import (
    ChangePassword,
    GrantRoles,
    IssueKey,
    OpenAccount,
    RevokeSessions,
    SignIn,
    WithdrawKey,
)
from services.identity.models import Base
from services.service import Service

SERVICE = Service(
    name="identity",
    metadata=Base.metadata,
    commands={
        OpenAccount: handlers.open_account,
        SignIn: handlers.sign_in,
        ChangePassword: handlers.change_password,
        GrantRoles: handlers.grant_roles,
        RevokeSessions: handlers.revoke_sessions,
        IssueKey: handlers.issue_key,
        WithdrawKey: handlers.withdraw_key,
    },
    doors=(api.door, pages.door),
    adopt=adopt,
)
