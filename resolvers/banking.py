"""Bank data: links read, synced and ended, and their transactions page by page."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from itertools import groupby

from domain.access import Scope
from domain.bank_connections import (
    ACCOUNT,
    TRANSACTION,
    BankAccount,
    BankConnection,
    BankTransaction,
    MonthRef,
    month_of,
    newest_first,
)
from domain.banking import BankConnectionStatus
from domain.consumers import Consumer
from domain.errors import StoreUnavailable, VersionConflict
from domain.events import EventName
from domain.ids import GlobalId, parse_global_id, ulid_time
from domain.validation import Faults
from resolvers.bank_links import banks_of, connection_named
from resolvers.bank_store import READ_ANEW_MAX, end_link, months_named, sync_of
from resolvers.bank_syncs import Syncing
from resolvers.context import RequestContext, store_of
from resolvers.inputs import Maybe, given
from resolvers.once import Attempt, once
from resolvers.pages import Cut, Listing, read_forward
from resolvers.trail import audited


async def bank_connection(context: RequestContext, id: str) -> BankConnection | None:
    """Return the link, or None where there is none within reach."""
    return await context.guard.child(BankConnection, id)


async def connections_of(
    context: RequestContext, consumers: Sequence[Consumer]
) -> list[list[BankConnection]]:
    """Return each consumer's links, as far as their applications are within reach, oldest first."""
    return list(await asyncio.gather(*(_connections_of(context, one) for one in consumers)))


async def sync_bank(context: RequestContext, id: str) -> BankConnection:
    """Take over what the bank says now; where a sync is under way, another follows it.

    Raises BankLoginRequired, BankLinkGone and Upstream.
    """
    connection = await connection_named(context, id)
    banks = banks_of(context)
    synced = await Syncing(context, banks, connection.id).run()
    if synced is not None:
        return synced
    return await connection_named(context, id)


async def disconnect_bank(context: RequestContext, id: str) -> BankConnection:
    """End the link at the vendor, then forget here what was read by it; it stays as REMOVED.

    The vendor goes first: the token is the only way to end it there. Raises Upstream, and then
    nothing has changed here.
    """

    async def perform(attempt: Attempt) -> BankConnection:
        connection = await connection_named(context, id)
        if connection.status is BankConnectionStatus.REMOVED:
            return connection
        if connection.access_token is not None:
            await banks_of(context).remove(connection.access_token)
        for _ in range(READ_ANEW_MAX - 1):
            # A sync that is under way writes beside it. The vendor has ended the link already, so
            # that what was read by it must not stay here for that.
            with suppress(VersionConflict):
                return await _end(context, connection, attempt)
            connection = await connection_named(context, id)
        return await _end(context, connection, attempt)

    async def replay(reference: str) -> BankConnection:
        return await connection_named(context, reference)

    return await once(context, "disconnectBank", {"id": id}, perform=perform, replay=replay)


async def _end(
    context: RequestContext, connection: BankConnection, attempt: Attempt
) -> BankConnection:
    if connection.status is BankConnectionStatus.REMOVED:
        return connection
    return await end_link(
        context,
        connection,
        BankConnectionStatus.REMOVED,
        name=EventName.BANK_DISCONNECTED,
        audit=audited(
            context,
            "disconnectBank",
            connection.id,
            consumers=(connection.consumer_id,),
            fields=("BankConnection.accounts", "BankAccount.transactions"),
        ),
        begin=attempt.done(connection.id),
    )


async def bank_account(context: RequestContext, global_id: str) -> BankAccount | None:
    """Return the account of that id, or None where there is none within reach."""
    parsed = parse_global_id(global_id)
    if parsed is None or parsed.prefix != ACCOUNT:
        return None
    connections = await _under_root(context, parsed.root)
    accounts = (one for connection in connections for one in connection.accounts)
    return next((one for one in accounts if one.id == global_id), None)


