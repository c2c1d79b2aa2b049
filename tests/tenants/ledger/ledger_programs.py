"""Programs that put lines into a ledger and are killed while tests look on.

Run as `python -m tests.tenants.ledger.ledger_programs NAME DIRECTORY [ARGUMENT]`.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from domain.agencies import Agency
from domain.ids import new_ulid
from tenants.directory.sqlite import SqliteDirectory, open_directory
from tenants.ledger import sequencer as ledger_sequencer
from tenants.ledger.sequencer import Sequencer
from tenants.sqlite.store import open_sqlite
from tenants.store import AgencyStore
from tests.tenants.directory.directory_samples import WRAPPED, an_agency, audit
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.ledger.ledger_samples import INDEX_KEY, a_line
from tests.tenants.store_programs import STEPS, crash_everywhere
from tests.tenants.stores import AGENCY_ID, FILE_KEY

MERGED, WAITING, HANDED = 70, 90, 4
AGENCY: Agency = replace(an_agency(), id=AGENCY_ID)


@dataclass(frozen=True)
class World:
    """An agency's store and the directory, in their files."""

    store: AgencyStore
    directory: SqliteDirectory
    sequencer: Sequencer


@asynccontextmanager
async def world(home: Path, *, create: bool = False) -> AsyncIterator[World]:
    """Open the files in a folder."""
    backend = open_sqlite(home / "a.db", FILE_KEY, AGENCY_ID, create=create)
    directory = open_directory(home / "directory.db", FILE_KEY, create=create)
    keys = replace(random_agency_keys(), index_key=INDEX_KEY)
    store = AgencyStore(backend, keys, AGENCY_ID)
    sequencer = Sequencer(store.ledger, directory, AGENCY_ID)
    try:
        yield World(store, directory, sequencer)
    finally:
        await store.aclose()
        await directory.aclose()


async def prepare(home: Path) -> None:
    """Make an agency with lines in its ledger, lines that wait, and lines in the directory."""
    async with world(home, create=True) as made:
        await made.store.record_audit(*(a_line(number) for number in range(MERGED)))
        await made.sequencer.merge()
        waiting = [a_line(MERGED + number) for number in range(WAITING)]
        for line in waiting:
            await made.store.record_audit(line)
        await made.directory.add_agency(AGENCY, WRAPPED, audit())
        for _ in range(HANDED - 1):
            await made.directory.record_audit(AGENCY_ID, audit())


def kill_at(step: int) -> None:
    """Kill this process when any of its threads is about to take that step, counted from 1."""
    taken = 0

    def watch(_frame: FrameType, event: str, function: Any) -> None:
        nonlocal taken
        if event == "c_call" and function.__name__ in STEPS:
            taken += 1
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)


def crash_merge(directory: Path) -> None:
    """Kill a sequencer at each step; the cases lie beside each other in the directory."""

    async def merge(case: Path) -> None:
        async with world(case) as opened:
            await opened.sequencer.merge()
            await opened.sequencer.tell_witness()

    base = directory / "base"
    asyncio.run(prepare(base))
    crash_everywhere(directory, base, lambda case: asyncio.run(merge(case)), kill_at)


def stream(home: Path) -> None:
    """Write lines without end, sequencing all the while; print the id of each one acknowledged."""
    ledger_sequencer.MERGE_DELAY_SECONDS = 0.005
    ledger_sequencer.WITNESS_SECONDS = 0.05

    async def run() -> None:
        async with world(home) as opened:
            opened.sequencer.start()

            async def write() -> None:
                while True:
                    line = replace(a_line(0), id=new_ulid())
                    await opened.store.record_audit(line)
                    os.write(1, f"{line.id}\n".encode())

            async def read() -> None:
                while True:
                    opened.store.record_reads(replace(a_line(0), id=new_ulid()))
                    await asyncio.sleep(0.002)

            async def command() -> None:
                while True:
                    line = replace(audit(), id=new_ulid())
                    await opened.directory.record_audit(AGENCY_ID, line)
                    os.write(1, f"{line.id}\n".encode())
                    await asyncio.sleep(0.01)

            await asyncio.gather(write(), write(), read(), command())

    asyncio.run(run())


PROGRAMS: dict[str, Callable[[Path], None]] = {"crash_merge": crash_merge, "stream": stream}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](Path(sys.argv[2]))
