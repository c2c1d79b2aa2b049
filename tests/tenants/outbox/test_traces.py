"""The files that tell which stores may hold events that nobody relays."""

import asyncio
from pathlib import Path

import pytest

from domain.ids import new_ulid
from tenants.outbox.outbox import Outbox
from tenants.outbox.relays import Relays
from tenants.outbox.traces import TRACES_FOLDER, abandoned, begin_trace
from tenants.store import Change
from tests.tenants.outbox.outbox_world import (
    SUBJECTS,
    MemorySink,
    event_of,
    happen,
    open_store,
    until,
)
from tests.tenants.stores import AGENCY_ID

HARBOR, LAKESIDE = new_ulid(), new_ulid()


def names(home: Path) -> list[str]:
    return [path.name for path in (home / TRACES_FOLDER).glob("*")]


def test_only_what_nobody_holds_is_found(tmp_path: Path) -> None:
    """A file is found once its owner has let go of it, by one finder at a time."""
    assert abandoned(tmp_path / "none") == []
    trace = begin_trace(tmp_path, HARBOR)
    assert abandoned(tmp_path) == []
    trace.leave()
    (found,) = abandoned(tmp_path)
    assert found.agency_id == HARBOR
    assert abandoned(tmp_path) == [], "it is held by who found it"
    found.leave()
    assert abandoned(tmp_path, {HARBOR}) == []
    assert abandoned(tmp_path, only=LAKESIDE) == []
    (again,) = abandoned(tmp_path, only=HARBOR)
    again.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_trace_is_its_owner_s_alone_and_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Two processes that have a store open have a file each, which others cannot read."""
    one, other = begin_trace(tmp_path / "f", HARBOR), begin_trace(tmp_path / "f", HARBOR)
    assert one.path != other.path
    assert one.path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "f").stat().st_mode & 0o077 == 0
    one.remove()
    other.remove()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """What is not named as a trace is, or was never finished, is none."""
    for name in ("README", f"{HARBOR}.x", f"{HARBOR}.{new_ulid()}.new"):
        (tmp_path / name).touch()
    assert abandoned(tmp_path) == []


@pytest.mark.parametrize("waits", [True, False])
async def test_a_store_that_is_closed_leaves_a_trace_where_something_waits(
    tmp_path: Path, *, waits: bool
) -> None:
    """One that was opened and closed with nothing waiting leaves none."""
    relays = Relays(tmp_path)
    store = open_store(tmp_path / "a.db")
    await relays.opened(store)
    assert len(names(tmp_path)) == 1
    if waits:
        await happen(store, event_of(SUBJECTS[0], 1))
    await relays.closing(store)
    await store.aclose()
    await relays.closed(store)
    assert len(abandoned(tmp_path / TRACES_FOLDER)) == len(names(tmp_path)) == int(waits)


async def test_an_event_committed_while_a_store_closes_leaves_its_trace(tmp_path: Path) -> None:
    """What comes after the last look at the outbox is not forgotten."""
    relays = Relays(tmp_path)
    store = open_store(tmp_path / "a.db")
    await relays.opened(store)
    await relays.closing(store)
    await happen(store, event_of(SUBJECTS[0], 1))
    await store.aclose()
    await relays.closed(store)
    assert len(names(tmp_path)) == 1


async def test_a_commit_of_unknown_outcome_leaves_the_trace(tmp_path: Path) -> None:
    """Whoever is cancelled in the midst of a commit may have written an event."""
    relays = Relays(tmp_path)
    store = open_store(tmp_path / "a.db")
    await relays.opened(store)
    committing = asyncio.create_task(store.commit(Change(event=event_of(SUBJECTS[0], 1))))
    await asyncio.sleep(0)
    committing.cancel()
    await asyncio.wait([committing])
    assert committing.cancelled()
    assert store.outbox.written is None
    await relays.closing(store)
    await store.aclose()
    await relays.closed(store)
    assert len(names(tmp_path)) == 1


async def test_a_refused_commit_leaves_nothing_in_doubt(tmp_path: Path) -> None:
    """Nothing of it was kept, and that is known."""
    store = open_store(tmp_path / "a.db")
    event = event_of(SUBJECTS[0], 1)
    await happen(store, event)
    with pytest.raises(ValueError, match="written before"):
        await happen(store, event)
    assert store.outbox.written == 1
    await store.aclose()


async def test_open_stores_are_relayed_once_somebody_relays(tmp_path: Path) -> None:
    """Those that were open before are too; after the end nothing goes out any more."""
    relays, sink = Relays(tmp_path), MemorySink()
    store = open_store(tmp_path / "a.db")
    await relays.opened(store)
    await happen(store, first := event_of(SUBJECTS[0], 1))
    relays.start(lambda agency_id: {AGENCY_ID: sink}[agency_id])
    await until(lambda: sink.brought == [first])
    await happen(store, second := event_of(SUBJECTS[0], 2))
    await relays.stop()
    assert sink.brought == [first, second]
    await happen(store, event_of(SUBJECTS[0], 3))
    await asyncio.sleep(0.1)
    assert sink.brought == [first, second]
    await relays.closing(store)
    await store.aclose()
    await relays.closed(store)
    assert len(names(tmp_path)) == 1


async def test_a_folder_that_cannot_be_written_keeps_no_store_from_opening(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Reads matter more: it is told, and the store is relayed all the same."""
    (tmp_path / TRACES_FOLDER).touch()
    relays, sink = Relays(tmp_path), MemorySink()
    relays.start(lambda _: sink)
    store = open_store(tmp_path / "a.db")
    await relays.opened(store)
    await happen(store, event := event_of(SUBJECTS[0], 1))
    await until(lambda: sink.brought == [event])
    await relays.closing(store)
    await store.aclose()
    await relays.closed(store)
    assert "no trace" in caplog.text


async def test_who_waits_for_an_event_is_woken_by_each_commit(tmp_path: Path) -> None:
    """One commit wakes once; what comes in between is not missed."""
    store = open_store(tmp_path / "a.db")
    outbox: Outbox = store.outbox
    await happen(store, event_of(SUBJECTS[0], 1))
    await asyncio.wait_for(outbox.woken(), 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(outbox.woken(), 0.05)
    await store.aclose()
