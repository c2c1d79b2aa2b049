"""Ledgers under several processes, and under processes that are killed."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tenants.ledger.verify import Trusted
from tests.tenants.ledger.ledger_programs import HANDED, MERGED, WAITING, World, prepare, world

ROOT = Path(__file__).parents[2]


def start(program: str, directory: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.tenants.ledger.ledger_programs", program, str(directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )


async def settled_ids(opened: World) -> list[str]:
    """Merge what waits, verify all, and return the ids of the lines in the ledger."""
    await opened.sequencer.merge()
    trusted = [
        Trusted(source="the witness", note=note)
        for note in await opened.directory.witnessed(opened.store.agency_id)
    ]
    assert (await opened.store.ledger.verify(None, trusted)).finding is None
    assert await opened.directory.audit_unmerged(opened.store.agency_id, 9) == []
    found: list[str] = []
    while True:
        page = await opened.store.ledger.lines(after=len(found) - 1, limit=1000)
        if not page:
            return found
        found += [one.line.id for one in page]


def left_in(case: Path) -> tuple[tuple[str, bytes], ...]:
    """Return what a dead process left: the names and contents of its files."""
    return tuple((path.name, path.read_bytes()) for path in sorted(case.iterdir()))


async def test_a_sequencer_killed_at_any_step_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Killed before each step of a merge, what the next process finds is every line, once."""
    process = start("crash_merge", tmp_path)
    await asyncio.to_thread(process.communicate, timeout=100)
    assert process.returncode == 0
    cases = sorted(tmp_path.glob("[0-9]*"))  # noqa: ASYNC240 -- nobody waits
    assert len(cases) > 60
    sizes = set()
    for case in {left_in(case): case for case in cases}.values():  # what is alike is alike
        async with world(case) as opened:
            sizes.add(await opened.store.ledger.size())
            ids = await settled_ids(opened)
            assert len(ids) == len(set(ids)) == MERGED + WAITING + HANDED
    assert {MERGED, MERGED + WAITING + HANDED} < sizes, "it is merged in several units"


@pytest.mark.parametrize("seconds", [0.3, 0.7])
async def test_processes_that_sequence_one_store_never_fork_it(
    tmp_path: Path, seconds: float
) -> None:
    """Two processes write and sequence one store, and are killed: one history, nothing lost.

    Every checkpoint that was seen meanwhile is a beginning of the final tree.
    """
    await prepare(tmp_path)
    processes = [start("stream", tmp_path) for _ in range(2)]
    acknowledged: set[str] = set()
    notes: list[str] = []
    async with world(tmp_path) as opened:
        for process in processes:
            assert process.stdout is not None
            for _ in range(10):
                line = await asyncio.to_thread(process.stdout.readline)
                acknowledged.add(line.decode().strip())
        for process in processes:
            await asyncio.sleep(seconds)
            notes.append(await opened.store.ledger.checkpoint())
            process.kill()
        for process in processes:
            assert process.stdout is not None
            acknowledged |= set((await asyncio.to_thread(process.stdout.read)).decode().split())
            process.stdout.close()
            process.wait()
        ids = await settled_ids(opened)
        assert len(ids) == len(set(ids)), "a line is there twice"
        assert acknowledged <= set(ids), "an acknowledged line is lost"
        assert len(acknowledged) > 20
        kept = [Trusted(source="this test", note=note) for note in notes]
        assert (await opened.store.ledger.verify(None, kept)).finding is None
        sizes = [opened.store.ledger.open_checkpoint(note).size for note in notes]
        assert sizes == sorted(sizes)
