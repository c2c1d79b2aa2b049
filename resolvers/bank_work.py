"""What a worker does of bank data by itself: the syncs that are wished for, and what was left over.

It acts in nobody's name: its lines in the ledger are of an actor `system:bank-data`.
"""

from datetime import timedelta

from domain.access import CredentialMode, Principal, Scope
from domain.actors import PrincipalKind
from domain.agencies import Agency
from domain.bank_connections import BankConnection, BankSync
from domain.errors import BankLinkGone, BankLoginRequired, Upstream
from domain.ids import new_ulid
from resolvers.bank_store import sweep
from resolvers.bank_syncs import Syncing
from resolvers.context import RequestContext, RequestMeta, Vendors, open_context, store_of
from tenants.records.kinds import sort_time
from tenants.store import AgencyStore

SYSTEM = "system:bank-data"
DUE_AT_ONCE = 20
_INSTANT = timedelta(microseconds=1)
_SIGNED_ON = timedelta(hours=1)


def system_context(
    agency: Agency, store: AgencyStore, vendors: Vendors, at: RequestMeta
) -> RequestContext:
    """Return the context of what the platform does of itself in an agency."""
    principal = Principal(
        kind=PrincipalKind.INTEGRATION,
        subject=SYSTEM,
        display_name="Bank data",
        agency_id=agency.id,
        group=None,
        scopes=frozenset({Scope.BANKING_READ, Scope.BANKING_WRITE}),
        expires_at=at.at + _SIGNED_ON,
        mode=CredentialMode.API_KEY,
    )
    return open_context(principal, agency, store, None, vendors, at)


async def due_syncs(context: RequestContext) -> list[str]:
    """Return the links that have to be looked after now, the longest waiting first."""
    page = await store_of(context).query(
        BankSync,
        "bank_sync_due",
        "",
        first=DUE_AT_ONCE,
        hi=sort_time(context.request.at + _INSTANT),
    )
    return [one.connection_id for one in page.items]


async def look_after(context: RequestContext, connection_id: str) -> None:
    """Remove what does not count, and sync where that is wished for or was cut off.

    Raises StoreUnavailable. A vendor's troubles are written down with the link and end here: the
    next wish, or the time after which it is tried again, comes by itself.
    """
    store, banks = store_of(context), context.vendors.banks
    await sweep(store, connection_id)
    connection = await store.get(BankConnection, connection_id)
    if connection is None or connection.has_ended or banks is None:
        return
    try:
        await Syncing(context, banks, connection_id).run()
    except (BankLoginRequired, BankLinkGone, Upstream):
        return


def new_request_id() -> str:
    """Return what the ledger calls one round of the worker."""
    return f"bank-data-{new_ulid()}"
