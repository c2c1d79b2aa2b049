"""The registry: stores open when they are asked for, close when idle, and never under a lease."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from domain.agencies import Agency
from domain.applications import Note
from domain.audit import AuditLine
from domain.errors import StoreUnavailable
from domain.ids import new_ulid
from tenants.backend import Unit
from tenants.backends import BACKENDS, BackendKind, Place, sqlite_path
from tenants.directory.port import Directory, WrappedKey
from tenants.keys.keyring import KeyringUnreachable, LocalKeyring, new_data_key
from tenants.ledger.sequencer import Backlog
from tenants.registry import (
    KEYS_ASKED_AGAIN_SECONDS,
    KEYS_CACHED_SECONDS,
    KEYS_KEPT_SECONDS_MAX,
    StoreRegistry,
)
from tenants.store import AgencyStore, Change
from tests.tenants.keys.key_samples import random_agency_keys, wrap_agency_keys
from tests.tenants.record_samples import AT, a_note

KEYRING = LocalKeyring(bytes(range(32)))
NOTE = replace(a_note(), version=0)


class Keys:
    """The part of a directory that the registry reads: keys, and no audit lines."""

    def __init__(self) -> None:
        self.wrapped: dict[str, Sequence[WrappedKey]] = {}
        self.asked: list[str] = []
        self.epochs: dict[str, int] = {}
        self.gate: asyncio.Event | None = None
        self.is_down = False

    def epoch(self, agency_id: str) -> int:
        """Return the agency's epoch."""
        self._answer()
        return self.epochs.get(agency_id, 0)

    async def wrapped_keys(self, agency_id: str) -> Sequence[WrappedKey]:
        """Return the agency's keys, once the gate is open."""
        self.asked.append(agency_id)
        if self.gate is not None:
            await self.gate.wait()
        self._answer()
        return self.wrapped.get(agency_id, ())

    def _answer(self) -> None:
        if self.is_down:
            raise StoreUnavailable("The directory is busy.")

    async def audit_unmerged(self, agency_id: str, limit: int) -> list[AuditLine]:
        """Return nothing: there are no lines."""
        return []

    async def witnessed(self, agency_id: str) -> list[str]:
        """Return nothing: no checkpoint was kept."""
        return []

    async def witness(self, agency_id: str, size: int, checkpoint: str) -> None:
        """Keep no checkpoint."""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the moment it was set to."""
        return self.now


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def agency(name: str, url: str | None = None) -> Agency:
    return Agency(
        id=f"id-{name}",
        slug=name,
        name=name,
        states=("MI",),
        store_url=url or f"sqlite:stores/{name}.db",
        pools=(),
    )


def registry_of(home: Path, keys: Keys, clock: Clock, **limits: Any) -> StoreRegistry:
    return StoreRegistry(cast("Directory", keys), KEYRING, home=home, clock=clock, **limits)


@pytest.fixture
async def registry(tmp_path: Path, keys: Keys, clock: Clock) -> AsyncIterator[StoreRegistry]:
    async with registry_of(tmp_path, keys, clock, open_max=3, idle_seconds=60) as opened:
        yield opened


async def provision(registry: StoreRegistry, keys: Keys, *names: str) -> list[Agency]:
    """Make stores with a note in each."""
    made = [agency(name) for name in names]
    for one in made:
        plain = random_agency_keys()
        keys.wrapped[one.id] = await wrap_agency_keys(KEYRING, one.id, plain)
        await registry.create(one, plain)
        async with registry.lease(one) as store:
            await store.commit(Change(put=(NOTE,)))
    return made


async def is_open(store: AgencyStore) -> bool:
    try:
        return await store.get(Note, NOTE.id) is not None
    except StoreUnavailable:
        return False


async def test_a_store_is_opened_once_and_shared(registry: StoreRegistry, keys: Keys) -> None:
    """Whoever asks while a store is open gets the same one; nothing is unwrapped again."""
    (harbor,) = await provision(registry, keys, "harbor")
    keys.asked.clear()
    first = await registry.open(harbor)
    async with registry.lease(harbor) as second:
        assert second is first
    assert first.agency_id == harbor.id
    assert keys.asked == []


async def test_those_who_ask_at_once_wait_for_one_opening(
    registry: StoreRegistry, keys: Keys
) -> None:
    """Many requests at the same time open the store once; one that goes away disturbs none."""
    (harbor,) = await provision(registry, keys, "harbor")
    await registry.close(harbor.id)
    keys.asked.clear()
    keys.gate = asyncio.Event()
    waiting = [asyncio.create_task(registry.open(harbor)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    keys.gate.set()
    stores = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(stores[0], asyncio.CancelledError)
    assert {type(store) for store in stores[1:]} == {AgencyStore}
    assert len(set(map(id, stores[1:]))) == 1
    assert keys.asked == [harbor.id]


async def test_a_leased_store_is_not_closed(
    registry: StoreRegistry, keys: Keys, clock: Clock
) -> None:
    """Neither idling nor lack of room closes a store that somebody uses."""
    agencies = await provision(registry, keys, "a", "b", "c", "d", "e")
    async with registry.lease(agencies[0]) as leased, registry.lease(agencies[0]):
        clock.now += 10_000
        await registry.close_idle()
        for other in agencies[1:]:
            await registry.open(other)
        assert await is_open(leased)
    clock.now += 60
    await registry.close_idle()
    assert not await is_open(leased)


async def test_an_idle_store_is_closed_and_opened_again(
    registry: StoreRegistry, keys: Keys, clock: Clock
) -> None:
    """After a while without use a store is closed; the next request opens it anew."""
    agencies = await provision(registry, keys, "a", "b")
    store = await registry.open(agencies[0])
    clock.now += 59
    await registry.close_idle()
    assert await is_open(store)
    await registry.open(agencies[1])
    clock.now += 1
    await registry.close_idle()
    assert not await is_open(store)
    assert await is_open(await registry.open(agencies[1]))
    again = await registry.open(agencies[0])
    assert again is not store
    assert await is_open(again)


async def test_the_least_recently_used_makes_room(registry: StoreRegistry, keys: Keys) -> None:
    """Above the limit the store that was used longest ago is closed."""
    agencies = await provision(registry, keys, "a", "b", "c")
    a, b, c = [await registry.open(one) for one in agencies]
    await registry.open(agencies[0])
    (extra,) = await provision(registry, keys, "d")
    assert [await is_open(store) for store in (a, b, c)] == [True, False, True]
    assert await is_open(await registry.open(extra))


async def test_all_in_use_may_exceed_the_limit(registry: StoreRegistry, keys: Keys) -> None:
    """Where every open store is leased, one more is opened all the same."""
    agencies = await provision(registry, keys, "a", "b", "c", "d")
    async with (
        registry.lease(agencies[0]) as a,
        registry.lease(agencies[1]) as b,
        registry.lease(agencies[2]) as c,
        registry.lease(agencies[3]) as d,
    ):
        assert all([await is_open(store) for store in (a, b, c, d)])


async def test_idle_stores_are_closed_by_themselves(tmp_path: Path, keys: Keys) -> None:
    """Nobody needs to ask: the registry looks for idle stores from time to time."""
    clock = Clock()
    async with registry_of(tmp_path, keys, clock, idle_seconds=0.04) as registry:
        (harbor,) = await provision(registry, keys, "harbor")
        store = await registry.open(harbor)
        clock.now += 1
        async with asyncio.timeout(5):
            while await is_open(store):  # noqa: ASYNC110 -- nothing tells of a closing
                await asyncio.sleep(0.01)


def cache_kb(store: AgencyStore) -> int:
    """Return the page cache of the store's reader, as if it had the whole share."""
    reader = cast("Any", store)._backend._reader
    return int(-reader.execute("PRAGMA cache_size").fetchall()[0][0] * 4 / 3)


