"""Programs that write to a store and are killed, or run out of disk, while tests look on.

Run as `python -m tests.tenants.store_programs NAME DIRECTORY [ARGUMENT]`.
"""

import asyncio
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from domain.errors import StoreUnavailable
from tenants.backend import Conflict, Delete, Key, Put, Unit
from tenants.keys.keyring import LocalKeyring
from tenants.sqlite.formats import APPLICATION_ID
from tenants.sqlite.sqlcipher import open_encrypted
from tenants.sqlite.store import SqliteBackend, open_sqlite
from tenants.sqlite.units import write_units
from tests.tenants.stores import AGENCY_ID, AT, FILE_KEY, a_once, a_put

STEPS = frozenset(
    "execute connect open close fsync link unlink chmod mkdir write set_progress_handler".split()
)
"""C functions before which a process may be killed: all that touches files goes through them."""

KILLED = Key("k", "killed", "k")
CHANGED, REMOVED = Key("c", "thing", "c"), Key("r", "thing", "r")


def the_unit(directory: Path) -> Unit:
    """Return a unit that does everything a unit can do."""
    del directory
    return Unit(
        operations=(
            a_put(KILLED, 0, b"new" * 2000, indexes=[("i", "p", "2")], uniques=[("u", "new")]),
            a_put(CHANGED, 1, b"two" * 2000, indexes=[("i", "q", "1")], uniques=[("u", "two")]),
            Delete(key=REMOVED, expected=1),
        ),
        event=("e2", b"event"),
        audit=("a2", b"line"),
        begin=a_once("k2", reference="r"),
        finish=a_once("k1", reference="r"),
    )


async def make_store(path: Path) -> None:
    """Make the store that the unit changes."""
    backend = open_sqlite(path, FILE_KEY, AGENCY_ID, create=True)
    changed = a_put(CHANGED, 0, b"one" * 2000, indexes=[("i", "p", "1")], uniques=[("u", "one")])
    removed = a_put(REMOVED, 0, indexes=[("i", "p", "3")], uniques=[("u", "gone")])
    unit = Unit(
        operations=(changed, removed), event=("e1", b""), audit=("a1", b""), begin=a_once("k1")
    )
    await backend.commit(unit, at=AT)
    await backend.aclose()


def kill_at(step: int) -> None:
    """Kill this process when it is about to take that step, counted from 1."""
    taken = 0

    def watch(_frame: FrameType, event: str, function: Any) -> None:
        nonlocal taken
        if event == "c_call" and function.__name__ in STEPS:
            taken += 1
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def crash_everywhere(
    directory: Path,
    base: Path | None,
    work: Callable[[Path], None],
    kill: Callable[[int], None] = kill_at,
) -> None:
    """Run `work` in children that are killed before step 1, 2, 3 …, until one comes to its end."""
    for step in range(1, 1000):
        case = directory / f"{step:03}"
        if base is None:
            case.mkdir()
        else:
            shutil.copytree(base, case)
        child = os.fork()
        if child == 0:
            kill(step)
            work(case)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status == 0:
            return
        assert os.WTERMSIG(status) == signal.SIGKILL, status
    raise AssertionError("the work never comes to its end")


def crash_unit(directory: Path) -> None:
    """Kill a unit at each step; the cases lie beside each other in the directory."""

    def work(case: Path) -> None:
        connection = open_encrypted(
            case / "a.db", FILE_KEY, application_id=APPLICATION_ID, create=False
        )
        assert write_units(connection, [(the_unit(case), AT)]) == [None]

    base = directory / "base"
    asyncio.run(make_store(base / "a.db"))
    crash_everywhere(directory, base, work)


def crash_creation(directory: Path) -> None:
    """Kill the making of a store at each step."""

    def work(case: Path) -> None:
        open_sqlite(case / "a.db", FILE_KEY, AGENCY_ID, create=True)

    crash_everywhere(directory, None, work)


def crash_keyring(directory: Path) -> None:
    """Kill the making of a keyring at each step."""

    def work(case: Path) -> None:
        LocalKeyring.from_file(case / "keyring.json", create=True)

    crash_everywhere(directory, None, work)


def stream(directory: Path) -> None:
    """Commit units without end, several at a time, and print the number of each one kept."""

    async def run() -> None:
        backend = open_sqlite(directory / "a.db", FILE_KEY, AGENCY_ID, create=True)

        async def write(first: int) -> None:
            number = first
            while True:
                await backend.commit(stream_unit(number), at=AT)
                os.write(1, b"%d\n" % number)
                number += 4

        await asyncio.gather(*(write(first) for first in range(4)))

    asyncio.run(run())


def stream_unit(number: int) -> Unit:
    """Return the unit of that number in the stream: three records, an event and a line."""
    puts: tuple[Put, ...] = tuple(
        a_put(Key(f"s{number}", kind, f"s{number}"), body=b"x" * 3000, indexes=[("i", kind, "")])
        for kind in ("a", "b", "c")
    )
    return Unit(operations=puts, event=(f"e{number}", b""), audit=(f"a{number}", b""))


def count_up(directory: Path, times: int) -> None:
    """Raise one record's number so many times, repeating what another process came before."""

    async def run() -> None:
        backend = open_sqlite(directory / "a.db", FILE_KEY, AGENCY_ID, create=True)
        done = 0
        while done < times:
            row = await backend.get(CHANGED)
            version, number = (0, 0) if row is None else (row.version, int(row.body))
            unit = Unit(
                operations=(a_put(CHANGED, version, b"%d" % (number + 1)), a_put()),
                event=(f"{os.getpid()}-{done}", b""),
            )
            try:
                await backend.commit(unit, at=AT)
            except Conflict:
                continue
            done += 1
        await backend.aclose()

    asyncio.run(run())


def fill_disk(directory: Path) -> None:
    """Commit until no file may grow any more, then make room and go on; print what happened."""

    async def run() -> dict[str, Any]:
        backend = open_sqlite(directory / "a.db", FILE_KEY, AGENCY_ID, create=True)
        kept = [0]
        await backend.commit(stream_unit(0), at=AT)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        refusals = await _commit_until_full(backend, kept)
        readable = await backend.get(stream_unit(0).operations[0].key) is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await backend.commit(stream_unit(1000), at=AT)
        await backend.aclose()
        return {"kept": [*kept, 1000], "refusals": refusals, "readable": readable}

    sys.stdout.write(json.dumps(asyncio.run(run())))


async def _commit_until_full(backend: SqliteBackend, kept: list[int]) -> list[str]:
    refusals = []
    for number in range(1, 200):
        try:
            await backend.commit(stream_unit(number), at=AT)
        except StoreUnavailable as error:
            refusals.append(error.message)
        else:
            kept.append(number)
        if len(refusals) == 3:
            break
    return refusals


PROGRAMS: dict[str, Callable[..., None]] = {
    "crash_unit": crash_unit,
    "crash_creation": crash_creation,
    "crash_keyring": crash_keyring,
    "stream": stream,
    "count_up": lambda directory, times: count_up(directory, int(times)),
    "fill_disk": fill_disk,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
