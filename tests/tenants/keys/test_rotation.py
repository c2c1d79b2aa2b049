"""Rotation: all is sealed anew under the new key, whatever happens beside it, and nothing more."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.agencies import Agency
from domain.applications import Note
from domain.errors import InvalidTransition, NotFound, VersionConflict
from domain.ids import new_ulid
from tenants.backend import Conflict, Put, StoreBackend, Unit
from tenants.directory.sqlite import SqliteDirectory, open_directory
from tenants.keys.keyring import LocalKeyring, new_agency_keys, unwrap_agency_keys
from tenants.keys.rotation import (
    RESEAL_UNIT_ROWS,
    RETIRED_AFTER,
    reseal,
    retire_keys,
    start_rotation,
    under_each_key,
)
from tenants.records.codec import IN_THE_OPEN, encode, sealed_under
from tenants.records.kinds import key_of
from tenants.store import AgencyStore, Change
from tests.resolvers.world import line
from tests.tenants.record_samples import AT, SAMPLES, a_note
from tests.tenants.records.test_blobs import Memory
from tests.tenants.stores import Stores

KEYRING = LocalKeyring(bytes(range(32)))
BLOB = new_ulid(AT, randomness=3)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """Return the moment it was set to."""
        return self.now


@dataclass(kw_only=True)
class Rotating:
    """An agency with a store that is open, and the directory that keeps its keys."""

    agency: Agency
    directory: SqliteDirectory
    backend: StoreBackend
    store: AgencyStore
    clock: Clock

    async def rotate(self) -> str:
        """Make a new data key, let it settle, and give it to the store, as the registry does."""
        made = await start_rotation(self.directory, KEYRING, self.agency.id, line(self.clock.now))
        await self.learn_keys()
        self.clock.now = made.created_at + timedelta(minutes=1)
        return made.key_id

    async def learn_keys(self) -> None:
        """Give the store the keys that the directory holds now."""
        wrapped = await self.directory.wrapped_keys(self.agency.id)
        self.store.use_keys(await unwrap_agency_keys(KEYRING, self.agency.id, wrapped))

    async def uses(self) -> dict[str, tuple[int, int]]:
        """Return how many records and files lie under each key."""
        wrapped = await self.directory.wrapped_keys(self.agency.id)
        uses = await under_each_key(self.store, wrapped)
        return {use.key_id: (use.records, use.files) for use in uses}

    async def retire(self) -> list[str]:
        """Destroy the older keys."""
        audit = line(self.clock.now)
        return await retire_keys(self.directory, self.store, self.agency.id, audit)


@pytest.fixture
async def rotating(stores: Stores, tmp_path: Path) -> AsyncIterator[Rotating]:
    agency = Agency(
        id=new_ulid(), slug="harbor", name="Harbor", states=("MI",), store_url="sqlite:a", pools=()
    )
    directory = open_directory(tmp_path / "directory.db", b"d" * 32, create=True)
    keys, wrapped = await new_agency_keys(KEYRING, agency.id, AT)
    await directory.add_agency(agency, wrapped, line(AT))
    backend, clock = await stores.open(), Clock()
    store = AgencyStore(backend, keys, agency.id, clock, blobs=Memory())
    yield Rotating(agency=agency, directory=directory, backend=backend, store=store, clock=clock)
    await directory.aclose()


def nothing(done: int, seen: int) -> None:
    """Hear nothing."""


async def fill(store: AgencyStore, notes: int) -> list[Note]:
    """Write a record of each kind, and notes; return the notes."""
    written = [a_note(number) for number in range(1000, 1000 + notes)]
    await store.commit(Change(put=tuple(replace(one, version=0) for one in SAMPLES.values())))
    for start in range(0, notes, 50):
        puts = tuple(replace(one, version=0) for one in written[start : start + 50])
        await store.commit(Change(put=puts))
    return written


async def test_everything_is_sealed_anew_and_nothing_else_changes(rotating: Rotating) -> None:
    """Records of every kind and files lie under the new key, in the version they had."""
    store = rotating.store
    notes = await fill(store, 120)
    await store.blobs.put(BLOB, b"the answer")
    (old,) = await rotating.uses()
    sealed = len(SAMPLES) + len(notes)
    assert await rotating.uses() == {old: (sealed, 1)}
    new = await rotating.rotate()
    heard: list[tuple[int, int]] = []
    assert await reseal(store, lambda done, seen: heard.append((done, seen))) == sealed + 1
    assert heard[0] == (RESEAL_UNIT_ROWS, RESEAL_UNIT_ROWS + 1)
    assert heard[-1] == (sealed + 1, sealed + 1)
    assert await rotating.uses() == {old: (0, 0), new: (sealed, 1)}
    for record in (*(replace(one, version=1) for one in SAMPLES.values()), *notes):
        assert await store.get(type(record), record.id) == record
    assert await store.blobs.get(BLOB) == b"the answer"
    assert await store.find(type(SAMPLES["consumer"]), "consumer_subject", "sub-9") is not None
    assert await reseal(store, nothing) == 0


async def test_what_was_written_before_it_was_sealed_is_sealed(rotating: Rotating) -> None:
    """A body of an older number, open or with one group, is brought to the newest in passing."""
    store, note = rotating.store, a_note()
    older = encode(note).replace(b'"schema":2', b'"schema":1')
    put = Put(key=key_of(note), expected=0, body=older)
    await rotating.backend.commit(Unit(operations=(put,)), at=AT)
    assert (await rotating.uses())[IN_THE_OPEN] == (1, 0)
    assert await reseal(store, nothing) == 1
    row = await rotating.backend.get(key_of(note))
    assert row is not None
    assert row.version == 1
    assert sealed_under("note", row.body) == {store.sealer.newest_key}
    assert await store.get(Note, note.id) == note


async def test_sealing_anew_beside_writers_loses_nothing(rotating: Rotating) -> None:
    """Records that others change all the while keep every change, and every version they saw."""
    store, chance = rotating.store, random.Random(7)
    notes = {note.id: note for note in await fill(store, 300)}
    await rotating.rotate()
    running = True

    async def write() -> int:
        count = 0
        while running:
            note = notes[chance.choice(sorted(notes))]
            try:
                (written,) = await store.commit(Change(put=(replace(note, text=f"n{count}"),)))
            except VersionConflict as conflict:
                raise AssertionError("sealing anew changed a version") from conflict
            assert isinstance(written, Note)
            notes[written.id] = written
            count += 1
        return count

    writing = asyncio.create_task(write())
    await reseal(store, nothing)
    running = False
    assert await writing > 3
    for note in notes.values():
        assert await store.get(Note, note.id) == note
    (old, new) = await rotating.uses()
    assert await rotating.uses() == {old: (0, 0), new: (len(notes) + len(SAMPLES), 0)}


async def test_a_record_changed_meanwhile_is_left_to_the_next_look(rotating: Rotating) -> None:
    """A row that was read before somebody's change is refused, and the change stays."""
    store = rotating.store
    (note,) = await fill(store, 1)
    row = await rotating.backend.get(key_of(note))
    assert row is not None
    await rotating.rotate()
    (changed,) = await store.commit(Change(put=(replace(note, text="changed"),)))
    with pytest.raises(Conflict):
        await store.reseal([row])
    assert await store.get(Note, note.id) == changed


