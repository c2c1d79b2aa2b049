"""Expenses by category, from what was paid: Plaid's categories, averaged over whole months.

Pure. Payments on loans and cards are debts and not expenses; purchases on a card are expenses, as
those from a checking account are. A refund lowers the category of its purchase.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.applications import ExpenseCategory
from domain.bank_connections import BankTransaction, month_of
from domain.deposits import own_transfers
from domain.money import ZERO, to_cents

MONTHS_AVERAGED_MAX = 6
_C = ExpenseCategory

# Plaid's personal finance categories v1: primaries, and the detailed ones that go elsewhere than
# their primary. None: no expense.
_BY_PRIMARY: dict[str, ExpenseCategory | None] = {
    "BANK_FEES": _C.OTHER,
    "ENTERTAINMENT": _C.PERSONAL,
    "FOOD_AND_DRINK": _C.FOOD,
    "GENERAL_MERCHANDISE": _C.HOUSEHOLD,
    "GENERAL_SERVICES": _C.OTHER,
    "GOVERNMENT_AND_NON_PROFIT": _C.OTHER,
    "HOME_IMPROVEMENT": _C.HOUSEHOLD,
    "INCOME": None,
    "LOAN_PAYMENTS": None,
    "MEDICAL": _C.MEDICAL,
    "PERSONAL_CARE": _C.PERSONAL,
    "RENT_AND_UTILITIES": _C.UTILITIES,
    "TRANSFER_IN": None,
    "TRANSFER_OUT": None,
    "TRANSPORTATION": _C.TRANSPORTATION,
    "TRAVEL": _C.PERSONAL,
}
_BY_DETAIL: dict[str, ExpenseCategory] = {
    "GENERAL_MERCHANDISE_CLOTHING_AND_ACCESSORIES": _C.PERSONAL,
    "GENERAL_MERCHANDISE_SPORTING_GOODS": _C.PERSONAL,
    "GENERAL_SERVICES_AUTOMOTIVE": _C.TRANSPORTATION,
    "GENERAL_SERVICES_CHILDCARE": _C.CHILDCARE,
    "GENERAL_SERVICES_EDUCATION": _C.EDUCATION,
    "GENERAL_SERVICES_INSURANCE": _C.INSURANCE,
    "GENERAL_SERVICES_POSTAGE_AND_SHIPPING": _C.HOUSEHOLD,
    "GENERAL_SERVICES_STORAGE": _C.HOUSEHOLD,
    "MEDICAL_VETERINARY_SERVICES": _C.HOUSEHOLD,
    "PERSONAL_CARE_LAUNDRY_AND_DRY_CLEANING": _C.HOUSEHOLD,
    "RENT_AND_UTILITIES_RENT": _C.HOUSING,
    "TRANSFER_OUT_INVESTMENT_AND_RETIREMENT_FUNDS": _C.SAVINGS,
    "TRANSFER_OUT_SAVINGS": _C.SAVINGS,
    "TRANSFER_OUT_WITHDRAWAL": _C.OTHER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentOn:
    """What a month took on average. months: how many were averaged; payments: how many in them.

    unknown: categories of the vendor's that this table does not have, which are in OTHER;
    `(none)` for what the vendor gave no category.
    """

    category: ExpenseCategory
    monthly: Decimal
    months: int
    payments: int
    unknown: tuple[str, ...] = ()


UNCATEGORIZED = "(none)"


def category_of(one: BankTransaction) -> tuple[ExpenseCategory | None, bool]:
    """Return what an amount was spent on, None for no expense, and whether the table knows it."""
    if one.detail in _BY_DETAIL:
        return _BY_DETAIL[one.detail], True
    if one.category in _BY_PRIMARY:
        return _BY_PRIMARY[one.category], True
    return ExpenseCategory.OTHER, False


def spending_from(
    transactions: Sequence[tuple[str, BankTransaction]], spent_from: frozenset[str], on: date
) -> tuple[SpentOn, ...]:
    """Return what is spent a month by category, in the categories' order.

    transactions: each with its account's id. spent_from: accounts that are spent from, depository
    and credit. Months are whole ones: that of `on` and the one that the first transaction is in are
    left out, as only part of them may be known. Nothing where there is no whole month.
    """
    own = own_transfers(transactions)
    settled = [
        one
        for account, one in transactions
        if account in spent_from and not one.pending and one.id not in own
    ]
    months = _whole_months((one.posted_on for one in settled), on)
    if not months:
        return ()
    sums: dict[ExpenseCategory, Decimal] = defaultdict(lambda: ZERO)
    counts: dict[ExpenseCategory, int] = defaultdict(int)
    unknown: dict[str, None] = {}
    for one in settled:
        category, known = category_of(one)
        # Money that came in without a category is no refund that anybody could place.
        if month_of(one.posted_on) not in months or category is None:
            continue
        if not known and one.amount < 0:
            continue
        if not known:
            unknown[one.category or UNCATEGORIZED] = None
        sums[category] += one.amount
        counts[category] += 1
    return tuple(
        SpentOn(
            category=category,
            monthly=to_cents(sums[category] / len(months)),
            months=len(months),
            payments=counts[category],
            unknown=tuple(sorted(unknown)) if category is ExpenseCategory.OTHER else (),
        )
        for category in ExpenseCategory
        if sums[category] > 0
    )


def _whole_months(days: Iterable[date], on: date) -> frozenset[str]:
    """Return the latest whole months from the one after the first day to the one before `on`."""
    first = min(days, default=None)
    if first is None:
        return frozenset()
    months: list[str] = []
    year, month = on.year, on.month
    while len(months) < MONTHS_AVERAGED_MAX:
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
        named = f"{year:04d}-{month:02d}"
        if named < month_of(first) or (named == month_of(first) and first.day > 1):
            break
        months.append(named)
    return frozenset(months)
