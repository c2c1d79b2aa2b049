"""How plans run: the worked example to the cent, and what holds for every plan."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.amortization import level_payment, monthly_interest
from domain.fees import FeeRule
from domain.payoff import Account, PayoffStrategy, order_of, run
from domain.plans import schedule
from tests.domain.plan_samples import a_plan, a_proposal

SCHEDULE = Path(__file__).parent / "data" / "schedule_avalanche_roll.csv"
NO_FEE = FeeRule(0, 0, None)


@pytest.mark.parametrize(
    ("strategy", "months", "interest", "fees", "to_creditors", "ends"),
    [
        (PayoffStrategy.AVALANCHE, 49, "2607.17", "1600.00", "19107.17", (49, 40, 43, 28)),
        (PayoffStrategy.SNOWBALL, 49, "2661.51", "1320.00", "19161.51", (49, 42, 29, 12)),
        (PayoffStrategy.NO_ROLLOVER, 60, "3158.60", "2060.00", "19658.60", (58, 60, 60, 28)),
    ],
)
def test_the_worked_example(
    strategy: PayoffStrategy,
    months: int,
    interest: str,
    fees: str,
    to_creditors: str,
    ends: tuple[int, ...],
) -> None:
    """Months, interest, fees and each debt's end by all three strategies, to the cent."""
    plan = a_proposal(strategy)
    assert plan.months == months
    assert plan.total_interest == Decimal(interest)
    assert plan.total_fees == Decimal(fees)
    assert plan.total_paid - plan.total_fees == Decimal(to_creditors)
    assert tuple(one.months for one in plan.creditors) == ends
    assert [one.payment for one in plan.creditors] == [169, 111, 44, 25]


def test_every_row_of_the_published_schedule() -> None:
    """All 160 payments of the avalanche: opening, interest, payment and closing of each."""
    rows = schedule(a_plan())
    balances: dict[str, Decimal] = {}
    with SCHEDULE.open(newline="") as file:
        published = list(csv.DictReader(file))
    assert len(rows) == len(published) == 160
    for row, expected in zip(rows, published, strict=True):
        opening = balances.get(row.creditor, Decimal(expected["opening"]))
        assert (row.month, row.creditor) == (int(expected["month"]), expected["creditor"])
        assert opening == Decimal(expected["opening"])
        assert row.interest == Decimal(expected["interest"])
        assert row.payment == Decimal(expected["payment"])
        assert row.balance == opening - row.principal == Decimal(expected["closing"])
        balances[row.creditor] = row.balance


@st.composite
def portfolios(draw: st.DrawFn) -> tuple[list[Account], FeeRule, int]:
    """Return accounts that a deposit covers with its fee, and that deposit."""
    owed = draw(
        st.lists(
            st.tuples(st.integers(1, 3_000_000), st.integers(0, 100_000), st.integers(0, 4)),
            min_size=1,
            max_size=8,
        )
    )
    extra = draw(st.integers(0, 300))
    accounts = [
        Account(balance, rate, level_payment(balance, rate, 60) + extra * 100, creditor)
        for balance, rate, creditor in owed
    ]
    share = draw(st.none() | st.integers(0, 3_000))
    fees = FeeRule(draw(st.integers(0, 2_000)), draw(st.integers(0, 7_500)), share)
    payments = sum(account.payment for account in accounts)
    needed = payments + fees.needed(payments, len({account.creditor for account in accounts}))
    return accounts, fees, needed + draw(st.integers(0, 200_000))


