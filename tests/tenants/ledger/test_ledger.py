"""The ledger: lines are merged once and in order, read in pages, and proved."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from domain.actors import Actor, PrincipalKind
from domain.errors import StoreUnavailable, TooLarge
from domain.merkle import extends, includes, leaf_hash
from domain.validation import PURPOSE_CHARACTERS_MAX
from resolvers.reads import NAMES_CHARACTERS_PER_LINE_MAX
from tenants.backend import Conflict, StoreBackend, Unit
from tenants.ledger.ledger import LedgerLine
from tenants.ledger.lines import CONSUMERS_PER_LINE_MAX, texts_of
from tenants.ledger.records import BUNDLE_LINES, HEAD_KEY, TILE_HASHES, Head, read
from tenants.ledger.sequencer import Sequencer
from tenants.records.codec import decode_audit, encode_audit
from tests.tenants.ledger.ledger_samples import Kept, a_ledger, a_line, fill, wait_in
from tests.tenants.stores import AGENCY_ID, AT, Stores


async def indices(page: Awaitable[list[LedgerLine]]) -> list[int]:
    return [one.index for one in await page]


async def test_lines_are_merged_in_order_and_leave_nothing_waiting(backend: StoreBackend) -> None:
    """What waited is in the ledger, oldest first, as the very bytes that were written."""
    lines = [a_line(number) for number in range(150)]
    await wait_in(backend, lines)
    ledger = a_ledger(backend)
    assert await ledger.size() == 0
    assert await Sequencer(ledger, Kept(), AGENCY_ID).merge() == 150
    assert await backend.audit_lines(after=None, limit=9) == []
    found = await ledger.lines(limit=1000)
    assert [one.index for one in found] == list(range(150))
    assert [one.line for one in found] == lines
    assert [one.text for one in found] == [encode_audit(line) for line in lines]
    assert found[7].leaf_hash == leaf_hash(encode_audit(lines[7]))
    assert await Sequencer(ledger, Kept(), AGENCY_ID).merge() == 0


async def test_a_row_from_before_rows_were_arrays_is_merged(backend: StoreBackend) -> None:
    """A line that an earlier version left waiting by itself goes into the ledger as it lies."""
    text = encode_audit(a_line(1))
    await backend.commit(Unit(audit=(a_line(1).id, text)), at=AT)
    ledger = a_ledger(backend)
    await Sequencer(ledger, Kept(), AGENCY_ID).merge()
    assert [one.text for one in await ledger.lines(limit=9)] == [text]


async def test_lines_are_paged_both_ways(backend: StoreBackend) -> None:
    """A page has the lines strictly between two indices, at the end that is asked for."""
    ledger = await fill(backend, 200)
    assert await indices(ledger.lines(limit=3)) == [0, 1, 2]
    assert await indices(ledger.lines(limit=3, newest_first=True)) == [199, 198, 197]
    assert await indices(ledger.lines(after=62, limit=3)) == [63, 64, 65]
    assert await indices(ledger.lines(before=65, limit=3, newest_first=True)) == [64, 63, 62]
    assert await indices(ledger.lines(after=10, before=12, limit=9)) == [11]
    assert await indices(ledger.lines(after=199, limit=9)) == []
    assert await indices(ledger.lines(before=0, limit=9, newest_first=True)) == []
    assert await indices(ledger.lines(before=999, limit=1, newest_first=True)) == [199]
    assert await indices(ledger.lines(limit=0)) == []


@pytest.mark.parametrize("size", [1, 63, 64, 65, 256, 257, 700])
async def test_every_line_is_proved_against_the_signed_checkpoint(
    backend: StoreBackend, size: int
) -> None:
    """Each line's proof leads to the root that the checkpoint signs, in all sizes of tree."""
    ledger = await fill(backend, size)
    checkpoint = ledger.open_checkpoint(await ledger.checkpoint())
    assert (checkpoint.size, checkpoint.origin) == (size, f"almoner/{AGENCY_ID}")
    for one in await ledger.lines(limit=1000):
        proof = await ledger.inclusion(one.index)
        assert includes(checkpoint.root, size, one.index, one.leaf_hash, proof)
    with pytest.raises(ValueError, match="no leaf"):
        await ledger.inclusion(size)


async def test_each_checkpoint_goes_on_from_the_ones_before(backend: StoreBackend) -> None:
    """Whatever the parts that lines came in, every tree is proved to begin as the earlier did."""
    notes = []
    total = 0
    for count in (1, 5, 58, 1, 190, 2, 300):
        ledger = await fill(backend, count, first=total)
        total += count
        notes.append(ledger.open_checkpoint(await ledger.checkpoint()))
    last = notes[-1]
    for earlier in notes:
        proof = await ledger.consistency(earlier.size)
        assert extends(earlier.root, earlier.size, last.root, last.size, proof)
        assert await ledger.root(earlier.size) == earlier.root
        index = earlier.size - 1
        line = (await ledger.lines(after=index - 1, limit=1))[0]
        path = await ledger.inclusion(index, size=earlier.size)
        assert includes(earlier.root, earlier.size, index, line.leaf_hash, path)


