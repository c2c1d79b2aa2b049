"""The Merkle tree against published vectors and a recursive reading of the RFC."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.merkle import (
    EMPTY_ROOT,
    CompactRange,
    Span,
    Subtree,
    consistency_spans,
    extends,
    fold,
    includes,
    inclusion_spans,
    leaf_hash,
    node_hash,
    perfect_root,
    prove,
)

# The leaves and roots that implementations of RFC 6962 test themselves with.
ENTRIES = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
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
SIZES = st.integers(min_value=1, max_value=300)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(count)]


def naive_root(hashes: Sequence[bytes]) -> bytes:
    """Return MTH(D[n]) word by word as §2.1.1 defines it."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(naive_root(hashes[:split]), naive_root(hashes[split:]))


def naive_path(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """Return PATH(m, D[n]) as §2.1.3.1 defines it."""
    if len(hashes) == 1:
        return []
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    if index < split:
        return [*naive_path(index, hashes[:split]), naive_root(hashes[split:])]
    return [*naive_path(index - split, hashes[split:]), naive_root(hashes[:split])]


def naive_subproof(old: int, hashes: Sequence[bytes], *, whole: bool) -> list[bytes]:
    """Return SUBPROOF(m, D[n], b) as §2.1.4.1 defines it."""
    if old == len(hashes):
        return [] if whole else [naive_root(hashes)]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    if old <= split:
        return [*naive_subproof(old, hashes[:split], whole=whole), naive_root(hashes[split:])]
    return [
        *naive_subproof(old - split, hashes[split:], whole=False),
        naive_root(hashes[:split]),
    ]


def proof(spans: list[Span], hashes: Sequence[bytes]) -> list[bytes]:
    def hash_of(subtree: Subtree) -> bytes:
        start = subtree.number << subtree.level
        return perfect_root(hashes[start : start + (1 << subtree.level)])

    return prove(spans, hash_of)


def test_roots_are_the_published_ones() -> None:
    """Every tree over the usual eight leaves has the root that everybody else computes."""
    tree = CompactRange()
    for size, root in enumerate(ROOTS):
        assert tree.root().hex() == root
        if size < len(ENTRIES):
            tree.append(leaf_hash(ENTRIES[size]))


@settings(deadline=None, max_examples=60)
@given(size=st.integers(min_value=0, max_value=300))
def test_a_tree_grown_leaf_by_leaf_has_the_root_of_the_definition(size: int) -> None:
    """The compact range comes to the recursive definition's root, and can be taken up anywhere."""
    hashes = leaves(size)
    tree = CompactRange()
    for one in hashes:
        tree = CompactRange(tree.size, tree.hashes)
        tree.append(one)
    assert tree.root() == naive_root(hashes)
    assert fold(tree.hashes) == naive_root(hashes)


@settings(deadline=None, max_examples=100)
@given(size=SIZES, data=st.data())
def test_inclusion_proofs_are_those_of_the_definition_and_hold(
    size: int, data: st.DataObject
) -> None:
    """A proof is PATH(m, D), and shows its own leaf at its own place in its own tree alone."""
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    hashes = leaves(size)
    root, path = naive_root(hashes), proof(inclusion_spans(index, size), hashes)
    assert path == naive_path(index, hashes)
    assert includes(root, size, index, hashes[index], path)
    assert not includes(root, size, index, leaf_hash(b"other"), path)
    assert not includes(leaf_hash(b"other"), size, index, hashes[index], path)
    assert not includes(root, size, index, hashes[index], [*path, root])
    assert not includes(root, size, index, hashes[index], path[:-1]) or not path
    assert not includes(root, size, size, hashes[index], path)
    other = data.draw(st.integers(min_value=0, max_value=size - 1))
    assert includes(root, size, other, hashes[index], path) == (other == index)
    if path:
        place = data.draw(st.integers(min_value=0, max_value=len(path) - 1))
        wrong = [*path[:place], leaf_hash(b"other"), *path[place + 1 :]]
        assert not includes(root, size, index, hashes[index], wrong)


@settings(deadline=None, max_examples=100)
@given(size=SIZES, data=st.data())
def test_consistency_proofs_are_those_of_the_definition_and_hold(
    size: int, data: st.DataObject
) -> None:
    """A proof is PROOF(m, D), and shows that the one tree begins with the other and no other."""
    old = data.draw(st.integers(min_value=1, max_value=size))
    hashes = leaves(size)
    root, old_root = naive_root(hashes), naive_root(hashes[:old])
    path = proof(consistency_spans(old, size), hashes)
    assert path == naive_subproof(old, hashes, whole=True)
    assert extends(old_root, old, root, size, path)
    assert not extends(leaf_hash(b"other"), old, root, size, path)
    assert not extends(old_root, old, leaf_hash(b"other"), size, path)
    assert not extends(old_root, old, root, size, [*path, root])
    assert not extends(root, size, old_root, old, path) or old == size
    rewritten = [leaf_hash(b"other"), *hashes[1:]]
    forged = proof(consistency_spans(old, size), rewritten)
    assert not extends(old_root, old, naive_root(rewritten), size, forged)
    if path:
        place = data.draw(st.integers(min_value=0, max_value=len(path) - 1))
        wrong = [*path[:place], leaf_hash(b"other"), *path[place + 1 :]]
        assert not extends(old_root, old, root, size, wrong)


def test_every_tree_begins_with_the_empty_one() -> None:
    """An empty tree is the beginning of all, without a proof; nothing else passes for empty."""
    assert extends(EMPTY_ROOT, 0, naive_root(leaves(3)), 3, [])
    assert not extends(naive_root(leaves(1)), 0, naive_root(leaves(3)), 3, [])
    assert extends(EMPTY_ROOT, 0, EMPTY_ROOT, 0, [])


@pytest.mark.parametrize("size", [0, 1, 5])
def test_what_is_not_there_has_no_proof(size: int) -> None:
    """A proof of a leaf beyond the end, or from a tree larger than the other, is refused."""
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_spans(size, size)
    with pytest.raises(ValueError, match="proof leads"):
        consistency_spans(size + 1, size)
    with pytest.raises(ValueError, match="one hash"):
        CompactRange(3, [EMPTY_ROOT])


@given(first=st.integers(0, 300), added=st.integers(0, 300))
def test_many_leaves_are_added_as_one_by_one(first: int, added: int) -> None:
    """However many at once, from whatever size on."""
    leaves = [leaf_hash(b"%d" % number) for number in range(first + added)]
    one_by_one, at_once = CompactRange(), CompactRange()
    for leaf in leaves:
        one_by_one.append(leaf)
    at_once.extend(leaves[:first])
    at_once.extend(leaves[first:])
    assert (at_once.size, at_once.hashes) == (first + added, one_by_one.hashes)
