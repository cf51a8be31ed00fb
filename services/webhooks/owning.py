"""What the JSON door and the screens do alike: register endpoints and rotate secrets, showing each secret once."""

from __future__ import annotations

from typing import Any

from flask import abort

from events import ids
from services.auth import actor, needs
from services.http import application, submit
from services.service import Answer
from services.webhooks import reading
from services.webhooks.commands import RegisterEndpoint, RotateSecret
from services.webhooks.keys import Scheme, shown
from services.webhooks.models import Endpoint


def register(key: str, *, scope: str, url: str, types: list[str], ordered: bool, scheme: Scheme) -> Answer:
    """Register an endpoint of a scope the user administers; `key` is that of the command. Answers with the secret."""
    if not reading.administers(scope):
        abort(403, needs(f"webhooks@{scope}"))
    reading.admit(url)
    endpoint = ids.derived("webhook", actor().account, key)
    answer = submit(
        "webhooks",
        RegisterEndpoint(endpoint=endpoint, scope=scope, url=url, types=types, ordered=ordered, scheme=scheme),
    )
    return _revealed(answer, scheme)


def rotate(command: RotateSecret) -> Answer:
    """Rotate the secret of an endpoint of the user. Answers with the new one."""
    scheme = reading.endpoint(command.endpoint).scheme
    return _revealed(submit("webhooks", command), scheme)


def columns(row: Endpoint) -> dict[str, Any]:
    """What the keys of an endpoint follow from."""
    return {"id": row.id, "key": row.key, "retiring": row.retiring, "scheme": row.scheme}


def _revealed(answer: Answer, scheme: str) -> Answer:
    """The answer with the secret it numbers: a repeat of the command shows the same one."""
    endpoint = {"id": answer["endpoint"], "key": answer["key"], "retiring": "[]", "scheme": scheme}
    return answer | {"secret": shown(application().config.secret_key, endpoint)}