async def transaction(context: RequestContext, global_id: str) -> BankTransaction | None:
    """Return the transaction of that id, or None where there is none within reach."""
    parsed = parse_global_id(global_id)
    if parsed is None or parsed.prefix != TRANSACTION:
        return None
    month = month_of(ulid_time(parsed.id).date())
    for connection in await _under_root(context, parsed.root):
        found = await _first_of(
            context,
            connection.id,
            lambda ref: ref.month == month,
            lambda one: one.id == global_id,
            1,
        )
        if found:
            return found[0]
    return None


async def transactions_of(
    context: RequestContext,
    account: BankAccount,
    *,
    first: Maybe[int],
    after: Maybe[str],
    from_: Maybe[date],
    to: Maybe[date],
) -> Listing[BankTransaction]:
    """Return a page of an account's transactions, newest first; both days are included.

    Months are read from the newest on, and no more of them than the page takes.
    """
    window = read_forward(first, after)
    earliest, latest = given(from_), given(to)
    if earliest is not None and latest is not None and earliest > latest:
        faults = Faults()
        faults.add("to", "INVALID", "Give a day that is not before `from`.")
        faults.raise_any()
    store, listing = store_of(context), f"transactions {account.id}"
    below = None if window.after is None else store.open_cursor(listing, window.after)
    newest = None if below is None else month_of(ulid_time(below).date())

    def may_hold(ref: MonthRef) -> bool:
        return (
            ref.account_id == account.id
            and (newest is None or ref.month <= newest)
            and (latest is None or ref.month <= month_of(latest))
            and (earliest is None or ref.month >= month_of(earliest))
        )

    def is_asked_for(one: BankTransaction) -> bool:
        return (
            (below is None or _own(one) < below)
            and (earliest is None or one.posted_on >= earliest)
            and (latest is None or one.posted_on <= latest)
        )

    more = await _first_of(context, account.connection_id, may_hold, is_asked_for, window.size + 1)
    shown = more[: window.size]
    return Cut(
        items=shown,
        positions=tuple(_own(one) for one in shown),
        has_next=len(more) > window.size,
        has_previous=below is not None,
        seal=lambda position: store.seal_cursor(listing, position),
    )


async def _connections_of(context: RequestContext, consumer: Consumer) -> list[BankConnection]:
    own = consumer.id.rpartition("_")[2]
    listed = await store_of(context).listed(BankConnection, "bank_connection_by_consumer", own)
    within = []
    for connection in listed:
        application = await context.loaders.applications.load(connection.application_id)
        if application is not None and await context.guard.reaches(application, Scope.BANKING_READ):
            within.append(connection)
    return within


async def _under_root(context: RequestContext, root: str) -> list[BankConnection]:
    """Return the links under an application's root, where it is within reach."""
    application_id = str(GlobalId("app", root, root))
    if await context.guard.application(application_id, Scope.BANKING_READ) is None:
        return []
    return await store_of(context).children(BankConnection, application_id)


async def _first_of(
    context: RequestContext,
    connection_id: str,
    may_hold: Callable[[MonthRef], bool],
    keep: Callable[[BankTransaction], bool],
    count: int,
) -> tuple[BankTransaction, ...]:
    """Return the newest transactions that are kept, `count` of them at most.

    Months that a sync replaced while they were read are looked up anew: what is returned is all of
    one generation.
    """
    store = store_of(context)
    for _ in range(READ_ANEW_MAX):
        sync = await sync_of(store, connection_id)
        found: list[BankTransaction] = []
        refs = (ref for ref in sync.months if may_hold(ref))
        for _month, some in groupby(refs, key=lambda ref: ref.month):
            ids = [ref.month_id for ref in some]
            there = await months_named(store, ids)
            if len(there) < len(ids):
                break
            held = (one for month in there.values() for one in month.transactions)
            found += newest_first(one for one in held if keep(one))
            if len(found) >= count:
                return tuple(found[:count])
        else:
            return tuple(found)
    raise StoreUnavailable("The bank's data are being renewed. Repeat in a moment.")


def _own(one: BankTransaction) -> str:
    return one.id.rpartition("_")[2]
