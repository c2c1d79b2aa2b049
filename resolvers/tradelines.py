"""From tradelines to debts: which lines of a credit report are owed now, and which debt each is.

Pure: nothing is read or written here. Importing the same report twice changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from domain.applications import PLAN_KINDS, Debt, DebtKind, Source
from domain.credit import CreditFile, PortfolioType, Tradeline
from domain.ids import new_child_id
from domain.money import ZERO
from domain.reconciling import account_of_line, exclusion_of, last4, match, spelled
from domain.validation import CREDITOR_CHARACTERS_MAX

# TransUnion's account types that say what an account is, whatever its portfolio.
_KIND_OF_TYPE = {
    "AL": DebtKind.AUTO,
    "AU": DebtKind.AUTO,
    "CC": DebtKind.CREDIT_CARD,
    "CH": DebtKind.RETAIL_CARD,
    "CV": DebtKind.MORTGAGE,
    "FR": DebtKind.MORTGAGE,
    "HE": DebtKind.MORTGAGE,
    "ST": DebtKind.STUDENT_LOAN,
    "VM": DebtKind.MORTGAGE,
}
# First letters of the kind of business, where the account's type says nothing.
_KIND_OF_BUSINESS = {"M": DebtKind.MEDICAL, "U": DebtKind.UTILITY}
_RETAIL_BUSINESSES = frozenset("CDHJS")
_KIND_OF_PORTFOLIO = {
    PortfolioType.INSTALLMENT: DebtKind.PERSONAL_LOAN,
    PortfolioType.LINE_OF_CREDIT: DebtKind.PERSONAL_LOAN,
    PortfolioType.MORTGAGE: DebtKind.MORTGAGE,
    PortfolioType.OPEN: DebtKind.OTHER,
    PortfolioType.REVOLVING: DebtKind.CREDIT_CARD,
}


def import_debts(debts: Sequence[Debt], file: CreditFile, application_id: str) -> tuple[Debt, ...]:
    """Return the debts with the file's open accounts among them, each matched or added.

    A debt that was typed in keeps its creditor, kind and rate, and takes the bureau's figures;
    `application_id` is what the ids of new debts begin with.
    """
    merged = list(debts)
    taken: set[int] = set()
    for line, kind in _owed(kinds_of(file)):
        place = match(merged, account_of_line(line, kind), taken, spelled)
        if place is None:
            place = len(merged)
            merged.append(_new_debt(line, kind, application_id))
        else:
            merged[place] = _updated(merged[place], line)
        taken.add(place)
    return tuple(merged)


def kinds_of(file: CreditFile) -> list[tuple[Tradeline, DebtKind]]:
    """Return all accounts of a file, each with the kind of debt that it is."""
    lines = [(line, _kind_of(line)) for line in file.tradelines]
    return [*lines, *((line, DebtKind.COLLECTION) for line in file.collections)]


def _owed(lines: Iterable[tuple[Tradeline, DebtKind]]) -> list[tuple[Tradeline, DebtKind]]:
    """Return the lines that are to be counted, each account once."""
    owed: list[tuple[Tradeline, DebtKind]] = []
    seen: set[str] = set()
    for line, kind in lines:
        if exclusion_of(line) is not None:
            continue
        if line.source_key is not None and line.source_key in seen:
            continue
        seen.add(line.source_key or "")
        owed.append((line, kind))
    return owed


def _updated(debt: Debt, line: Tradeline) -> Debt:
    return replace(
        debt,
        balance=line.balance or ZERO,
        minimum_payment=(
            debt.minimum_payment if line.monthly_payment is None else line.monthly_payment
        ),
        past_due=debt.past_due if line.past_due is None else line.past_due,
        account_last4=debt.account_last4 or last4(line.account_last4),
        source=Source.CREDIT_REPORT,
        source_key=line.source_key or debt.source_key,
    )


def _new_debt(line: Tradeline, kind: DebtKind, application_id: str) -> Debt:
    return Debt(
        id=new_child_id("debt", application_id),
        creditor=line.creditor[:CREDITOR_CHARACTERS_MAX],
        kind=kind,
        account_last4=last4(line.account_last4),
        balance=line.balance or ZERO,
        minimum_payment=line.monthly_payment or ZERO,
        past_due=line.past_due or ZERO,
        source=Source.CREDIT_REPORT,
        eligible_for_plan=kind in PLAN_KINDS,
        source_key=line.source_key,
    )


def _kind_of(line: Tradeline) -> DebtKind:
    """Return the kind of debt that an account is, OTHER where nothing tells.

    A card of a department store is a RETAIL_CARD even where the bureau calls it a credit card.
    """
    business = (line.industry_code or "")[:1].upper()
    kind = (
        _KIND_OF_TYPE.get((line.account_type or "").upper())
        or _KIND_OF_BUSINESS.get(business)
        or _KIND_OF_PORTFOLIO[line.portfolio]
    )
    is_retail = kind is DebtKind.CREDIT_CARD and business in _RETAIL_BUSINESSES
    return DebtKind.RETAIL_CARD if is_retail else kind
