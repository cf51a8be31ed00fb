"""The shapes of the JSON door of webhooks."""

from __future__ import annotations

from datetime import UTC, datetime

import marshmallow as ma

from services.webhooks.keys import LONGEST_OVERLAP, OVERLAP
from services.webhooks.models import DEAD, DELIVERED, FAILED, PENDING

HOUR = 3600
#: Moments that have a date in every time zone.
ERA = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Page(ma.Schema):
    """Where a list goes on: `after` is the `next` of the page before."""

    after = ma.fields.String(load_default="")
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))


class DeliveryPage(Page):
    """What the list of messages may be narrowed to."""

    endpoint = ma.fields.String(load_default="")
    state = ma.fields.String(load_default="", validate=ma.validate.OneOf(["", PENDING, FAILED, DELIVERED, DEAD]))


class Registration(ma.Schema):
    """A new endpoint. No `types` means all public ones; `scheme` v1 is a shared secret, v1a an Ed25519 key."""

    scope = ma.fields.String(required=True)
    url = ma.fields.String(required=True, validate=ma.validate.Length(max=2000))
    types = ma.fields.List(ma.fields.String(), load_default=list)
    ordered = ma.fields.Boolean(load_default=False)
    scheme = ma.fields.String(load_default="v1", validate=ma.validate.OneOf(["v1", "v1a"]))


class Rotation(ma.Schema):
    """How long the old secret signs beside the new one."""

    overlap_hours = ma.fields.Integer(
        strict=True,
        load_default=int(OVERLAP.total_seconds()) // HOUR,
        validate=ma.validate.Range(0, int(LONGEST_OVERLAP.total_seconds()) // HOUR),
    )


class Recovery(ma.Schema):
    """From when on what did not arrive is sent again; with its offset, as 2026-03-02T09:00:00+09:00."""

    since = ma.fields.AwareDateTime(required=True, validate=ma.validate.Range(*ERA))
