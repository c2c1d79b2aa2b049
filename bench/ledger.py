"""What the audit ledger costs: adding lines, proving one, walking a million of them.

Run by hand: python -m bench.ledger [LINES] [FOLDER]. With a folder, the store is kept and used
again.
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from domain.actors import Actor, PrincipalKind
from domain.audit import AuditLine
from domain.ids import new_ulid
from domain.merkle import includes
from tenants.backend import Unit
from tenants.ledger.ledger import Ledger
from tenants.ledger.lines import LineText, pack, texts_of
from tenants.ledger.sequencer import LINES_PER_MERGE_MAX
from tenants.sqlite.store import SqliteBackend, open_sqlite

LINES = 1_000_000
AGENCY_ID = "01HARB0R000000000000000000"
KEY = bytes(range(32))
AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
MERGES_TIMED = 200


def lines(first: int, count: int) -> Iterator[LineText]:
    """Return the texts of lines such as reading an application leaves."""
    actor = Actor(id="0193f3a2-7a44", kind=PrincipalKind.COUNSELOR, display_name="Cora Counselor")
    for number in range(first, first + count):
        at = AT + timedelta(milliseconds=number)
        line = AuditLine(
            id=new_ulid(at),
            at=at,
            actor=actor,
            action="application",
            subject=f"app_{new_ulid(at)}",
            consumers=(f"con_{new_ulid(at)}",),
            purpose="Counseling session",
            fields=("Consumer.name", "Consumer.email", "Consumer.phone"),
            request_id=new_ulid(at),
            source_ip="203.0.113.7",
        )
        yield from texts_of(line)


async def fill(ledger: Ledger, size: int) -> None:
    """Add lines in the largest parts that a sequencer takes."""
    have = await ledger.size()
    began, seconds = have, 0.0
    while have < size:
        count = min(LINES_PER_MERGE_MAX, size - have)
        texts = [line.text for line in lines(have, count)]
        start = time.perf_counter()
        await ledger.append(texts)
        seconds += time.perf_counter() - start
        have += count
    if have > began:
        print(
            f"adding, {LINES_PER_MERGE_MAX} a merge: {seconds / (have - began) * 1e6:.1f} µs a line"
        )


async def small_merges(backend: SqliteBackend, ledger: Ledger) -> None:
    """Time what a quiet agency has each second: one waiting line, merged and signed."""
    size = await ledger.size()
    waiting = merging = 0.0
    for number in range(MERGES_TIMED):
        row = pack(lines(size + number, 1))
        start = time.perf_counter()
        await backend.commit(Unit(audit=row), at=AT)
        between = time.perf_counter()
        stored = await anext(ledger.waiting())
        await ledger.append([text.text for text in lines(0, 1)], merged=(stored.id,))
        waiting += between - start
        merging += time.perf_counter() - between
    print(f"a line left waiting: {waiting / MERGES_TIMED * 1e6:.0f} µs, durable")
    print(f"a merge of one line, signed: {merging / MERGES_TIMED * 1e6:.0f} µs, durable")


async def proofs(ledger: Ledger) -> None:
    """Time the proof of one line and its check."""
    size = await ledger.size()
    checkpoint = ledger.open_checkpoint(await ledger.checkpoint())
    start = time.perf_counter()
    for number in range(100):
        index = number * (size // 100)
        line = (await ledger.lines(after=index - 1, limit=1))[0]
        proof = await ledger.inclusion(index)
        assert includes(checkpoint.root, size, index, line.leaf_hash, proof)
    print(f"a line read, proved and checked: {(time.perf_counter() - start) * 1e4:.0f} µs")


async def run(size: int, folder: Path) -> None:
    """Fill the ledger, and time what is done with it."""
    path = folder / "ledger.db"
    backend = open_sqlite(path, KEY, AGENCY_ID, create=True)
    ledger = Ledger(backend, KEY, AGENCY_ID, lambda: AT)
    await fill(ledger, size)
    await small_merges(backend, ledger)
    await proofs(ledger)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    verdict = await ledger.verify()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"verified {verdict.size} lines in {seconds:.2f} s ({cpu:.2f} s of CPU): "
        f"{'whole' if verdict.finding is None else verdict.finding.message}"
    )
    print(f"peak memory {peak // 1024} MB, {max(0, peak - before) // 1024} MB of it by verifying")
    print(f"file {path.stat().st_size / verdict.size:.0f} bytes a line")
    await backend.aclose()


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if sys.argv[1:] else LINES
    if sys.argv[2:]:
        Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
        asyncio.run(run(wanted, Path(sys.argv[2])))
    else:
        with tempfile.TemporaryDirectory() as made:
            asyncio.run(run(wanted, Path(made)))
