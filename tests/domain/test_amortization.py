"""One debt, month by month, to the cent."""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.amortization import (
    amount_of,
    cents,
    level_payment,
    monthly_interest,
    pay_off_level,
    pay_off_minimum,
    rate_of,
    share_payment,
)

BALANCES = st.integers(1, 10_000_000)
RATES = st.integers(0, 100_000)


def test_the_published_figure_comes_out() -> None:
    """5,000 at 8 %, 125 a month: 47 months and 834.91, as half-even rounding would not give."""
    end = pay_off_level(500_000, 800, 12_500)
    assert end is not None
    assert (end.months, end.interest) == (47, 83_491)


@settings(deadline=None)
@given(balance=BALANCES, rate=RATES)
def test_interest_is_rounded_half_up(balance: int, rate: int) -> None:
    """The whole-number formula gives what exact decimals rounded half up give."""
    exact = amount_of(balance) * amount_of(rate) / 100 / 12
    assert amount_of(monthly_interest(balance, rate)) == exact.quantize(
        Decimal("0.01"), rounding=ROUND_HALF_UP
    )


@pytest.mark.parametrize(
    ("balance", "rate", "expected"),
    [(5, 120_000, 5), (100, 600, 1), (99, 600, 0), (1, 100_000, 1), (0, 2_499, 0)],
)
def test_half_a_cent_is_a_cent(balance: int, rate: int, expected: int) -> None:
    """Half a cent of interest goes up; a hair less is nothing."""
    assert monthly_interest(balance, rate) == expected


@settings(deadline=None)
@given(balance=BALANCES, rate=RATES, surplus=st.integers(1, 100_000))
def test_a_payment_above_the_interest_pays_off(balance: int, rate: int, surplus: int) -> None:
    """Payments less interest are the balance, to the cent, against decimals month by month."""
    payment = monthly_interest(balance, rate) + surplus
    end = pay_off_level(balance, rate, payment)
    left, months, interest = amount_of(balance), 0, Decimal(0)
    paid = Decimal(0)
    while left > 0 and months < 1_200:
        accrued = (left * amount_of(rate) / 1200).quantize(Decimal("0.01"), ROUND_HALF_UP)
        given_now = min(amount_of(payment), left + accrued)
        interest, paid, months = interest + accrued, paid + given_now, months + 1
        left = left + accrued - given_now
        assert left >= 0
    if left > 0:
        assert end is None
        return
    assert end is not None
    assert (end.months, amount_of(end.interest)) == (months, interest)
    assert paid - interest == amount_of(balance)


@settings(deadline=None)
@given(balance=st.integers(100, 10_000_000), rate=st.integers(100, 100_000))
def test_a_payment_of_no_more_than_the_interest_never_pays_off(balance: int, rate: int) -> None:
    """Negative amortization, and standing still, have no end: the answer is None."""
    interest = monthly_interest(balance, rate)
    assert pay_off_level(balance, rate, interest) is None
    if interest:
        assert pay_off_level(balance, rate, interest - 1) is None


@settings(deadline=None)
@given(balance=BALANCES, rate=RATES)
@example(balance=272_316, rate=53)  # 46 dollars and a 240th of a cent, so 47
def test_the_level_payment_is_enough_and_a_dollar_less_is_not(balance: int, rate: int) -> None:
    """It pays off within the months; a dollar less is below the annuity's payment, or does not.

    Where that payment is a hair above a whole dollar, months rounded down can make up for the hair:
    it is rounded up all the same, as the rule says.
    """
    payment = level_payment(balance, rate, 60)
    assert payment % 100 == 0
    assert pay_off_level(balance, rate, payment, months_max=60) is not None
    if payment > 100:
        month = Fraction(rate, 120_000)
        worth = sum((payment - 100) / (1 + month) ** number for number in range(1, 61))
        left_over = pay_off_level(balance, rate, payment - 100, months_max=60) is None
        assert worth < balance or left_over


@pytest.mark.parametrize(
    ("balance", "rate", "expected"),
    [
        (215_000, 800, 4_400),  # 2 % would be 43, and 61 months
        (845_000, 600, 16_400),
        (520_000, 990, 11_100),
        (600_000, 0, 10_000),
        (600_001, 0, 10_100),
        (1, 0, 100),
        (1, 100_000, 100),
        (100_000, 100_000, 83_400),
    ],
)
def test_level_payments_of_sixty_months(balance: int, rate: int, expected: int) -> None:
    """Whole dollars, one cent of debt and an APR of 1,000 % included."""
    assert level_payment(balance, rate, 60) == expected


@settings(deadline=None)
@given(balance=BALANCES, share=st.integers(0, 10_000))
def test_a_share_is_rounded_up_to_dollars(balance: int, share: int) -> None:
    """A share of the balance in whole dollars, never less than the share."""
    exact = amount_of(balance) * amount_of(share) / 100
    assert amount_of(share_payment(balance, share)) == exact.to_integral_value(ROUND_CEILING)


@settings(deadline=None)
@given(balance=BALANCES, rate=RATES)
def test_a_minimum_that_shrinks_pays_off(balance: int, rate: int) -> None:
    """Interest and one percent, at least a floor, ends for every debt and every rate."""
    end = pay_off_minimum(balance, rate, floor=2_500)
    assert end.months >= 1
    assert end.interest >= monthly_interest(balance, rate)


@settings(deadline=None)
@given(st.decimals(0, Decimal("99999999.99"), places=2))
def test_cents_and_amounts_are_the_same(amount: Decimal) -> None:
    """An amount comes back from cents as it was, with two places."""
    assert amount_of(cents(amount)) == amount
    assert str(amount_of(cents(amount))) == f"{amount:.2f}"
    assert rate_of(amount) == cents(amount)
