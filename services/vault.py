"""People's words at rest: sealed under a key of the person they concern, so that destroying the key erases the words.

Outside the service that heard them only a commitment travels: an HMAC under the same key, which nobody can guess from
a list of likely words and which proves later that words were not changed. AES-256-GCM and HMAC-SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from services.transaction import Tx

NONCE = 12


def table(metadata: sa.MetaData, service: str) -> sa.Table:
    """The key table of a service that keeps words."""
    return sa.Table(
        f"{service}_key",
        metadata,
        sa.Column("person", sa.String(36), primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
    )


def key_of(tx: Tx, keys: sa.Table, person: str) -> bytes:
    """The key of a person, made on first use."""
    row = tx.get(keys, person)
    if row is None:
        row = {"person": person, "key": AESGCM.generate_key(256)}
        tx.upsert(keys, row)
    key: bytes = row["key"]
    return key


def seal(key: bytes, words: str) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, words.encode(), None)


def unseal(key: bytes, sealed: bytes) -> str:
    """The words; raises cryptography.exceptions.InvalidTag when they or the key are not the original ones."""
    return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], None).decode()


def commitment(key: bytes, words: str) -> str:
    """What events hold instead of the words."""
    return hmac.new(key, words.encode(), hashlib.sha256).hexdigest()
