"""Pages of a sync, and recurring payments."""

from dataclasses import dataclass
from datetime import date as Day  # noqa: N812 - Plaid calls a field of it `date`

from msgspec import Raw, Struct

from domain.banking import AccountFacts, StreamFacts, StreamFrequency, TransactionFacts
from integrations.plaid.wire.accounts import Account, accounts_of
from integrations.plaid.wire.values import (
    ABSENT,
    STREAMS_MAX,
    TRANSACTIONS_PAGE_MAX,
    Currency,
    Cursor,
    Id,
    Name,
    Unusable,
    Word,
    amount_there,
    at_most,
    day,
    decode,
    line,
    once_each,
)

STREAM_TRANSACTIONS_MAX = 5_000
_COMPLETE = "HISTORICAL_UPDATE_COMPLETE"
_STATUSES = frozenset(
    {"TRANSACTIONS_UPDATE_STATUS_UNKNOWN", "NOT_READY", "INITIAL_UPDATE_COMPLETE", _COMPLETE}
)
_MATURE, _ENDED = "MATURE", "TOMBSTONED"


class _Category(Struct, frozen=True, kw_only=True):
    primary: Word
    detailed: Word


class _Transaction(Struct, frozen=True, kw_only=True):
    transaction_id: Id
    account_id: Id
    amount: Raw
    iso_currency_code: Currency | None = None
    date: Day
    authorized_date: Day | None = None
    name: Name | None = None
    merchant_name: Name | None = None
    original_description: Name | None = None
    pending: bool
    pending_transaction_id: Id | None = None
    personal_finance_category: _Category | None = None


class _Removed(Struct, frozen=True, kw_only=True):
    transaction_id: Id


class _Page(Struct, frozen=True, kw_only=True):
    transactions_update_status: Word
    accounts: list[Account]
    added: list[_Transaction]
    modified: list[_Transaction]
    removed: list[_Removed]
    next_cursor: Cursor
    has_more: bool


class _Amount(Struct, frozen=True, kw_only=True):
    amount: Raw = ABSENT


class _Stream(Struct, frozen=True, kw_only=True):
    stream_id: Id
    account_id: Id
    description: Name
    merchant_name: Name | None = None
    first_date: Day
    last_date: Day
    frequency: Word
    transaction_ids: list[Id]
    average_amount: _Amount
    last_amount: _Amount
    is_active: bool
    status: Word
    personal_finance_category: _Category | None = None


class _Streams(Struct, frozen=True, kw_only=True):
    inflow_streams: list[_Stream]
    outflow_streams: list[_Stream]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPage:
    """One page of a sync. next_cursor: "" while Plaid has nothing yet."""

    accounts: tuple[AccountFacts, ...]
    added: tuple[TransactionFacts, ...]
    modified: tuple[TransactionFacts, ...]
    removed: tuple[str, ...]
    next_cursor: str
    has_more: bool
    complete: bool


def read_sync_page(body: bytes, *, latest: Day) -> SyncPage:
    """Return a page. latest: the last day that a transaction may be dated.

    Raises Unusable and msgspec.DecodeError.
    """
    page = decode(body, _Page)
    if page.transactions_update_status not in _STATUSES:
        raise Unusable("transactions_update_status is none that is known")
    if page.has_more and not page.next_cursor:
        raise Unusable("has_more without a next_cursor")
    parts = {"added": page.added, "modified": page.modified}
    for name, part in parts.items():
        once_each((one.transaction_id for one in part), f"a transaction of {name}")
    once_each((one.transaction_id for one in page.removed), "a transaction of removed")
    read = {
        name: tuple(_transaction(one, f"{name}[{n}]", latest) for n, one in enumerate(part))
        for name, part in parts.items()
    }
    for name, count in (*((k, len(v)) for k, v in parts.items()), ("removed", len(page.removed))):
        at_most(count, TRANSACTIONS_PAGE_MAX, f"transactions of {name} on a page")
    return SyncPage(
        accounts=accounts_of(page.accounts),
        added=read["added"],
        modified=read["modified"],
        removed=tuple(one.transaction_id for one in page.removed),
        next_cursor=page.next_cursor,
        has_more=page.has_more,
        complete=page.transactions_update_status == _COMPLETE,
    )


def read_streams(body: bytes, *, latest: Day) -> tuple[StreamFacts, ...]:
    """Return recurring payments, those in first."""
    answer = decode(body, _Streams)
    both = {"inflow_streams": answer.inflow_streams, "outflow_streams": answer.outflow_streams}
    at_most(sum(len(part) for part in both.values()), STREAMS_MAX, "recurring payments")
    once_each((one.stream_id for part in both.values() for one in part), "a recurring payment")
    return tuple(
        _stream(one, f"{name}[{n}]", latest, inflow=name == "inflow_streams")
        for name, part in both.items()
        for n, one in enumerate(part)
    )


def _transaction(one: _Transaction, where: str, latest: Day) -> TransactionFacts:
    category = one.personal_finance_category
    authorized = one.authorized_date
    if authorized is not None:
        authorized = day(authorized, f"{where}.authorized_date", latest=latest)
    return TransactionFacts(
        source_id=one.transaction_id,
        account_id=one.account_id,
        posted_on=day(one.date, f"{where}.date", latest=latest),
        authorized_on=authorized,
        name=line(one.name) or line(one.merchant_name) or line(one.original_description) or "",
        merchant=line(one.merchant_name),
        amount=amount_there(one.amount, f"{where}.amount"),
        currency=one.iso_currency_code,
        category=line(category.primary) if category else None,
        detail=line(category.detailed) if category else None,
        pending=one.pending,
        pending_id=one.pending_transaction_id,
    )


def _stream(one: _Stream, where: str, latest: Day, *, inflow: bool) -> StreamFacts:
    at_most(len(one.transaction_ids), STREAM_TRANSACTIONS_MAX, "transactions of a stream")
    if one.last_date < one.first_date:
        raise Unusable(f"{where} ends before it begins")
    category = one.personal_finance_category
    known = one.frequency in StreamFrequency.__members__
    return StreamFacts(
        source_id=one.stream_id,
        account_id=one.account_id,
        inflow=inflow,
        description=line(one.description) or "",
        merchant=line(one.merchant_name),
        category=line(category.primary) if category else None,
        detail=line(category.detailed) if category else None,
        first_on=day(one.first_date, f"{where}.first_date", latest=latest),
        last_on=day(one.last_date, f"{where}.last_date", latest=latest),
        frequency=StreamFrequency(one.frequency) if known else StreamFrequency.UNKNOWN,
        average=amount_there(one.average_amount.amount, f"{where}.average_amount.amount"),
        last=amount_there(one.last_amount.amount, f"{where}.last_amount.amount"),
        active=one.is_active and one.status != _ENDED,
        mature=one.status == _MATURE,
        transaction_ids=tuple(one.transaction_ids),
    )
