"""Rows that the ledger cannot take are set aside: said, counted, and nobody else's trouble.

Whoever has the file's key can put anything among the rows that wait.
"""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import AuditLine
from domain.errors import StoreUnavailable
from domain.merkle import compact, leaf_hash
from tenants.backend import BODY_BYTES_MAX, StoreBackend, StoredAudit, Unit
from tenants.ledger.findings import Fault
from tenants.ledger.ledger import Ledger
from tenants.ledger.lines import (
    LINE_BYTES_MAX,
    OWN_ROWS_MAX,
    ROWS_PER_READ,
    OwnRows,
    pack,
    readable,
    texts_of,
    unpack,
)
from tenants.ledger.records import HEAD_KEY, Head, Tile, bundle_key, read, tile_key
from tenants.ledger.sequencer import LINES_PER_MERGE_MAX, Backlog, Sequencer
from tenants.records.codec import decode_audit, encode_audit
from tests.tenants.ledger.ledger_samples import (
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
from tests.tenants.stores import AGENCY_ID, AT

GOOD = encode_audit(a_line(1))
BAD: dict[str, bytes] = {
    "no text": b"\xff\xfe\x80",
    "no json": b"hello",
    "another object": b'{"id":"x"}',
    "cut off": b"[" + GOOD[:-9],
    "no line at all": b"[]",
    "a number among lines": b"[" + GOOD + b",1]",
    "a bad character where nobody looks": GOOD[:-1] + b',"x":"\xff"}',
    "nested too deep": GOOD[:-1] + b',"x":' + b"[" * 100_000 + b"}",
    "lists too deep": b"[" * 100_000,
    "too long a line": GOOD.replace(b"203.0.113.7", b"2" * LINE_BYTES_MAX),
    "a time without a zone": GOOD.replace(b"12:00:01Z", b"12:00:01"),
}


async def leave(backend: StoreBackend, row_id: str, body: bytes) -> None:
    """Put a row among those that wait, as it is."""
    await backend.commit(Unit(audit=(row_id, body)), at=AT)


@pytest.mark.parametrize("body", BAD.values(), ids=list(BAD))
async def test_a_bad_row_is_named_and_does_not_stop_the_good_ones(
    backend: StoreBackend, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays where it is; what lies before and behind it is merged; verifying names it."""
    await wait_in(backend, [a_line(1)])
    await leave(backend, a_line(2).id, body)
    await wait_in(backend, [a_line(3)])
    ledger = a_ledger(backend)
    sequencer = Sequencer(ledger, Kept(), AGENCY_ID)
    assert await sequencer.merge() == 2
    assert await sequencer.merge() == 0
    assert [one.line for one in await ledger.lines(limit=9)] == [a_line(1), a_line(3)]
    assert sequencer.backlog == Backlog(set_aside=1)
    said = [one.getMessage() for one in caplog.records]
    assert len(said) == 1, "once, however often it is met"
    assert a_line(2).id in said[0]

    verdict = await ledger.verify()
    assert verdict.finding is not None
    assert (verdict.finding.fault, verdict.finding.line_id) == (Fault.SET_ASIDE, a_line(2).id)
    assert (verdict.size, verdict.waiting) == (2, 0)
    assert verdict.set_aside == (verdict.finding.message.partition(" The ledger")[0],)


def test_a_row_larger_than_any_that_is_written_is_refused() -> None:
    """Three megabytes of good lines are no row of ours: the unit could not hold them."""
    body = b"[" + b",".join([GOOD] * (3 * 1024 * 1024 // len(GOOD))) + b"]"
    with pytest.raises(StoreUnavailable, match="larger"):
        unpack(StoredAudit("01ZZZ", body))


@given(st.binary(max_size=400) | st.binary(max_size=40).map(lambda cut: GOOD[: -len(cut)] + cut))
def test_any_bytes_are_lines_or_refused_by_name(body: bytes) -> None:
    """Whatever lies there, it is unpacked into lines that can be read, or the row is named."""
    try:
        found = unpack(StoredAudit("01ZZZ\x1b[2J", body))
    except StoreUnavailable as error:
        assert "'01ZZZ\\x1b[2J'" in error.message  # noqa: PT017 -- either is right
    else:
        assert all(isinstance(decode_audit(text.decode().encode()), AuditLine) for text in found)


async def test_the_largest_rows_that_are_taken_are_merged(backend: StoreBackend) -> None:
    """A row as full of short lines as a row can be goes into the ledger in one unit."""
    short = encode_audit(
        replace(a_line(1), id="", action="", fields=(), request_id="", source_ip=None)
    )
    count = (BODY_BYTES_MAX - 2) // (len(short) + 1)
    await leave(backend, a_line(1).id, b"[" + b",".join([short] * count) + b"]")
    ledger = a_ledger(backend)
    assert await Sequencer(ledger, Kept(), AGENCY_ID).merge() == count
    assert (await ledger.verify()).finding is None


async def test_many_bad_rows_do_not_hide_the_good_ones(backend: StoreBackend) -> None:
    """More bad rows than are read at once lie before a good one, and it is merged all the same."""
    for number in range(2 * ROWS_PER_READ + 1):
        await leave(backend, a_line(number).id, b"hello")
    await wait_in(backend, [a_line(5000)])
    ledger = a_ledger(backend)
    sequencer = Sequencer(ledger, Kept(), AGENCY_ID)
    assert await sequencer.merge() == 1
    assert sequencer.backlog.set_aside == 2 * ROWS_PER_READ + 1
    finding = (await ledger.verify()).finding
    assert finding is not None
    assert f"Another {2 * ROWS_PER_READ}" in finding.message


async def test_a_row_that_is_gone_is_not_counted_any_more(backend: StoreBackend) -> None:
    """What is set aside is counted as it lies there, so that a mended store is seen as mended."""
    await leave(backend, "01ZZZ", b"hello")
    sequencer = Sequencer(a_ledger(backend), Kept(), AGENCY_ID)
    await sequencer.merge()
    assert sequencer.backlog.set_aside == 1
    await backend.commit(Unit(merged=("01ZZZ",)), at=AT)
    await sequencer.merge()
    assert sequencer.backlog.set_aside == 0


async def test_a_line_of_the_directory_that_is_too_long_does_not_stop_the_others(
    backend: StoreBackend,
) -> None:
    """Lines that no bundle could hold stay in the directory, however many, and hide no others."""
    long = [replace(a_line(number), purpose="x" * 5000) for number in range(30)]
    kept = Kept(lines=[*long, a_line(100)])
    await wait_in(backend, [a_line(200)])
    ledger = a_ledger(backend)
    sequencer = Sequencer(ledger, kept, AGENCY_ID)
    assert await sequencer.merge() + await sequencer.merge() == 2
    assert [one.line for one in await ledger.lines(limit=9)] == [a_line(200), a_line(100)]
    assert sequencer.backlog == Backlog(set_aside=30)


class Unreadable(Kept):
    """A directory that fails in ways of its own."""

    failure: Exception | None = StoreUnavailable("The directory is busy.")

    async def audit_unmerged(self, agency_id: str, limit: int) -> list[AuditLine]:
        """Fail, or return what waits."""
        if self.failure is not None:
            raise self.failure
        return await super().audit_unmerged(agency_id, limit)


async def test_the_stores_own_lines_do_not_wait_for_the_directory(backend: StoreBackend) -> None:
    """While the directory cannot be read, what waits in the store is merged."""
    await wait_in(backend, [a_line(1)])
    assert await Sequencer(a_ledger(backend), Unreadable(), AGENCY_ID).merge() == 1


async def test_a_sequencer_survives_whatever_fails_and_says_so_once(
    backend: StoreBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody thought of is logged, what waits is counted, and it goes on later."""
    directory = Unreadable(lines=[a_line(3)])
    directory.failure = RuntimeError("a value that no log may hold")
    await wait_in(backend, [a_line(1), a_line(2)])
    ledger = a_ledger(backend)
    sequencer = Sequencer(ledger, directory, AGENCY_ID)
    sequencer.start()
    try:
        await asyncio.sleep(0.3)
        for _ in range(2):
            ledger.wake()
            await asyncio.sleep(0.3)
        said = [one.getMessage() for one in caplog.records]
        assert said == [f"the audit ledger of {AGENCY_ID} takes no more lines: RuntimeError"]
        assert sequencer.backlog == Backlog(queued=2)
        directory.failure = None
        ledger.wake()
        await asyncio.sleep(0.5)
        assert await ledger.size() == 3
        assert sequencer.backlog == Backlog()
        assert "takes lines again" in caplog.records[-1].getMessage()
        directory.failure = RuntimeError()
    finally:
        await sequencer.aclose()


async def forge(backend: StoreBackend, *, edge: bool) -> None:
    """Rewrite line 5 with its hash, and the head's edge too: what the file's key is enough for."""
    lines = await texts(backend, 0)
    lines[5] = lines[5].replace("Consumer.name", "Agency.name")
    await set_texts(backend, 0, lines)
    hashes = read(Tile, await backend.get(tile_key(0, 0))).split()
    hashes[5] = leaf_hash(lines[5].encode())
    await rewrite(backend, tile_key(0, 0), msgspec.json.encode(Tile(hashes=b"".join(hashes))))
    if edge:
        tree = a_tree(hashes)
        head = read(Head, await backend.get(HEAD_KEY))
        await rewrite(
            backend, HEAD_KEY, msgspec.json.encode(msgspec.structs.replace(head, edge=tree))
        )


def a_tree(hashes: list[bytes]) -> tuple[str, ...]:
    """Return the edge over some leaves as a head keeps it."""
    return tuple(one.hex() for one in compact(hashes))


async def refuses(ledger: Ledger, kept: Kept, caplog: pytest.LogCaptureFixture) -> bool:
    """Say whether a sequencer leaves a line waiting, and says why."""
    before = await ledger.size()
    sequencer = Sequencer(ledger, kept, AGENCY_ID)
    caplog.clear()
    await sequencer.aclose()  # merges once
    said = " ".join(one.getMessage() for one in caplog.records)
    return (
        await ledger.size() == before
        and sequencer.backlog.queued == 1
        and "takes no more lines: The audit ledger is not as it was last signed" in said
    )


@pytest.mark.parametrize("edge", [False, True])
@pytest.mark.parametrize("size", [40, 64, 200])
async def test_what_was_forged_is_never_signed(
    backend: StoreBackend, caplog: pytest.LogCaptureFixture, size: int, *, edge: bool
) -> None:
    """A line rewritten with its hashes, and the head too: nothing is signed on top of it."""
    note = await (await fill(backend, size)).checkpoint()
    await forge(backend, edge=edge)
    await wait_in(backend, [a_line(9000)])
    ledger = a_ledger(backend)
    assert await refuses(ledger, Kept(), caplog)
    assert read(Head, await backend.get(HEAD_KEY)).checkpoint == note
    finding = (await ledger.verify()).finding
    assert finding is not None
    assert finding.fault in (Fault.REWRITTEN, Fault.CHANGED)


async def test_a_forged_line_in_the_open_bundle_is_never_signed(
    backend: StoreBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """A changed line whose hash was left is not written into the next bundle either."""
    await fill(backend, 10)
    lines = await texts(backend, 0)
    await set_texts(backend, 0, [lines[0].replace("203.0.113.7", "203.0.113.8"), *lines[1:]])
    await wait_in(backend, [a_line(9000)])
    assert await refuses(a_ledger(backend), Kept(), caplog)


async def test_a_ledger_is_not_begun_anew_where_one_was_witnessed(
    backend: StoreBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """With all its rows deleted, no new history is signed in its place, by anybody who knows."""
    ledger = await fill(backend, 300)
    kept = Kept(checkpoints=[await ledger.checkpoint()])
    rows = await ledger_rows(backend)
    for row in rows:
        await rewrite(backend, row.key, None)
    await wait_in(backend, [a_line(9000)])
    assert await refuses(a_ledger(backend), kept, caplog)
    assert await refuses(ledger, Kept(), caplog), "the process that grew it remembers"
    for row in rows:
        await rewrite(backend, row.key, row.body)
    assert await Sequencer(ledger, kept, AGENCY_ID).merge() == 1


async def test_pruning_signs_no_forged_hashes(backend: StoreBackend) -> None:
    """Hashes that do not lead to the signed checkpoint are not signed as those that were pruned."""
    ledger = await fill(backend, 600)
    row = await backend.get(tile_key(0, 0))
    assert row is not None
    spoiled = bytes([read(Tile, row).hashes[0] ^ 1]) + read(Tile, row).hashes[1:]
    await rewrite(backend, row.key, msgspec.json.encode(Tile(hashes=spoiled)))
    level = await backend.get(tile_key(1, 0))
    assert level is not None
    hashes = bytearray(read(Tile, level).hashes)
    hashes[0] ^= 1
    await rewrite(backend, level.key, msgspec.json.encode(Tile(hashes=bytes(hashes))))
    with pytest.raises(StoreUnavailable, match="last signed"):
        await ledger.prune(512)
    assert await backend.get(bundle_key(0)) is not None
    assert await ledger.pruned() == 0


async def test_a_ledger_says_whether_it_goes_on_from_a_kept_checkpoint(
    backend: StoreBackend,
) -> None:
    """It does from each of its own, and not from one over other or more lines."""
    notes = [await (await fill(backend, 70, first=start)).checkpoint() for start in (0, 70, 140)]
    ledger = a_ledger(backend)
    assert [await ledger.goes_on_from(note) for note in notes] == [True] * 3
    for size in (70, 210, 211):
        assert not await ledger.goes_on_from(ledger._sign(size, leaf_hash(b"other")))


def test_a_good_row_is_unpacked_into_its_very_texts() -> None:
    """Rows of one line and of many are read as they were written."""
    lines = [a_line(1), a_line(2)]
    row_id, body = pack(texts_of(*lines))
    assert readable(StoredAudit(row_id, body)).texts == tuple(map(encode_audit, lines))
    assert readable(StoredAudit("x", GOOD)).texts == (GOOD,)


class Busy:
    """A store into which somebody writes a further line with every commit."""

    def __init__(self, backend: StoreBackend, count: int) -> None:
        self._backend = backend
        self._lines = [a_line(1000 + number) for number in range(count)]

    def __getattr__(self, name: str) -> Any:
        """Return the store's own method."""
        return getattr(self._backend, name)

    async def commit(self, unit: Unit, *, at: datetime) -> None:
        """Commit, and let another line wait."""
        await self._backend.commit(unit, at=at)
        await wait_in(self._backend, [self._lines.pop()])


async def test_merging_ends_while_lines_keep_coming(backend: StoreBackend) -> None:
    """What waited is merged, in as many steps as it takes; what came meanwhile is the next one's.

    Were it taken along, merging would never end under load.
    """
    await wait_in(backend, [a_line(number) for number in range(LINES_PER_MERGE_MAX + 100)])
    sequencer = Sequencer(a_ledger(cast("StoreBackend", Busy(backend, 9))), Kept(), AGENCY_ID)
    assert await sequencer.merge() == LINES_PER_MERGE_MAX + 100 + 1
    assert await sequencer.merge() == 1


def test_own_rows_are_not_unpacked_and_any_other_is() -> None:
    """A row of exactly the bytes that were packed has its lines; one bit else, and it is read."""
    own = OwnRows()
    texts = texts_of(*(a_line(number) for number in range(3)))
    row_id, body = own.pack(texts)
    other = pack(texts_of(a_line(9)))[1]

    assert own.readable(StoredAudit(row_id, other)).texts == (encode_audit(a_line(9)),)
    assert own.readable(StoredAudit(row_id, body + b"x")).fault is not None
    assert own.readable(StoredAudit(row_id, body)) == readable(StoredAudit(row_id, body))
    assert own.readable(StoredAudit(row_id, body)) == readable(StoredAudit(row_id, body))


def test_own_rows_are_bounded() -> None:
    """However many rows are packed, the oldest are forgotten, and read where they are met."""
    own = OwnRows()
    packed = [own.pack(texts_of(a_line(number))) for number in range(3 * OWN_ROWS_MAX)]

    found = [own.readable(StoredAudit(*one)).texts for one in packed]

    assert found == [(encode_audit(a_line(number)),) for number in range(3 * OWN_ROWS_MAX)]
