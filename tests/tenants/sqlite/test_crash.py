"""Crashes, full disks, several processes: no acknowledged write is lost, no unit half kept."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.errors import StoreUnavailable
from tenants.backend import Key, Row
from tenants.keys.keyring import LocalKeyring
from tenants.sqlite.store import SqliteBackend, open_sqlite
from tests.tenants.store_programs import CHANGED, KILLED, REMOVED, stream_unit
from tests.tenants.stores import AGENCY_ID, AT, FILE_KEY, a_once, a_put, write

ROOT = Path(__file__).parents[2]
NO_FILE = "There is no data file where one should be."
EMPTY = "The data file is empty: it was never set up, or was cut off."
NOT_SET_UP = "The agency's store was never set up to the end."
WAL_HEADER_BYTES = 32
WAL_FRAME_BYTES = 24 + 4096


def start(program: str, directory: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.tenants.store_programs"),
            *(program, str(directory), *arguments),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )


def run(program: str, directory: Path, *arguments: str) -> bytes:
    process = start(program, directory, *arguments)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out


def crashed(program: str, directory: Path) -> list[Path]:
    """Run a program that is killed at every step, and return what each death left behind."""
    run(program, directory)
    return sorted(path for path in directory.iterdir() if path.name != "base")


@asynccontextmanager
async def opened(path: Path, *, create: bool = False) -> AsyncIterator[SqliteBackend]:
    backend = open_sqlite(path, FILE_KEY, AGENCY_ID, create=create)
    try:
        yield backend
    finally:
        await backend.aclose()


async def refusal(path: Path) -> str:
    """Return why the file cannot be opened, and nothing where it can."""
    try:
        async with opened(path):
            return ""
    except StoreUnavailable as error:
        return error.message


async def is_kept(backend: SqliteBackend) -> bool:
    """Say whether the unit of the crash program is kept; fails where it is half kept."""
    signs = {
        await backend.get(KILLED) == Row(KILLED, 1, b"new" * 2000),
        await backend.get(CHANGED) == Row(CHANGED, 2, b"two" * 2000),
        await backend.get(REMOVED) is None,
        await backend.find_unique("u", "new") is not None,
        await backend.find_unique("u", "one") is None,
        await backend.find_unique("u", "gone") is None,
        await backend.count("i", "p") == 1,
        await backend.count("i", "q") == 1,
        (await backend.query("i", "p", limit=9)).rows == [Row(KILLED, 1, b"new" * 2000)],
        [event.id for event in await backend.outbox_pending(9)] == ["e1", "e2"],
        [line.id for line in await backend.audit_lines(after=None, limit=9)] == ["a1", "a2"],
        await backend.once("k1", AT) == a_once("k1", reference="r"),
        await backend.once("k2", AT) == a_once("k2", reference="r"),
    }
    assert len(signs) == 1, "the unit is half kept"
    return signs.pop()


async def test_a_crash_at_any_step_leaves_the_unit_whole_or_unwritten(tmp_path: Path) -> None:
    """A process killed before each step of a unit leaves nothing of it, and all of it at the end.

    Whatever it left behind is opened without repair, and takes the next unit.
    """
    cases = crashed("crash_unit", tmp_path)
    assert len(cases) > 20
    for case in cases:
        async with opened(case / "a.db") as backend:
            assert await is_kept(backend) == (case == cases[-1])
            await write(backend, a_put(), a_put(CHANGED, 2 if case == cases[-1] else 1))


async def test_a_crash_while_a_store_is_made_can_be_repeated(tmp_path: Path) -> None:
    """What a killed creation leaves is refused with a reason until the creation is repeated."""
    cases = crashed("crash_creation", tmp_path)
    assert len(cases) > 20
    for case in cases:
        reason = await refusal(case / "a.db")
        assert reason in {"", NO_FILE, EMPTY, NOT_SET_UP}
        async with opened(case / "a.db", create=True) as backend:
            await write(backend, a_put())


def test_a_crash_while_a_keyring_is_made_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    """A killed creation of a keyring never leaves a file that is not one."""
    cases = crashed("crash_keyring", tmp_path)
    assert len(cases) > 5
    for case in cases:
        first = LocalKeyring.from_file(case / "keyring.json", create=True)
        again = LocalKeyring.from_file(case / "keyring.json", create=False)
        assert first.export_key() == again.export_key()


async def store_with_log(directory: Path, units: int) -> tuple[Path, list[int]]:
    """Make a store whose units are still in its log; return a copy and the log's sizes."""
    live, copy = directory / "live", directory / "copy"
    sizes = []
    async with opened(live / "a.db", create=True) as backend:
        for number in range(units):
            await backend.commit(stream_unit(number), at=AT)
            sizes.append((live / "a.db-wal").stat().st_size)
        shutil.copytree(live, copy)
    (copy / "a.db-shm").unlink()
    return copy, sizes


async def units_in(backend: SqliteBackend) -> int:
    """Return how many units of the stream are kept; fails where one is half kept or out of turn."""
    counts = {await backend.count("i", kind) for kind in ("a", "b", "c")}
    counts.add(len(await backend.outbox_pending(1000)))
    counts.add(len(await backend.audit_lines(after=None, limit=1000)))
    assert len(counts) == 1, "a unit is half kept"
    count = counts.pop()
    for number in range(count):
        for put in stream_unit(number).operations:
            assert await backend.get(put.key) is not None
    return count