async def test_the_cache_budget_is_shared(tmp_path: Path, keys: Keys, clock: Clock) -> None:
    """All open stores together keep within the budget; fewer stores have more each."""
    async with registry_of(tmp_path, keys, clock, cache_budget_mb=16) as registry:
        agencies = await provision(registry, keys, "a", "b", "c")
        for one in agencies:
            await registry.close(one.id)
        shares: list[int] = []
        for one in agencies:
            await registry.open(one)
            opened = [await registry.open(other) for other in agencies[: len(shares) + 1]]
            sizes = [cache_kb(store) for store in opened]
            assert len(set(sizes)) == 1
            assert sum(sizes) <= 16 * 1024
            shares.append(sizes[0])
        assert shares == [16 * 1024, 8 * 1024, 4 * 1024]
        await registry.close(agencies[2].id)
        assert cache_kb(await registry.open(agencies[0])) == 8 * 1024


async def test_new_keys_are_taken_while_a_store_is_open(
    registry: StoreRegistry, keys: Keys, clock: Clock
) -> None:
    """When the directory tells of a change the keys are read anew; unwrapped where they differ."""
    (harbor,) = await provision(registry, keys, "harbor")
    async with registry.lease(harbor) as store:
        before = len(keys.asked)
        await registry.renew_keys()
        assert len(keys.asked) == before
        held = keys.wrapped[harbor.id]
        rotated = await new_data_key(KEYRING, harbor.id, held, AT)
        keys.wrapped[harbor.id] = [*held, rotated]
        keys.epochs[harbor.id] = 1
        await registry.renew_keys()
        assert store.sealer.newest_key == rotated.key_id
        assert await is_open(store)
        asked = len(keys.asked)
        await registry.renew_keys()
        assert len(keys.asked) == asked
        clock.now += KEYS_CACHED_SECONDS
        await registry.renew_keys()
        assert len(keys.asked) == asked + 1


