"""Debts at their contractual terms."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.applications import Debt, DebtKind
from domain.contractual import UNKNOWN, balances_without_plan, contractual, without_plan
from tests.domain.plan_samples import DEBTS, a_debt


@pytest.mark.parametrize(
    ("debt", "months", "interest"),
    [
        (DEBTS[0], 288, 1_646_246),
        (DEBTS[1], 249, 1_176_428),
        (DEBTS[2], 147, 295_086),
        (DEBTS[3], 28, 0),
    ],
    ids=["24.99 %", "29.99 %", "22.49 %", "no interest"],
)
def test_the_baselines_of_the_worked_example(debt: Debt, months: int, interest: int) -> None:
    """Interest and 1 % with a floor of 25 gives the published months and interest."""
    end = contractual(debt)
    assert end is not None
    assert (end.months, end.interest) == (months, interest)


def test_debts_are_paid_side_by_side() -> None:
    """Together they take as long as the longest, and cost what all of them cost."""
    together = without_plan(DEBTS)
    assert (together.months, together.total_interest) == (288, Decimal("31177.60"))
    assert without_plan(()).months == 0


def test_a_payment_that_does_not_cover_the_interest_never_ends() -> None:
    """One cent more than a month's interest ends some day; the interest alone never does."""
    never = a_debt("LOAN", "1200.00", "12.00", "12.00", DebtKind.PERSONAL_LOAN)
    assert contractual(never) is None
    assert contractual(replace(never, kind=DebtKind.CREDIT_CARD)) is None
    some_day = replace(never, minimum_payment=Decimal("12.01"))
    assert contractual(some_day) is not None
    assert without_plan((some_day, never)) == UNKNOWN


def test_a_debt_without_an_apr_is_not_guessed_at() -> None:
    """Nothing is said of months and interest where an APR is not known."""
    assert without_plan((a_debt("CLINIC", "100.00", None, "10.00"),)) == UNKNOWN
    assert balances_without_plan((a_debt("CLINIC", "100.00", None, "10.00"),), 12) is None


def test_balances_begin_with_what_is_owed_and_end_with_nothing() -> None:
    """After as many months as the longest takes nothing is owed, and a month before something."""
    balances = balances_without_plan(DEBTS, 288)
    assert balances is not None
    assert balances[0] == Decimal("16500.00")
    assert balances[287] > 0
    assert balances[288] == 0
    assert len(balances) == 289
