"""Checkpoints against the vectors of the signed-note specification, and every way to be false."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.audit.checkpoint import Checkpoint, Malformed, Signer, Unsigned, Verifier, verified

SPEC_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SPEC_SEED = b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
SPEC_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SPEC_SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ORIGIN = "imbang.example/audit"
HEAD = Checkpoint(ORIGIN, 1024, bytes(range(32)))
SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = Signer("ternate.example/witness", Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x01"))
NOTE = SIGNER.sign(HEAD)


def line_of(note: str) -> str:
    return note.splitlines(keepends=True)[-1]


def test_a_checkpoint_is_three_lines_a_blank_line_and_a_signature() -> None:
    lines = NOTE.split("\n")
    assert lines[:4] == [ORIGIN, "1024", b64encode(HEAD.root).decode(), ""]
    assert lines[4].startswith(f"— {ORIGIN} ")
    assert lines[5:] == [""]


def test_what_was_signed_is_what_is_read() -> None:
    assert verified(NOTE, SIGNER.verifier) == HEAD


def test_key_id_and_signature_are_those_of_the_reference_implementation() -> None:
    signer = Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(SPEC_SEED))
    assert str(signer.verifier) == SPEC_KEY
    signature = b64encode(signer.verifier.id + signer.key.sign(SPEC_TEXT.encode())).decode()
    assert f"— PeterNeumann {signature}\n" == SPEC_SIGNATURE


def test_a_true_signature_on_something_else_is_not_a_checkpoint() -> None:
    with pytest.raises(Malformed):
        verified(f"{SPEC_TEXT}\n{SPEC_SIGNATURE}", Verifier.parse(SPEC_KEY))


def test_signatures_of_unknown_keys_are_ignored() -> None:
    cosignature = line_of(WITNESS.sign(HEAD))
    unknown_algorithm = f"— {ORIGIN} {b64encode(bytes(2424)).decode()}\n"
    note = f"{HEAD.text}\n{unknown_algorithm}{cosignature}{line_of(NOTE)}"
    assert verified(note, SIGNER.verifier) == HEAD
    assert verified(note, WITNESS.verifier) == HEAD


def test_extension_lines_are_signed_and_ignored() -> None:
    text = HEAD.text + "extension\n"
    signature = b64encode(SIGNER.verifier.id + SIGNER.key.sign(text.encode())).decode()
    assert verified(f"{text}\n— {ORIGIN} {signature}\n", SIGNER.verifier) == HEAD


def test_a_changed_size_is_caught() -> None:
    with pytest.raises(Unsigned, match="false"):
        verified(NOTE.replace("1024", "1025"), SIGNER.verifier)


def test_a_note_of_another_key_is_refused() -> None:
    with pytest.raises(Unsigned, match="no signature of ternate"):
        verified(NOTE, WITNESS.verifier)


def test_one_false_signature_among_true_ones_of_the_same_key_is_caught() -> None:
    false = line_of(SIGNER.sign(Checkpoint(ORIGIN, 7, HEAD.root)))
    with pytest.raises(Unsigned, match="false"):
        verified(NOTE + false, SIGNER.verifier)


@pytest.mark.parametrize(
    "note",
    [
        "",
        HEAD.text,
        NOTE.removesuffix("\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace(ORIGIN, ORIGIN + "\r", 1),
        NOTE + line_of(NOTE) * 64,
        f"{HEAD.text}\n",
    ],
    ids=["empty", "unsigned", "cut", "hyphen", "control", "too-many", "no-line"],
)
def test_what_is_no_signed_note_is_refused(note: str) -> None:
    with pytest.raises(Malformed):
        verified(note, SIGNER.verifier)


@pytest.mark.parametrize(
    "text",
    [
        HEAD.text.replace("1024", "01024"),
        HEAD.text.replace("1024", "-1"),
        HEAD.text.replace("1024", "١"),
        HEAD.text.replace(ORIGIN, ""),
        f"{ORIGIN}\n1024\n{b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n1024\nnot base64\n",
        f"{ORIGIN}\n1024\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(text)


def test_an_empty_log_has_a_checkpoint_too() -> None:
    assert Checkpoint.parse(Checkpoint(ORIGIN, 0, bytes(32)).text).size == 0


def test_a_verifier_key_is_read_back() -> None:
    verifier = Verifier.parse(f"{SIGNER.verifier}\n")
    assert (verifier.name, verifier.id) == (ORIGIN, SIGNER.verifier.id)
    assert verified(NOTE, verifier) == HEAD


@pytest.mark.parametrize(
    "vkey",
    ["", "PeterNeumann", SPEC_KEY.replace("c74f20a3", "c74f20a4"), SPEC_KEY.replace("Peter", "Paul"), SPEC_KEY[:-4]],
)
def test_a_damaged_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(Malformed):
        Verifier.parse(vkey)


def test_a_private_key_is_kept_as_pem() -> None:
    signer = Signer.generate(ORIGIN)
    assert Signer.load(ORIGIN, signer.pem).sign(HEAD) == signer.sign(HEAD)


def test_a_key_of_another_algorithm_is_refused() -> None:
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(Malformed, match="Ed25519"):
        Signer.load(ORIGIN, pem)
    with pytest.raises(Malformed, match="not a readable"):
        Signer.load(ORIGIN, b"nothing")


@pytest.mark.parametrize("name", ["", "two words", "a+b"])
def test_a_key_name_has_no_spaces_and_no_plus(name: str) -> None:
    with pytest.raises(Malformed):
        Signer.generate(name)
