"""Merkle trees as RFC 9162 §2.1 has them: hashes, roots, and proofs that anybody can check.

A subtree is named by its level and its number on that level: (0, i) is leaf i, (k, n) stands over
leaves n·2ᵏ … (n + 1)·2ᵏ - 1. Whoever makes a proof gives a function from such names to hashes.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
LEAF_PREFIX = b"\x00"


class Subtree(NamedTuple):
    """A perfect subtree, by its level and its number on that level."""

    level: int
    number: int


class Span(NamedTuple):
    """Leaves `start` … `end` - 1, which hang below one node of some tree."""

    start: int
    end: int

    def subtrees(self) -> list[Subtree]:
        """Return the perfect subtrees that it consists of, from left to right."""
        found, start = [], self.start
        while start < self.end:
            level = (self.end - start).bit_length() - 1
            found.append(Subtree(level, start >> level))
            start += 1 << level
        return found


HashOf = Callable[[Subtree], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf that holds these bytes."""
    return sha256(LEAF_PREFIX + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the hash above neighbouring perfect subtrees, the largest first."""
    if not hashes:
        return EMPTY_ROOT
    *others, above = hashes
    for one in reversed(others):
        above = node_hash(one, above)
    return above


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the hash above 1, 2, 4, 8 … subtrees of one level."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


class CompactRange:
    """A growing tree, of which only the perfect subtrees along its right edge are kept."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Take the size there is, and the subtrees' hashes, the largest first."""
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError("a compact range has one hash for each bit set in its size")

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add the hashes of the next leaves; in one go, for a merge adds hundreds."""
        hashes, size = self.hashes, self.size
        for leaf in leaves:
            above, bit = leaf, 1
            while size & bit:
                above = sha256(b"\x01" + hashes.pop() + above).digest()
                bit <<= 1
            hashes.append(above)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        return fold(self.hashes)


def compact(leaves: Iterable[bytes]) -> list[bytes]:
    """Return the perfect subtrees' hashes over leaves that begin a tree, the largest first."""
    tree = CompactRange()
    tree.extend(leaves)
    return tree.hashes


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Return what the proof that leaf `index` is in a tree hashes, the leaf's sibling first."""
    if not 0 <= index < size:
        raise ValueError("there is no leaf of that index")
    found, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            found.append(Span(middle, end))
            end = middle
        else:
            found.append(Span(start, middle))
            start = middle
    return found[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """Return what the proof that a tree is the beginning of a larger one hashes."""
    if not 0 < old <= new:
        raise ValueError("a proof leads from a tree that is not empty to one no smaller")
    found, start, end = [], 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            found.append(Span(middle, end))
            end = middle
        else:
            found.append(Span(start, middle))
            start = middle
    if start:
        found.append(Span(start, end))
    return found[::-1]


def prove(spans: Iterable[Span], hash_of: HashOf) -> list[bytes]:
    """Return the proof that consists of these spans."""
    return [fold([hash_of(one) for one in span.subtrees()]) for span in spans]


def includes(root: bytes, size: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether the proof shows that a leaf is in the tree of that root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            found = node_hash(sibling, found)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and found == root


def extends(old_root: bytes, old: int, new_root: bytes, new: int, proof: Sequence[bytes]) -> bool:
    """Say whether the proof shows that a tree begins as an older one did (RFC 9162 §2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old in (0, new):
        known = old_root == (new_root if old else EMPTY_ROOT)
        return known and not proof
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    was = now = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            was, now = node_hash(sibling, was), node_hash(sibling, now)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            now = node_hash(now, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and was == old_root and now == new_root


def _split(count: int) -> int:
    """Return the largest power of two smaller than a count of at least two."""
    return 1 << ((count - 1).bit_length() - 1)
