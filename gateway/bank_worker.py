"""Does the syncs of bank data that are wished for, beside the requests, in every process.

A wish is a record in the agency's store, so none is lost with a process. Whoever wrote one in this
process wakes the worker; once a minute it looks through the agencies that have bank data, for what
others have left: wishes, leases that have run out, and times at which a failure is tried again.
Which process does a sync is settled by its lease.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Protocol

import structlog

from domain.agencies import Agency, AgencyStatus
from domain.clock import utc_now
from domain.errors import GatewayError
from gateway.background import in_background
from gateway.errors import stack_of
from resolvers.bank_work import due_syncs, look_after, new_request_id, system_context
from resolvers.context import RequestContext, RequestMeta, Vendors
from tenants.store import AgencyStore

SEARCH_EACH_SECONDS = 60.0
SYNCS_AT_ONCE_MAX = 4

_log = structlog.stdlib.get_logger("almoner.bank_data")


class TakesWork(Protocol):
    """Hears that an agency has a sync to be done."""

    def wake(self, agency_id: str) -> None:
        """Look at that agency now."""
        ...


class NoWork:
    """Does nothing: where there is no worker, another process finds what is wished for."""

    def wake(self, agency_id: str) -> None:
        """Pass it over."""


class _Directory(Protocol):
    async def agencies(self) -> list[Agency]: ...


class _Stores(Protocol):
    def lease(self, agency: Agency) -> AbstractAsyncContextManager[AgencyStore]: ...


class _Vendors(Protocol):
    def of(self, agency: Agency) -> Vendors: ...


class BankWorker:
    """Finds what is due and does it, a few syncs at once. only: slug of the one agency served."""

    def __init__(
        self,
        directory: _Directory,
        stores: _Stores,
        vendors: _Vendors,
        *,
        only: str | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._directory = directory
        self._stores = stores
        self._vendors = vendors
        self._only = only
        self._clock = clock
        self._woken: set[str] = set()
        self._wake = asyncio.Event()
        self._room = asyncio.Semaphore(SYNCS_AT_ONCE_MAX)
        self._running: dict[str, asyncio.Task[None]] = {}

    def wake(self, agency_id: str) -> None:
        """Look at that agency now."""
        self._woken.add(agency_id)
        self._wake.set()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work inside. At the end syncs are cut off; their leases run out, and others go on."""
        async with in_background(self._work(), "bank data"):
            try:
                yield
            finally:
                await self.aclose()

    async def aclose(self) -> None:
        """Cut off the syncs that are under way."""
        running = tuple(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def look(self, agencies: Iterable[Agency]) -> None:
        """Begin what is due in these agencies, as far as they are served and have bank data."""
        for agency in agencies:
            served = self._only in (None, agency.slug) and agency.status is AgencyStatus.ACTIVE
            if not served or self._vendors.of(agency).banks is None:
                continue
            try:
                async with self._stores.lease(agency) as store:
                    due = await due_syncs(self._context(agency, store))
            except GatewayError as error:
                _log.warning("bank data wait", agency=agency.slug, code=error.code)
                continue
            for connection_id in due:
                self._begin(agency, connection_id)

    async def _work(self) -> None:
        only: set[str] | None = None
        while True:
            try:
                agencies = await self._directory.agencies()
                await self.look(one for one in agencies if only is None or one.id in only)
            except GatewayError as error:
                _log.warning("agencies with bank data cannot be read", code=error.code)
            only = await self._next()

    async def _next(self) -> set[str] | None:
        """Return the agencies to look at next; None for all, when it is time."""
        try:
            async with asyncio.timeout(SEARCH_EACH_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return None
        self._wake.clear()
        woken, self._woken = self._woken, set()
        return woken

    def _begin(self, agency: Agency, connection_id: str) -> None:
        if connection_id in self._running:
            return
        task = asyncio.create_task(self._do(agency, connection_id), name="bank sync")
        self._running[connection_id] = task
        task.add_done_callback(lambda _: self._running.pop(connection_id, None))

    async def _do(self, agency: Agency, connection_id: str) -> None:
        try:
            async with self._room, self._stores.lease(agency) as store:
                await look_after(self._context(agency, store), connection_id)
        except GatewayError as error:
            _log.warning("a bank sync waits", agency=agency.slug, code=error.code)
        except Exception as error:  # noqa: BLE001 -- the lease runs out, and it is tried again
            _log.error("internal error", agency=agency.slug, raised=stack_of(error))

    def _context(self, agency: Agency, store: AgencyStore) -> RequestContext:
        meta = RequestMeta(id=new_request_id(), at=self._clock())
        return system_context(agency, store, self._vendors.of(agency), meta)
