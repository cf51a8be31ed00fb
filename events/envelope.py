"""The record around every event: CloudEvents 1.0 in structured JSON, encoded once.

The bytes made here are the bytes that are stored, hashed, sent and sealed; nothing is ever re-encoded.
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from events.catalog import CATALOG, EventType, entry
from events.shapes import Moment

CONTENT_TYPE = "application/cloudevents+json"


class Unknown(Exception):
    """This process does not know the event's type or version; a newer process may."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """CloudEvents attributes. Extensions (from `subjectversion` on) are lower-case letters and digits only.

    `subjectversion` counts the events of a subject from 1 without gaps; `causationid` is the command or event that
    led to this one, `correlationid` the first cause of the chain.
    """

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: Moment
    datacontenttype: Literal["application/json"] = "application/json"
    subjectversion: int
    typeversion: int = 1
    correlationid: str
    causationid: str
    data: msgspec.Raw


_decode = msgspec.json.Decoder(Envelope, strict=True).decode
_encoder = msgspec.json.Encoder(enc_hook=None)
_payload_decoders: dict[type, Any] = {}


def encode(
    data: msgspec.Struct,
    *,
    id: str,
    service: str,
    subject: str,
    version: int,
    time: datetime,
    correlation: str,
    causation: str,
) -> bytes:
    """Wrap a payload. `time` is aware; `subject` is `<service>/<kind>/<id>`."""
    kind = entry(data)
    return _encoder.encode(
        Envelope(
            id=id,
            source=f"/imbang/{service}",
            type=kind.type,
            subject=subject,
            time=time,
            subjectversion=version,
            typeversion=kind.version,
            correlationid=correlation,
            causationid=causation,
            data=cast(msgspec.Raw, data),  # encoded in one pass with the rest
        )
    )


def decode(raw: bytes) -> Envelope:
    """Parse the record, not its payload. Raises msgspec.ValidationError or DecodeError when it is not one of ours."""
    return _decode(raw)


def payload(envelope: Envelope) -> msgspec.Struct:
    """The typed payload in its newest shape; raises `Unknown` for a type or version newer than this process."""
    from events import upcasts

    kind = CATALOG.get(envelope.type)
    if kind is None or envelope.typeversion > kind.version:
        raise Unknown(f"{envelope.type} version {envelope.typeversion}")
    raw: bytes | msgspec.Raw = envelope.data
    if envelope.typeversion < kind.version:
        raw = upcasts.lift(kind, envelope.typeversion, raw)
    return cast(msgspec.Struct, payload_decoder(kind)(raw))


def payload_decoder(kind: EventType) -> Any:
    decoder = _payload_decoders.get(kind.cls)
    if decoder is None:
        decoder = _payload_decoders[kind.cls] = msgspec.json.Decoder(kind.cls).decode
    return decoder


def digest(raw: bytes) -> bytes:
    """SHA-256(0x00 ‖ bytes): the leaf hash of RFC 6962, so that the audit log can seal an event as it was stored."""
    return hashlib.sha256(b"\x00" + raw).digest()
