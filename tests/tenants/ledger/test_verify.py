"""Whatever is done to a ledger behind its back is found, and the first line touched is named.

The hands here have the file's key, and the careful ones the agency's own key too.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from domain.merkle import CompactRange, leaf_hash
from tenants.backend import Key, Row, StoreBackend
from tenants.ledger.findings import Fault
from tenants.ledger.ledger import Ledger
from tenants.ledger.records import (
    BUNDLE_LINES,
    HEAD_KEY,
    TILE_HASHES,
    Head,
    Tile,
    bundle_key,
    read,
    tile_key,
)
from tenants.ledger.sequencer import Sequencer
from tenants.ledger.signed_notes import Signer
from tenants.ledger.verify import Trusted, Verdict
from tests.tenants.ledger.ledger_samples import (
    INDEX_KEY,
    Kept,
    a_ledger,
    a_line,
    fill,
    ledger_rows,
    rewrite,
    set_texts,
    texts,
    wait_in,
)
from tests.tenants.stores import AGENCY_ID, Stores, sqlite_stores

SIZE = 700  # two full tiles and one that is open


async def rebuilt(
    backend: StoreBackend, change: Callable[[list[str]], list[str]], key: bytes = INDEX_KEY
) -> Ledger:
    """Write the whole history anew with other lines: hashes, head and signature, all of it."""
    lines = [one.text.decode() for one in await a_ledger(backend).lines(limit=1000)]
    for row in await ledger_rows(backend):
        await rewrite(backend, row.key, None)
    ledger = a_ledger(backend, key=key)
    changed = change(lines)
    for start in range(0, len(changed), 500):
        await ledger.append([line.encode() for line in changed[start : start + 500]])
    return a_ledger(backend)


async def found(
    backend: StoreBackend, trusted: Sequence[Trusted] = ()
) -> tuple[Fault, int | None, str | None]:
    verdict: Verdict = await a_ledger(backend).verify(None, trusted)
    assert verdict.finding is not None, "nothing was found"
    assert verdict.finding.message.endswith((".", "again."))
    return verdict.finding.fault, verdict.finding.index, verdict.finding.line_id


@pytest.mark.parametrize("size", [0, 1, 64, 255, 256, 257, SIZE])
async def test_an_honest_ledger_is_found_whole(backend: StoreBackend, size: int) -> None:
    """Nothing is found where nothing was done, with every earlier checkpoint to compare with."""
    notes = []
    total = 0
    for part in {0, size // 3, size}:
        ledger = await fill(backend, part - total, first=total) if part > total else None
        total = max(total, part)
        if ledger is not None:
            notes.append(Trusted(source="a file", note=await ledger.checkpoint()))
    seen: list[tuple[int, int]] = []
    verdict = await a_ledger(backend).verify(lambda done, of: seen.append((done, of)), notes)
    assert verdict.finding is None
    assert (verdict.size, verdict.compared) == (size, len(notes))
    assert not size or seen[-1] == (size, size)


class Growing:
    """A store into which another process merges lines before each read but those of the head."""

    def __init__(self, backend: StoreBackend, elsewhere: StoreBackend) -> None:
        self._backend = backend
        self._elsewhere = elsewhere
        self.grown = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    async def get(self, key: Key) -> Row | None:
        """Return the row, or None."""
        return (await self.get_many([key])).get(key)

    async def get_many(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """Return the rows there are."""
        if HEAD_KEY not in keys:
            await fill(self._elsewhere, 300, first=SIZE + self.grown)
            self.grown += 300
        return await self._backend.get_many(keys)


async def test_a_ledger_that_grows_meanwhile_is_found_whole(stores: Stores) -> None:
    """Lines that another process merges during the walk look like no forgery."""
    backend, elsewhere = [await stores.open() for _ in range(2)]
    note = await (await fill(backend, SIZE)).checkpoint()
    growing = Growing(backend, elsewhere)
    ledger = a_ledger(cast("StoreBackend", growing))
    verdict = await ledger.verify(None, [Trusted(source="a file", note=note)])
    assert (verdict.finding, verdict.size, verdict.compared) == (None, SIZE, 1)
    assert growing.grown > TILE_HASHES
    assert (await a_ledger(backend).verify()).size == SIZE + growing.grown


@pytest.mark.parametrize("index", [0, 63, 64, 300, 511, 512, SIZE - 1])
async def test_a_changed_line_is_named(backend: StoreBackend, index: int) -> None:
    """One character of one line changed: that line is named, by its index and its id."""
    await fill(backend, SIZE)
    number, place = divmod(index, BUNDLE_LINES)
    lines = await texts(backend, number)
    lines[place] = lines[place].replace("203.0.113.7", "203.0.113.8")
    await set_texts(backend, number, lines)
    assert await found(backend) == (Fault.CHANGED, index, a_line(index).id)


@pytest.mark.parametrize("index", [0, 63, 64, 300, 512])
async def test_a_removed_line_is_named(backend: StoreBackend, index: int) -> None:
    """A line taken out of its bundle is named, and the line before it by its id."""
    await fill(backend, SIZE)
    number, place = divmod(index, BUNDLE_LINES)
    lines = await texts(backend, number)
    del lines[place]
    await set_texts(backend, number, lines)
    assert await found(backend) == (Fault.REMOVED, index, None)
    verdict = await a_ledger(backend).verify()
    assert verdict.finding is not None
    assert index % TILE_HASHES == 0 or a_line(index - 1).id in verdict.finding.message


@pytest.mark.parametrize("index", [5, 300])
async def test_a_line_removed_with_the_later_ones_moved_up_is_named(
    backend: StoreBackend, index: int
) -> None:
    """Where all that follows was moved up to close the gap, the gap is named all the same."""
    await fill(backend, SIZE)
    count = (SIZE - 1) // BUNDLE_LINES + 1
    lines = [line for number in range(count) for line in await texts(backend, number)]
    del lines[index]
    for number in range(count):
        await set_texts(backend, number, lines[number * BUNDLE_LINES : (number + 1) * BUNDLE_LINES])
    assert await found(backend) == (Fault.REMOVED, index, None)


async def test_removed_bundles_are_named(backend: StoreBackend) -> None:
    """A whole bundle taken out of the middle is named by its first line."""
    await fill(backend, SIZE)
    await rewrite(backend, bundle_key(5), None)
    assert await found(backend) == (Fault.REMOVED, 5 * BUNDLE_LINES, None)


@pytest.mark.parametrize(("one", "other"), [(3, 4), (0, 255), (10, 600), (300, 20)])
async def test_lines_that_changed_places_are_named(
    backend: StoreBackend, one: int, other: int
) -> None:
    """Two lines exchanged, near or far, are found as such, at the first of their places."""
    await fill(backend, SIZE)
    held = {number: await texts(backend, number) for number in range(SIZE // BUNDLE_LINES + 1)}

    def at(index: int) -> tuple[list[str], int]:
        return held[index // BUNDLE_LINES], index % BUNDLE_LINES

    (lines, place), (others, there) = at(one), at(other)
    lines[place], others[there] = others[there], lines[place]
    for index in (one, other):
        await set_texts(backend, index // BUNDLE_LINES, held[index // BUNDLE_LINES])
    fault, first, line_id = await found(backend)
    assert (fault, first) == (Fault.REORDERED, min(one, other))
    assert line_id in {a_line(one).id, a_line(other).id}


@pytest.mark.parametrize("index", [0, 64, 130, 699])
async def test_lines_cut_off_are_named(backend: StoreBackend, index: int) -> None:
    """Where everything after some line is gone, the first line that is missing is named."""
    await fill(backend, SIZE)
    number, place = divmod(index, BUNDLE_LINES)
    await set_texts(backend, number, (await texts(backend, number))[:place])
    for later in range(number + 1, SIZE // BUNDLE_LINES + 1):
        await rewrite(backend, bundle_key(later), None)
    assert await found(backend) == (Fault.TRUNCATED, index, None)


@pytest.mark.parametrize("index", [0, 100, SIZE])
async def test_an_added_line_is_named(backend: StoreBackend, index: int) -> None:
    """A line that nobody merged is named by the id that it gives itself."""
    await fill(backend, SIZE)
    number, place = divmod(index, BUNDLE_LINES)
    lines = await texts(backend, number)
    lines.insert(place, lines[0].replace(a_line(number * BUNDLE_LINES).id, "MADE-UP"))
    await set_texts(backend, number, lines)
    assert await found(backend) == (Fault.ADDED, index, "MADE-UP")


async def test_a_repeated_line_is_named(backend: StoreBackend) -> None:
    """A line that stands there twice is named at its second place."""
    await fill(backend, SIZE)
    lines = await texts(backend, 1)
    lines.insert(3, lines[2])
    await set_texts(backend, 1, lines)
    assert await found(backend) == (Fault.ADDED, BUNDLE_LINES + 3, a_line(BUNDLE_LINES + 2).id)


async def test_a_bundle_beyond_the_end_is_named(backend: StoreBackend) -> None:
    """Lines that lie where the next bundle would are found, though no tile knows of them."""
    await fill(backend, 2 * BUNDLE_LINES)
    await set_texts(backend, 2, ['{"id":"MADE-UP"}'])
    assert await found(backend) == (Fault.ADDED, 2 * BUNDLE_LINES, "MADE-UP")


async def test_lines_of_another_agency_are_named(tmp_path: Path) -> None:
    """Lines swapped between two agencies' ledgers are found in both; so are whole ledgers."""
    stores = [sqlite_stores(tmp_path / name) for name in ("harbor", "summit")]
    harbor, summit = [await one.open() for one in stores]
    try:
        await fill(harbor, SIZE)
        await fill(summit, SIZE, first=5000)
        mine, theirs = await texts(harbor, 2), await texts(summit, 2)
        mine[7], theirs[7] = theirs[7], mine[7]
        await set_texts(harbor, 2, mine)
        await set_texts(summit, 2, theirs)
        index = 2 * BUNDLE_LINES + 7
        assert await found(harbor) == (Fault.CHANGED, index, a_line(5000 + index).id)
        assert await found(summit) == (Fault.CHANGED, index, a_line(index).id)

        ours = a_ledger(summit, "other", bytes(32))
        verdict = await ours.verify()
        assert verdict.finding is not None
        assert verdict.finding.fault is Fault.CHECKPOINT
        assert AGENCY_ID not in verdict.finding.message
    finally:
        for one in stores:
            await one.aclose()


