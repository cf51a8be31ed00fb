"""The secrets of endpoints. They follow from the key of the installation, so no database and no backup holds one.

HMAC-SHA-256 under IMBANG_SECRET_KEY of the endpoint's id and the number of the secret; a repeated registration shows
the same secret again. Whoever changes IMBANG_SECRET_KEY changes every secret, and tells the receivers.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.webhooks.signing import Keyring, PrivateKey, Secret

#: How long the old secret signs beside the new one, unless told otherwise, and at most.
OVERLAP, LONGEST_OVERLAP = timedelta(days=1), timedelta(days=30)
#: `v1`: a shared secret; `v1a`: Ed25519, of which the receiver holds the public half only.
Scheme = Literal["v1", "v1a"]


class Retiring(NamedTuple):
    """An earlier secret and until when it signs."""

    key: int
    until: datetime


_retiring = msgspec.json.Decoder(list[Retiring])


def keyring(master: str, endpoint: Mapping[str, Any]) -> Keyring:
    """The keys of an endpoint's row."""
    numbered = _retiring.decode(endpoint["retiring"])
    return Keyring(
        _key(master, endpoint["id"], endpoint["key"], endpoint["scheme"]),
        tuple((_key(master, endpoint["id"], r.key, endpoint["scheme"]), r.until) for r in numbered),
    )


def rotated(endpoint: Mapping[str, Any], now: datetime, overlap: timedelta) -> dict[str, Any]:
    """The columns of an endpoint that signs with a new secret, and with the present one until the overlap ends."""
    kept = [r for r in _retiring.decode(endpoint["retiring"]) if r.until > now]
    retiring = [Retiring(endpoint["key"], now + overlap), *kept]
    return {"key": endpoint["key"] + 1, "retiring": msgspec.json.encode(retiring).decode()}


def shown(master: str, endpoint: Mapping[str, Any]) -> str:
    """What the receiver needs to verify: the secret, or the public key."""
    key = keyring(master, endpoint).current
    return str(key.public if isinstance(key, PrivateKey) else key)


def _key(master: str, endpoint: str, number: int, scheme: Scheme) -> Secret | PrivateKey:
    content = f"webhooks\0{scheme}\0{endpoint}\0{number}".encode()
    seed = hmac.digest(master.encode(), content, hashlib.sha256)
    return Secret(seed) if scheme == "v1" else PrivateKey(Ed25519PrivateKey.from_private_bytes(seed))
