"""Checkpoints: the size and root of the audit log, signed, as text that any C2SP tool can read.

Source: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note (Ed25519, signature type 0x01).

    imbang.example/audit                              origin: which log
    1024                                              size: how many entries it vouches for
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=      root over them, base64

    — imbang.example/audit Az3grlgtzPICa5OS8npVmf…    key name, base64(key id ‖ signature of the lines above)

Witnesses add signature lines of their own; lines of keys that a reader does not know are ignored.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

ED25519 = b"\x01"
MAX_SIGNATURES = 64
_SIGNATURE = re.compile(r"— (?P<name>[^\s+]+) (?P<signature>[A-Za-z0-9+/]+={0,2})")
_KEY = re.compile(r"(?P<name>[^\s+]+)\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class Malformed(Exception):
    """This is not a checkpoint, or not a key"""


class Unsigned(Exception):
    """The checkpoint carries no valid signature of the log"""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: `root` (32 bytes) is the root over its first `size` entries."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the signed lines; extension lines after the third are allowed and ignored. Raises `Malformed`."""
        *lines, end = text.split("\n")
        if len(lines) < 3 or end or not all(lines):
            raise Malformed("a checkpoint has three lines or more, none of them empty")
        origin, size, root = lines[:3]
        hash = _decode(root)
        if not _SIZE.fullmatch(size) or len(hash) != 32:
            raise Malformed("a checkpoint has a size without leading zeros and a root of 32 bytes")
        return cls(origin, int(size), hash)


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public half of a log's or witness's key. `str()` gives the C2SP verifier key, `<name>+<id>+<key>`."""

    name: str
    key: Ed25519PublicKey

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read a verifier key. Raises `Malformed`, also when the id does not belong to the key."""
        match = _KEY.fullmatch(vkey.strip())
        key = _decode(match["key"]) if match else b""
        if not match or key[:1] != ED25519 or len(key) != 33:
            raise Malformed("a verifier key is <name>+<8 hex digits>+<base64 of 0x01 and an Ed25519 key>")
        verifier = cls(match["name"], Ed25519PublicKey.from_public_bytes(key[1:]))
        if verifier.id.hex() != match["id"]:
            raise Malformed(f"the id {match['id']} is not that of the key {match['name']}")
        return verifier

    @property
    def id(self) -> bytes:
        """4 bytes: SHA-256(name ‖ newline ‖ type ‖ key), cut."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.key.public_bytes_raw()).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.key.public_bytes_raw()).decode()}"


@dataclass(frozen=True, slots=True)
class Signer:
    """A named private key. The key of a log is named like its origin."""

    name: str
    key: Ed25519PrivateKey

    def __post_init__(self) -> None:
        if not self.name or re.search(r"[\s+\x00-\x1f]", self.name):
            raise Malformed(f"a key name has no spaces, control characters or plus sign: {self.name!r}")

    @classmethod
    def generate(cls, name: str) -> Signer:
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, name: str, pem: bytes) -> Signer:
        """Read a private key from PKCS #8 PEM. Raises `Malformed` when it is not an Ed25519 key."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise Malformed(f"not a readable private key: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise Malformed("the private key is not an Ed25519 key")
        return cls(name, key)

    @property
    def pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 PEM; whoever stores it guards it."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.key.public_key())

    def sign(self, checkpoint: Checkpoint) -> str:
        """The signed note: the checkpoint's lines, a blank line, one signature line."""
        signature = b64encode(self.verifier.id + self.key.sign(checkpoint.text.encode())).decode()
        return f"{checkpoint.text}\n— {self.name} {signature}\n"


def verified(note: str, verifier: Verifier) -> Checkpoint:
    """The checkpoint of a signed note, once the verifier's signature on it holds.

    Raises `Malformed` when it is not a signed checkpoint and `Unsigned` when the key has not signed it, or falsely.
    """
    text, blank, block = note.rpartition("\n\n")
    lines = block.removesuffix("\n").split("\n")
    signatures = [_SIGNATURE.fullmatch(line) for line in lines]
    if not blank or not block.endswith("\n") or None in signatures or _CONTROL.search(note):
        raise Malformed("a signed note is text, a blank line and signature lines, without control characters")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed(f"a note of more than {MAX_SIGNATURES} signatures is not read")
    signed = f"{text}\n"
    ours = 0
    for signature in signatures:
        raw = _decode(signature["signature"]) if signature and signature["name"] == verifier.name else b""
        if raw[:4] == verifier.id:
            try:
                verifier.key.verify(raw[4:], signed.encode())
            except InvalidSignature:
                raise Unsigned(f"the signature of {verifier.name} is false") from None
            ours += 1
    if not ours:
        raise Unsigned(f"no signature of {verifier.name}")
    return Checkpoint.parse(signed)


def _decode(text: str) -> bytes:
    """Standard base64; empty when it is not, which no key, root or signature is."""
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