async def test_an_empty_ledger_has_a_signed_checkpoint(backend: StoreBackend) -> None:
    """Before the first line there is a checkpoint over none."""
    ledger = a_ledger(backend)
    assert ledger.open_checkpoint(await ledger.checkpoint()).size == 0
    assert await ledger.lines(limit=9) == []
    assert (await ledger.verify()).finding is None


async def test_a_row_is_merged_by_one_unit_alone(backend: StoreBackend) -> None:
    """A unit that merges a row which is gone already is refused whole."""
    await wait_in(backend, [a_line(1)])
    ledger = a_ledger(backend)
    row = await anext(ledger.waiting())
    assert await ledger.append(row.texts, merged=(row.id,))
    assert not await ledger.append(row.texts, merged=(row.id,))
    assert await ledger.size() == 1
    with pytest.raises(Conflict):
        await backend.commit(Unit(merged=(row.id,)), at=AT)


async def test_sequencers_side_by_side_merge_each_line_once(stores: Stores) -> None:
    """Several sequencers over one store put every line into one tree, none twice."""
    backends = [await stores.open() for _ in range(4)]
    lines = [a_line(number) for number in range(600)]
    kept = Kept(lines=[a_line(1000 + number) for number in range(70)])

    async def work(number: int) -> None:
        await wait_in(backends[number], lines[number::4])
        await Sequencer(a_ledger(backends[number]), kept, AGENCY_ID).merge()

    await asyncio.gather(*(work(number) for number in range(4)))
    ledger = a_ledger(backends[0])
    found = await ledger.lines(limit=1000)
    assert sorted(one.line.id for one in found) == sorted(line.id for line in [*lines, *kept.lines])
    assert (await ledger.verify()).finding is None


async def test_lines_of_the_directory_are_taken_over_once(backend: StoreBackend) -> None:
    """A line is imported once, also where the directory was not told, or forgot that it was."""
    kept = Kept(lines=[a_line(number) for number in range(45)])
    ledger = a_ledger(backend)
    sequencer = Sequencer(ledger, kept, AGENCY_ID)
    assert await sequencer.merge() == 45
    assert kept.merged == [line.id for line in kept.lines]
    kept.merged.clear()
    await sequencer.merge()
    assert len(kept.merged) == 45
    assert [one.line for one in await ledger.lines(limit=99)] == kept.lines


async def test_a_running_sequencer_merges_within_a_second(backend: StoreBackend) -> None:
    """What waits at the start and what is committed later is in the ledger a second on."""
    kept = Kept()
    await wait_in(backend, [a_line(1)])
    ledger = a_ledger(backend)
    sequencer = Sequencer(ledger, kept, AGENCY_ID)
    sequencer.start()
    try:
        for number in (2, 3):
            await asyncio.sleep(0.3)
            await wait_in(backend, [a_line(number)])
            ledger.wake()
            await asyncio.sleep(0.7)
            assert await ledger.size() == number
        kept.lines.append(a_line(4))  # by another process: nobody wakes the sequencer
        await asyncio.sleep(1.1)
        assert await ledger.size() == 4
    finally:
        await wait_in(backend, [a_line(5)])
        await sequencer.aclose()
    assert await ledger.size() == 5
    assert ledger.open_checkpoint(kept.checkpoints[-1]).size == 5


async def test_the_witness_is_told_of_what_goes_on_from_what_it_has_seen(
    backend: StoreBackend,
) -> None:
    """A ledger that does not contain what the directory witnessed leaves that evidence alone."""
    ledger = await fill(backend, 300)
    elsewhere = [ledger._sign(200, leaf_hash(b"other")), ledger._sign(301, leaf_hash(b"other"))]
    for note in elsewhere:
        kept = Kept(checkpoints=[note])
        await Sequencer(ledger, kept, AGENCY_ID).tell_witness()
        assert kept.checkpoints == [note]
    kept = Kept(checkpoints=[ledger._sign(200, await ledger.root(200))])
    sequencer = Sequencer(ledger, kept, AGENCY_ID)
    await sequencer.tell_witness()
    await sequencer.tell_witness()
    assert kept.checkpoints[1:] == [await ledger.checkpoint()]


