"""The registry opens agencies' stores when they are first asked for, and closes idle ones.

A store that is leased is never closed. All open stores share one budget of page cache. One agency's
broken store is that agency's trouble alone. Keys are renewed while a store is open: within a second
of a change in the directory, and every quarter of an hour.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.agencies import Agency
from domain.errors import GatewayError, StoreUnavailable
from tenants.backend import StoreBackend
from tenants.backends import HasCache, place_of
from tenants.directory.port import Directory, WrappedKey
from tenants.keys.keyring import AgencyKeys, KeyRefused, Keyring, unwrap_agency_keys
from tenants.keys.unwrapping import keys_unwrapped
from tenants.ledger.sequencer import Backlog, Sequencer
from tenants.outbox.relays import Relays
from tenants.records.blob_places import BlobPlaces, FilePlaces
from tenants.store import AgencyStore

BLOBS_FOLDER = "blobs"
OPEN_STORES_MAX = 200
IDLE_SECONDS = 300
CACHE_BUDGET_MB = 128
KEYS_CACHED_SECONDS = 15 * 60
KEYS_KEPT_SECONDS_MAX = 60 * 60  # while the keyring or the directory does not answer
KEYS_ASKED_AGAIN_SECONDS = 5
KEYS_WATCHED_EACH_SECONDS = 0.5
_SWEEPS_PER_IDLE_TIME = 4

_log = logging.getLogger("almoner.registry")


@dataclass(slots=True, eq=False)
class _Open:
    """An open store, who uses it, and the wrapped keys that it was opened with."""

    store: AgencyStore
    sequencer: Sequencer
    backend: StoreBackend
    url: str
    used_at: float
    wrapped: Sequence[WrappedKey]
    epoch: int
    keys_at: float
    ask_again_at: float = 0.0
    leases: int = 0


class Lease:
    """The use of a store. Every request has one: a generator would cost it ten times as much."""

    __slots__ = ("_agency", "_clock", "_entry", "_find")

    def __init__(
        self,
        agency: Agency,
        find: Callable[[Agency], Coroutine[None, None, _Open]],
        clock: Callable[[], float],
    ) -> None:
        self._agency = agency
        self._find = find
        self._clock = clock

    async def __aenter__(self) -> AgencyStore:
        self._entry = await self._find(self._agency)
        self._entry.leases += 1
        return self._entry.store

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entry.leases -= 1
        self._entry.used_at = self._clock()


class StoreRegistry:
    """Opens, shares and closes the stores of all agencies."""

    def __init__(
        self,
        directory: Directory,
        keyring: Keyring,
        *,
        home: Path,
        open_max: int = OPEN_STORES_MAX,
        idle_seconds: float = IDLE_SECONDS,
        cache_budget_mb: int = CACHE_BUDGET_MB,
        clock: Callable[[], float] = time.monotonic,
        blobs: BlobPlaces | None = None,
    ) -> None:
        self.blobs = FilePlaces(home / BLOBS_FOLDER) if blobs is None else blobs
        self._directory = directory
        self._keyring = keyring
        self._home = home
        self._open_max = open_max
        self._idle_seconds = idle_seconds
        self._cache_budget_kb = cache_budget_mb * 1024
        self._clock = clock
        self._open: OrderedDict[str, _Open] = OrderedDict()  # least recently used first
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._shares = 0
        self._closed = False
        self.relays = Relays(home)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def open(self, agency: Agency) -> AgencyStore:
        """Return the agency's store, opening it if need be.

        It may be closed again once it is idle: hold a lease for as long as it is used.
        """
        return (await self._entry(agency)).store

    def lease(self, agency: Agency) -> "Lease":
        """Return the agency's store for a block, which keeps it open until it ends."""
        return Lease(agency, self._entry, self._clock)

    async def create(self, agency: Agency, keys: AgencyKeys) -> None:
        """Make the agency's store; one that is there already must be its own, under these keys."""
        kind, place = place_of(agency, self._home)
        backend = await kind.open(place, keys, agency.id, create=True)
        await backend.aclose()

    async def destroy(self, agency: Agency) -> None:
        """Close the agency's store and remove it with all that it holds; none there is no error."""
        await self.close(agency.id)
        kind, place = place_of(agency, self._home)
        await kind.destroy(place)
        await self.blobs.destroy(agency.id)

    def blobs_folder(self, agency: Agency) -> Path:
        """Return the folder of files that lie in the home; there is none before the first."""
        return self._home / BLOBS_FOLDER / agency.id

    async def close(self, agency_id: str) -> None:
        """Close an agency's store even where it is in use: for one that was moved or removed."""
        opening = self._opening.get(agency_id)
        if opening is not None:
            await asyncio.wait([opening])
        entry = self._open.pop(agency_id, None)
        if entry is not None:
            await self._close(entry)

    async def close_idle(self) -> None:
        """Close the stores that nobody has used for a while."""
        oldest = self._clock() - self._idle_seconds
        idle = [
            agency_id
            for agency_id, entry in self._open.items()
            if not entry.leases and entry.used_at <= oldest
        ]
        entries = [self._open.pop(agency_id) for agency_id in idle]
        for entry in entries:
            await self._close(entry)

    async def renew_keys(self) -> None:
        """Read and unwrap anew the keys of stores whose agency changed, or that were had long ago.

        A store whose keys cannot be had any more is closed: its agency was removed, or the keyring
        refuses. While the keyring or the directory does not answer, it keeps those that it has, for
        an hour.
        """
        now = self._clock()
        stale = [
            agency_id
            for agency_id, entry in self._open.items()
            if entry.ask_again_at <= now
            and (
                entry.keys_at <= now - KEYS_CACHED_SECONDS or self._epoch(agency_id) != entry.epoch
            )
        ]
        await asyncio.gather(*(self._renew(one, self._open[one]) for one in stale))

    async def aclose(self) -> None:
        """Close everything, each store whatever happens to another.

        Further calls raise StoreUnavailable.
        """
        self._closed = True
        if self._opening:
            await asyncio.wait(list(self._opening.values()))
        for task in self._tasks:
            task.cancel()
            await asyncio.wait([task])
        while self._open:
            await self._close(self._open.popitem()[1])
        if self._closing:
            await asyncio.wait(set(self._closing))

    def backlog(self) -> Backlog:
        """Return what waits for the ledgers of the stores that are open."""
        parts = [entry.sequencer.backlog for entry in self._open.values()]
        return Backlog(
            queued=sum(one.queued for one in parts), set_aside=sum(one.set_aside for one in parts)
        )

    async def _entry(self, agency: Agency) -> _Open:
        """Return the open store; between its return and the next await nothing can close it."""
        while True:
            if self._closed:
                raise StoreUnavailable("The gateway is shutting down. Repeat in a moment.")
            entry = self._open.get(agency.id)
            if entry is not None and entry.url == agency.store_url:
                self._open.move_to_end(agency.id)
                entry.used_at = self._clock()
                return entry
            opening = self._opening.get(agency.id)
            if opening is None:
                opening = asyncio.create_task(self._open_store(agency))
                opening.add_done_callback(_retrieve)
                self._opening[agency.id] = opening
            # One request that goes away does not take the store from those who wait too.
            await asyncio.wait([opening])
            opening.result()

    async def _open_store(self, agency: Agency) -> None:
        try:
            moved = self._open.pop(agency.id, None)
            if moved is not None:
                await self._close(moved)
            kind, place = place_of(agency, self._home)
            epoch = self._directory.epoch(agency.id)  # before the keys: a change is never missed
            wrapped = await self._directory.wrapped_keys(agency.id)
            keys = await unwrap_agency_keys(self._keyring, agency.id, wrapped)
            await self._make_room()
            backend = await kind.open(place, keys, agency.id, create=False)
            store = AgencyStore(backend, keys, agency.id, blobs=self.blobs.of(agency.id))
            store.record_reads(keys_unwrapped(keys))
            await self.relays.opened(store)
            sequencer = Sequencer(store.ledger, self._directory, agency.id)
            sequencer.start()
            self._open[agency.id] = _Open(
                store=store,
                sequencer=sequencer,
                backend=backend,
                url=agency.store_url,
                used_at=self._clock(),
                wrapped=wrapped,
                epoch=epoch,
                keys_at=self._clock(),
            )
            self._share_cache(newest=backend)
            if not self._tasks:
                self._tasks = [asyncio.create_task(work()) for work in (self._sweep, self._watch)]
        finally:
            del self._opening[agency.id]

    async def _renew(self, agency_id: str, entry: _Open) -> None:
        epoch = self._epoch(agency_id)
        try:
            renewed = await self._renewed(agency_id, entry)
        except Exception as error:  # noqa: BLE001 -- one agency's trouble ends nobody else's renewal
            gone = isinstance(error, KeyRefused)
            if not gone and self._clock() < entry.keys_at + KEYS_KEPT_SECONDS_MAX:
                entry.ask_again_at = self._clock() + KEYS_ASKED_AGAIN_SECONDS
                _warn("the keys of %s cannot be renewed now", agency_id, error)
            elif self._open.get(agency_id) is entry:
                _warn("the store of %s is closed, its keys are not to be had", agency_id, error)
                await self.close(agency_id)
            return
        entry.epoch = epoch
        if renewed is not None:
            with suppress(GatewayError):  # reads are refused then, and nothing else follows
                entry.store.record_reads(keys_unwrapped(renewed))

    async def _renewed(self, agency_id: str, entry: _Open) -> AgencyKeys | None:
        """Return the keys that the store now has, None where they are those it had.

        Raises KeyRefused where they are not to be had any more.
        """
        wrapped = await self._directory.wrapped_keys(agency_id)
        aged = entry.keys_at <= self._clock() - KEYS_CACHED_SECONDS
        if not aged and list(wrapped) == list(entry.wrapped):
            return None
        keys = await unwrap_agency_keys(self._keyring, agency_id, wrapped)
        entry.store.use_keys(keys)
        entry.wrapped, entry.keys_at = wrapped, self._clock()
        return keys

    def _epoch(self, agency_id: str) -> int:
        """Return the agency's epoch; one that never was where the directory cannot be read."""
        try:
            return self._directory.epoch(agency_id)
        except StoreUnavailable:
            return -1

    async def _make_room(self) -> None:
        """Close the least recently used stores above the limit; those in use stay, whatever it."""
        idle = [agency_id for agency_id, entry in self._open.items() if not entry.leases]
        above = len(self._open) + len(self._opening) - self._open_max
        for agency_id in idle[: max(0, above)]:
            await self._close(self._open.pop(agency_id))

    async def _close(self, entry: _Open) -> None:
        """Close a store, to the end even where whoever asked for it is cancelled."""
        closing = asyncio.create_task(self._close_now(entry))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await asyncio.shield(closing)

    async def _close_now(self, entry: _Open) -> None:
        # Closing is all that is left to do with it: no step's failure keeps it from the next one.
        store, relays = entry.store, self.relays
        for step in (
            store.flush_reads,
            partial(relays.closing, store),
            entry.sequencer.aclose,
            store.aclose,
            partial(relays.closed, store),
        ):
            await _guarded(step, store.agency_id)
        self._share_cache()

    def _share_cache(self, newest: StoreBackend | None = None) -> None:
        """Give every open store its share of the cache: the budget by the next power of two.

        So the shares of all others change only when the number of open stores has doubled.
        """
        shares = 1 << max(0, len(self._open) - 1).bit_length()
        changed = shares != self._shares
        self._shares = shares
        for entry in self._open.values():
            backend = entry.backend
            if (changed or backend is newest) and isinstance(backend, HasCache):
                with suppress(StoreUnavailable):  # closed meanwhile
                    backend.set_cache_kb(self._cache_budget_kb // shares)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(KEYS_WATCHED_EACH_SECONDS)
            await _guarded(self.renew_keys)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._idle_seconds / _SWEEPS_PER_IDLE_TIME)
            await _guarded(self.close_idle)


def _retrieve(task: "asyncio.Task[None]") -> None:
    """Look at the outcome, so that one that nobody waits for any more is not reported as lost."""
    if not task.cancelled():
        task.exception()


async def _guarded(work: Callable[[], Awaitable[None]], whose: str = "all agencies") -> None:
    """Do something that others must not suffer from; a failure is logged."""
    try:
        await work()
    except Exception as error:  # noqa: BLE001 -- whatever it was, the others go on
        _warn("work on the stores of %s failed", whose, error)


def _warn(what: str, whose: str, error: Exception) -> None:
    """Log a failure: an expected one by its words, any other by its kind and place."""
    if isinstance(error, StoreUnavailable):
        _log.warning(what + ": %s", whose, error.message)
    else:
        _log.error(what + ": %s", whose, type(error).__name__, exc_info=error)
