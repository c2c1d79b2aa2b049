"""Amortization of one debt, month by month: interest first, then the payment, each to the cent.

A month's interest is balance times APR / 12, rounded half up to the cent; the payment is applied
after it; the last payment is what is left, with its interest (counseling practice; Regulation Z,
Appendix M2, rounds each step to the cent as well). Half up and not half even: only so does the
published figure come out (5,000 at 8 %, 125 a month: 47 months, interest 834.91).

Within these modules amounts are whole cents and rates whole hundredths of a percent (`24.99` is
2499), as plain integers: exact, and many times as fast as decimals.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

MONTHS_LIMIT = 1_200
"""What takes longer than a century of months is never paid off, as far as anybody lives to see."""
_DOLLAR = 100
RATE_BASE = 120_000  # hundredths of a percent in a whole, times twelve months
TWICE_BASE = 2 * RATE_BASE
_DIGITS = 34


def cents(amount: Decimal) -> int:
    """Return an amount as whole cents; it has two places already."""
    return int(amount.scaleb(2).to_integral_value(rounding=ROUND_HALF_UP))


@lru_cache(4_096)  # a plan's payments are mostly the same few
def amount_of(whole: int) -> Decimal:
    """Return whole cents as an amount with two places."""
    return Decimal(whole).scaleb(-2)


def rate_of(apr: Decimal) -> int:
    """Return an APR in percent as whole hundredths of a percent."""
    return cents(apr)


def monthly_interest(balance: int, rate: int) -> int:
    """Return a month's interest on a balance, rounded half up to the cent."""
    return (2 * balance * rate + RATE_BASE) // TWICE_BASE


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidOff:
    """How a debt is paid off: in how many months, with how much interest, in cents."""

    months: int
    interest: int


def pay_off_level(
    balance: int, rate: int, payment: int, *, months_max: int = MONTHS_LIMIT
) -> PaidOff | None:
    """Return how a debt is paid off by the same payment each month; None where it never is.

    A payment that does not exceed the first month's interest never pays anything off.
    """
    if balance > 0 and payment <= monthly_interest(balance, rate):
        return None
    total, months, twice = 0, 0, 2 * rate
    while balance > 0:
        if months == months_max:
            return None
        interest = (balance * twice + RATE_BASE) // TWICE_BASE
        total += interest
        balance += interest - payment
        months += 1
    return PaidOff(months=months, interest=total)


def pay_off_minimum(balance: int, rate: int, *, floor: int) -> PaidOff:
    """Return how a debt is paid off by a month's interest and one percent of the balance.

    At least `floor`, which is more than nothing: so there is an end. The percent is rounded half
    up.
    """
    total, months, twice = 0, 0, 2 * rate
    while balance > 0:
        interest = (balance * twice + RATE_BASE) // TWICE_BASE
        principal = (balance + 50) // 100
        if interest + principal <= floor:  # from here on it is the floor, as both only shrink
            break
        total += interest
        balance -= principal
        months += 1
    while balance > 0:
        interest = (balance * twice + RATE_BASE) // TWICE_BASE
        total += interest
        balance += interest - floor
        months += 1
    return PaidOff(months=months, interest=total)


def level_payment(balance: int, rate: int, months: int) -> int:
    """Return the whole dollars a month that pay the debt off within so many months.

    The annuity's payment rounded up to the dollar, and a dollar more for as long as rounding each
    month's interest would leave something over: 2,150 at 8 % in 60 months is 43.59, so 44.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        monthly = Decimal(rate) / RATE_BASE
        if rate == 0:
            exact = Decimal(balance) / months
        else:
            exact = balance * monthly / (1 - (1 + monthly) ** -months)
        dollars = int((exact / _DOLLAR).to_integral_value(rounding=ROUND_CEILING))
    payment = max(dollars, 1) * _DOLLAR
    while pay_off_level(balance, rate, payment, months_max=months) is None:
        payment += _DOLLAR
    return payment


def share_payment(balance: int, share: int) -> int:
    """Return that share of a balance, in hundredths of a percent, rounded up to whole dollars."""
    base = 10_000 * _DOLLAR
    return -(-balance * share // base) * _DOLLAR
