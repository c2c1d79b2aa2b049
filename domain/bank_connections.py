"""Bank data as an agency keeps it: links, accounts, months of transactions, and their syncs.

Transactions lie in months: those of an account and a calendar month are one record, or several
where there are many. Which of them count is said in one place, the BankSync of the link. A sync
writes new months beside those that count and then switches to them, in one unit, together with its
cursor: whoever reads sees the whole of one sync or of the next.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache

from domain.banking import (
    AccountFacts,
    BankConnectionStatus,
    LiabilityFacts,
    StreamFacts,
    TransactionFacts,
)
from domain.ids import new_child_id, new_ulid, parse_global_id, root_of
from domain.money import to_cents

CONNECTION, ACCOUNT, TRANSACTION = "bank", "acct", "txn"
ENDED_STATUSES = frozenset({BankConnectionStatus.REVOKED, BankConnectionStatus.REMOVED})
TEXT_CHARACTERS_MAX = 500
_RANDOM_BITS = 80
_FIRST_DAY = date(1970, 1, 1)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """An account of a link. source_id: the vendor's name of it. Amounts are in cents, exactly."""

    id: str
    connection_id: str
    source_id: str
    name: str
    official_name: str | None = None
    mask: str | None = None
    type: str
    subtype: str | None = None
    current: Decimal | None = None
    available: Decimal | None = None
    limit: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTransaction:
    """A transaction; amount is positive for money out. source_id, pending_id: the vendor's."""

    id: str
    source_id: str
    posted_on: date
    authorized_on: date | None = None
    name: str
    merchant: str | None = None
    amount: Decimal
    currency: str | None = None
    category: str | None = None
    detail: str | None = None
    pending: bool = False
    pending_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankConnection:
    """A link to a bank, of one application's consumer.

    status_at: the moment as of which `status` holds; news that are older do not change it.
    access_token: None once the link has ended. sync_progress: how many transactions a sync that is
    under way has read; None where none is. has_new_accounts: the bank has accounts that the
    consumer has not shared yet. ends_at: when the bank or the consumer's consent ends it.
    """

    id: str
    version: int = 0
    application_id: str
    consumer_id: str
    consent_id: str
    vendor: str
    item_id: str
    institution_id: str | None = None
    institution: str
    status: BankConnectionStatus = BankConnectionStatus.HEALTHY
    status_at: datetime
    connected_at: datetime
    last_synced_at: datetime | None = None
    sync_progress: int | None = None
    has_new_accounts: bool = False
    ends_at: datetime | None = None
    access_token: str | None = field(default=None, repr=False)
    accounts: tuple[BankAccount, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Say whether nothing is to be had by this link any more."""
        return self.status in ENDED_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRef:
    """A record of a month that counts. month: `2026-01`; part: several hold a month of many."""

    account_id: str
    month: str
    part: int
    month_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who syncs a link now, until when; whoever holds none writes nothing."""

    holder: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BankSync:
    """Where the syncs of one link stand.

    generation: how many syncs have been switched to. cursor: where the next begins, the vendor's.
    months: all that counts. loose: month records that do not count and are to be removed, written
    down before they are made or as soon as they are replaced. wanted_at: a sync is wished for, from
    then on. failures: how many in a row came to nothing. complete: the bank's whole history is
    there.
    """

    id: str
    version: int = 0
    application_id: str
    connection_id: str
    generation: int = 0
    cursor: str | None = field(default=None, repr=False)
    complete: bool = False
    months: tuple[MonthRef, ...] = ()
    loose: tuple[str, ...] = ()
    lease: Lease | None = None
    wanted_at: datetime | None = None
    failures: int = 0

    @property
    def due_at(self) -> datetime | None:
        """Return from when a worker has to look after it; None where nothing is to be done.

        A lease that has run out was held by a process that is gone: what it began is begun anew.
        What is loose without a lease is removed at once.
        """
        if self.lease is not None:
            return self.lease.until
        return _LONG_AGO if self.loose else self.wanted_at

    def held_by(self, holder: str) -> bool:
        """Say whether that holder's lease still stands."""
        return self.lease is not None and self.lease.holder == holder


@dataclass(frozen=True, slots=True, kw_only=True)
class BankMonth:
    """Transactions of an account in a calendar month, or part of them, newest first."""

    id: str
    version: int = 0
    application_id: str
    connection_id: str
    account_id: str
    month: str
    part: int
    generation: int
    transactions: tuple[BankTransaction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BankFindings:
    """What the vendor makes of a link's accounts: recurring payments, and what is owed."""

    id: str
    version: int = 0
    application_id: str
    connection_id: str
    found_at: datetime
    streams: tuple[StreamFacts, ...] = ()
    liabilities: tuple[LiabilityFacts, ...] = ()


def sync_id(connection_id: str) -> str:
    """Return the id of a link's BankSync: there is one place for it."""
    return _beside(connection_id, "bsync")


def findings_id(connection_id: str) -> str:
    """Return the id of a link's BankFindings."""
    return _beside(connection_id, "bfind")


def new_month_id(connection_id: str, at: datetime) -> str:
    """Return a fresh id for a month's record."""
    return new_child_id("bmonth", connection_id, at)


def transaction_id(connection_id: str, facts: TransactionFacts) -> str:
    """Return a transaction's global id: the same whenever it is read, and ordered by its day.

    Where the bank moves it to another day it is another one to clients.
    """
    day = datetime.combine(max(facts.posted_on, _FIRST_DAY), time(), UTC)
    named = f"{connection_id} {facts.account_id} {facts.source_id}".encode()
    randomness = int.from_bytes(hashlib.sha256(named).digest()[: _RANDOM_BITS // 8])
    return f"{TRANSACTION}_{_root(connection_id)}_{new_ulid(day, randomness=randomness)}"


def account_id(connection_id: str, source_id: str) -> str:
    """Return an account's global id: the same whenever it is read."""
    named = f"{connection_id} {source_id}".encode()
    randomness = int.from_bytes(hashlib.sha256(named).digest()[: _RANDOM_BITS // 8])
    parsed = parse_global_id(connection_id)
    assert parsed is not None, "links are named by us"
    own = parsed.id[:10] + new_ulid(datetime(1970, 1, 1, tzinfo=UTC), randomness=randomness)[10:]
    return f"{ACCOUNT}_{parsed.root}_{own}"


def month_of(day: date) -> str:
    """Return the calendar month of a day, so that text orders as time."""
    return f"{day.year:04d}-{day.month:02d}"


def account_of(connection_id: str, facts: AccountFacts) -> BankAccount:
    """Return an account as it is kept."""
    return BankAccount(
        id=account_id(connection_id, facts.source_id),
        connection_id=connection_id,
        source_id=facts.source_id,
        name=facts.name[:TEXT_CHARACTERS_MAX],
        official_name=_clipped(facts.official_name),
        mask=facts.mask,
        type=facts.type,
        subtype=facts.subtype,
        current=_cents(facts.current),
        available=_cents(facts.available),
        limit=_cents(facts.limit),
        currency=facts.currency,
    )


def transaction_of(connection_id: str, facts: TransactionFacts) -> BankTransaction:
    """Return a transaction as it is kept."""
    return BankTransaction(
        id=transaction_id(connection_id, facts),
        source_id=facts.source_id,
        posted_on=facts.posted_on,
        authorized_on=facts.authorized_on,
        name=facts.name[:TEXT_CHARACTERS_MAX],
        merchant=_clipped(facts.merchant),
        amount=to_cents(facts.amount),
        currency=facts.currency,
        category=facts.category,
        detail=facts.detail,
        pending=facts.pending,
        pending_id=facts.pending_id,
    )


def newest_first(transactions: Iterable[BankTransaction]) -> tuple[BankTransaction, ...]:
    """Return transactions by day, the latest first; their ids order as their days do."""
    return tuple(sorted(transactions, key=lambda one: one.id, reverse=True))


@lru_cache(64)  # a sync asks for thousands of one link
def _root(connection_id: str) -> str:
    return root_of(connection_id)


def _cents(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else to_cents(amount)


def _clipped(text: str | None) -> str | None:
    return None if text is None else text[:TEXT_CHARACTERS_MAX]


def _beside(connection_id: str, prefix: str) -> str:
    return f"{prefix}_{connection_id.partition('_')[2]}"
