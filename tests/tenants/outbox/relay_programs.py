"""Programs that relay events and are killed while tests look on.

Run as `python -m tests.tenants.outbox.relay_programs NAME DIRECTORY`.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from domain.applications import Application
from domain.clock import utc_now
from domain.events import Event
from domain.ids import new_ulid
from tenants.outbox import relay as outbox_relay
from tenants.outbox.relay import Relay
from tenants.store import AgencyStore, Change
from tests.tenants.ledger.ledger_programs import kill_at
from tests.tenants.outbox.outbox_world import event_of, open_store
from tests.tenants.record_samples import an_application
from tests.tenants.store_programs import crash_everywhere

PUBLISHED = "published"
WAITING, COMMITTED_BESIDE = 6, 3


class FileSink:
    """Appends each event to a file that processes share: its subject, version and id."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PUBLISHED

    async def accept(self, batch: Sequence[Event]) -> None:
        """Take events; two writes, so that there is a moment at which half of them are taken."""
        for part in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            text = "".join(f"{one.subject} {one.version} {one.id}\n" for one in part)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, text.encode())
            os.close(descriptor)


async def commit_next(store: AgencyStore, application: Application) -> Application:
    """Commit a record's next version with the event of it, and return it."""
    event = event_of(application.id, application.version + 1, utc_now())
    (written,) = await store.commit(Change(put=(application,), event=event))
    assert isinstance(written, Application)
    return written


async def prepare(home: Path) -> None:
    """Make a store with a record, and an event of each of its versions waiting."""
    store = open_store(home / "a.db")
    application = replace(an_application(), version=0)
    for _ in range(WAITING):
        application = await commit_next(store, application)
    await store.aclose()


def crash_relay(directory: Path) -> None:
    """Kill a process that commits and relays at each step; the cases lie beside each other."""
    outbox_relay.BATCH_MAX = 4

    async def work(case: Path) -> None:
        store = open_store(case / "a.db", create=False)
        relay = Relay(store.outbox, FileSink(case), store.agency_id)
        application = await store.get(Application, an_application().id)
        assert application is not None
        for number in range(COMMITTED_BESIDE):
            application = await commit_next(store, application)
            await relay.relay(finish=bool(number % 2))
        await relay.aclose()
        await store.aclose()

    base = directory / "base"
    asyncio.run(prepare(base))
    crash_everywhere(directory, base, lambda case: asyncio.run(work(case)), kill_at)


def stream(home: Path) -> None:
    """Commit and relay without end; print the id and version of each record acknowledged."""

    async def run() -> None:
        store = open_store(home / "a.db")
        relay = Relay(store.outbox, FileSink(home), store.agency_id)
        relay.start()

        async def write() -> None:
            application = replace(an_application(), id=f"app_{new_ulid()}", version=0)
            while True:
                application = await commit_next(store, application)
                os.write(1, f"{application.id} {application.version}\n".encode())

        await asyncio.gather(write(), write(), write())

    asyncio.run(run())


PROGRAMS: dict[str, Callable[[Path], None]] = {"crash_relay": crash_relay, "stream": stream}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](Path(sys.argv[2]))