async def test_a_changed_hash_is_told_from_a_changed_line(backend: StoreBackend) -> None:
    """Where the stored hash was spoiled and the line is as it was signed, that is what is said."""
    await fill(backend, SIZE)
    for number, first in ((0, 0), (2, 2 * TILE_HASHES)):
        row = await backend.get(tile_key(0, number))
        assert row is not None
        hashes = bytearray(read(Tile, row).hashes)
        hashes[5] ^= 1
        await rewrite(backend, row.key, msgspec.json.encode(Tile(hashes=bytes(hashes))))
        assert await found(backend) == (Fault.HASHES, first, None)
        await rewrite(backend, row.key, row.body)
    await rewrite(backend, tile_key(0, 1), None)
    assert await found(backend) == (Fault.HASHES, TILE_HASHES, None)


async def test_a_line_rewritten_with_its_hash_is_found(backend: StoreBackend) -> None:
    """Changing a line and its stored hash is found one level up, and the part is named."""
    await fill(backend, SIZE)
    lines = await texts(backend, 4)
    lines[0] = lines[0].replace("203.0.113.7", "203.0.113.8")
    await set_texts(backend, 4, lines)
    tile = read(Tile, await backend.get(tile_key(0, 1))).split()
    tile[0] = leaf_hash(lines[0].encode())
    await rewrite(backend, tile_key(0, 1), msgspec.json.encode(Tile(hashes=b"".join(tile))))
    assert await found(backend) == (Fault.REWRITTEN, TILE_HASHES, None)


