"""Checks an exported audit log offline: this one file, Python and `cryptography` are enough, no database, no network.

It imports nothing of the project it checks. Memory grows with the number of subjects, not of entries.

An export is a directory:

| File | Holds |
|---|---|
| `entries.jsonl` | line n is entry n, counted from 1: the event's bytes as they were recorded, then a newline |
| `checkpoints.txt` | signed checkpoints (https://c2sp.org/tlog-checkpoint), a blank line between them |
| `leaves.bin` | optional, 32 bytes an entry: SHA-256(0x00 ‖ event bytes). Only used to name the entry at fault |

The public key must come from elsewhere: whoever rewrites an export can also replace a key that lies in it. A keeper who
rewrites *and* signs again is caught by any earlier checkpoint that someone else has kept (`--witnessed`).

    python verify.py EXPORT --key 'imbang.example/audit+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
"""

from __future__ import annotations

import argparse
import json
import sys
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice, zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Kind = Literal["edited", "missing", "inserted", "reordered", "truncated", "signature", "rewritten"]

#: What each fault means, in Bahasa Indonesia and English.
MEANING: dict[Kind, tuple[str, str]] = {
    "edited": ("isi entri {} telah diubah", "entry {} was edited"),
    "missing": ("entri {} hilang", "entry {} is missing"),
    "inserted": ("entri {} disisipkan", "entry {} was inserted"),
    "reordered": ("entri {} tidak pada urutannya", "entry {} is out of order"),
    "truncated": ("log terpotong sebelum entri {}", "the log was cut off before entry {}"),
    "signature": ("sejak entri {} tidak ada tanda tangan yang sah", "from entry {} on, no valid signature vouches"),
    "rewritten": ("log ditulis ulang sejak entri {}", "the log was rewritten from entry {} on"),
}


class Fault(Exception):
    """The export is not the log that was sealed"""

    def __init__(self, kind: Kind, entry: int, detail: str) -> None:
        super().__init__(kind, entry, detail)
        self.kind, self.entry, self.detail = kind, entry, detail


@dataclass(frozen=True)
class Report:
    """What was checked and holds. `root` is the root over all entries, in hex."""

    entries: int
    subjects: int
    checkpoints: int
    root: str


class Head(NamedTuple):
    """What one checkpoint commits to."""

    size: int
    root: bytes


def verify(export: Path, key: str, witnessed: str = "") -> Report:
    """Check every leaf, root, signature and version count of an export; `witnessed` are checkpoints kept by others.

    Raises `Fault` with the first one found, OSError when a file cannot be read and ValueError when `key` is no key.
    """
    heads = _heads((export / "checkpoints.txt").read_text("utf-8", errors="replace"), key)
    if witnessed:
        heads = sorted(heads + _heads(witnessed, key))
    try:
        subjects = _replay(export, heads)
    except Fault as symptom:
        raise _named(symptom, export, heads) from None
    return Report(heads[-1].size, subjects, len(heads), heads[-1].root.hex())


def _heads(text: str, key: str) -> list[Head]:
    """The commitments of signed checkpoints by size, each with a valid signature of the log."""
    try:
        name, _, encoded = key.strip().split("+", 2)
        public = b64decode(encoded, validate=True)
        verifier = Ed25519PublicKey.from_public_bytes(public[1:])
    except ValueError as error:
        raise ValueError("a key reads name+8 hex digits+base64, as printed when the log was opened") from error
    key_id = sha256(name.encode() + b"\n" + public).digest()[:4]
    blocks = text.removesuffix("\n").split("\n\n")
    heads: list[Head] = []
    for number, (body, signatures) in enumerate(zip_longest(blocks[::2], blocks[1::2], fillvalue=""), 1):
        try:
            origin, size, root = body.split("\n")[:3]
            lines = [line.removeprefix("— ").split(" ") for line in signatures.split("\n")]
            raws = [b64decode(signature) for signer, signature in lines if signer == name == origin]
            ours = [raw[4:] for raw in raws if raw[:4] == key_id]
            for signature in ours:
                verifier.verify(signature, f"{body}\n".encode())
            if not ours:
                raise ValueError("no signature of the log")
            heads.append(Head(int(size), b64decode(root)))
        except (ValueError, InvalidSignature) as error:
            vouched = max((head.size for head in heads), default=0)
            raise Fault("signature", vouched + 1, f"checkpoint {number} is not one that {name} signed") from error
    return sorted(heads)


def _replay(export: Path, heads: list[Head]) -> int:
    """Rebuild the tree and the count of every subject from the entries alone; returns the number of subjects."""
    tree, versions, length = _Tree(), dict[str, int](), 0
    entries = _entries(export)
    for head in heads:
        for raw in islice(entries, head.size - tree.size):
            tree.add(_leaf(raw))
            length += len(raw) + 1
            _count(versions, raw, tree.size, export)
        if tree.size < head.size:
            raise Fault("truncated", tree.size + 1, f"{head.size} entries were sealed, {tree.size} are here")
        if tree.root != head.root:
            held = max((earlier.size for earlier in heads if earlier.size < head.size), default=0)
            raise Fault("rewritten", held + 1, f"entries {held + 1} to {head.size} are not those that were signed")
    if length != (export / "entries.jsonl").stat().st_size:
        raise Fault("inserted", tree.size + 1, "no checkpoint vouches for what follows the last sealed entry")
    return len(versions)


