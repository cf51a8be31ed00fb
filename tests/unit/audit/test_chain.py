"""The Merkle tree against the vectors of certificate-transparency and the definition of RFC 6962 §2.1, written down."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.chain import (
    EMPTY_ROOT,
    Frontier,
    Place,
    Read,
    consistency_proof,
    consistent,
    included,
    inclusion_proof,
)

INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): INCLUSION[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
deterministic = settings(derandomize=True, deadline=None, max_examples=150)
sizes = st.integers(min_value=1, max_value=70)


def leaf(text: bytes) -> bytes:
    return sha256(b"\x00" + text).digest()


VECTOR = [leaf(bytes.fromhex(text)) for text in INPUTS]
MANY = [leaf(b"%d" % n) for n in range(70)]


def store(leaves: list[bytes]) -> Read:
    _, rows = Frontier().append(leaves)

    def read(places: Collection[Place]) -> Mapping[Place, bytes]:
        return {place: rows[place] for place in places}

    return read


def root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, word for word."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), root(leaves[k:])]
    return [*path(m - k, leaves[k:]), root(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, word for word."""
    if m == len(leaves):
        return [] if whole else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), root(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), root(leaves[:k])]


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    frontier, _ = Frontier().append(VECTOR[:size])
    assert frontier.root.hex() == ROOTS[size]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert Frontier().root == EMPTY_ROOT == bytes.fromhex(ROOTS[0])


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_those_of_certificate_transparency(index: int, size: int) -> None:
    assert [hash.hex() for hash in inclusion_proof(index, size, store(VECTOR))] == INCLUSION[index, size]


@pytest.mark.parametrize(("first", "second"), CONSISTENCY)
def test_consistency_proofs_are_those_of_certificate_transparency(first: int, second: int) -> None:
    assert [hash.hex() for hash in consistency_proof(first, second, store(VECTOR))] == CONSISTENCY[first, second]


@deterministic
@given(st.lists(st.integers(min_value=0, max_value=9), max_size=8))
def test_batches_of_any_size_make_the_same_tree(batches: list[int]) -> None:
    frontier, taken, rows = Frontier(), 0, dict[Place, bytes]()
    for count in batches:
        frontier, added = frontier.append(MANY[taken : taken + count])
        rows |= added
        taken = frontier.size
    assert frontier.root == root(MANY[:taken])
    assert rows == Frontier().append(MANY[:taken])[1]


@deterministic
@given(sizes)
def test_a_frontier_is_reopened_from_the_store(size: int) -> None:
    assert Frontier.read(size, store(MANY)) == Frontier().append(MANY[:size])[0]


@deterministic
@given(sizes, st.data())
def test_every_inclusion_proof_is_the_path_of_the_definition_and_holds(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    proof = inclusion_proof(index, size, store(MANY))
    assert proof == path(index, MANY[:size])
    assert included(MANY[index], index, size, proof, root(MANY[:size]))


@deterministic
@given(sizes, st.data())
def test_every_consistency_proof_is_the_proof_of_the_definition_and_holds(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(min_value=1, max_value=second))
    proof = consistency_proof(first, second, store(MANY))
    assert proof == subproof(first, MANY[:second], True)
    assert consistent(first, root(MANY[:first]), second, root(MANY[:second]), proof)


def test_no_inclusion_proof_holds_for_another_leaf_place_size_root_or_with_a_hash_changed() -> None:
    size = 21
    for index in range(size):
        proof, top = inclusion_proof(index, size, store(MANY)), root(MANY[:size])
        assert not included(MANY[index + 1], index, size, proof, top)
        assert not any(
            included(MANY[index], place, size, proof, top) for place in range(-1, size + 2) if place != index
        )
        assert not included(MANY[index], index, size, proof, root(MANY[: size + 1]))
        assert not included(MANY[index], index, size, proof[:-1], top)
        assert not included(MANY[index], index, size, [*proof, top], top)
        for at in range(len(proof)):
            assert not included(MANY[index], index, size, [*proof[:at], EMPTY_ROOT, *proof[at + 1 :]], top)


def test_no_consistency_proof_holds_for_another_history() -> None:
    second = 21
    new = root(MANY[:second])
    for first in range(1, second):
        old, proof = root(MANY[:first]), consistency_proof(first, second, store(MANY))
        forged = root([*MANY[: first - 1], EMPTY_ROOT])
        assert not consistent(first, forged, second, new, proof)
        assert not consistent(first, old, second, root(MANY[: second + 1]), proof)
        assert not consistent(first, old, 4 * second, new, proof)
        assert not consistent(first, old, second, new, proof[:-1])
        assert not consistent(first, old, second, new, [*proof, new])
        for at in range(len(proof)):
            assert not consistent(first, old, second, new, [*proof[:at], EMPTY_ROOT, *proof[at + 1 :]])


def test_a_tree_extends_itself_and_nothing_and_never_shrinks() -> None:
    old, new = root(MANY[:3]), root(MANY[:5])
    assert consistent(3, old, 3, old, [])
    assert not consistent(3, old, 3, new, [])
    assert consistent(0, EMPTY_ROOT, 5, new, [])
    assert not consistent(0, old, 5, new, [])
    assert not consistent(5, new, 3, old, consistency_proof(3, 5, store(MANY)))
    with pytest.raises(IndexError):
        consistency_proof(5, 3, store(MANY))


@pytest.mark.parametrize("index", [-1, 8])
def test_a_leaf_that_is_not_in_the_tree_has_no_proof(index: int) -> None:
    with pytest.raises(IndexError):
        inclusion_proof(index, 8, store(VECTOR))


def test_a_proof_in_a_million_entries_reads_the_store_once_and_at_most_two_rows_a_level() -> None:
    asked: list[Collection[Place]] = []

    def read(places: Collection[Place]) -> Mapping[Place, bytes]:
        asked.append(places)
        return dict.fromkeys(places, EMPTY_ROOT)

    inclusion_proof(999_983, 1_000_003, read)
    consistency_proof(999_983, 1_000_003, read)
    assert len(asked) == 2
    assert all(len(places) <= 40 for places in asked)