async def test_a_history_rewritten_without_the_key_does_not_fit_its_signature(
    backend: StoreBackend,
) -> None:
    """A whole new history under another key, or under the old signature, is found by the key."""
    ledger = await fill(backend, SIZE)
    note = await ledger.checkpoint()
    await rebuilt(backend, lambda lines: [*lines[:10], *lines[11:]], key=bytes(32))
    assert (await found(backend))[0] is Fault.CHECKPOINT
    head = read(Head, await backend.get(HEAD_KEY))
    old = msgspec.structs.replace(head, checkpoint=note)
    await rewrite(backend, HEAD_KEY, msgspec.json.encode(old))
    assert (await found(backend))[0] is Fault.REWRITTEN


CHANGES: dict[str, Callable[[list[str]], list[str]]] = {
    "removed": lambda lines: [*lines[:450], *lines[451:], lines[450]],
    "changed": lambda lines: [*lines[:450], lines[450] + " ", *lines[451:]],
    "reordered": lambda lines: [*lines[:450], lines[451], lines[450], *lines[452:]],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
async def test_a_history_rewritten_and_signed_again_is_named_by_kept_checkpoints(
    backend: StoreBackend, change: Callable[[list[str]], list[str]]
) -> None:
    """With the agency's own key a history can be forged, and not the checkpoints others keep.

    The part that was rewritten is named: from the last checkpoint that fits to the first that does
    not.
    """
    kept: list[Trusted] = []
    for part in (400, 100, 200):
        ledger = await fill(backend, part, first=0 if not kept else [400, 500][len(kept) - 1])
        kept.append(Trusted(source="the directory's witness", note=await ledger.checkpoint()))
    forged = await rebuilt(backend, change)
    assert (await forged.verify()).finding is None, "a forgery fits itself"
    assert await found(backend, kept) == (Fault.REWRITTEN, 400, None)
    assert await found(backend, kept[-1:]) == (Fault.REWRITTEN, 0, None)


async def test_a_history_cut_off_and_signed_again_is_named_by_a_kept_checkpoint(
    backend: StoreBackend,
) -> None:
    """A ledger put back to what it was earlier lacks lines that a witness has seen."""
    ledger = await fill(backend, SIZE)
    kept = [Trusted(source="the directory's witness", note=await ledger.checkpoint())]
    await rebuilt(backend, lambda lines: lines[:450])
    assert await found(backend, kept) == (Fault.TRUNCATED, 450, None)
    for row in await ledger_rows(backend):
        await rewrite(backend, row.key, None)
    assert await found(backend, kept) == (Fault.TRUNCATED, 0, None)


async def test_a_forked_history_is_named_though_it_grew_longer(backend: StoreBackend) -> None:
    """A fork from line 450 that has overtaken the kept checkpoint does not pass for its future."""
    ledger = await fill(backend, SIZE)
    kept = Trusted(source="checkpoint.txt", note=await ledger.checkpoint())
    forged = await rebuilt(backend, lambda lines: lines[:450])
    await wait_in(backend, [a_line(9000 + number) for number in range(500)])
    await Sequencer(forged, Kept(), AGENCY_ID).merge()
    assert await forged.size() > SIZE
    fault, index, _ = await found(backend, [kept])
    assert (fault, index) == (Fault.REWRITTEN, 0)


async def test_a_checkpoint_that_is_no_such_thing_is_said_to_be_none(
    backend: StoreBackend,
) -> None:
    """A kept checkpoint that this agency's key never signed is not silently left out."""
    await fill(backend, 10)
    foreign = Signer(f"almoner/{AGENCY_ID}", bytes(32)).sign(f"almoner/{AGENCY_ID}\n0\nAA==\n")
    for note in (foreign, "nonsense"):
        assert (await found(backend, [Trusted(source="a file", note=note)]))[0] is Fault.CHECKPOINT


async def test_what_retention_did_not_sign_for_is_found(backend: StoreBackend) -> None:
    """Bundles deleted as retention would, without its signed note or with a made-up one."""
    ledger = await fill(backend, SIZE)
    for number in range(TILE_HASHES // BUNDLE_LINES):
        await rewrite(backend, bundle_key(number), None)
    assert await found(backend) == (Fault.REMOVED, 0, None)
    head = read(Head, await backend.get(HEAD_KEY))
    for note in (await ledger.checkpoint(), "nonsense"):
        forged = msgspec.structs.replace(head, pruned=note)
        await rewrite(backend, HEAD_KEY, msgspec.json.encode(forged))
        assert (await found(backend))[0] is Fault.REMOVED


async def test_hashes_of_pruned_lines_are_still_held_to_the_signed_note(
    backend: StoreBackend,
) -> None:
    """After pruning, the hashes that are left of the lines cannot be changed unseen."""
    ledger = await fill(backend, SIZE)
    kept = Trusted(source="a file", note=ledger._sign(100, await ledger.root(100)))
    await ledger.prune(TILE_HASHES)
    assert (await ledger.verify(None, [kept])).finding is None
    row = await backend.get(tile_key(0, 0))
    assert row is not None
    spoiled = bytes([read(Tile, row).hashes[0] ^ 1]) + read(Tile, row).hashes[1:]
    await rewrite(backend, row.key, msgspec.json.encode(Tile(hashes=spoiled)))
    assert (await found(backend))[0] is Fault.REWRITTEN
    assert await found(backend, [kept]) == (Fault.REWRITTEN, 0, None)


async def test_a_spoiled_edge_in_the_head_is_found(backend: StoreBackend) -> None:
    """The head's own hashes are held to the lines."""
    await fill(backend, SIZE)
    head = read(Head, await backend.get(HEAD_KEY))
    tree = CompactRange(SIZE, [bytes(32)] * SIZE.bit_count())
    spoiled = msgspec.structs.replace(head, edge=tuple(one.hex() for one in tree.hashes))
    await rewrite(backend, HEAD_KEY, msgspec.json.encode(spoiled))
    assert (await found(backend))[0] is Fault.REWRITTEN