async def test_a_log_cut_off_anywhere_holds_the_units_before(tmp_path: Path) -> None:
    """Wherever writing the log stopped, exactly the units that were complete there are kept."""
    base, sizes = await store_with_log(tmp_path, 6)
    log = (base / "a.db-wal").read_bytes()
    frames = range(WAL_HEADER_BYTES, len(log) + 1, WAL_FRAME_BYTES)
    cuts = {cut + shift for cut in frames for shift in (-1, 0, 30, 2000)}
    outcomes = set()
    for cut in sorted(cut for cut in cuts if sizes[0] <= cut <= len(log)):
        case = tmp_path / "case"
        shutil.copytree(base, case)
        (case / "a.db-wal").write_bytes(log[:cut])
        async with opened(case / "a.db") as backend:
            count = await units_in(backend)
        assert count == sum(size <= cut for size in sizes)
        outcomes.add(count)
        shutil.rmtree(case)
    assert outcomes == {1, 2, 3, 4, 5, 6}


async def test_a_flush_of_the_log_cut_off_anywhere_loses_nothing(tmp_path: Path) -> None:
    """A crash while the log is copied into the file leaves every unit: the log is still there."""
    base, _ = await store_with_log(tmp_path, 6)
    before = (base / "a.db").read_bytes()
    after = (tmp_path / "live" / "a.db").read_bytes()
    assert before != after
    size = 4096
    pages = [after[at : at + size] for at in range(0, len(after), size)]
    for count in range(0, len(pages) + 1, 3):
        case = tmp_path / "case"
        shutil.copytree(base, case)
        copied = b"".join(pages[:count])
        (case / "a.db").write_bytes(copied + before[len(copied) :])
        async with opened(case / "a.db") as backend:
            assert await units_in(backend) == 6
        shutil.rmtree(case)


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.25])
async def test_a_killed_stream_keeps_every_acknowledged_unit(
    tmp_path: Path, seconds: float
) -> None:
    """Whatever was acknowledged before the process was killed is there, whole; so is the rest."""
    process = start("stream", tmp_path)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(20)]
    await asyncio.sleep(seconds)
    process.kill()
    acknowledged += [int(line) for line in process.stdout.read().split()]
    process.stdout.close()
    process.wait()
    async with opened(tmp_path / "a.db") as backend:
        kept = {int(event.id[1:]) for event in await backend.outbox_pending(100_000)}
        lines = await backend.audit_lines(after=None, limit=100_000)
        assert {int(line.id[1:]) for line in lines} == kept
        for kind in ("a", "b", "c"):
            assert await backend.count("i", kind) == len(kept)
            for number in kept:
                assert await backend.get(Key(f"s{number}", kind, f"s{number}")) is not None
        assert kept >= set(acknowledged)
        await backend.commit(stream_unit(10**6), at=AT)


async def test_two_processes_lose_no_update(tmp_path: Path) -> None:
    """Two processes that change one record, and add others, come to the exact sum."""
    async with opened(tmp_path / "a.db", create=True):
        pass
    times = 60
    processes = [start("count_up", tmp_path, str(times)) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()
    async with opened(tmp_path / "a.db") as backend:
        assert await backend.get(CHANGED) == Row(CHANGED, 2 * times, b"%d" % (2 * times))
        assert len(await backend.outbox_pending(1000)) == 2 * times
        assert len([row async for row in backend.scan("thing")]) == 2 * times + 1


async def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    """Without room a commit is refused whole, reading goes on, and with room writing does too."""
    story = json.loads(run("fill_disk", tmp_path))
    assert len(story["refusals"]) == 3
    assert all("disk is full" in text for text in story["refusals"])
    assert story["readable"]
    assert len(story["kept"]) > 3
    async with opened(tmp_path / "a.db") as backend:
        pending = await backend.outbox_pending(1000)
        assert [int(event.id[1:]) for event in pending] == story["kept"]
        for kind in ("a", "b", "c"):
            assert await backend.count("i", kind) == len(story["kept"])


async def test_a_file_at_its_limit_is_a_full_disk(tmp_path: Path) -> None:
    """The database's own word for a full disk has the same answer, and the same way back."""
    async with opened(tmp_path / "a.db", create=True) as backend:
        await backend.commit(stream_unit(0), at=AT)
        await backend._in_thread(
            lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall()
        )
        outcomes = await asyncio.gather(
            *(backend.commit(stream_unit(number), at=AT) for number in range(1, 100)),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, StoreUnavailable | None) for outcome in outcomes)
        refused = [number for number, outcome in enumerate(outcomes, 1) if outcome is not None]
        assert refused
        assert "disk is full" in str(outcomes[-1])
        pending = await backend.outbox_pending(1000)
        assert {event.id for event in pending}.isdisjoint({f"e{number}" for number in refused})
        assert len(pending) == 100 - len(refused)
        await backend._in_thread(
            lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchall()
        )
        for number in refused:
            await backend.commit(stream_unit(number), at=AT)
        assert await units_in(backend) == 100
