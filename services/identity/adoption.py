"""What follows from events of this service that a restored database lacked. Logins and secrets were never in them."""

from __future__ import annotations

from collections.abc import Sequence

from events.identity import AccountOpened, RolesGranted, SessionRevoked
from services.db import table
from services.identity.models import Account
from services.service import Adopted, Event
from services.transaction import Tx

account = table(Account)


def adopt(tx: Tx, events: Sequence[Event]) -> Adopted:
    """Roles are as they were granted last. Who opened an account, or changed a secret, does it again."""
    opened, revoked = set(), set()
    for event in events:
        match event.data:
            case AccountOpened():
                opened.add(event.data.account)
            case RolesGranted(account=key, roles=roles):
                with tx.item(event.causation, event.correlation):
                    if (row := tx.get(account, key)) is not None:
                        tx.upsert(account, row | {"roles": " ".join(roles)})
            case SessionRevoked():
                revoked.add(event.data.account)
    lost = []
    if opened:
        lost.append(f"{len(opened)} accounts, to be opened again: {', '.join(sorted(opened))}")
    if old := sorted(revoked - opened):
        lost.append(
            f"changes of secrets: passwords and keys of these accounts are those of the backup again, change or "
            f"withdraw them: {', '.join(old)}"
        )
    return Adopted({}, lost)
