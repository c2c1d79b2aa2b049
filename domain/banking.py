"""Bank data: what a consumer linked, what the bank says of it, and the port to who fetches it.

Amounts are in major units. A transaction's amount is positive for money out of the account, as
Plaid has it; a balance is what lies in a depository account and what is owed on a credit or loan.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class BankConnectionStatus(StrEnum):
    """Where a link to a bank stands.

    LOGIN_REQUIRED and PENDING_DISCONNECT: the consumer has to sign in at the bank again, now or
    before long. REVOKED: the consumer took it back at the bank; its data are deleted. REMOVED:
    it was ended here.
    """

    HEALTHY = "HEALTHY"
    LOGIN_REQUIRED = "LOGIN_REQUIRED"
    PENDING_DISCONNECT = "PENDING_DISCONNECT"
    REVOKED = "REVOKED"
    REMOVED = "REMOVED"


class StreamFrequency(StrEnum):
    """How often a recurring payment comes, as the bank data's vendor judges it."""

    UNKNOWN = "UNKNOWN"
    WEEKLY = "WEEKLY"
    BIWEEKLY = "BIWEEKLY"
    SEMI_MONTHLY = "SEMI_MONTHLY"
    MONTHLY = "MONTHLY"
    ANNUALLY = "ANNUALLY"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkToken:
    """What opens the vendor's Link in the consumer's browser, once, until it expires."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedItem:
    """What a public token was exchanged for. access_token: never leaves the store unsealed."""

    access_token: str = field(repr=False)
    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """How a link stands at the vendor. error_code: the vendor's, None where nothing is wrong."""

    item_id: str
    institution_id: str | None
    institution_name: str | None
    error_code: str | None = None
    consent_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """An account as the bank shows it; source_id is the vendor's name of it within the link.

    type: investment, credit, depository, loan, brokerage, other. currency: ISO 4217, None where
    the vendor has none for it.
    """

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
class TransactionFacts:
    """A transaction as the bank shows it. category, detail: Plaid's primary and detailed."""

    source_id: str
    account_id: str
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
class TransactionChanges:
    """What a whole sync brought: nothing of it counts unless all of it is kept with the cursor.

    removed: source ids. cursor: where the next sync begins; None while the vendor has nothing yet.
    complete: whether the bank's whole history is there. from_start: it began without a cursor and
    has the whole history, so that what was kept before and is not among `added` is gone. Without
    it nothing is gone but what is `removed`, even where the sync began without a cursor.
    """

    accounts: tuple[AccountFacts, ...]
    added: tuple[TransactionFacts, ...] = ()
    modified: tuple[TransactionFacts, ...] = ()
    removed: tuple[str, ...] = ()
    cursor: str | None
    complete: bool
    from_start: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFacts:
    """A recurring payment. average, last: positive for money out. inflow: money in."""

    source_id: str
    account_id: str
    inflow: bool
    description: str
    merchant: str | None = None
    category: str | None = None
    detail: str | None = None
    first_on: date
    last_on: date
    frequency: StreamFrequency
    average: Decimal
    last: Decimal
    active: bool
    mature: bool
    transaction_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiabilityFacts:
    """What is owed on an account. kind: credit, mortgage or student. apr: percent, of purchases."""

    account_id: str
    kind: str
    apr: Decimal | None = None
    minimum_payment: Decimal | None = None
    statement_balance: Decimal | None = None
    last_payment: Decimal | None = None
    past_due: Decimal | None = None
    overdue: bool | None = None
    next_due_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerFacts:
    """Who the bank says owns an account; only names are sure to be there."""

    account_id: str
    names: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFacts:
    """What a verified webhook says, in the vendor's codes; item_id is None for those of Link."""

    type: str
    code: str
    item_id: str | None = None
    error_code: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRequest:
    """For whom Link is opened. client_user_id: an opaque id of ours, nothing personal.

    access_token: of the link to repair (update mode), None for a new one.
    """

    client_user_id: str
    client_name: str
    access_token: str | None = field(default=None, repr=False)


Progress = Callable[[int], None]
"""Hears how many transactions have been read so far."""


class BankData(Protocol):
    """Port: who fetches bank data, bound to one agency's account with them.

    Every method raises UpstreamTimeout, UpstreamUnavailable or UpstreamInvalid for the vendor's
    troubles, BankLoginRequired where the consumer has to sign in again, and BankLinkGone where the
    vendor does not know the link any more. Where the vendor tells of changes is the adapter's own.
    """

    name: str

    async def create_link_token(self, request: LinkRequest) -> LinkToken:
        """Return what opens Link: for a new link, or to repair the one of `access_token`."""
        ...

    async def exchange(self, public_token: str) -> LinkedItem:
        """Return the lasting token for a public one. Raises InvalidInput for one that is no good.

        Not idempotent: where the answer was lost, a link may be left at the vendor.
        """
        ...

    async def item(self, access_token: str) -> ItemFacts:
        """Return how the link stands."""
        ...

    async def accounts(self, access_token: str) -> tuple[AccountFacts, ...]:
        """Return the accounts with balances as last known."""
        ...

    async def balances(self, access_token: str) -> tuple[AccountFacts, ...]:
        """Return the accounts with balances asked of the bank now; may take half a minute."""
        ...

    async def transactions(
        self, access_token: str, cursor: str | None, progress: Progress | None = None
    ) -> TransactionChanges:
        """Return all that changed since `cursor` (None: everything), every page of it.

        Begins again from `cursor` where the data changed between pages, and without any where
        that does not help: `from_start` tells.
        """
        ...

    async def streams(self, access_token: str) -> tuple[StreamFacts, ...]:
        """Return recurring payments in and out; none where the vendor is not ready yet."""
        ...

    async def liabilities(self, access_token: str) -> tuple[LiabilityFacts, ...]:
        """Return what is owed; none where the link has no such accounts."""
        ...

    async def owners(self, access_token: str) -> tuple[OwnerFacts, ...]:
        """Return whom the bank names as owners of the accounts."""
        ...

    async def remove(self, access_token: str) -> None:
        """End the link; one that is gone already is no error."""
        ...

    async def verified(self, signature: str | None, body: bytes, at: datetime) -> WebhookFacts:
        """Return what a webhook says; raises Unauthenticated where the vendor did not sign it."""
        ...
