"""Passwords and API keys: how they are hashed and compared. Only hashes leave this file.

Passwords: argon2id with the parameters of RFC 9106, low-memory profile. Keys: `imbang_<id>_<secret>`.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from functools import cache
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from events import ids

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
#: Failures in a row that are forgiven without a pause, and the longest pause.
FREE_FAILURES, LONGEST_PAUSE = 4, timedelta(hours=1)

_hasher = PasswordHasher()


class NewKey(NamedTuple):
    """A key as it is shown, once, and the parts that are kept."""

    text: str
    id: str
    secret_hash: bytes


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def matches(password: str, hashed: str | None) -> bool:
    """Is this the password? Where there is none to compare with, finding out takes as long."""
    try:
        return _hasher.verify(hashed or _nobody(), password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """The hash of a password that nobody has."""
    return _hasher.hash(secrets.token_urlsafe(32))


def login_hash(login: str) -> str:
    """Failed logins are counted by hash: people type passwords into the wrong field."""
    return hashlib.sha256(login.encode()).hexdigest()


def pause(failures: int) -> timedelta:
    """How long to wait after so many failures in a row: nothing, then a minute, doubling up to an hour."""
    excess = failures - FREE_FAILURES
    return min(timedelta(minutes=2 ** min(excess - 1, 10)), LONGEST_PAUSE) if excess > 0 else timedelta(0)


def new_key() -> NewKey:
    key, secret = ids.new(), secrets.token_urlsafe(32)
    return NewKey(f"imbang_{key}_{secret}", key, secret_hash(secret))


def parts(text: str) -> tuple[str, str]:
    """Id and secret of a key; two empty strings for what is no key."""
    prefix, _, rest = text.partition("_")
    key, _, secret = rest.partition("_")
    return (key, secret) if prefix == "imbang" else ("", "")


def secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def same(secret: str, hashed: bytes) -> bool:
    return secrets.compare_digest(secret_hash(secret), hashed)
