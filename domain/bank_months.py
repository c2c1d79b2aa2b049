"""Merging what a sync brought into the months that are kept. Pure: nothing is read or written here.

A month that did not change keeps its record; one that did gets a new one beside it, under the next
generation, so that what counts stays whole until the switch.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.bank_connections import (
    BankAccount,
    BankConnection,
    BankMonth,
    BankSync,
    BankTransaction,
    MonthRef,
    account_id,
    account_of,
    month_of,
    new_month_id,
    newest_first,
    transaction_of,
)
from domain.banking import AccountFacts, TransactionChanges
from domain.errors import TooLarge

MONTHS_MAX = 1_500
"""Records of months that one link may have: ten accounts for two years have 240 to 250."""
PART_TRANSACTIONS_MAX = 400
PART_BYTES_MAX = 150_000
"""By `weight`, before it is sealed; a body holds 350 KB."""
_BYTES_BESIDE_TEXT = 320

_Place = tuple[str, str]
"""Account and month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What the months come to. written: new records; months: all that count then, newest first.

    replaced: ids of records that do not count any more.
    """

    accounts: tuple[BankAccount, ...]
    written: tuple[BankMonth, ...]
    months: tuple[MonthRef, ...]
    replaced: tuple[str, ...]


def merge(
    connection: BankConnection,
    sync: BankSync,
    kept: Sequence[BankMonth],
    accounts: Sequence[AccountFacts],
    changes: TransactionChanges,
    at: datetime,
) -> Merged:
    """Return what counts after the sync. kept: the records of `sync.months`.

    accounts: all that the link shares now; what was kept of others goes. Where the sync began from
    the start, what it did not bring is gone at the bank, and goes. Raises TooLarge for more months
    than one link may have.
    """
    shared = _accounts(connection, accounts, changes)
    now = _transactions(connection.id, kept, changes)
    ids = {one.id for one in shared}
    before: dict[_Place, list[BankTransaction]] = defaultdict(list)
    for month in sorted(kept, key=lambda one: one.part):
        before[month.account_id, month.month].extend(month.transactions)
    after: dict[_Place, list[BankTransaction]] = defaultdict(list)
    for owner, transaction in now.values():
        if owner in ids:
            after[owner, month_of(transaction.posted_on)].append(transaction)

    refs: list[MonthRef] = []
    written: list[BankMonth] = []
    for place, transactions in after.items():
        ordered = newest_first(transactions)
        if ordered == tuple(before.get(place, ())):
            refs += (one for one in sync.months if (one.account_id, one.month) == place)
            continue
        for part, some in enumerate(_parts(ordered)):
            month = _month(connection, sync, place, part, some, at)
            written.append(month)
            refs.append(_ref(month))
    if len(refs) > MONTHS_MAX:
        raise TooLarge(f"A bank link may have at most {MONTHS_MAX} months of transactions.")
    counting = {one.month_id for one in refs}
    return Merged(
        accounts=shared,
        written=tuple(written),
        months=tuple(sorted(refs, key=lambda one: (one.month, one.account_id, -one.part)))[::-1],
        replaced=tuple(one.month_id for one in sync.months if one.month_id not in counting),
    )


def weight(transactions: Iterable[BankTransaction]) -> int:
    """Return about how many bytes transactions are in a body; rather more than they are."""
    return sum(
        _BYTES_BESIDE_TEXT + 2 * len(f"{one.name}{one.merchant}{one.source_id}".encode())
        for one in transactions
    )


def _accounts(
    connection: BankConnection, accounts: Sequence[AccountFacts], changes: TransactionChanges
) -> tuple[BankAccount, ...]:
    """Return the accounts that are shared; where the vendor named none, those there were."""
    facts = {one.source_id: one for one in (accounts or changes.accounts)}
    if not facts:
        return connection.accounts
    return tuple(account_of(connection.id, one) for one in facts.values())


def _transactions(
    connection_id: str, kept: Iterable[BankMonth], changes: TransactionChanges
) -> dict[str, tuple[str, BankTransaction]]:
    """Return by the vendor's id whose account's each transaction is, and it itself.

    What was removed goes last: a transaction may be added and removed within one sync.
    """
    found: dict[str, tuple[str, BankTransaction]] = {}
    if not changes.from_start:
        for month in kept:
            for one in month.transactions:
                found[one.source_id] = (month.account_id, one)
    owners: dict[str, str] = {}
    for facts in (*changes.added, *changes.modified):
        owner = owners.get(facts.account_id)
        if owner is None:
            owner = owners[facts.account_id] = account_id(connection_id, facts.account_id)
        found[facts.source_id] = (owner, transaction_of(connection_id, facts))
    for source_id in changes.removed:
        found.pop(source_id, None)
    return found


def _parts(transactions: tuple[BankTransaction, ...]) -> Iterator[tuple[BankTransaction, ...]]:
    """Yield transactions in parts that a body holds each."""
    part: list[BankTransaction] = []
    held = 0
    for one in transactions:
        size = weight((one,))
        if part and (len(part) >= PART_TRANSACTIONS_MAX or held + size > PART_BYTES_MAX):
            yield tuple(part)
            part, held = [], 0
        part.append(one)
        held += size
    if part:
        yield tuple(part)


def _month(
    connection: BankConnection,
    sync: BankSync,
    place: _Place,
    part: int,
    transactions: tuple[BankTransaction, ...],
    at: datetime,
) -> BankMonth:
    return BankMonth(
        id=new_month_id(connection.id, at),
        application_id=connection.application_id,
        connection_id=connection.id,
        account_id=place[0],
        month=place[1],
        part=part,
        generation=sync.generation + 1,
        transactions=transactions,
    )


def _ref(month: BankMonth) -> MonthRef:
    return MonthRef(
        account_id=month.account_id, month=month.month, part=month.part, month_id=month.id
    )
