"""Syncs: what the bank says now, taken over as a whole or not at all.

One sync at a time works on a link, over all processes: who works holds a lease in the link's
BankSync, and every unit that it writes demands that this is as it knows it. The order is: take the
lease; read all pages (nothing is kept of them yet); write down which months will be made; make
them; switch cursor, months, accounts and findings in one unit; remove what is replaced. Killed
between any two of them, the link reads as before or as after, and the worker that finds the lease
run out begins anew from the cursor that counts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from domain.bank_connections import (
    BankConnection,
    BankFindings,
    BankSync,
    Lease,
    findings_id,
)
from domain.bank_months import Merged, merge
from domain.banking import (
    AccountFacts,
    BankConnectionStatus,
    BankData,
    ItemFacts,
    LiabilityFacts,
    StreamFacts,
    TransactionChanges,
)
from domain.errors import (
    BankLinkGone,
    BankLoginRequired,
    GatewayError,
    NotFound,
    StoreUnavailable,
    TooLarge,
    Upstream,
    VersionConflict,
)
from domain.events import EventName
from domain.ids import new_ulid
from resolvers.bank_store import (
    READ_ANEW_MAX,
    event_of,
    findings_of,
    in_units,
    kept_months,
    moved_to,
    sweep,
    sync_of,
)
from resolvers.context import RequestContext, store_of
from resolvers.trail import audited
from tenants.store import Change

LEASE_SECONDS = 120
PROGRESS_SECONDS = 1.0
RETRY_SECONDS = (60, 300, 1_800, 7_200, 21_600)
"""How long a worker waits after the first failure in a row, the second, and so on."""
LOGIN_ERROR_CODES = frozenset({"ITEM_LOGIN_REQUIRED"})
_READ = ("BankConnection.accounts", "BankAccount.transactions")

T = TypeVar("T")


class SyncOvertaken(Exception):
    """The lease is somebody else's by now, or the link has ended: nothing more is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brought:
    """What the vendor says of a link now. item: None where it did not tell."""

    changes: TransactionChanges
    accounts: tuple[AccountFacts, ...]
    item: ItemFacts | None
    streams: tuple[StreamFacts, ...] | None
    liabilities: tuple[LiabilityFacts, ...] | None


