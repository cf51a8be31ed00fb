"""The offline verifier: an honest export holds, and every way to tamper is found and named."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from events.envelope import digest
from services.audit import verify as module
from services.audit.chain import Frontier
from services.audit.checkpoint import Checkpoint, Signer
from services.audit.verify import MEANING, Fault, main, verify

ORIGIN = "imbang.example/audit"
SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x01"))
KEY = str(SIGNER.verifier)
SIZES = (3, 8, 13, 20)
Entries = list[bytes]


def event(subject: str, version: int, note: str = "") -> bytes:
    return json.dumps({"subject": subject, "subjectversion": version, "data": {"note": note}}).encode()


#: Twenty events, in turn of four subjects: entry n is version (n + 3) // 4 of subject (n - 1) % 4.
HISTORY = [event(f"mutations/mutation/{n % 4}", n // 4 + 1) for n in range(20)]


def notes(entries: Entries, sizes: tuple[int, ...] = SIZES, signer: Signer = SIGNER) -> str:
    leaves = [digest(raw) for raw in entries]
    heads = [Checkpoint(ORIGIN, size, Frontier().append(leaves[:size])[0].root) for size in sizes]
    return "\n".join(signer.sign(head) for head in heads)


def leaves(entries: Entries) -> bytes:
    return b"".join(digest(raw) for raw in entries)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    write(tmp_path, HISTORY)
    (tmp_path / "checkpoints.txt").write_text(notes(HISTORY), "utf-8")
    (tmp_path / "leaves.bin").write_bytes(leaves(HISTORY))
    return tmp_path


def write(export: Path, entries: Entries) -> None:
    (export / "entries.jsonl").write_bytes(b"".join(raw + b"\n" for raw in entries))


def fault_of(export: Path, witnessed: str = "") -> tuple[str, int]:
    with pytest.raises(Fault) as caught:
        verify(export, KEY, witnessed)
    return caught.value.kind, caught.value.entry


def test_an_honest_export_holds(export: Path) -> None:
    report = verify(export, KEY)
    assert (report.entries, report.subjects, report.checkpoints) == (20, 4, 4)
    assert report.root == Frontier().append(digest(raw) for raw in HISTORY)[0].root.hex()


def test_an_honest_export_holds_without_the_list_of_leaves(export: Path) -> None:
    (export / "leaves.bin").unlink()
    assert verify(export, KEY).entries == 20


def test_the_list_of_leaves_proves_nothing_by_itself(export: Path) -> None:
    (export / "leaves.bin").write_bytes(bytes(640))
    assert verify(export, KEY).entries == 20


@pytest.mark.parametrize("entry", [1, 3, 4, 13, 20])
@pytest.mark.parametrize("place", [0, 12, -1])
def test_one_changed_byte_names_the_entry(export: Path, entry: int, place: int) -> None:
    changed = bytearray(HISTORY[entry - 1])
    changed[place] ^= 1
    write(export, [*HISTORY[: entry - 1], bytes(changed), *HISTORY[entry:]])
    assert fault_of(export) == ("edited", entry)


def changed_note(entries: Entries) -> Entries:
    return [*entries[:9], event("mutations/mutation/1", 3, "changed"), *entries[10:]]


def removed(entries: Entries) -> Entries:
    return [*entries[:9], *entries[10:]]


def two_removed(entries: Entries) -> Entries:
    return [*entries[:9], *entries[11:]]


def first_removed(entries: Entries) -> Entries:
    return entries[1:]


def invented(entries: Entries) -> Entries:
    return [*entries[:9], event("mutations/mutation/9", 1), *entries[9:]]


def doubled(entries: Entries) -> Entries:
    return [*entries[:9], entries[4], *entries[9:]]


def appended(entries: Entries) -> Entries:
    return [*entries, event("mutations/mutation/9", 1)]


def swapped(entries: Entries) -> Entries:
    return [*entries[:9], entries[10], entries[9], *entries[11:]]


def moved_far(entries: Entries) -> Entries:
    return [*entries[:9], entries[17], *entries[10:17], entries[9], *entries[18:]]


def cut(entries: Entries) -> Entries:
    return entries[:15]


def emptied(entries: Entries) -> Entries:
    return []


TAMPERINGS = [
    (changed_note, "edited", 10),
    (removed, "missing", 10),
    (two_removed, "missing", 10),
    (first_removed, "missing", 1),
    (invented, "inserted", 10),
    (doubled, "inserted", 10),
    (appended, "inserted", 21),
    (swapped, "reordered", 10),
    (moved_far, "reordered", 10),
    (cut, "truncated", 16),
    (emptied, "truncated", 1),
]


@pytest.mark.parametrize(("tamper", "kind", "entry"), TAMPERINGS)
def test_every_tampering_is_named_with_its_entry(
    export: Path, tamper: Callable[[Entries], Entries], kind: str, entry: int
) -> None:
    write(export, tamper(HISTORY))
    assert fault_of(export) == (kind, entry)


@pytest.mark.parametrize(("tamper", "kind", "entry"), TAMPERINGS)
def test_every_tampering_is_found_without_the_list_of_leaves_too(
    export: Path, tamper: Callable[[Entries], Entries], kind: str, entry: int
) -> None:
    write(export, tamper(HISTORY))
    (export / "leaves.bin").unlink()
    found, at = fault_of(export)
    assert found in {kind, "rewritten", "missing"}
    assert at >= 1


def test_a_last_line_cut_in_half_is_a_truncation(export: Path) -> None:
    path = export / "entries.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert fault_of(export) == ("truncated", 20)


def test_something_appended_without_a_newline_is_not_overlooked(export: Path) -> None:
    path = export / "entries.jsonl"
    path.write_bytes(path.read_bytes() + event("mutations/mutation/9", 1))
    assert fault_of(export) == ("inserted", 21)


def test_no_byte_of_the_entries_can_be_changed(export: Path) -> None:
    path = export / "entries.jsonl"
    honest = path.read_bytes()
    for place in range(0, len(honest), 5):
        path.write_bytes(honest[:place] + bytes([honest[place] ^ 1]) + honest[place + 1 :])
        fault_of(export)


def test_bytes_that_are_no_text_make_a_checkpoint_false(export: Path) -> None:
    path = export / "checkpoints.txt"
    path.write_bytes(b"\xff" + path.read_bytes())
    assert fault_of(export) == ("signature", 1)


def test_a_list_of_leaves_made_to_fit_the_tampering_convinces_nobody(export: Path) -> None:
    tampered = changed_note(HISTORY)
    write(export, tampered)
    (export / "leaves.bin").write_bytes(leaves(tampered))
    assert fault_of(export) == ("rewritten", 9)


def test_a_chain_recomputed_without_the_key_fails_its_signatures(export: Path) -> None:
    tampered = changed_note(HISTORY)
    write(export, tampered)
    (export / "leaves.bin").write_bytes(leaves(tampered))
    (export / "checkpoints.txt").write_text(notes(tampered, signer=OTHER), "utf-8")
    assert fault_of(export) == ("signature", 1)


def test_a_chain_recomputed_and_signed_by_its_own_keeper_is_caught_by_a_checkpoint_kept_elsewhere(export: Path) -> None:
    tampered = changed_note(HISTORY)
    write(export, tampered)
    (export / "leaves.bin").write_bytes(leaves(tampered))
    (export / "checkpoints.txt").write_text(notes(tampered), "utf-8")
    assert verify(export, KEY).entries == 20
    assert fault_of(export, notes(HISTORY, sizes=(8, 13))) == ("rewritten", 9)


def test_a_tail_cut_off_with_its_checkpoints_is_caught_by_a_checkpoint_kept_elsewhere(export: Path) -> None:
    write(export, HISTORY[:13])
    (export / "leaves.bin").write_bytes(leaves(HISTORY[:13]))
    (export / "checkpoints.txt").write_text(notes(HISTORY, sizes=(3, 8, 13)), "utf-8")
    assert verify(export, KEY).entries == 13
    assert fault_of(export, notes(HISTORY, sizes=(20,))) == ("truncated", 14)


def test_two_roots_signed_for_one_size_are_a_fault_of_the_keeper(export: Path) -> None:
    assert fault_of(export, notes(changed_note(HISTORY), sizes=(20,))) == ("rewritten", 14)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_changed_checkpoint_names_the_first_entry_it_no_longer_vouches_for(export: Path, number: int) -> None:
    path = export / "checkpoints.txt"
    blocks = path.read_text("utf-8").split("\n\n")
    blocks[2 * number - 2] = blocks[2 * number - 2].replace("\n", "\n1", 1)
    path.write_text("\n\n".join(blocks), "utf-8")
    assert fault_of(export) == ("signature", (1, 4, 9, 14)[number - 1])


@pytest.mark.parametrize("text", ["", "nothing\n", notes(HISTORY).rpartition("\n\n")[0]], ids=["empty", "noise", "cut"])
def test_a_file_without_signed_checkpoints_vouches_for_nothing(export: Path, text: str) -> None:
    (export / "checkpoints.txt").write_text(text, "utf-8")
    assert fault_of(export)[0] == "signature"


def test_a_checkpoint_of_another_log_under_the_same_key_does_not_count(export: Path) -> None:
    head = Checkpoint("imbang.example/another", 20, Frontier().append(digest(raw) for raw in HISTORY)[0].root)
    (export / "checkpoints.txt").write_text(SIGNER.sign(head), "utf-8")
    assert fault_of(export) == ("signature", 1)


def test_signatures_of_witnesses_are_ignored(export: Path) -> None:
    witness = Signer("ternate.example/witness", OTHER.key)
    line = witness.sign(Checkpoint(ORIGIN, 20, bytes(32))).rpartition("\n\n")[2]
    path = export / "checkpoints.txt"
    path.write_text(path.read_text("utf-8") + line, "utf-8")
    assert verify(export, KEY).checkpoints == 4


@pytest.mark.parametrize(
    ("entries", "kind", "entry"),
    [
        ([event("a", 1), event("b", 1), event("a", 3)], "missing", 3),
        ([event("a", 2)], "missing", 1),
        ([event("a", 1), event("a", 1, "again")], "inserted", 2),
        ([event("a", 1), event("a", 3), event("a", 2)], "reordered", 2),
        ([event("a", 1), b'{"subject": "a"}'], "edited", 2),
        ([event("a", 1), b"[" * 100_000], "edited", 2),
    ],
)
def test_a_history_sealed_with_a_hole_is_found_by_the_versions_of_its_subject(
    export: Path, entries: Entries, kind: str, entry: int
) -> None:
    write(export, entries)
    (export / "leaves.bin").write_bytes(leaves(entries))
    (export / "checkpoints.txt").write_text(notes(entries, sizes=(len(entries),)), "utf-8")
    assert fault_of(export) == (kind, entry)


def test_an_empty_log_holds(export: Path) -> None:
    write(export, [])
    (export / "checkpoints.txt").write_text(notes([], sizes=(0,)), "utf-8")
    assert verify(export, KEY).entries == 0


@pytest.mark.parametrize("key", ["", "name", "name+id", "name+id+!", "name+id+AAAA"])
def test_a_key_that_is_none_is_an_error_of_the_caller(export: Path, key: str) -> None:
    with pytest.raises(ValueError, match="a key reads"):
        verify(export, key)


def test_the_command_says_what_is_wrong_in_both_languages(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(export), "--key", KEY]) == 0
    assert "UTUH: 20 entri" in capsys.readouterr().out
    write(export, changed_note(HISTORY))
    assert main([str(export), "--key", KEY]) == 1
    said = capsys.readouterr().out
    assert "isi entri 10 telah diubah" in said
    assert "entry 10 was edited" in said


def test_the_command_prints_facts_for_machines(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = export / "kept.txt"
    kept.write_text(notes(changed_note(HISTORY), sizes=(13,)), "utf-8")
    assert main([str(export), "--key", KEY, "--witnessed", str(kept), "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert (facts["intact"], facts["fault"], facts["entry"]) == (False, "rewritten", 9)


def test_the_file_runs_alone_on_another_machine(export: Path) -> None:
    alone = export / "verify.py"
    alone.write_text(Path(module.__file__).read_text("utf-8"), "utf-8")
    run = subprocess.run(
        [sys.executable, "-I", str(alone), str(export), "--key", KEY], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_the_verifier_imports_nothing_of_what_it_checks() -> None:
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names | {"cryptography"}


def test_every_kind_of_fault_has_its_words() -> None:
    assert all("{}" in indonesian and "{}" in english for indonesian, english in MEANING.values())
