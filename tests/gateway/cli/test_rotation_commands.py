"""`almoner key-rotation …` and `agency remove`, over a small home, with processes and kills."""

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.agencies import Agency
from domain.applications import Note
from domain.errors import StoreUnavailable
from domain.ids import new_ulid
from gateway.workspace import Workspace, open_workspace
from tenants.backend import Row
from tenants.directory.sqlite import DIRECTORY_FILE
from tenants.keys.removal import DirectoryPlace, holds
from tenants.records.codec import sealed_under
from tenants.records.kinds import key_of
from tenants.store import AgencyStore, Change
from tests.gateway.cli.command import almoner, made
from tests.tenants.record_samples import SAMPLES, a_note

RECORDS = 2000
WATCHED = 300  # the record by whose sealing the kill is timed, in the order of writing
KILLED = -9


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return made(tmp_path / "home")


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[tuple[Workspace, Agency, AgencyStore]]:
    async with open_workspace(home) as workspace:
        agency = await workspace.directory.agency_by_slug("harbor")
        assert agency is not None
        async with workspace.registry.lease(agency) as store:
            yield workspace, agency, store


async def fill(store: AgencyStore, count: int) -> dict[str, Note]:
    """Write so many notes and return them by id."""
    notes = [replace(a_note(number), version=0) for number in range(1000, 1000 + count)]
    written: dict[str, Note] = {}
    for start in range(0, count, 50):
        for one in await store.commit(Change(put=tuple(notes[start : start + 50]))):
            assert isinstance(one, Note)
            written[one.id] = one
    return written


def uses(home: Path) -> list[dict[str, Any]]:
    done = almoner(home, "key-rotation", "status", "harbor", "--json")
    assert done.status == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.output)
    return found


def test_a_rotation_from_start_to_end(home: Path) -> None:
    """A new key is made and sealed under; status, resume and finish say where it stands."""

    async def prepare() -> None:
        async with opened(home) as (_, _, store):
            await store.commit(
                Change(put=tuple(replace(one, version=0) for one in SAMPLES.values()))
            )
            await store.blobs.put(new_ulid(), b"the answer")

    asyncio.run(prepare())
    refused = almoner(home, "key-rotation", "start", "harbor")
    assert (refused.status, "say why" in refused.output) == (2, True)
    started = almoner(home, "key-rotation", "start", "harbor", "--reason", "yearly")
    assert started.status == 0, started.output
    assert "back the directory up now" in started.output
    old, new = uses(home)
    assert (old["records"], old["files"], old["seals"]) == (0, 0, False)
    assert (new["records"], new["files"], new["seals"]) == (len(SAMPLES), 1, True)
    resumed = almoner(home, "key-rotation", "resume", "harbor", "--json")
    assert json.loads(resumed.output)["sealedAnew"] == 0
    unasked = almoner(home, "key-rotation", "finish", "harbor", "--reason", "rotated")
    assert (unasked.status, "--yes" in unasked.output) == (2, True)
    early = almoner(home, "key-rotation", "finish", "harbor", "--yes", "--reason", "rotated")
    assert (early.status, "an hour" in early.output) == (1, True)
    unknown = almoner(home, "key-rotation", "status", "nobody")
    assert (unknown.status, "there is no agency nobody" in unknown.output) == (1, True)


async def test_a_killed_rotation_is_finished_by_resume(home: Path) -> None:
    """Killed in the middle of sealing anew beside a writer, it loses nothing and can go on.

    All the while a second process writes: none of its changes is lost, and no version changes but
    by these.
    """
    command = str(Path(sys.executable).with_name("almoner"))
    environment = {**os.environ, "ALMONER_HOME": str(home)}
    async with opened(home) as (_, _, store):
        notes = await fill(store, RECORDS)
        watched = key_of(notes[sorted(notes)[WATCHED]])
        (old,) = {*sealed_under("note", (await _row(store, watched)).body)}
        process = await asyncio.create_subprocess_exec(
            *(command, "key-rotation", "start", "harbor", "--reason", "yearly"), env=environment
        )
        done = asyncio.Event()
        writing = asyncio.create_task(_write(store, notes, sorted(notes)[WATCHED + 1 :], done))
        while sealed_under("note", (await _row(store, watched)).body) == {old}:
            assert process.returncode is None
            await asyncio.sleep(0.001)
        process.kill()
        assert await process.wait() == KILLED
        under = [sealed_under("note", row.body) for row in await _notes(store)]
        assert under.count(frozenset({old})) > RECORDS // 4
        assert under.count(frozenset({old})) < RECORDS
        resumed = await asyncio.create_subprocess_exec(
            *(command, "key-rotation", "resume", "harbor", "--reason", "killed"), env=environment
        )
        assert await resumed.wait() == 0
        done.set()
        assert await writing > 100
        for note in notes.values():
            assert await store.get(Note, note.id) == note
        left = {key for row in await _notes(store) for key in sealed_under("note", row.body)}
        assert old not in left
        assert len(left) == 1


async def _notes(store: AgencyStore) -> list[Row]:
    return [row async for row in store.rows() if row.key.kind == "note"]


async def _row(store: AgencyStore, key: Any) -> Any:
    backend: Any = store._backend
    return await backend.get(key)


async def _write(
    store: AgencyStore, notes: dict[str, Note], ids: list[str], done: asyncio.Event
) -> int:
    """Change notes until done; a version that somebody else had changed would be refused."""
    chance, number = random.Random(11), 0
    while not done.is_set():
        number += 1
        note = replace(notes[chance.choice(ids)], text=f"change {number}")
        notes[note.id] = replace(note, version=note.version + 1)
        assert await store.commit(Change(put=(note,))) == (notes[note.id],)
        await asyncio.sleep(0.002)
    return number


async def test_a_running_process_learns_of_a_new_key(home: Path) -> None:
    """A store that is open opens what another process seals under a new key, within a second."""
    async with opened(home) as (workspace, agency, store):
        (note,) = (await fill(store, 1)).values()
        before = store.sealer.newest_key
        done = await asyncio.to_thread(
            almoner, home, "key-rotation", "start", "harbor", "--reason", "yearly"
        )
        assert done.status == 0, done.output
        assert store.sealer.newest_key != before
        assert store.sealer.current_key == store.sealer.newest_key
        assert await store.get(Note, note.id) == note
        assert workspace.registry.blobs_folder(agency).parent == home / "blobs"


async def test_removing_an_agency_is_proved(home: Path) -> None:
    """Keys, store and files are gone, it says so, and a process that had it open has dropped it."""
    async with opened(home) as (workspace, agency, store):
        (note,) = (await fill(store, 1)).values()
        await store.blobs.put(new_ulid(), b"the answer")
        wrapped = [key.wrapped for key in await workspace.directory.wrapped_keys(agency.id)]
        place = DirectoryPlace(path=home / DIRECTORY_FILE, key=workspace.keys.derive("directory"))
        assert all(holds(place, [one]) for one in wrapped)
        done = await asyncio.to_thread(
            almoner, home, "agency", "remove", "harbor", "--yes", "--reason", "contract ended"
        )
        assert done.status == 0, done.output
        for claim in ("no key of the agency", "in no page of", "its store", "its files"):
            assert claim in done.output
        assert not holds(place, wrapped)
        assert not workspace.registry.blobs_folder(agency).exists()
        assert not list((home / "stores").glob("*.db"))
        async with asyncio.timeout(1.5):
            while True:
                try:
                    await store.get(Note, note.id)
                except StoreUnavailable:
                    break
                await asyncio.sleep(0.01)
        with pytest.raises(StoreUnavailable):
            await workspace.registry.open(agency)
