"""Accounts, what is owed on them, and who owns them."""

from datetime import date
from decimal import Decimal

from msgspec import Raw, Struct

from domain.banking import AccountFacts, LiabilityFacts, OwnerFacts
from integrations.plaid.wire.values import (
    ABSENT,
    ACCOUNTS_MAX,
    LATEST_PLANNED,
    OWNERS_MAX,
    Currency,
    Id,
    Name,
    Unusable,
    Word,
    amount,
    at_most,
    day,
    decode,
    line,
    once_each,
    percent,
)

_ZERO = Decimal(0)
_TYPES = frozenset({"investment", "credit", "depository", "loan", "brokerage", "other"})
_PURCHASES = "purchase_apr"


class Balances(Struct, frozen=True, kw_only=True):
    """An account's balances, the amounts as they stand in the bytes."""

    available: Raw = ABSENT
    current: Raw = ABSENT
    limit: Raw = ABSENT
    iso_currency_code: Currency | None = None


class Account(Struct, frozen=True, kw_only=True):
    """An account, as `accounts` of many answers has it."""

    account_id: Id
    balances: Balances
    mask: Word | None = None
    name: Name
    official_name: Name | None = None
    type: Word
    subtype: Word | None = None


class _Accounts(Struct, frozen=True, kw_only=True):
    accounts: list[Account]


class _Owner(Struct, frozen=True, kw_only=True):
    names: list[Name]


class _Owned(Struct, frozen=True, kw_only=True):
    account_id: Id
    owners: list[_Owner]


class _Identity(Struct, frozen=True, kw_only=True):
    accounts: list[_Owned]


class _Apr(Struct, frozen=True, kw_only=True):
    apr_percentage: Raw = ABSENT
    apr_type: Word


class _Credit(Struct, frozen=True, kw_only=True):
    account_id: Id | None
    aprs: list[_Apr] = []
    is_overdue: bool | None = None
    last_payment_amount: Raw = ABSENT
    last_statement_balance: Raw = ABSENT
    minimum_payment_amount: Raw = ABSENT
    next_payment_due_date: date | None = None


class _Rate(Struct, frozen=True, kw_only=True):
    percentage: Raw = ABSENT


class _Mortgage(Struct, frozen=True, kw_only=True):
    account_id: Id
    interest_rate: _Rate | None = None
    last_payment_amount: Raw = ABSENT
    next_monthly_payment: Raw = ABSENT
    past_due_amount: Raw = ABSENT
    next_payment_due_date: date | None = None


class _Student(Struct, frozen=True, kw_only=True):
    account_id: Id | None
    interest_rate_percentage: Raw = ABSENT
    is_overdue: bool | None = None
    last_payment_amount: Raw = ABSENT
    last_statement_balance: Raw = ABSENT
    minimum_payment_amount: Raw = ABSENT
    next_payment_due_date: date | None = None


class _Liabilities(Struct, frozen=True, kw_only=True):
    credit: list[_Credit] | None = None
    mortgage: list[_Mortgage] | None = None
    student: list[_Student] | None = None


class _Owed(Struct, frozen=True, kw_only=True):
    liabilities: _Liabilities


def read_accounts(body: bytes) -> tuple[AccountFacts, ...]:
    """Return the accounts of an answer. Raises Unusable and msgspec.DecodeError."""
    return accounts_of(decode(body, _Accounts).accounts)


def accounts_of(accounts: list[Account]) -> tuple[AccountFacts, ...]:
    """Return accounts as the domain has them. Raises Unusable."""
    at_most(len(accounts), ACCOUNTS_MAX, "accounts")
    once_each((account.account_id for account in accounts), "an account")
    return tuple(_account(account, f"accounts[{place}]") for place, account in enumerate(accounts))


def read_liabilities(body: bytes) -> tuple[LiabilityFacts, ...]:
    """Return what is owed; what names no account is left out, as it can be laid to none."""
    owed = decode(body, _Owed).liabilities
    credit, mortgages, students = owed.credit or [], owed.mortgage or [], owed.student or []
    at_most(len(credit) + len(mortgages) + len(students), ACCOUNTS_MAX, "liabilities")
    found = [
        *(_credit(one, n) for n, one in enumerate(credit)),
        *(_mortgage(one, n) for n, one in enumerate(mortgages)),
        *(_student(one, n) for n, one in enumerate(students)),
    ]
    there = tuple(one for one in found if one is not None)
    once_each((one.account_id for one in there), "a liability")
    return there