@settings(deadline=None)
@given(portfolio=portfolios(), strategy=st.sampled_from(PayoffStrategy))
def test_what_holds_for_every_plan(
    portfolio: tuple[list[Account], FeeRule, int], strategy: PayoffStrategy
) -> None:
    """Payments less interest are principal, nothing below zero, no deposit or fee exceeded.

    And all is paid off within 60 months.
    """
    accounts, fees, deposit = portfolio
    course = run(accounts, order_of(accounts, strategy), deposit, fees)
    assert course is not None
    assert course.months <= 60
    balances = [account.balance for account in accounts]
    interest = [0] * len(accounts)
    for month in range(course.months):
        paying = [n for n, made in enumerate(course.payments) if month < len(made)]
        for number in paying:
            accrued = monthly_interest(balances[number], accounts[number].rate)
            interest[number] += accrued
            balances[number] += accrued - course.payments[number][month]
            assert balances[number] >= 0
        paid = sum(course.payments[number][month] for number in paying)
        fee = course.fees[month]
        assert paid + fee <= deposit
        creditors = {accounts[number].creditor for number in paying}
        assert 0 <= fee <= min(fees.per_creditor * len(creditors), fees.maximum)
        if fees.share is not None:
            assert fee * 10_000 <= paid * fees.share
    assert not any(balances)
    assert interest == course.interest
    principal = sum(account.balance for account in accounts)
    assert sum(map(sum, course.payments)) - sum(course.interest) == principal


@settings(deadline=None)
@given(portfolio=portfolios())
def test_rolling_over_is_never_longer(
    portfolio: tuple[list[Account], FeeRule, int],
) -> None:
    """Whoever rolls over is done no later than who does not."""
    accounts, fees, deposit = portfolio
    lengths = {}
    for strategy in PayoffStrategy:
        course = run(accounts, order_of(accounts, strategy), deposit, fees)
        assert course is not None
        lengths[strategy] = course.months
    assert lengths[PayoffStrategy.AVALANCHE] <= lengths[PayoffStrategy.NO_ROLLOVER]
    assert lengths[PayoffStrategy.SNOWBALL] <= lengths[PayoffStrategy.NO_ROLLOVER]


@settings(deadline=None)
@given(portfolio=portfolios())
def test_no_money_is_left_lying(portfolio: tuple[list[Account], FeeRule, int]) -> None:
    """As long as anything is owed after a month, that month's deposit went out to the cent."""
    accounts, fees, deposit = portfolio
    fixed = FeeRule(fees.per_creditor, fees.maximum, None)
    needed = sum(account.payment for account in accounts) + fixed.needed(
        0, len({account.creditor for account in accounts})
    )
    course = run(
        accounts, order_of(accounts, PayoffStrategy.AVALANCHE), max(deposit, needed), fixed
    )
    assert course is not None
    for month in range(course.months - 1):
        paid = sum(made[month] for made in course.payments if month < len(made))
        assert paid + course.fees[month] == max(deposit, needed)


def test_order_is_settled_by_the_other_figure() -> None:
    """Of the same APR the smaller balance goes first; of the same balance the higher APR."""
    accounts = [Account(300, 500, 100, 0), Account(200, 500, 100, 1), Account(300, 900, 100, 2)]
    assert order_of(accounts, PayoffStrategy.AVALANCHE) == [2, 1, 0]
    assert order_of(accounts, PayoffStrategy.SNOWBALL) == [1, 2, 0]
    assert order_of(accounts, PayoffStrategy.NO_ROLLOVER) == []


def test_what_one_debt_does_not_need_goes_to_the_next_in_the_same_month() -> None:
    """A deposit that pays off the first debt pays on the second with what is left."""
    accounts = [Account(1_000, 1_200, 100, 0), Account(5_000, 600, 100, 1)]
    course = run(accounts, [0, 1], 2_000, NO_FEE)
    assert course is not None
    assert course.payments == [[1_010], [990, 2_000, 2_000, 65]]


def test_a_plan_that_takes_longer_is_none() -> None:
    """Sixty months are enough to the month; a cent more than they pay off is no plan."""
    assert run([Account(6_000, 0, 100, 0)], [], 100, NO_FEE) is not None
    assert run([Account(6_001, 0, 100, 0)], [], 100, NO_FEE) is None
