"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 (`v1`) and Ed25519 (`v1a`), for sending and for receiving.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

Signed is `{id}.{timestamp}.{body}`: the id stays the same over all attempts, the timestamp is that of the attempt, the
body is the raw bytes. Keys are written as `whsec_` (shared secret), `whsk_` (private key: seed ‖ public key) or `whpk_`
(public key), followed by base64.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

TOLERANCE = timedelta(minutes=5)
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,10}")

Reason = Literal["headers_missing", "headers_malformed", "too_old", "too_new", "no_match"]

#: What is wrong with a received message and what its sender can do, in Bahasa Indonesia and English.
REASONS: dict[Reason, tuple[str, str]] = {
    "headers_missing": (
        "Kirim header webhook-id, webhook-timestamp, dan webhook-signature.",
        "Send the headers webhook-id, webhook-timestamp and webhook-signature.",
    ),
    "headers_malformed": (
        "webhook-id hanya huruf, angka, - dan _; webhook-timestamp adalah detik Unix dalam angka.",
        "webhook-id has letters, digits, - and _ only; webhook-timestamp is Unix seconds in digits.",
    ),
    "too_old": (
        "Pesan lebih tua dari lima menit: tanda tangani ulang pada setiap percobaan, dengan waktu percobaan itu.",
        "The message is over five minutes old: sign again at each attempt, with the time of that attempt.",
    ),
    "too_new": (
        "Waktu pesan lebih dari lima menit di depan: periksa jam server pengirim.",
        "The message is over five minutes in the future: check the clock of the sender.",
    ),
    "no_match": (
        "Tidak ada tanda tangan yang cocok: periksa kunci, dan tanda tangani byte isi apa adanya.",
        "No signature matches: check the key, and sign the bytes of the body exactly as they are sent.",
    ),
}


class MalformedKey(ValueError):
    """This is not a key of Standard Webhooks"""


class Rejected(Exception):
    """The message is not proven to come from its sender"""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Signer(Protocol):
    """A key that signs."""

    def sign(self, content: bytes) -> str: ...


class Verifier(Protocol):
    """A key that recognises signatures; `signature` is one entry of the header, `version,base64`."""

    def accepts(self, content: bytes, signature: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that sender and receiver share, 24 to 64 bytes. Signs and verifies `v1`."""

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Secret:
        return cls(secrets.token_bytes(32))

    def sign(self, content: bytes) -> str:
        return f"v1,{b64encode(hmac.digest(self.secret, content, hashlib.sha256)).decode()}"

    def accepts(self, content: bytes, signature: str) -> bool:
        return hmac.compare_digest(self.sign(content).encode(), signature.encode(errors="replace"))

    def __str__(self) -> str:
        return f"whsec_{b64encode(self.secret).decode()}"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a receiver needs to verify `v1a`; it may be published."""

    key: Ed25519PublicKey

    def accepts(self, content: bytes, signature: str) -> bool:
        version, _, encoded = signature.partition(",")
        try:
            self.key.verify(b64decode(encoded, validate=True), content)
        except (ValueError, InvalidSignature):
            return False
        return version == "v1a"

    def __str__(self) -> str:
        return f"whpk_{b64encode(self.key.public_bytes_raw()).decode()}"


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The sender's key of `v1a`: preferred where sender and receiver are different agencies."""

    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> PrivateKey:
        return cls(Ed25519PrivateKey.generate())

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.key.public_key())

    def sign(self, content: bytes) -> str:
        return f"v1a,{b64encode(self.key.sign(content)).decode()}"

    def __str__(self) -> str:
        return f"whsk_{b64encode(self.key.private_bytes_raw() + self.public.key.public_bytes_raw()).decode()}"


def parse(text: str) -> Secret | PrivateKey | PublicKey:
    """Read a key as it is written. Raises `MalformedKey`; the message never repeats the key."""
    prefix, _, encoded = text.strip().partition("_")
    try:
        raw = b64decode(encoded, validate=True)
    except ValueError:
        raise MalformedKey("a key is whsec_, whsk_ or whpk_ and base64") from None
    if prefix == "whsec" and 24 <= len(raw) <= 64:
        return Secret(raw)
    if prefix == "whpk" and len(raw) == 32:
        return PublicKey(Ed25519PublicKey.from_public_bytes(raw))
    if prefix == "whsk" and len(raw) == 64:
        key = PrivateKey(Ed25519PrivateKey.from_private_bytes(raw[:32]))
        if key.public.key.public_bytes_raw() == raw[32:]:
            return key
        raise MalformedKey("the two halves of the private key do not belong together")
    raise MalformedKey("whsec_ holds 24 to 64 bytes, whpk_ holds 32 and whsk_ holds 64")


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of one endpoint: the current one and those still signing beside it until their moment (aware UTC)."""

    current: Secret | PrivateKey
    retiring: tuple[tuple[Secret | PrivateKey, datetime], ...] = ()

    def rotate(self, new: Secret | PrivateKey, *, now: datetime, overlap: timedelta) -> Keyring:
        """Sign with `new` from now on, and with the old key too until the overlap ends."""
        kept = tuple((key, until) for key, until in self.retiring if until > now)
        return Keyring(new, ((self.current, now + overlap), *kept))

    def at(self, now: datetime) -> list[Signer]:
        """The keys that sign at a moment, the newest first."""
        return [self.current, *(key for key, until in self.retiring if until > now)]


def headers(message: str, body: bytes, keys: Iterable[Signer], *, now: datetime) -> dict[str, str]:
    """The three headers of one attempt, a signature for each key. ValueError for an unsafe id."""
    if not _ID.fullmatch(message):
        raise ValueError(f"a message id has letters, digits, - and _ only: {message!r}")
    timestamp = str(_seconds(now))
    content = _content(message, timestamp, body)
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(key.sign(content) for key in keys),
    }


def verify(
    received: Mapping[str, str],
    body: bytes,
    keys: Iterable[Verifier],
    *,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> str:
    """The id of a received message, once one of the keys accepts one of its signatures. Raises `Rejected`.

    The caller remembers ids for at least the tolerance, so that a message repeated within it has no second effect.
    """
    lowered = {name.lower(): value for name, value in received.items()}
    try:
        message, timestamp, signatures = (lowered[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError:
        raise Rejected("headers_missing") from None
    if not _ID.fullmatch(message) or not _TIMESTAMP.fullmatch(timestamp):
        raise Rejected("headers_malformed")
    age = _seconds(now) - int(timestamp)
    if abs(age) > tolerance.total_seconds():
        raise Rejected("too_old" if age > 0 else "too_new")
    content = _content(message, timestamp, body)
    candidates = signatures.split(" ")
    if not any(key.accepts(content, candidate) for key in keys for candidate in candidates):
        raise Rejected("no_match")
    return message


def _content(message: str, timestamp: str, body: bytes) -> bytes:
    return b".".join((message.encode(), timestamp.encode(), body))


def _seconds(moment: datetime) -> int:
    """Unix seconds; ValueError for a naive time, which would be signed hours off."""
    if moment.tzinfo is None:
        raise ValueError("the time of an attempt must be aware")
    return int(moment.timestamp())