class Stopped(Exception):
    """The process was stopped."""


async def test_sealing_anew_goes_on_where_it_was(rotating: Rotating) -> None:
    """Stopped anywhere it leaves every record readable, and another start does only the rest."""
    store = rotating.store
    notes = await fill(store, 200)

    def stop(done: int, seen: int) -> None:
        if done > 120:
            raise Stopped

    await rotating.rotate()
    with pytest.raises(Stopped):
        await reseal(store, stop)
    old, new = await rotating.uses()
    done, left = (await rotating.uses())[new][0], (await rotating.uses())[old][0]
    assert done > 120
    assert left > 0
    assert await store.get(Note, notes[0].id) == notes[0]
    assert await store.get(Note, notes[-1].id) == notes[-1]
    assert await reseal(store, nothing) == left


async def test_a_key_is_destroyed_when_nothing_needs_it(rotating: Rotating) -> None:
    """An older key goes when nothing lies under it, and an hour after the newest was made."""
    store = rotating.store
    await fill(store, 3)
    assert await rotating.retire() == []
    (old,) = await rotating.uses()
    new = await rotating.rotate()
    rotating.clock.now += RETIRED_AFTER
    with pytest.raises(InvalidTransition, match="resume"):
        await rotating.retire()
    await reseal(store, nothing)
    rotating.clock.now -= RETIRED_AFTER
    with pytest.raises(InvalidTransition, match="an hour"):
        await rotating.retire()
    rotating.clock.now += RETIRED_AFTER
    assert await rotating.retire() == [old]
    assert [*await rotating.uses()] == [new]
    await rotating.learn_keys()
    assert await store.get(Note, a_note(1000).id) == a_note(1000)
    actions = await rotating.directory.audit_lines(rotating.agency.id, None, 10)
    assert len(actions) == 3
    gone: Any = rotating.directory.destroy_data_keys(rotating.agency.id, [old], line(AT))
    with pytest.raises(NotFound):
        await gone
