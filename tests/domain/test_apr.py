"""Annual percentage rates, against the examples of Regulation Z, Appendix J (c)."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.amortization import amount_of, level_payment, monthly_interest
from domain.apr import TOLERANCE, Flow, annual_percentage_rate, level

NONE = Decimal(0)


def lent(amount: str) -> tuple[Flow, ...]:
    """Return a single advance."""
    return (Flow(amount=Decimal(amount), periods=0),)


@pytest.mark.parametrize(
    ("advance", "payments", "periods_a_year", "expected"),
    [
        ("5000", level(Decimal(230), 24, 1), Decimal(12), "9.69"),
        ("6000", level(Decimal(200), 36, 1, Decimal(19) / 30), Decimal(12), "11.82"),
        ("5000", level(Decimal("219.17"), 24, 0, Decimal(6) / 15), Decimal(24), "10.34"),
        ("10000", level(Decimal(385), 40, 1, Decimal(39) / 90), Decimal(4), "8.97"),
        ("500", level(Decimal("17.60"), 30, 4, Decimal(4) / 7), Decimal(52), "14.96"),
        (
            "5000",
            (Flow(amount=Decimal(250), periods=1), *level(Decimal(230), 23, 2)),
            Decimal(12),
            "10.08",
        ),
        (
            "5000",
            (*level(Decimal(230), 23, 1), Flow(amount=Decimal(280), periods=24)),
            Decimal(12),
            "10.50",
        ),
        ("1000", (Flow(amount=Decimal(1080), periods=1),), Decimal(365) / 255, "11.45"),
        ("1000", (Flow(amount=Decimal(1044), periods=1),), Decimal(2), "8.80"),
    ],
)
def test_the_published_examples_come_out(
    advance: str, payments: tuple[Flow, ...], periods_a_year: Decimal, expected: str
) -> None:
    """Regular, long and short first periods, odd first and last payments, single payments."""
    rate = annual_percentage_rate(lent(advance), payments, periods_a_year=periods_a_year)
    assert rate == Decimal(expected)


@settings(deadline=None, max_examples=30)
@given(balance=st.integers(100_000, 5_000_000), rate=st.integers(0, 3_600))
def test_amortization_and_the_actuarial_method_agree(balance: int, rate: int) -> None:
    """What is paid off month by month at a rate has that rate, by the other method too."""
    payment = level_payment(balance, rate, 60)
    flows, left = [], balance
    for month in range(1, 61):
        owed = left + monthly_interest(left, rate)
        paid = min(payment, owed)
        flows.append(Flow(amount=amount_of(paid), periods=month))
        left = owed - paid
        if left == 0:
            break
    found = annual_percentage_rate(
        (Flow(amount=amount_of(balance), periods=0),), flows, periods_a_year=Decimal(12)
    )
    assert abs(found - amount_of(rate)) <= TOLERANCE


def test_less_than_was_lent_has_no_rate() -> None:
    """Payments that come to less than the advance are refused, not answered with zero."""
    with pytest.raises(ValueError, match="less than what was lent"):
        annual_percentage_rate(lent("100"), level(Decimal(9), 11, 1), periods_a_year=Decimal(12))


def test_what_was_lent_for_nothing_has_a_rate_of_zero() -> None:
    """Payments that come to the advance exactly are a rate of 0.00."""
    rate = annual_percentage_rate(
        lent("120"), level(Decimal(10), 12, 1), periods_a_year=Decimal(12)
    )
    assert rate == NONE