def test_a_line_about_many_consumers_is_written_as_several() -> None:
    """However many consumers a page showed, each line is small, and together they name them all."""
    consumers = tuple(f"con_{number:026}" for number in range(2 * CONSUMERS_PER_LINE_MAX + 1))
    line = a_line(1, consumers)
    parts = [decode_audit(one.text) for one in texts_of(line)]
    assert parts[0].id == line.id
    assert len({part.id for part in parts}) == 3
    assert tuple(consumer for part in parts for consumer in part.consumers) == consumers
    assert all(replace(part, id=line.id, consumers=consumers) == line for part in parts)


@pytest.mark.parametrize("sign", ['"', "\U0001f600", "a"])
def test_the_widest_read_for_the_longest_purpose_fits(sign: str) -> None:
    """As many consumers and names of fields as a line may have leave room for any purpose."""
    line = replace(
        a_line(1, tuple(f"con_{number:026}" for number in range(CONSUMERS_PER_LINE_MAX))),
        purpose=sign * PURPOSE_CHARACTERS_MAX,
        action="application," * 15,
        subject=f"note_{'0' * 26}_{'0' * 26}",
        fields=tuple("Application.abc" for _ in range(NAMES_CHARACTERS_PER_LINE_MAX // 20)),
        request_id="0" * 36,
        source_ip="2001:0db8:0000:0000:0000:ff00:0042:8329",
    )
    assert len(texts_of(line)) == 1


def test_no_line_holds_a_consumers_name() -> None:
    """What a consumer does is written under their id, whatever name the request carried."""
    actor = Actor(id="sub-9", kind=PrincipalKind.CONSUMER, display_name="Jane Doe")
    (written,) = texts_of(replace(a_line(1), actor=actor))
    assert b"Jane" not in written.text
    assert decode_audit(written.text).actor == replace(actor, display_name="Consumer")
    assert decode_audit(texts_of(a_line(1))[0].text).actor.display_name == "Cora Counselor"


def test_a_line_that_no_bundle_could_hold_is_refused() -> None:
    """A line beyond its limit is refused when it is written, not when it is to be merged."""
    texts_of(replace(a_line(1), purpose="x" * 3000))
    with pytest.raises(TooLarge):
        texts_of(replace(a_line(1), purpose="x" * 5000))
    with pytest.raises(TooLarge):
        texts_of(replace(a_line(1), purpose='"' * 1500))


async def test_the_largest_lines_fit_into_their_bundles(backend: StoreBackend) -> None:
    """A whole bundle of the longest lines that are taken is merged."""
    lines = [replace(a_line(number), purpose="x" * 3600) for number in range(BUNDLE_LINES)]
    await wait_in(backend, lines)
    ledger = a_ledger(backend)
    assert await Sequencer(ledger, Kept(), AGENCY_ID).merge() == BUNDLE_LINES


async def test_pruned_lines_are_gone_and_the_rest_still_proves(backend: StoreBackend) -> None:
    """Whole tiles below the index go; later lines are read, proved and verified as before."""
    ledger = await fill(backend, 3 * TILE_HASHES + 10)
    before = ledger.open_checkpoint(await ledger.checkpoint())
    assert await ledger.prune(2 * TILE_HASHES + 100) == 2 * TILE_HASHES
    assert await ledger.prune(5) == 2 * TILE_HASHES
    assert await ledger.pruned() == 2 * TILE_HASHES
    found = await ledger.lines(limit=1000)
    assert found[0].index == 2 * TILE_HASHES
    assert len(found) == TILE_HASHES + 10
    assert len([row async for row in backend.scan("ledger_bundle")]) == 5
    for one in (found[0], found[-1]):
        proof = await ledger.inclusion(one.index)
        assert includes(before.root, before.size, one.index, one.leaf_hash, proof)
    verdict = await ledger.verify()
    assert (verdict.finding, verdict.pruned) == (None, 2 * TILE_HASHES)
    await fill(backend, 300, first=5000)
    after = ledger.open_checkpoint(await ledger.checkpoint())
    proof = await ledger.consistency(before.size)
    assert extends(before.root, before.size, after.root, after.size, proof)
    assert (await ledger.verify()).finding is None


async def test_pruning_never_goes_beyond_what_is_signed(backend: StoreBackend) -> None:
    """Lines in the open tile stay, whatever index is asked for."""
    ledger = await fill(backend, 100)
    assert await ledger.prune(10**9) == 0
    assert len(await ledger.lines(limit=1000)) == 100


async def test_a_newer_ledger_is_refused_in_words(backend: StoreBackend) -> None:
    """A head that a later version wrote is not guessed at."""
    await fill(backend, 1)
    row = await backend.get(HEAD_KEY)
    assert row is not None
    newer = replace(row, body=row.body.replace(b'"schema":1', b'"schema":2'))
    with pytest.raises(StoreUnavailable, match="Upgrade"):
        read(Head, newer)