def _count(versions: dict[str, int], raw: bytes, number: int, export: Path) -> None:
    """Check that an entry is the next event of its subject."""
    subject, version = _subject(raw)
    if not version:
        raise Fault("edited", number, "the line is not an event")
    expected = versions.get(subject, 0) + 1
    if version > expected:
        late = any(_subject(later) == (subject, expected) for later in islice(_entries(export), number, None))
        detail = f"version {expected} of {subject} was due, this is version {version}"
        raise Fault("reordered" if late else "missing", number, detail)
    if version < expected:
        raise Fault("inserted", number, f"version {version} of {subject} was here before")
    versions[subject] = version


def _subject(raw: bytes) -> tuple[str, int]:
    """Subject and version of an event; version 0 when it is none."""
    try:
        event = json.loads(raw)
        return str(event["subject"]), int(event["subjectversion"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", 0


def _named(symptom: Fault, export: Path, heads: list[Head]) -> Fault:
    """The fault named by its first entry, where the list of leaf hashes is itself the one that was signed."""
    tree = _Tree()
    for leaf in _leaves(export):
        tree.add(leaf)
    if tree.size != heads[-1].size or (tree.size, tree.root) not in heads:
        return symptom
    found_leaves = (_leaf(raw) for raw in _entries(export))
    for number, (found, sealed) in enumerate(zip_longest(found_leaves, _leaves(export)), 1):
        if found == sealed:
            continue
        if found is None:
            return Fault("truncated", number, f"{tree.size} entries were sealed, {number - 1} are here")
        sealed_later = found in islice(_leaves(export), number, None)
        found_later = sealed in (_leaf(raw) for raw in islice(_entries(export), number, None))
        if sealed_later and found_later:
            return Fault("reordered", number, "another entry stands in its place; it comes later")
        if sealed_later:
            return Fault("missing", number, "the entry after it stands in its place")
        if found_later or sealed is None:
            return Fault("inserted", number, "it was never sealed; the entry sealed here comes later")
        return Fault("edited", number, f"its hash is {found.hex()}, sealed was {(sealed or b'').hex()}")
    return symptom


def _entries(export: Path) -> Iterator[bytes]:
    """The events of an export, one line each. A last line without its newline was cut and is no entry."""
    with (export / "entries.jsonl").open("rb") as file:
        yield from (line[:-1] for line in file if line.endswith(b"\n"))


def _leaves(export: Path) -> Iterator[bytes]:
    """The leaf hashes that an export lists; nothing when it has no list."""
    path = export / "leaves.bin"
    if path.exists():
        with path.open("rb") as file:
            yield from iter(lambda: file.read(32), b"")


def _leaf(raw: bytes) -> bytes:
    return sha256(b"\x00" + raw).digest()


class _Tree:
    """RFC 6962 as a binary counter: slot k is empty or holds a complete subtree of 2^k leaves; adding carries."""

    def __init__(self) -> None:
        self.size = 0
        self.slots: list[bytes] = []

    def add(self, carry: bytes) -> None:
        self.size += 1
        for level, left in enumerate(self.slots):
            if not left:
                self.slots[level] = carry
                return
            self.slots[level], carry = b"", sha256(b"\x01" + left + carry).digest()
        self.slots.append(carry)

    @property
    def root(self) -> bytes:
        root = b""
        for left in self.slots:
            if left:
                root = sha256(b"\x01" + left + root).digest() if root else left
        return root or sha256(b"").digest()


def main(arguments: list[str] | None = None) -> int:
    """Print what was found, in Bahasa Indonesia and English; 0 when all holds, 1 at a fault."""
    parser = argparse.ArgumentParser(description="Periksa ekspor log audit / check an exported audit log")
    parser.add_argument("export", type=Path)
    parser.add_argument("--key", required=True, help="verifier key of the log: name+id+key")
    parser.add_argument("--witnessed", type=Path, help="file of checkpoints that someone else has kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    witnessed = options.witnessed.read_text("utf-8") if options.witnessed else ""
    try:
        report = verify(options.export, options.key, witnessed)
    except Fault as fault:
        indonesian, english = (meaning.format(fault.entry) for meaning in MEANING[fault.kind])
        facts = {"intact": False, "fault": fault.kind, "entry": fault.entry, "detail": fault.detail}
        text = f"TIDAK UTUH: {indonesian}. Simpan ekspor ini apa adanya; bandingkan dengan salinan lain.\n"
        text += f"NOT INTACT: {english} ({fault.detail}). Keep this export as it is; compare it with another copy."
    else:
        facts = {"intact": True, **vars(report)}
        text = f"UTUH: {report.entries} entri, {report.subjects} subjek, {report.checkpoints} titik periksa.\n"
        text += f"INTACT: {report.entries} entries, {report.subjects} subjects, {report.checkpoints} checkpoints."
    print(json.dumps(facts) if options.json else text)
    return 0 if facts["intact"] else 1


if __name__ == "__main__":
    sys.exit(main())