async def test_new_keys_are_noticed_within_a_second(registry: StoreRegistry, keys: Keys) -> None:
    """Nobody needs to ask: a change is seen by the registry itself."""
    (harbor,) = await provision(registry, keys, "harbor")
    async with registry.lease(harbor) as store:
        rotated = await new_data_key(KEYRING, harbor.id, keys.wrapped[harbor.id], AT)
        keys.wrapped[harbor.id] = [*keys.wrapped[harbor.id], rotated]
        keys.epochs[harbor.id] = 1
        async with asyncio.timeout(1):
            while store.sealer.newest_key != rotated.key_id:  # noqa: ASYNC110 -- as nobody tells
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("why", ["removed", "refused", "aged and refused"])
async def test_a_store_without_keys_is_closed(
    registry: StoreRegistry, keys: Keys, clock: Clock, why: str
) -> None:
    """Where the keys cannot be had any more the store is closed, in use or not; others stay."""
    harbor, summit = await provision(registry, keys, "harbor", "summit")
    held = keys.wrapped[harbor.id]
    async with registry.lease(harbor) as store, registry.lease(summit) as other:
        keys.wrapped[harbor.id] = [] if why == "removed" else keys.wrapped[summit.id]
        if why == "aged and refused":
            clock.now += KEYS_CACHED_SECONDS
        else:
            keys.epochs[harbor.id] = 1
        await registry.renew_keys()
        assert not await is_open(store)
        assert await is_open(other)
    with pytest.raises(StoreUnavailable):
        await registry.open(harbor)
    keys.wrapped[harbor.id] = held
    assert await is_open(await registry.open(harbor))


class SilentKeyring(LocalKeyring):
    """A keyring that can be made not to answer."""

    is_silent = False

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap, or not answer."""
        if self.is_silent:
            raise KeyringUnreachable
        return await super().unwrap(wrapped, context)


async def test_keys_are_kept_while_the_keyring_does_not_answer(
    tmp_path: Path, keys: Keys, clock: Clock
) -> None:
    """For an hour a store goes on with the keys it has, asking again; then it is closed."""
    keyring = SilentKeyring(bytes(range(32)))
    async with StoreRegistry(
        cast("Directory", keys), keyring, home=tmp_path, clock=clock, idle_seconds=10**6
    ) as registry:
        (harbor,) = await provision(registry, keys, "harbor")
        async with registry.lease(harbor) as store:
            keyring.is_silent = True
            for _ in range(3):
                clock.now += KEYS_CACHED_SECONDS
                await registry.renew_keys()
                assert await is_open(store)
            asked = len(keys.asked)
            await registry.renew_keys()
            assert len(keys.asked) == asked
            clock.now += KEYS_CACHED_SECONDS
            await registry.renew_keys()
            assert not await is_open(store)


async def test_a_directory_that_does_not_answer_closes_nothing(
    registry: StoreRegistry, keys: Keys, clock: Clock
) -> None:
    """Stores in use go on with the keys they have while the directory fails, for an hour."""
    (harbor,) = await provision(registry, keys, "harbor")
    async with registry.lease(harbor) as store:
        keys.is_down = True
        await registry.renew_keys()
        assert await is_open(store)
        clock.now += KEYS_CACHED_SECONDS
        await registry.renew_keys()
        assert await is_open(store)
        keys.is_down = False
        keys.epochs[harbor.id] = 1
        rotated = await new_data_key(KEYRING, harbor.id, keys.wrapped[harbor.id], AT)
        keys.wrapped[harbor.id] = [*keys.wrapped[harbor.id], rotated]
        clock.now += KEYS_ASKED_AGAIN_SECONDS
        await registry.renew_keys()
        assert store.sealer.newest_key == rotated.key_id
        keys.is_down = True
        clock.now += KEYS_KEPT_SECONDS_MAX
        await registry.renew_keys()
        assert not await is_open(store)


async def test_keys_are_renewed_though_lines_cannot_be_taken(
    registry: StoreRegistry, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the line about unwrapping is refused the store stays open, under the new keys."""
    (harbor,) = await provision(registry, keys, "harbor")

    def refuse(_line: AuditLine) -> None:
        raise StoreUnavailable

    async with registry.lease(harbor) as store:
        monkeypatch.setattr(store, "record_reads", refuse)
        rotated = await new_data_key(KEYRING, harbor.id, keys.wrapped[harbor.id], AT)
        keys.wrapped[harbor.id] = [*keys.wrapped[harbor.id], rotated]
        keys.epochs[harbor.id] = 1
        await registry.renew_keys()
        assert store.sealer.newest_key == rotated.key_id
        assert await is_open(store)


