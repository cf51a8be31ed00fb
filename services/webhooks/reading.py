"""What doors read: the endpoints of a scope, their messages and the log; and who may do what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from flask import abort

from services.auth import actor
from services.db import db
from services.http import application
from services.service import Refused, Words
from services.webhooks.admission import REFUSALS, Admission
from services.webhooks.admission import Refused as NotAdmitted
from services.webhooks.models import OPEN, Delivery, Endpoint, Try
from services.webhooks.public import EVERYONE

PAGE = 50
ROLES = ("webhooks", "operator")


def scopes() -> set[str]:
    """The scopes that the signed-in user administers; `*` among them for all."""
    named = [role.partition("@") for role in actor().roles]
    return {EVERYONE if name == "operator" else scope for name, _, scope in named if name in ROLES}


def administers(scope: str) -> bool:
    return bool({scope, EVERYONE} & scopes())


def endpoints(after: str = "", limit: int = PAGE) -> Sequence[Endpoint]:
    """The user's endpoints in the order of their ids, one more than `limit` if there are."""
    statement = sa.select(Endpoint).where(Endpoint.id > after).order_by(Endpoint.id).limit(limit + 1)
    if EVERYONE not in scopes():
        statement = statement.where(Endpoint.scope.in_(scopes()))
    return db.session.scalars(statement).all()


def endpoint(key: str) -> Endpoint:
    """An endpoint of the user; 404 for one that does not exist or is none of theirs."""
    row = db.session.get(Endpoint, key)
    if row is None or not administers(row.scope):
        abort(404, Words(f"Tidak ada penerima webhook {key}.", f"There is no webhook endpoint {key}."))
    return row


def waiting(keys: Sequence[str]) -> dict[str, int]:
    """How many messages wait for each endpoint."""
    mine = Delivery.endpoint.in_(keys) & Delivery.state.in_(OPEN)
    counts = sa.select(Delivery.endpoint, sa.func.count()).where(mine).group_by(Delivery.endpoint)
    return dict(db.session.execute(counts).all())


def deliveries(key: str = "", state: str = "", after: str = "", limit: int = PAGE) -> Sequence[Delivery]:
    """The user's messages, newest first and without their bodies; one more than `limit` if there are."""
    order = (Delivery.created_at, Delivery.event, Delivery.endpoint)
    statement = sa.select(Delivery).order_by(*(column.desc() for column in order)).limit(limit + 1)
    if key:
        statement = statement.where(Delivery.endpoint == endpoint(key).id)
    elif EVERYONE not in scopes():
        mine = sa.select(Endpoint.id).where(Endpoint.scope.in_(scopes()))
        statement = statement.where(Delivery.endpoint.in_(mine))
    if state:
        statement = statement.where(Delivery.state == state)
    if after:
        at, event, place = _cursor(after)
        older = (Delivery.event < event) | ((Delivery.event == event) & (Delivery.endpoint < place))
        statement = statement.where((Delivery.created_at < at) | ((Delivery.created_at == at) & older))
    return db.session.scalars(statement.options(sa.orm.defer(Delivery.body))).all()


def delivery(key: str, event: str) -> Delivery:
    """One message of the user; 404 for one that does not exist or is none of theirs."""
    row = db.session.get(Delivery, (endpoint(key).id, event))
    if row is None:
        abort(
            404,
            Words(f"Tidak ada pesan {event} untuk penerima {key}.", f"There is no message {event} for endpoint {key}."),
        )
    return row


def attempts(message: Delivery) -> Sequence[Try]:
    """The log of a message, oldest first."""
    mine = (Try.endpoint == message.endpoint) & (Try.event == message.event)
    return db.session.scalars(sa.select(Try).where(mine).order_by(Try.number)).all()


def token(row: Delivery) -> str:
    """The cursor after a message, as it travels in addresses."""
    return f"{row.created_at:%Y-%m-%dT%H:%M:%S.%fZ}~{row.event}~{row.endpoint}"


def wall() -> datetime:
    """Wall time, by the process's clock."""
    return application().clock.read(db.session.connection(bind_arguments={"mapper": Endpoint})).wall


def _cursor(text: str) -> tuple[datetime, str, str]:
    try:
        at, event, place = text.split("~")
        return datetime.fromisoformat(at).astimezone(UTC), event, place
    except (ValueError, OverflowError):
        abort(400, Words("`after` adalah `next` dari halaman sebelumnya.", "`after` is the `next` of the page before."))


def admit(url: str) -> None:
    """Refuse a URL that webhooks are not sent to. Names are looked up, so never inside a transaction."""
    try:
        Admission.parse(",".join(application().config.webhook_networks)).admit(url)
    except NotAdmitted as refusal:
        raise Refused(
            f"webhooks.{refusal.code}",
            Words("Webhook tidak dikirim ke alamat ini.", "Webhooks are not sent to this address."),
            Words(*REFUSALS[refusal.code]),
            status=422,
            field="url",
        ) from None
