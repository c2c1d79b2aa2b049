"""Which relays run in this process: one for each open store, and a search for stores left behind.

Every process that opens a store leaves a trace for as long as events may wait in it (`traces.py`).
A gateway relays: each store that it opens, and those whose traces nobody holds any more, which it
opens for it. So events of a process that was killed, and those that a command committed, are found
within a second, and no store is opened that has none.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from domain.errors import GatewayError
from tenants.outbox.relay import Observer, OutboxBacklog, Relay, Sink
from tenants.outbox.traces import TRACES_FOLDER, Trace, abandoned, begin_trace
from tenants.store import AgencyStore

SEARCH_EACH_SECONDS = 0.5
SEARCHED_AGAIN_SECONDS = 30.0  # for an agency whose store could not be opened

_log = logging.getLogger("almoner.outbox")

SinkOf = Callable[[str], Sink]
"""Returns where the events of an agency go, by its id."""
OpenStore = Callable[[str], Awaitable[bool]]
"""Opens an agency's store, by its id, for its relay; False where there is no such agency."""


@dataclass(slots=True)
class _Kept:
    """What goes with an open store. relay: None where this process relays nothing.

    emptied: how many events had been written when nothing waited; None where something did.
    """

    trace: Trace | None
    relay: Relay | None = None
    emptied: int | None = None


class Relays:
    """The traces and relays of one process's open stores."""

    def __init__(self, home: Path) -> None:
        self._folder = home / TRACES_FOLDER
        self._kept: dict[AgencyStore, _Kept] = {}
        self._sink_of: SinkOf | None = None
        self._observer: Observer | None = None

    async def opened(self, store: AgencyStore) -> None:
        """Take a store that was opened, before anything is committed to it."""
        trace: Trace | None = None
        try:
            trace = await asyncio.to_thread(begin_trace, self._folder, store.agency_id)
        except OSError as error:
            # A full disk must not keep anybody from reading. Nothing can be committed to it either.
            _log.warning(
                "no trace of the store of %s can be left: %s", store.agency_id, error.strerror
            )
        self._kept[store] = kept = _Kept(trace)
        self._start(store, kept)

    async def closing(self, store: AgencyStore) -> None:
        """Relay what waits in a store that is about to be closed, and stop relaying it."""
        kept = self._kept.get(store)
        if kept is None:
            return
        relay, kept.relay = kept.relay, None
        if relay is not None:
            await relay.aclose()
        written = store.outbox.written
        kept.emptied = None if await store.outbox.waiting(1) else written

    async def closed(self, store: AgencyStore) -> None:
        """Let go of a store that was closed; its trace is left where something waits in it."""
        kept = self._kept.pop(store, None)
        if kept is None or kept.trace is None:
            return
        is_empty = kept.emptied is not None and kept.emptied == store.outbox.written
        await asyncio.to_thread(kept.trace.remove if is_empty else kept.trace.leave)

    def start(self, sink_of: SinkOf, observer: Observer | None = None) -> None:
        """Relay from now on, every store that is open and every one that will be."""
        self._sink_of, self._observer = sink_of, observer
        for store, kept in self._kept.items():
            self._start(store, kept)

    async def stop(self) -> None:
        """Relay what waits in the open stores, as far as it is taken, and no more after that."""
        self._sink_of = None
        running = [kept.relay for kept in self._kept.values() if kept.relay is not None]
        for kept in self._kept.values():
            kept.relay = None
        await asyncio.gather(*(relay.aclose() for relay in running))

    async def search(self, open_store: OpenStore, only: str | None = None) -> None:
        """Have stores opened whose events nobody relays, until cancelled.

        only: the id of the one agency that this process serves.
        """
        passed_over: dict[str, float] = {}
        while True:
            now = asyncio.get_running_loop().time()
            passed_over = {one: until for one, until in passed_over.items() if until > now}
            try:
                left = await asyncio.to_thread(abandoned, self._folder, set(passed_over), only)
            except OSError as error:
                _log.error("traces of stores cannot be read: %s", error.strerror)
                left = []
            for trace in left:
                if not await self._take_over(trace, open_store):
                    passed_over[trace.agency_id] = now + SEARCHED_AGAIN_SECONDS
            await asyncio.sleep(SEARCH_EACH_SECONDS)

    def backlog(self) -> OutboxBacklog:
        """Return what waits in the outboxes of the stores that are open."""
        parts = [kept.relay.backlog for kept in self._kept.values() if kept.relay is not None]
        times: list[datetime] = [one.since for one in parts if one.since is not None]
        return OutboxBacklog(
            queued=sum(one.queued for one in parts),
            set_aside=sum(one.set_aside for one in parts),
            since=min(times, default=None),
        )

    def _start(self, store: AgencyStore, kept: _Kept) -> None:
        if self._sink_of is not None and kept.relay is None:
            sink = self._sink_of(store.agency_id)
            kept.relay = Relay(store.outbox, sink, store.agency_id, self._observer)
            kept.relay.start()

    async def _take_over(self, trace: Trace, open_store: OpenStore) -> bool:
        """Have the store of a trace opened, which leaves one of its own, and remove this one."""
        try:
            found = await open_store(trace.agency_id)
        except GatewayError as error:
            _log.error("events of %s wait: %s", trace.agency_id, error.message)
        except BaseException:
            trace.leave()
            raise
        else:
            if not found:
                _log.warning("a trace of %s is removed: no such agency", trace.agency_id)
            await asyncio.to_thread(trace.remove)
            return True
        trace.leave()
        return False