class Syncing:
    """One sync of one link, under one lease. progress_seconds: how often subscribers are told."""

    def __init__(
        self,
        context: RequestContext,
        banks: BankData,
        connection_id: str,
        *,
        progress_seconds: float = PROGRESS_SECONDS,
    ) -> None:
        self._context = context
        self._store = store_of(context)
        self._banks = banks
        self._connection_id = connection_id
        self._holder = new_ulid()
        self._began = asyncio.get_running_loop().time()
        self._progress_seconds = progress_seconds
        self._count = 0

    async def run(self) -> BankConnection | None:
        """Sync, and return the link as it is then; None where another sync is under way.

        Raises BankLoginRequired, BankLinkGone, Upstream and TooLarge for what went wrong, after it
        was written down; BankLinkGone for a link that has ended here.
        """
        try:
            token = await self._begin()
            if token is None:
                return None
            try:
                written = await self._keep(await self._read(token))
            except (BankLoginRequired, BankLinkGone, Upstream, TooLarge) as trouble:
                await self._fail(trouble)
                raise
        except SyncOvertaken:
            return await self._store.get(BankConnection, self._connection_id)
        with suppress(StoreUnavailable):  # what is loose is removed the next time
            await sweep(self._store, self._connection_id)
        return written

    @property
    def _now(self) -> datetime:
        """Return the moment: the request's, and the whole seconds since, on a steady clock.

        A request is judged by one moment; a lease has to end while it runs.
        """
        passed = int(asyncio.get_running_loop().time() - self._began)
        return self._context.request.at + timedelta(seconds=passed)

    async def _begin(self) -> str | None:
        """Take the lease and return the token; None where another holds it: a wish is left."""
        connection, sync = await self._both()
        if connection.access_token is None or connection.has_ended:
            raise BankLinkGone
        is_taken = sync.lease is not None and sync.lease.until > self._now
        name = EventName.BANK_SYNC_WANTED if is_taken else EventName.BANK_SYNC_BEGUN
        if is_taken:
            changed = replace(sync, wanted_at=sync.wanted_at or self._now)
        else:
            changed = replace(sync, lease=self._lease(), wanted_at=None)
        progress = connection.sync_progress if is_taken else 0
        try:
            await self._store.commit(
                Change(
                    put=(replace(connection, sync_progress=progress), changed),
                    event=event_of(self._context, name, connection),
                    audit=audited(
                        self._context,
                        "syncBank",
                        connection.id,
                        consumers=(connection.consumer_id,),
                        fields=_READ,
                    ),
                )
            )
        except VersionConflict:
            return None  # of two at once, one gets through
        return None if is_taken else connection.access_token

    async def _read(self, token: str) -> _Brought:
        """Return all that the vendor says; meanwhile subscribers are told how far it is."""
        telling = asyncio.create_task(self._tell_progress())

        def progress(count: int) -> None:
            self._count = count

        try:
            _, sync = await self._held()
            async with asyncio.TaskGroup() as group:
                changes = group.create_task(self._banks.transactions(token, sync.cursor, progress))
                accounts = group.create_task(self._banks.accounts(token))
                item = group.create_task(_unless_down(self._banks.item(token)))
                streams = group.create_task(_unless_down(self._banks.streams(token)))
                liabilities = group.create_task(_unless_down(self._banks.liabilities(token)))
        except BaseExceptionGroup as group_of:
            raise _first_of(group_of) from group_of
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError, GatewayError, SyncOvertaken):
                await telling
        return _Brought(
            changes=changes.result(),
            accounts=accounts.result(),
            item=item.result(),
            streams=streams.result(),
            liabilities=liabilities.result(),
        )

    async def _tell_progress(self) -> None:
        """Write down every so often how far it is; that also keeps the lease."""
        told = 0
        while True:
            await asyncio.sleep(self._progress_seconds)
            with suppress(StoreUnavailable):
                connection, sync = await self._held()
                changed = replace(sync, lease=self._lease())
                if self._count == told:
                    await self._commit_held((changed,))
                    continue
                told = self._count
                shown = replace(connection, sync_progress=told)
                await self._commit_held(
                    (changed, shown), Change(event=event_of(self._context, _PROGRESSED, connection))
                )

    async def _keep(self, brought: _Brought) -> BankConnection:
        """Make the months and switch to them."""
        connection, sync = await self._held()
        kept = await kept_months(self._store, sync)
        merged = await asyncio.to_thread(
            merge, connection, sync, kept, brought.accounts, brought.changes, self._now
        )
        made = tuple(one.id for one in merged.written)

        async def announce() -> BankSync:
            _, current = await self._held()
            announced = replace(current, lease=self._lease(), loose=(*current.loose, *made))
            (written,) = await self._store.commit(Change(put=(announced,)))
            assert isinstance(written, BankSync)
            return written

        if made:
            sync = await _anew(announce)
        for months in in_units(merged.written):

            async def write(months: tuple[object, ...] = months) -> None:
                _, current = await self._held()
                await self._store.commit(Change(put=months, check=(current,)))  # type: ignore[arg-type]  # months are records

            await _anew(write)
        return await _anew(lambda: self._switch(brought, merged))

    async def _switch(self, brought: _Brought, merged: Merged) -> BankConnection:
        connection, sync = await self._held()
        made = {one.id for one in merged.written}
        findings = await findings_of(self._store, connection.id)
        healthy = _status_now(connection, brought.item, self._now)
        synced = replace(
            healthy,
            accounts=merged.accounts,
            last_synced_at=self._now,
            sync_progress=None,
            has_new_accounts=connection.has_new_accounts
            and {one.id for one in merged.accounts} <= {one.id for one in connection.accounts},
            ends_at=connection.ends_at if brought.item is None else brought.item.consent_expires_at,
        )
        switched = replace(
            sync,
            generation=sync.generation + 1,
            cursor=brought.changes.cursor,
            complete=brought.changes.complete,
            months=merged.months,
            loose=(*(one for one in sync.loose if one not in made), *merged.replaced),
            lease=None,
            failures=0,
        )
        written = await self._store.commit(
            Change(
                put=(synced, switched, self._findings(findings, connection, brought)),
                event=event_of(self._context, EventName.BANK_SYNCED, connection),
                audit=audited(
                    self._context,
                    "syncBank.kept",
                    connection.id,
                    consumers=(connection.consumer_id,),
                    fields=_READ,
                ),
            )
        )
        self._context.guard.reads.cover((connection.consumer_id,))
        assert isinstance(written[0], BankConnection)
        return written[0]

    def _findings(
        self, known: BankFindings | None, connection: BankConnection, brought: _Brought
    ) -> BankFindings:
        """Return the findings anew; what the vendor could not tell now stays as it was."""
        before = known or BankFindings(
            id=findings_id(connection.id),
            application_id=connection.application_id,
            connection_id=connection.id,
            found_at=self._now,
        )
        return replace(
            before,
            found_at=self._now,
            streams=before.streams if brought.streams is None else brought.streams,
            liabilities=(
                before.liabilities if brought.liabilities is None else brought.liabilities
            ),
        )

    async def _fail(self, trouble: GatewayError) -> None:
        """Give the lease back, and say what is to be done: sign in again, or wait."""

        async def write() -> None:
            connection, sync = await self._held()
            wanted = sync.wanted_at
            changed = replace(connection, sync_progress=None)
            if isinstance(trouble, (Upstream, TooLarge)):  # else it were read anew at every look
                seconds = RETRY_SECONDS[min(sync.failures, len(RETRY_SECONDS) - 1)]
                wanted = self._now + timedelta(seconds=seconds)
            else:
                wanted = None
                changed = moved_to(changed, BankConnectionStatus.LOGIN_REQUIRED, self._now)
            freed = replace(sync, lease=None, wanted_at=wanted, failures=sync.failures + 1)
            name = EventName.BANK_SYNC_FAILED
            if changed.status is not connection.status:
                name = EventName.BANK_STATUS_CHANGED
            await self._store.commit(
                Change(
                    put=(changed, freed),
                    event=event_of(self._context, name, connection),
                    audit=audited(
                        self._context,
                        "syncBank.failed",
                        connection.id,
                        consumers=(connection.consumer_id,),
                        purpose=trouble.code,
                    ),
                )
            )

        with suppress(StoreUnavailable, SyncOvertaken):  # the trouble is the answer
            await _anew(write)

    async def _both(self) -> tuple[BankConnection, BankSync]:
        connection = await self._store.get(BankConnection, self._connection_id)
        if connection is None:
            raise NotFound
        return connection, await sync_of(self._store, self._connection_id)

    async def _held(self) -> tuple[BankConnection, BankSync]:
        """Return the link and its state as they are now; raises SyncOvertaken without the lease."""
        connection, sync = await self._both()
        if connection.has_ended or not sync.held_by(self._holder):
            raise SyncOvertaken
        return connection, sync

    async def _commit_held(
        self, put: tuple[BankSync | BankConnection, ...], change: Change | None = None
    ) -> None:
        with suppress(VersionConflict):  # somebody left a wish: told the next time
            await self._store.commit(replace(change or Change(), put=put))

    def _lease(self) -> Lease:
        return Lease(holder=self._holder, until=self._now + timedelta(seconds=LEASE_SECONDS))


