"""A store with an outbox, sinks that go wrong as they are told to, and events to commit."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from domain.events import Event
from domain.ids import new_ulid
from tenants.outbox.relay import SinkAway
from tenants.sqlite.store import open_sqlite
from tenants.store import AgencyStore, Change
from tests.tenants.keys.key_samples import random_agency_keys
from tests.tenants.record_samples import AT, an_event
from tests.tenants.stores import AGENCY_ID, FILE_KEY

KEYS = replace(
    random_agency_keys(), index_key=FILE_KEY, data_keys={"0001-sample": FILE_KEY}
)  # the same in every process
SUBJECTS = tuple(f"app_{new_ulid(AT, randomness=number)}" for number in range(5))


def open_store(path: Path, *, create: bool = True) -> AgencyStore:
    """Open a store on its own."""
    backend = open_sqlite(path, FILE_KEY, AGENCY_ID, create=create)
    return AgencyStore(backend, KEYS, AGENCY_ID)


def event_of(subject: str, version: int, at: datetime = AT) -> Event:
    """Return an event about a subject in a version."""
    return replace(an_event(), id=new_ulid(), subject=subject, version=version, at=at)


async def happen(store: AgencyStore, *events: Event) -> None:
    """Commit events, each in a unit."""
    for event in events:
        await store.commit(Change(event=event))


class MemorySink:
    """Takes events, and keeps each that it was brought in the order brought.

    away: whether it is. refused: subjects whose events it does not take.
    """

    def __init__(self) -> None:
        self.brought: list[Event] = []
        self.asked = 0
        self.away = False
        self.refused: set[str] = set()

    async def accept(self, batch: Sequence[Event]) -> None:
        """Take events, all or none of them."""
        self.asked += 1
        if self.away:
            raise SinkAway
        if self.refused & {event.subject for event in batch}:
            raise ValueError("not this one")
        self.brought += batch

    def once(self) -> list[Event]:
        """Return what was brought, each event where it came first."""
        return list({event.id: event for event in self.brought}.values())


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Return once it holds."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it does not come to hold"
        await asyncio.sleep(0.005)