async def test_one_agencys_failure_does_not_end_the_renewal_of_others(
    registry: StoreRegistry, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody thought of, in one store, leaves the watch over all others running."""
    harbor, summit = await provision(registry, keys, "harbor", "summit")

    def fail(_keys: object) -> None:
        raise RuntimeError

    async def fail_closing() -> None:
        raise RuntimeError

    async with registry.lease(harbor) as broken, registry.lease(summit) as other:
        monkeypatch.setattr(broken, "use_keys", fail)
        for one in (harbor, summit):
            held = keys.wrapped[one.id]
            keys.wrapped[one.id] = [*held, await new_data_key(KEYRING, one.id, held, AT)]
            keys.epochs[one.id] = 1
        newest = keys.wrapped[summit.id][-1].key_id
        async with asyncio.timeout(2):
            while other.sealer.newest_key != newest:  # noqa: ASYNC110 -- nobody tells
                await asyncio.sleep(0.01)
        monkeypatch.setattr(broken, "flush_reads", fail_closing)
        keys.wrapped[harbor.id] = []
        keys.epochs[harbor.id] = 2
        keys.epochs[summit.id] = 2
        held = keys.wrapped[summit.id]
        keys.wrapped[summit.id] = [*held, await new_data_key(KEYRING, summit.id, held, AT)]
        newest = keys.wrapped[summit.id][-1].key_id
        async with asyncio.timeout(2):
            while other.sealer.newest_key != newest:  # noqa: ASYNC110 -- nobody tells
                await asyncio.sleep(0.01)


async def test_the_watch_goes_on_after_an_error_of_its_own(
    registry: StoreRegistry, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that fails in a way nobody thought of does not end the renewal of keys."""
    (harbor,) = await provision(registry, keys, "harbor")
    failed = asyncio.Event()

    def fail(_agency_id: str) -> int:
        failed.set()
        raise RuntimeError

    async with registry.lease(harbor) as store, asyncio.timeout(5):
        with monkeypatch.context() as patched:
            patched.setattr(keys, "epoch", fail)
            await failed.wait()
        held = keys.wrapped[harbor.id]
        keys.wrapped[harbor.id] = [*held, await new_data_key(KEYRING, harbor.id, held, AT)]
        keys.epochs[harbor.id] = 1
        while store.sealer.newest_key == held[-1].key_id:  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(0.01)


async def test_closing_closes_every_store_whatever_one_does(
    tmp_path: Path, keys: Keys, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that nobody can read, and a step that fails, keep no store from being closed."""
    registry = registry_of(tmp_path, keys, clock)
    agencies = await provision(registry, keys, "a", "b", "c")
    stores = [await registry.open(one) for one in agencies]

    async def fail() -> None:
        raise RuntimeError

    monkeypatch.setattr(stores[1], "flush_reads", fail)
    await stores[2]._backend.commit(Unit(audit=("01ZZZ", b"\xff\xfe\x80")), at=AT)
    await registry.aclose()
    assert [await is_open(store) for store in stores] == [False] * 3


async def test_a_store_that_is_being_closed_is_closed_to_the_end(
    registry: StoreRegistry, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who closes a store may be cancelled in the midst of it; the registry waits for its end."""
    (harbor,) = await provision(registry, keys, "harbor")
    store = await registry.open(harbor)
    flush = store.flush_reads

    async def slow() -> None:
        await asyncio.sleep(0.1)
        await flush()

    monkeypatch.setattr(store, "flush_reads", slow)
    closing = asyncio.create_task(registry.close(harbor.id))
    await asyncio.sleep(0.02)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    assert await is_open(store)

    await registry.aclose()
    assert not await is_open(store)


async def test_what_waits_is_counted_over_all_open_stores(
    registry: StoreRegistry, keys: Keys
) -> None:
    """The backlog is that of every open store together."""
    agencies = await provision(registry, keys, "a", "b")
    assert registry.backlog() == Backlog()
    for one in agencies:
        store = await registry.open(one)
        await store._backend.commit(Unit(audit=("01ZZZ", b"hello")), at=AT)
        store.ledger.wake()
    async with asyncio.timeout(3):
        while registry.backlog() != Backlog(set_aside=2):  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(0.01)


async def test_a_removed_agencys_files_go_with_its_store(
    registry: StoreRegistry, keys: Keys
) -> None:
    """Destroying a store removes the agency's files, and no other agency's."""
    harbor, summit = await provision(registry, keys, "harbor", "summit")
    for one in (harbor, summit):
        store = await registry.open(one)
        await store.blobs.put(new_ulid(), b"x")
    await registry.destroy(harbor)
    assert not registry.blobs_folder(harbor).exists()
    assert len(list(registry.blobs_folder(summit).iterdir())) == 1


async def test_a_broken_store_is_its_agency_s_alone(
    registry: StoreRegistry, keys: Keys, tmp_path: Path
) -> None:
    """Where one agency's file is damaged, others answer; mended, it opens without a restart."""
    harbor, summit = await provision(registry, keys, "harbor", "summit")
    await registry.close(harbor.id)
    file = tmp_path / "stores" / "harbor.db"
    content = file.read_bytes()
    file.write_bytes(b"x" * len(content))
    for _ in range(2):
        outcomes = await asyncio.gather(
            *(registry.open(one) for one in (harbor, summit, harbor)), return_exceptions=True
        )
        assert isinstance(outcomes[0], StoreUnavailable)
        assert isinstance(outcomes[1], AgencyStore)
        assert isinstance(outcomes[2], StoreUnavailable)
    file.write_bytes(content)
    assert await is_open(await registry.open(harbor))


async def test_an_opening_nobody_waits_for_fails_quietly(
    registry: StoreRegistry, keys: Keys
) -> None:
    """Where all who asked have gone, a failed opening is not reported as a lost error."""
    lost: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    keys.gate = asyncio.Event()
    waiting = asyncio.create_task(registry.open(agency("nobody")))
    await asyncio.sleep(0)
    waiting.cancel()
    keys.gate.set()
    await asyncio.sleep(0.01)
    assert lost == []


async def test_keys_of_another_agency_open_nothing(
    registry: StoreRegistry, keys: Keys, tmp_path: Path
) -> None:
    """Wrapped keys or a file moved to another agency do not open."""
    harbor, summit = await provision(registry, keys, "harbor", "summit")
    await registry.close(harbor.id)
    own = keys.wrapped[harbor.id]
    keys.wrapped[harbor.id] = keys.wrapped[summit.id]
    with pytest.raises(StoreUnavailable, match="another agency"):
        await registry.open(harbor)
    keys.wrapped[harbor.id] = own
    (tmp_path / "stores" / "harbor.db").write_bytes(
        (tmp_path / "stores" / "summit.db").read_bytes()
    )
    with pytest.raises(StoreUnavailable, match="the key is wrong"):
        await registry.open(harbor)


async def test_an_agency_without_keys_is_said(registry: StoreRegistry) -> None:
    """An agency whose keys the directory does not hold cannot be opened, and no file is made."""
    with pytest.raises(StoreUnavailable, match="does not hold all"):
        await registry.open(agency("nobody"))


async def test_a_missing_store_is_said_and_not_made(
    registry: StoreRegistry, keys: Keys, tmp_path: Path
) -> None:
    """Opening never makes a store: only provisioning does."""
    (harbor,) = await provision(registry, keys, "harbor")
    await registry.destroy(harbor)
    await registry.destroy(harbor)
    with pytest.raises(StoreUnavailable, match="no data file"):
        await registry.open(harbor)
    assert not (tmp_path / "stores" / "harbor.db").exists()


async def test_a_removed_store_is_closed_first(registry: StoreRegistry, keys: Keys) -> None:
    """Removing an agency's store closes it, leased or not, and takes its files away."""
    (harbor,) = await provision(registry, keys, "harbor")
    async with registry.lease(harbor) as store:
        await registry.destroy(harbor)
        assert not await is_open(store)


async def test_making_a_store_twice_keeps_it(registry: StoreRegistry, keys: Keys) -> None:
    """Provisioning may be repeated under the same keys; under others it is refused."""
    plain = random_agency_keys()
    harbor = agency("harbor")
    keys.wrapped[harbor.id] = await wrap_agency_keys(KEYRING, harbor.id, plain)
    await registry.create(harbor, plain)
    store = await registry.open(harbor)
    await store.commit(Change(put=(NOTE,)))
    await registry.create(harbor, plain)
    assert await is_open(store)
    with pytest.raises(StoreUnavailable, match="the key is wrong"):
        await registry.create(harbor, random_agency_keys())


async def test_a_moved_store_is_opened_where_it_is_now(
    registry: StoreRegistry, keys: Keys, tmp_path: Path
) -> None:
    """When the directory names another place, the store is opened there."""
    (harbor,) = await provision(registry, keys, "harbor")
    old = await registry.open(harbor)
    await registry.close(harbor.id)
    moved_to = tmp_path / "elsewhere.db"
    (tmp_path / "stores" / "harbor.db").rename(moved_to)
    moved = replace(harbor, store_url=f"sqlite:///{moved_to.as_posix().lstrip('/')}")
    store = await registry.open(moved)
    assert store is not old
    assert await is_open(store)


async def test_an_unknown_scheme_is_named(registry: StoreRegistry) -> None:
    """A URL that no backend knows is refused by its scheme, for opening, making and removing."""
    for url, scheme in (("postgresql://host/db", "postgresql"), ("nonsense", "nonsense")):
        odd = agency("odd", url)
        for call in (
            registry.open(odd),
            registry.create(odd, random_agency_keys()),
            registry.destroy(odd),
        ):
            with pytest.raises(StoreUnavailable, match=f"no backend .* '{scheme}'"):
                await call


async def test_backends_are_chosen_by_scheme(registry: StoreRegistry) -> None:
    """The table of backends holds an opener and a remover for each scheme."""
    assert set(BACKENDS) == {"sqlite"}
    assert all(isinstance(kind, BackendKind) for kind in BACKENDS.values())


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("stores/a.db", "/base/stores/a.db"),
        ("a%20b.db", "/base/a b.db"),
        ("///srv/a.db", "/srv/a.db"),
        ("///srv/a%23b.db", "/srv/a#b.db"),
    ],
)
def test_addresses_name_files(location: str, path: str) -> None:
    """A relative address is below the home, one with three slashes is absolute."""
    assert sqlite_path(Place(location, Path("/base"))) == Path(path)


@pytest.mark.parametrize("location", ["", "/etc/a.db", "//host/a.db", "../a.db", "a/../../b.db"])
def test_addresses_cannot_leave_the_home(location: str) -> None:
    """An address that is neither absolute nor below the home is refused."""
    with pytest.raises(StoreUnavailable, match="sqlite:"):
        sqlite_path(Place(location, Path("/base")))


async def test_a_closed_registry_opens_nothing(tmp_path: Path, keys: Keys, clock: Clock) -> None:
    """Closing waits for openings under way, closes everything, and refuses what comes later."""
    registry = registry_of(tmp_path, keys, clock)
    harbor, summit = await provision(registry, keys, "harbor", "summit")
    store = await registry.open(summit)
    await registry.close(harbor.id)
    keys.gate = asyncio.Event()
    opening = asyncio.create_task(registry.open(harbor))
    await asyncio.sleep(0)
    closing = asyncio.create_task(registry.aclose())
    await asyncio.sleep(0)
    keys.gate.set()
    await closing
    with pytest.raises(StoreUnavailable, match="shutting down"):
        await opening
    with pytest.raises(StoreUnavailable, match="shutting down"):
        await registry.open(summit)
    assert not await is_open(store)
    await registry.aclose()
