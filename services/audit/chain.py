"""The Merkle tree of the audit log: appending, roots and proofs.

Source: RFC 6962 §2.1 (tree, proofs) and RFC 9162 §2.1.3.2, §2.1.4.2 (verification). Every hash is 32 bytes. A leaf hash
is SHA-256(0x00 ‖ event bytes), computed when the event was recorded; an inner hash is SHA-256(0x01 ‖ left ‖ right).

What is stored is one row for every *complete* subtree: `(level, index, hash)` covers the leaves from `index · 2^level`
up to, not including, `(index + 1) · 2^level`. Rows are only ever added, two a leaf on average, and any root or proof of
any past size is folded from O(log n) of them. Leaf indices count from 0: entry n of the log is leaf n − 1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()

#: Level and index of a complete subtree; level 0 holds the leaves.
Place = tuple[int, int]

#: Fetches the stored hashes of some places; called once for each proof, so that it can be one query.
Read = Callable[[Collection[Place]], Mapping[Place, bytes]]


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that appending needs: the size and the hashes of the maximal complete subtrees, left to right."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    @classmethod
    def read(cls, size: int, read: Read) -> Frontier:
        """The frontier of a stored tree of `size` leaves."""
        places = list(_cover(0, size))
        hashes = read(places)
        return cls(size, tuple(hashes[place] for place in places))

    def append(self, leaves: Iterable[bytes]) -> tuple[Frontier, dict[Place, bytes]]:
        """The frontier after more leaf hashes, and the rows to add to the store."""
        size, peaks, rows = self.size, list(self.peaks), {}
        for hash in leaves:
            level, index = 0, size
            rows[level, index] = hash
            while index & 1:  # a right child completes its parent
                hash = _inner(peaks.pop(), hash)
                level, index = level + 1, index >> 1
                rows[level, index] = hash
            peaks.append(hash)
            size += 1
        return Frontier(size, tuple(peaks)), rows

    @property
    def root(self) -> bytes:
        return _fold(self.peaks)


def inclusion_proof(index: int, size: int, read: Read) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, from the leaf's sibling up.

    IndexError when the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} is not in a tree of {size} leaves")
    start, end = 0, size
    spans = []
    while end - start > 1:
        split = _split(start, end)
        if index < split:
            spans.append((split, end))
            end = split
        else:
            spans.append((start, split))
            start = split
    return _hashes(spans[::-1], read)


def consistency_proof(first: int, second: int, read: Read) -> list[bytes]:
    """The proof that the tree of `second` leaves extends the tree of its `first` leaves. IndexError when it cannot."""
    if not 0 <= first <= second:
        raise IndexError(f"a tree of {second} leaves does not extend one of {first}")
    if first in (0, second):
        return []
    start, end = 0, second
    spans = []
    while end > first:
        split = _split(start, end)
        if first <= split:
            spans.append((split, end))
            end = split
        else:
            spans.append((start, split))
            start = split
    if start:  # otherwise the old tree is itself a subtree of the new one, and the verifier has its root
        spans.append((start, end))
    return _hashes(spans[::-1], read)


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` is the hash at `index` of the tree of `size` leaves with this root."""
    if not 0 <= index < size:
        return False
    node, last, hash = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            hash = _inner(sibling, hash)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hash = _inner(hash, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and hash == root


def consistent(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the second tree extends the first: nothing before `first` was changed or removed."""
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    if not 0 < first < second or not proof:
        return False
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for hash in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = _inner(hash, old), _inner(hash, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = _inner(new, hash)
        node, last = node >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _inner(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _split(start: int, end: int) -> int:
    """Where RFC 6962 divides a span of two leaves or more: after the largest power of two smaller than its length."""
    return start + (1 << ((end - start - 1).bit_length() - 1))


def _cover(start: int, end: int) -> Iterator[Place]:
    """The complete subtrees that make up a span cut by `_split`, left to right."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _fold(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees of falling height."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = _inner(peak, root)
    return root


def _hashes(spans: Sequence[tuple[int, int]], read: Read) -> list[bytes]:
    """The root of each span, all read at once."""
    covers = [list(_cover(start, end)) for start, end in spans]
    stored = read([place for cover in covers for place in cover])
    return [_fold([stored[place] for place in cover]) for cover in covers]
