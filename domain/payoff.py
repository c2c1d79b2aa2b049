"""The arithmetic of a plan: who is paid what in which month out of one fixed deposit.

Each month: interest accrues on every debt; the fee is taken, for as many creditors as are still to
be paid; each debt gets its payment, the last what is left of it; what remains of the deposit goes
to the debts in `order`, the next one taking what the one before it does not need. Without an order
nothing rolls over: each debt gets its own payment alone, and the deposit shrinks.

Whole cents and hundredths of a percent, as in `domain/amortization.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.amortization import RATE_BASE, TWICE_BASE
from domain.fees import FeeRule

PLAN_MONTHS_MAX = 60


class PayoffStrategy(StrEnum):
    """Who gets what is left of the deposit: the highest APR, the smallest balance, or nobody."""

    AVALANCHE = "AVALANCHE"
    SNOWBALL = "SNOWBALL"
    NO_ROLLOVER = "NO_ROLLOVER"


@dataclass(frozen=True, slots=True)
class Account:
    """One debt under a plan. payment: the least it gets a month. creditor: a number for each."""

    balance: int
    rate: int
    payment: int
    creditor: int


@dataclass(frozen=True, slots=True)
class Course:
    """How a plan runs. payments: of each account, month by month until it is paid off.

    interest: of each account. fees: month by month.
    """

    payments: list[list[int]]
    interest: list[int]
    fees: list[int]

    @property
    def months(self) -> int:
        """Return how many months it takes."""
        return len(self.fees)


def order_of(accounts: Sequence[Account], strategy: PayoffStrategy) -> list[int]:
    """Return in which order debts get what is left over, by the balances that they begin with.

    Of the same APR the smaller balance first, of the same balance the higher APR; then as listed.
    """
    numbers = range(len(accounts))
    match strategy:
        case PayoffStrategy.AVALANCHE:
            return sorted(numbers, key=lambda n: (-accounts[n].rate, accounts[n].balance))
        case PayoffStrategy.SNOWBALL:
            return sorted(numbers, key=lambda n: (accounts[n].balance, -accounts[n].rate))
        case PayoffStrategy.NO_ROLLOVER:
            return []


def run(
    accounts: Sequence[Account],
    order: Sequence[int],
    deposit: int,
    fees: FeeRule,
    *,
    months_max: int = PLAN_MONTHS_MAX,
) -> Course | None:
    """Return how the plan runs; None where not all is paid off within so many months.

    The deposit covers the payments of all accounts and the fee beside them, or this is no plan:
    who calls makes sure of it (`domain/proposal.py`).
    """
    course = Course([[] for _ in accounts], [0] * len(accounts), [])
    balances = [account.balance for account in accounts]
    still = [number for number, account in enumerate(accounts) if account.balance > 0]
    ranks = list(order)
    for _ in range(months_max):
        if not still:
            return course
        open_creditors = len({accounts[number].creditor for number in still})
        fee = fees.out_of(deposit, open_creditors)
        left = deposit - fee - _pay_each(accounts, balances, still, course)
        left -= _pay_extra(balances, ranks, left, course)
        course.fees.append(fees.within(fee, deposit - fee - left))
        still = [number for number in still if balances[number]]
        ranks = [number for number in ranks if balances[number]]
    return None if still else course


def _pay_each(
    accounts: Sequence[Account], balances: list[int], still: Sequence[int], course: Course
) -> int:
    """Have interest accrue and each debt get its payment; return what was paid.

    Written out, with the interest of `domain/amortization.py` in it: it runs for each debt in each
    month, and a call would cost as much as all that it does.
    """
    paid = 0
    total, payments = course.interest, course.payments
    for number in still:
        account = accounts[number]
        balance = balances[number]
        interest = (2 * balance * account.rate + RATE_BASE) // TWICE_BASE
        owed = balance + interest
        payment = account.payment
        if payment > owed:  # noqa: PLR1730 -- min() would be half of the loop's time
            payment = owed
        total[number] += interest
        payments[number].append(payment)
        balances[number] = owed - payment
        paid += payment
    return paid


def _pay_extra(balances: list[int], ranks: Sequence[int], left: int, course: Course) -> int:
    """Give what is left to one debt after the other; return what was given."""
    given = 0
    for number in ranks:
        if given >= left:
            break
        extra = min(left - given, balances[number])
        course.payments[number][-1] += extra
        balances[number] -= extra
        given += extra
    return given