_PROGRESSED = EventName.BANK_SYNC_PROGRESSED


async def _anew(write: Callable[[], Awaitable[T]]) -> T:
    """Return what writing gives; repeated where somebody left a wish beside it meanwhile."""
    for _ in range(READ_ANEW_MAX - 1):
        with suppress(VersionConflict):
            return await write()
    return await write()


async def _unless_down(call: Awaitable[T]) -> T | None:
    """Return what the vendor says, None where it cannot now: a sync does not fail for this."""
    try:
        return await call
    except Upstream:
        return None


def _status_now(connection: BankConnection, item: ItemFacts | None, at: datetime) -> BankConnection:
    """Return the link in the status that the vendor names now, which no webhook has to tell.

    A sync that got through says that the sign-in holds. That the bank is about to end it stays
    true until it is renewed.
    """
    if item is not None and item.error_code in LOGIN_ERROR_CODES:
        return moved_to(connection, BankConnectionStatus.LOGIN_REQUIRED, at)
    if connection.status is BankConnectionStatus.LOGIN_REQUIRED:
        return moved_to(connection, BankConnectionStatus.HEALTHY, at)
    return connection


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what the consumer has to mend where there is such; else the first trouble."""
    found = [
        _first_of(one) if isinstance(one, BaseExceptionGroup) else one for one in group.exceptions
    ]
    for kind in (BankLinkGone, BankLoginRequired, GatewayError):
        for one in found:
            if isinstance(one, kind):
                return one
    return found[0]
