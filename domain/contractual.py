"""The same debts paid at their contractual terms: what a plan is compared with.

A card's minimum shrinks with its balance: the month's interest and one percent of the balance, at
least 25 dollars. That is the common form of card agreements, by which published comparisons are
made; a card whose stated minimum does not cover a month's interest is never paid off by it. Any
other debt is paid its stated payment until it is gone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from domain.amortization import (
    PaidOff,
    amount_of,
    cents,
    monthly_interest,
    pay_off_level,
    pay_off_minimum,
    rate_of,
)
from domain.applications import Debt, DebtKind
from domain.money import ZERO

CARD_KINDS = frozenset({DebtKind.CREDIT_CARD, DebtKind.RETAIL_CARD})
CARD_PAYMENT_FLOOR = 2_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Payoff:
    """How long debts take and what interest they cost; None where they are never paid off.

    Also None where an APR is not known: nothing is guessed.
    """

    months: int | None
    total_interest: Decimal | None


UNKNOWN = Payoff(months=None, total_interest=None)


def without_plan(debts: Iterable[Debt]) -> Payoff:
    """Return how the debts are paid off at their contractual terms, all of them side by side."""
    ends = [contractual(debt) for debt in debts]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return UNKNOWN
    return Payoff(
        months=max((end.months for end in known), default=0),
        total_interest=amount_of(sum(end.interest for end in known)),
    )


def contractual(debt: Debt) -> PaidOff | None:
    """Return how one debt is paid off at its contractual terms; None for never, or not known."""
    if debt.apr is None:
        return None
    balance, rate, minimum = cents(debt.balance), rate_of(debt.apr), cents(debt.minimum_payment)
    if balance > 0 and minimum <= monthly_interest(balance, rate):
        return None
    if debt.kind in CARD_KINDS:
        return pay_off_minimum(balance, rate, floor=CARD_PAYMENT_FLOOR)
    return pay_off_level(balance, rate, minimum)


def card_payment(balance: int, interest: int) -> int:
    """Return a card's minimum: interest and one percent of the balance, at least the floor."""
    return max(interest + (balance + 50) // 100, CARD_PAYMENT_FLOOR)


def balances_without_plan(debts: Iterable[Debt], months: int) -> tuple[Decimal, ...] | None:
    """Return what is owed altogether after each of so many months, the first at the beginning.

    None where any of the debts is never paid off, or its APR is not known.
    """
    owed = [0] * (months + 1)
    for debt in debts:
        if contractual(debt) is None:
            return None
        for number, balance in enumerate(_balances(debt, months)):
            owed[number] += balance
    return tuple(map(amount_of, owed))


def _balances(debt: Debt, months: int) -> Iterator[int]:
    balance, rate, minimum = (
        cents(debt.balance),
        rate_of(debt.apr or ZERO),
        cents(debt.minimum_payment),
    )
    yield balance
    for _ in range(months):
        interest = monthly_interest(balance, rate)
        payment = card_payment(balance, interest) if debt.kind in CARD_KINDS else minimum
        balance = max(balance + interest - payment, 0)
        yield balance
