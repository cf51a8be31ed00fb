"""The key that signs checkpoints: a file outside the database, so that who holds the database cannot sign with it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from events import ids
from services.audit.checkpoint import Malformed, Signer
from services.config import Config, Misconfigured

FILE = "audit-key.pem"


def signer(config: Config) -> Signer:
    """The key of this log. One process alone makes its own on first use; a key that is named must be there.

    Raises Misconfigured when it is not, and Malformed when the file holds no Ed25519 key.
    """
    path = config.audit_key or config.directory / FILE
    if config.audit_key is None and not path.exists():
        _make(path, config.audit_origin)
    try:
        return Signer.load(config.audit_origin, path.read_bytes())
    except OSError as error:
        raise Misconfigured(f"IMBANG_AUDIT_KEY={path}: {error.strerror}; name the PEM file of the log's key") from error


def check(config: Config) -> None:
    """Whether the log can be signed, asked at the start rather than at the first checkpoint. Raises Misconfigured."""
    try:
        Signer.generate(config.audit_origin)
    except Malformed as error:
        raise Misconfigured(f"IMBANG_AUDIT_ORIGIN: {error}; write it like {Config.audit_origin}") from error
    path = config.audit_key or config.directory / FILE
    try:
        if path.exists():
            signer(config)
    except Malformed as error:
        remedy = "it is PKCS #8 PEM, as `openssl genpkey -algorithm ed25519` writes it"
        raise Misconfigured(f"IMBANG_AUDIT_KEY={path}: {error}; {remedy}") from error


def _make(path: Path, name: str) -> None:
    """Write a new key in one step: of two processes that do so at once, both read the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{ids.new()}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(Signer.generate(name).pem)
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
