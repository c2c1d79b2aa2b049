"""Monthly amounts and totals, to the cent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.applications import (
    PLAN_KINDS,
    Debt,
    DebtKind,
    Expense,
    ExpenseCategory,
    Income,
    IncomeSource,
    compute_totals,
)
from domain.money import Frequency, monthly, total

AMOUNTS = st.decimals(min_value=0, max_value=Decimal("99999999.99"), places=2)


@pytest.mark.parametrize(
    ("amount", "frequency", "expected"),
    [
        ("100.00", Frequency.WEEKLY, "433.33"),
        ("1000.00", Frequency.BIWEEKLY, "2166.67"),
        ("812.35", Frequency.SEMIMONTHLY, "1624.70"),
        ("812.35", Frequency.MONTHLY, "812.35"),
        ("100.00", Frequency.QUARTERLY, "33.33"),
        ("200.00", Frequency.QUARTERLY, "66.67"),
        ("1000.00", Frequency.ANNUALLY, "83.33"),
        ("0.06", Frequency.ANNUALLY, "0.01"),
        ("0.05", Frequency.ANNUALLY, "0.00"),
        ("0.30", Frequency.ANNUALLY, "0.03"),
        ("0.18", Frequency.ANNUALLY, "0.02"),
    ],
)
def test_a_month_is_rounded_half_up_to_the_cent(
    amount: str, frequency: Frequency, expected: str
) -> None:
    """Weekly × 52/12, biweekly × 26/12, semimonthly × 2, quarterly ÷ 3, annually ÷ 12."""
    assert monthly(Decimal(amount), frequency) == Decimal(expected)


@given(amount=AMOUNTS, frequency=st.sampled_from(Frequency))
def test_a_month_is_never_off_by_more_than_half_a_cent(
    amount: Decimal, frequency: Frequency
) -> None:
    """The monthly amount is the exact one, within half a cent, for every amount there can be."""
    a_year = {"WEEKLY": 52, "BIWEEKLY": 26, "SEMIMONTHLY": 24, "MONTHLY": 12, "QUARTERLY": 4}
    times = a_year.get(frequency.value, 1)
    exact_times_twelve = amount * times
    assert abs(monthly(amount, frequency) * 12 - exact_times_twelve) <= Decimal("0.06")


def test_each_line_is_rounded_before_it_is_added() -> None:
    """Three thirds of a cent-odd amount add up as printed, not as computed without rounding."""
    lines = [monthly(Decimal("100.00"), Frequency.QUARTERLY)] * 3
    assert total(lines) == Decimal("99.99")
    assert total([]) == Decimal("0.00")


def test_totals_follow_the_contract() -> None:
    """All minimum payments count, mortgages and cars too; balances of plan kinds alone."""
    debts = tuple(
        Debt(
            id=kind.value,
            creditor="X",
            kind=kind,
            balance=Decimal("1000.00"),
            minimum_payment=Decimal("10.01"),
            eligible_for_plan=kind in PLAN_KINDS,
        )
        for kind in DebtKind
    )
    income = Income(
        id="i",
        source=IncomeSource.WAGES,
        gross=Decimal(3000),
        net=Decimal(1000),
        frequency=Frequency.BIWEEKLY,
        monthly=Decimal("2166.67"),
    )
    expense = Expense(
        id="e",
        category=ExpenseCategory.FOOD,
        amount=Decimal(100),
        frequency=Frequency.WEEKLY,
        monthly=Decimal("433.33"),
    )
    totals = compute_totals((income, income), (expense,), debts)
    assert totals.monthly_income == Decimal("4333.34")
    assert totals.monthly_expenses == Decimal("433.33")
    assert totals.monthly_debt_payments == Decimal("120.12")
    assert totals.unsecured_balance == Decimal("5000.00")
    assert {kind.value for kind in PLAN_KINDS} == {
        "CREDIT_CARD",
        "RETAIL_CARD",
        "PERSONAL_LOAN",
        "MEDICAL",
        "COLLECTION",
    }
