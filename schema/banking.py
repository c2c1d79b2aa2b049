"""Bank data, as the API shows them."""

from datetime import date
from typing import Annotated

import strawberry
from strawberry import UNSET

from domain.bank_connections import BankAccount as BankAccountRecord
from domain.bank_connections import BankConnection as BankConnectionRecord
from domain.bank_connections import BankTransaction as BankTransactionRecord
from domain.banking import BankConnectionStatus
from resolvers import banking
from resolvers.pages import Listing
from schema.connections import Node, PageInfo, edges, page_info
from schema.declare import Info, field, object_type, reads
from schema.gates import of_its_application, of_its_root
from schema.inputs import plain
from schema.rules import BANK_IDENTITY, BANK_READERS, BANK_WRITERS
from schema.scalars import AWSDate, AWSDateTime, Money


@object_type(rule=BANK_WRITERS)
class BankLinkToken:
    """What opens the vendor's Link in the consumer's browser, once."""

    token: str
    expires_at: AWSDateTime


@object_type(rule=BANK_READERS, record=BankTransactionRecord, about=of_its_root, durable=True)
class Transaction(Node):
    """amount is positive for money out of the account."""

    date: AWSDate = reads("posted_on", AWSDate)
    name: str
    merchant: str | None
    amount: Money
    category: str | None
    pending: bool


@object_type(rule=BANK_READERS)
class TransactionEdge:
    """A transaction in a listing."""

    cursor: str
    node: Transaction


@object_type(rule=BANK_READERS)
class TransactionConnection:
    """A page of transactions."""

    edges: list[TransactionEdge] = edges(TransactionEdge)
    page_info: PageInfo = page_info()


async def _transactions(
    root: BankAccountRecord,
    info: Info,
    first: int | None = 50,
    after: str | None = UNSET,
    from_: Annotated[AWSDate | None, strawberry.argument(name="from")] = UNSET,
    to: AWSDate | None = UNSET,
) -> Listing[BankTransactionRecord]:
    earliest: date | None = plain(from_)
    latest: date | None = plain(to)
    return await banking.transactions_of(
        info.context, root, first=first, after=plain(after), from_=earliest, to=latest
    )


@object_type(rule=BANK_READERS, record=BankAccountRecord, about=of_its_root, durable=True)
class BankAccount(Node):
    """An account that the consumer shares; balances are as of the last sync."""

    name: str
    mask: str | None
    type: str
    subtype: str | None
    current: Money | None
    available: Money | None
    limit: Money | None
    transactions = field(
        _transactions,
        TransactionConnection | None,
        description="Newest first; both days are included.",
    )


@object_type(rule=BANK_READERS, record=BankConnectionRecord, about=of_its_application, durable=True)
class BankConnection(Node):
    """A link to a bank; once it has ended, nothing of its accounts is kept."""

    id: strawberry.ID = field(rule=BANK_IDENTITY)
    institution: str
    status: BankConnectionStatus = field(rule=BANK_IDENTITY, personal=False)
    accounts: list[BankAccount]
    last_synced_at: AWSDateTime | None
    sync_progress: int | None = field(
        personal=False,
        description="How many transactions a sync that is under way has read; null where none is.",
    )
    has_new_accounts: bool = field(
        personal=False,
        description="The bank has accounts that the consumer can share by opening Link again.",
    )
    ends_at: AWSDateTime | None = field(
        personal=False, description="When the bank, or the consumer's consent there, ends it."
    )
