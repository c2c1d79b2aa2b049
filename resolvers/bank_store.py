"""What is kept of a bank link, read and written: its sync state, its months, its end.

Units that only make room or tidy up (months that nobody reads yet, months that do not count any
more) leave no event and no line: nothing that anybody could see has changed by them.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from domain.audit import AuditLine
from domain.bank_connections import (
    BankConnection,
    BankFindings,
    BankMonth,
    BankSync,
    findings_id,
    sync_id,
)
from domain.bank_months import weight
from domain.banking import BankConnectionStatus
from domain.errors import StoreUnavailable, VersionConflict
from domain.events import Event, EventName
from resolvers.context import RequestContext, store_of
from resolvers.trail import happened
from tenants.backend import Once
from tenants.store import AgencyStore, Change

READ_AT_ONCE_MAX = 90
MONTHS_PER_UNIT = 20
_UNIT_BYTES_MAX = 1_500_000
REMOVED_PER_UNIT = 90
READ_ANEW_MAX = 5


async def sync_of(store: AgencyStore, connection_id: str) -> BankSync:
    """Return where the syncs of a link stand; raises StoreUnavailable where that is lost."""
    found = await store.get(BankSync, sync_id(connection_id))
    if found is None:
        raise StoreUnavailable("What a bank link has synced cannot be found.")
    return found


async def months_named(store: AgencyStore, ids: Sequence[str]) -> dict[str, BankMonth]:
    """Return the records of months by id, as far as they are there."""
    found: dict[str, BankMonth] = {}
    for at in range(0, len(ids), READ_AT_ONCE_MAX):
        found |= await store.get_many(BankMonth, ids[at : at + READ_AT_ONCE_MAX])
    return found


async def kept_months(store: AgencyStore, sync: BankSync) -> tuple[BankMonth, ...]:
    """Return all months that count; raises StoreUnavailable where one of them is not there."""
    ids = [one.month_id for one in sync.months]
    found = await months_named(store, ids)
    if len(found) < len(ids):
        raise StoreUnavailable("Months of a bank link are missing.")
    return tuple(found[one] for one in ids)


async def findings_of(store: AgencyStore, connection_id: str) -> BankFindings | None:
    """Return what the vendor makes of a link's accounts; None before the first sync."""
    return await store.get(BankFindings, findings_id(connection_id))


def in_units(months: Iterable[BankMonth]) -> Iterator[tuple[BankMonth, ...]]:
    """Yield months in as many parts as they take units, none so large that it holds others up."""
    part: list[BankMonth] = []
    held = 0
    for month in months:
        size = weight(month.transactions)
        if part and (len(part) >= MONTHS_PER_UNIT or held + size > _UNIT_BYTES_MAX):
            yield tuple(part)
            part, held = [], 0
        part.append(month)
        held += size
    if part:
        yield tuple(part)


async def sweep(store: AgencyStore, connection_id: str) -> None:
    """Remove the months that do not count, unless somebody is writing some of them.

    Whoever does it at the same time is not disturbed: what is left over is removed the next time.
    """
    with suppress(VersionConflict):
        sync = await sync_of(store, connection_id)
        while sync.loose and sync.lease is None:
            some = sync.loose[:REMOVED_PER_UNIT]
            there = await months_named(store, some)
            tidied = replace(sync, loose=sync.loose[len(some) :])
            change = Change(put=(tidied,), delete=tuple(there.values()))
            (written,) = await store.commit(change)
            assert isinstance(written, BankSync)
            sync = written


async def end_link(
    context: RequestContext,
    connection: BankConnection,
    status: BankConnectionStatus,
    *,
    name: EventName,
    audit: AuditLine,
    begin: Once | None = None,
) -> BankConnection:
    """Forget a link's token, accounts, findings and transactions, in one unit and what follows it.

    From that unit on nothing of them is read any more; the months' records are removed right after
    it, or by the next worker that comes by. Raises VersionConflict where it was changed meanwhile.
    """
    store = store_of(context)
    sync = await sync_of(store, connection.id)
    findings = await findings_of(store, connection.id)
    ended = replace(
        connection,
        status=status,
        status_at=max(context.request.at, connection.status_at),
        access_token=None,
        accounts=(),
        sync_progress=None,
        has_new_accounts=False,
        ends_at=None,
    )
    freed = replace(
        sync,
        cursor=None,
        complete=False,
        months=(),
        loose=(*sync.loose, *(one.month_id for one in sync.months)),
        lease=None,
        wanted_at=None,
        failures=0,
    )
    written = await store.commit(
        Change(
            put=(ended, freed),
            delete=() if findings is None else (findings,),
            event=event_of(context, name, ended),
            audit=audit,
            begin=begin,
        )
    )
    context.guard.reads.cover(audit.consumers)
    with suppress(StoreUnavailable):  # it has ended; the worker removes what is left
        await sweep(store, connection.id)
    assert isinstance(written[0], BankConnection)
    return written[0]


def event_of(context: RequestContext, name: EventName, connection: BankConnection) -> Event:
    """Return the event of what has happened to a link that is about to be written."""
    application_id = connection.application_id
    version = connection.version + 1
    return happened(context, name, connection.id, version, applicationId=application_id)


def moved_to(
    connection: BankConnection, status: BankConnectionStatus, at: datetime
) -> BankConnection:
    """Return the link in a status as of a moment; news older than what is known change nothing."""
    if connection.has_ended or at < connection.status_at:
        return connection
    return replace(connection, status=status, status_at=at)
