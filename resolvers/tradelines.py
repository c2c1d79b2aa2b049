"""From tradelines to debts: which lines of a credit report are owed now, and which debt each is.

Pure: nothing is read or written here. Importing the same report twice changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from domain.applications import PLAN_KINDS, Debt, DebtKind, Source
from domain.credit import CreditFile, PortfolioType, Tradeline
from domain.ids import new_child_id
from domain.money import ZERO
from domain.validation import CREDITOR_CHARACTERS_MAX

# Whose debt it is not: somebody else's, nobody's any more, or an estate's.
_NOT_OWED_BY_CONSUMER = frozenset({"authorizedUser", "terminated", "deceased"})

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

_LAST4_LENGTH = 4


def import_debts(debts: Sequence[Debt], file: CreditFile, application_id: str) -> tuple[Debt, ...]:
    """Return the debts with the file's open accounts among them, each matched or added.

    A debt that was typed in keeps its creditor, kind and rate, and takes the bureau's figures;
    `application_id` is what the ids of new debts begin with.
    """
    merged = list(debts)
    taken: set[int] = set()
    lines = [(line, _kind_of(line)) for line in file.tradelines]
    lines += [(line, DebtKind.COLLECTION) for line in file.collections]
    for line, kind in _owed(lines):
        place = _match(merged, line, taken)
        if place is None:
            place = len(merged)
            merged.append(_new_debt(line, kind, application_id))
        else:
            merged[place] = _updated(merged[place], line)
        taken.add(place)
    return tuple(merged)


def _owed(lines: Iterable[tuple[Tradeline, DebtKind]]) -> list[tuple[Tradeline, DebtKind]]:
    """Return the lines with a balance that the consumer owes, each account once."""
    owed: list[tuple[Tradeline, DebtKind]] = []
    seen: set[str] = set()
    for line, kind in lines:
        is_open = line.closed_on is None and line.paid_out_on is None
        if not is_open or (line.balance or ZERO) <= 0 or line.ecoa in _NOT_OWED_BY_CONSUMER:
            continue
        if line.source_key is not None and line.source_key in seen:
            continue
        seen.add(line.source_key or "")
        owed.append((line, kind))
    return owed


def _match(debts: Sequence[Debt], line: Tradeline, taken: set[int]) -> int | None:
    """Return the place of the debt that the line is; the surest ground first."""
    free = [place for place in range(len(debts)) if place not in taken]
    if line.source_key is not None:
        for place in free:
            if debts[place].source_key == line.source_key:
                return place
    # A debt that is known to be another account of the bureau's is not this one.
    typed = [place for place in free if None in (debts[place].source_key, line.source_key)]
    alike = [place for place in typed if _spelled(debts[place].creditor) == _spelled(line.creditor)]
    for is_same in (_has_same_number, _may_have_same_number):
        for place in alike:
            if is_same(debts[place], line):
                return place
    return None


def _spelled(creditor: str) -> str:
    return "".join(sign for sign in creditor.casefold() if sign.isalnum())


def _has_same_number(debt: Debt, line: Tradeline) -> bool:
    """Say whether the last four characters agree; the bureau masks some of them with an X."""
    ours, theirs = debt.account_last4, line.account_last4
    if ours is None or theirs is None or len(ours) != len(theirs):
        return False
    return all(a == b or "X" in (a, b) for a, b in zip(ours.upper(), theirs.upper(), strict=True))


def _may_have_same_number(debt: Debt, line: Tradeline) -> bool:
    return debt.account_last4 is None or line.account_last4 is None


def _updated(debt: Debt, line: Tradeline) -> Debt:
    return replace(
        debt,
        balance=line.balance or ZERO,
        minimum_payment=(
            debt.minimum_payment if line.monthly_payment is None else line.monthly_payment
        ),
        past_due=debt.past_due if line.past_due is None else line.past_due,
        account_last4=debt.account_last4 or _last4(line),
        source=Source.CREDIT_REPORT,
        source_key=line.source_key or debt.source_key,
    )


def _new_debt(line: Tradeline, kind: DebtKind, application_id: str) -> Debt:
    return Debt(
        id=new_child_id("debt", application_id),
        creditor=line.creditor[:CREDITOR_CHARACTERS_MAX],
        kind=kind,
        account_last4=_last4(line),
        balance=line.balance or ZERO,
        minimum_payment=line.monthly_payment or ZERO,
        past_due=line.past_due or ZERO,
        source=Source.CREDIT_REPORT,
        eligible_for_plan=kind in PLAN_KINDS,
        source_key=line.source_key,
    )


def _last4(line: Tradeline) -> str | None:
    known = line.account_last4
    return known if known is not None and len(known) == _LAST4_LENGTH else None


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