def read_owners(body: bytes) -> tuple[OwnerFacts, ...]:
    """Return the names of each account's owners."""
    owned = decode(body, _Identity).accounts
    at_most(len(owned), ACCOUNTS_MAX, "accounts")
    once_each((account.account_id for account in owned), "an account")
    for account in owned:
        at_most(len(account.owners), OWNERS_MAX, "owners")
        at_most(sum(len(owner.names) for owner in account.owners), OWNERS_MAX, "owners' names")
    return tuple(
        OwnerFacts(
            account_id=account.account_id,
            names=tuple(
                name for owner in account.owners for text in owner.names if (name := line(text))
            ),
        )
        for account in owned
    )


def _account(account: Account, where: str) -> AccountFacts:
    if account.type not in _TYPES:
        raise Unusable(f"{where}.type is none that is known")
    balances, there = account.balances, f"{where}.balances"
    return AccountFacts(
        source_id=account.account_id,
        name=line(account.name) or "",
        official_name=line(account.official_name),
        mask=line(account.mask),
        type=account.type,
        subtype=line(account.subtype),
        current=amount(balances.current, f"{there}.current"),
        available=amount(balances.available, f"{there}.available"),
        limit=amount(balances.limit, f"{there}.limit", least=_ZERO),
        currency=balances.iso_currency_code,
    )


def _credit(one: _Credit, number: int) -> LiabilityFacts | None:
    where = f"liabilities.credit[{number}]"
    at_most(len(one.aprs), ACCOUNTS_MAX, "rates")
    purchases = [apr for apr in one.aprs if apr.apr_type == _PURCHASES]
    if len(purchases) > 1:
        raise Unusable(f"{where}.aprs has more than one rate of purchases")
    if one.account_id is None:
        return None
    return LiabilityFacts(
        account_id=one.account_id,
        kind="credit",
        apr=percent(purchases[0].apr_percentage, f"{where}.aprs") if purchases else None,
        minimum_payment=amount(
            one.minimum_payment_amount, f"{where}.minimum_payment_amount", least=_ZERO
        ),
        statement_balance=amount(one.last_statement_balance, f"{where}.last_statement_balance"),
        last_payment=amount(one.last_payment_amount, f"{where}.last_payment_amount"),
        overdue=one.is_overdue,
        next_due_on=_due(one.next_payment_due_date, where),
    )


def _mortgage(one: _Mortgage, number: int) -> LiabilityFacts:
    where = f"liabilities.mortgage[{number}]"
    rate = one.interest_rate.percentage if one.interest_rate else ABSENT
    past_due = amount(one.past_due_amount, f"{where}.past_due_amount", least=_ZERO)
    return LiabilityFacts(
        account_id=one.account_id,
        kind="mortgage",
        apr=percent(rate, f"{where}.interest_rate.percentage"),
        minimum_payment=amount(
            one.next_monthly_payment, f"{where}.next_monthly_payment", least=_ZERO
        ),
        last_payment=amount(one.last_payment_amount, f"{where}.last_payment_amount"),
        past_due=past_due,
        next_due_on=_due(one.next_payment_due_date, where),
    )


def _student(one: _Student, number: int) -> LiabilityFacts | None:
    where = f"liabilities.student[{number}]"
    if one.account_id is None:
        return None
    return LiabilityFacts(
        account_id=one.account_id,
        kind="student",
        apr=percent(one.interest_rate_percentage, f"{where}.interest_rate_percentage"),
        minimum_payment=amount(
            one.minimum_payment_amount, f"{where}.minimum_payment_amount", least=_ZERO
        ),
        statement_balance=amount(one.last_statement_balance, f"{where}.last_statement_balance"),
        last_payment=amount(one.last_payment_amount, f"{where}.last_payment_amount"),
        overdue=one.is_overdue,
        next_due_on=_due(one.next_payment_due_date, where),
    )


def _due(value: date | None, where: str) -> date | None:
    if value is None:
        return None
    return day(value, f"{where}.next_payment_due_date", latest=LATEST_PLANNED)
