"""The financial analysis: figures, the rule on both sides of each boundary, and odd input."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from domain.analysis import Figures, Recommendation, debt_to_income, doubts, recommend
from domain.applications import Debt, DebtKind, ExpenseCategory
from domain.money import Frequency
from domain.settings import CreditorPolicy, Participation
from tests.domain.plan_samples import (
    DEBTS,
    POLICIES,
    a_debt,
    an_analysis,
    an_application,
    an_expense,
    an_income,
    settings,
)


def figures(left: str, **changes: Decimal | bool) -> Figures:
    """Return figures of the worked example that leave so much for creditors, without a fee."""
    values: dict[str, Decimal | bool] = {
        "income": Decimal(left) + 125,
        "expenses": Decimal("0.00"),
        "cushion": Decimal("125.00"),
        "fee": Decimal("0.00"),
        "minimums": Decimal("533.00"),
        "balance": Decimal("16500.00"),
        "owes": True,
    }
    return Figures(**values | changes)  # type: ignore[arg-type]  # they are of their names' types


def test_the_worked_example() -> None:
    """3,450 less 2,900 less 125 is 425; less the fee 385: at least 330 and less than 533."""
    found = an_analysis()
    assert found.net_monthly_income == Decimal("3450.00")
    assert found.monthly_expenses == Decimal("2900.00")
    assert found.available == Decimal("550.00")
    assert found.cushion == Decimal("125.00")
    assert found.disposable == Decimal("425.00")
    assert found.monthly_fee == Decimal("40.00")
    assert found.for_creditors == Decimal("385.00")
    assert found.contractual_minimums == Decimal("533.00")
    assert found.eligible_balance == Decimal("16500.00")
    assert found.recommendation is Recommendation.PLAN_STANDARD
    assert found.debt_to_income == Decimal("12.36")
    assert found.application_version == 4
    assert [reason.code for reason in found.reasons] == [
        "AVAILABLE",
        "FOR_CREDITORS",
        "BELOW_MINIMUMS",
        "STANDARD_RATE_MET",
        "EXTRA_TO_PAYMENT",
    ]
    said = " ".join(reason.text for reason in found.reasons)
    for figure in ("$550.00", "$385.00", "$533.00", "$16,500.00", "$330.00", "$55.00"):
        assert figure in said


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ("533.00", Recommendation.SELF_MANAGE),
        ("532.99", Recommendation.PLAN_STANDARD),
        ("330.00", Recommendation.PLAN_STANDARD),
        ("329.99", Recommendation.PLAN_HARDSHIP),
        ("288.75", Recommendation.PLAN_HARDSHIP),
        ("288.74", Recommendation.BUDGET_FOLLOW_UP),
        ("-124.99", Recommendation.BUDGET_FOLLOW_UP),
        ("-125.00", Recommendation.BANKRUPTCY_REFERRAL),
        ("-500.00", Recommendation.BANKRUPTCY_REFERRAL),
    ],
)
def test_every_boundary_on_both_sides(left: str, expected: Recommendation) -> None:
    """Minimums, 2 % and 1.75 % of the balance, and nothing available, each to the cent."""
    recommendation, reasons = recommend(figures(left), settings())
    assert recommendation is expected
    assert all(reason.code and reason.text for reason in reasons)


def test_rates_and_the_cushion_are_the_agency_s() -> None:
    """Other rates move the boundaries, another cushion what is left."""
    strict = settings(standard_payment_rate=Decimal("2.50"), hardship_payment_rate=Decimal("2.25"))
    assert recommend(figures("412.50"), strict)[0] is Recommendation.PLAN_STANDARD
    assert recommend(figures("412.49"), strict)[0] is Recommendation.PLAN_HARDSHIP
    assert recommend(figures("371.25"), strict)[0] is Recommendation.PLAN_HARDSHIP
    assert recommend(figures("371.24"), strict)[0] is Recommendation.BUDGET_FOLLOW_UP
    assert an_analysis(cushion=Decimal("25.00")).disposable == Decimal("525.00")


def test_the_fee_comes_off_before_anything_is_compared() -> None:
    """Who covers the minimums without a fee and not with it is told so."""
    with_fee = figures("533.00", fee=Decimal("40.00"))
    recommendation, reasons = recommend(with_fee, settings())
    assert recommendation is Recommendation.PLAN_STANDARD
    assert "COVERED_WITHOUT_FEE" in [reason.code for reason in reasons]
    a_cent_less = figures("532.99", fee=Decimal("40.00"))
    codes = [reason.code for reason in recommend(a_cent_less, settings())[1]]
    assert "COVERED_WITHOUT_FEE" not in codes


def test_a_waived_fee_that_would_make_a_hardship_plan_is_named() -> None:
    """A hardship plan charges no fee; who is short of one by the fee alone is told, to the cent."""
    for disposable, named in (("288.75", True), ("288.74", False)):
        short = figures(disposable, fee=Decimal("40.00"))
        recommendation, reasons = recommend(short, settings())
        assert recommendation is Recommendation.BUDGET_FOLLOW_UP
        assert ("HARDSHIP_RATE_MET_WITHOUT_FEE" in {one.code for one in reasons}) is named


def test_debts_without_a_minimum_payment_are_pointed_out() -> None:
    """Nothing covers a minimum of nothing: the outcome holds, and the counselor is told."""
    silent = (a_debt("AGENCY", "20000.00", "0.00", "0.00", DebtKind.COLLECTION),)
    found = an_analysis(an_application(debts=silent))
    assert found.recommendation is Recommendation.SELF_MANAGE
    assert found.reasons[-1].code == "NO_MINIMUM_PAYMENT"
    assert "NO_MINIMUM_PAYMENT" not in {one.code for one in an_analysis().reasons}


def test_a_cent_more_never_makes_the_outcome_worse() -> None:
    """Nothing left at all does not fare better than a cent, of which a fee is due as well."""
    silent = (a_debt("AGENCY", "20000.00", "0.00", "0.00", DebtKind.COLLECTION),)
    outcomes = [
        an_analysis(an_application(debts=silent, incomes=(an_income(net),))).recommendation
        for net in ("3024.99", "3025.00", "3025.01", "3034.99")
    ]
    assert outcomes == [Recommendation.BUDGET_FOLLOW_UP] * 4


def test_the_fee_counts_creditors_and_not_accounts() -> None:
    """Two accounts of one bank are one creditor, however its name is spelled."""
    twice = (*DEBTS[:3], a_debt("Card A", "10.00", "0.00", "1.00", number=5))
    assert an_analysis(an_application(debts=twice)).monthly_fee == Decimal("30.00")


def test_no_income_is_an_outcome() -> None:
    """Without income nothing is available, and the first reason says so."""
    found = an_analysis(an_application(incomes=()))
    assert found.recommendation is Recommendation.BANKRUPTCY_REFERRAL
    assert found.available == Decimal("-2900.00")
    assert found.debt_to_income is None
    assert found.monthly_fee == 0
    codes = [reason.code for reason in found.reasons]
    assert codes[0] == "NO_INCOME"
    assert "NO_INCOME_TO_COMPARE" in codes


@pytest.mark.parametrize(
    ("debts", "income", "expected"),
    [
        ((), "3450.00", Recommendation.SELF_MANAGE),
        ((), "3024.99", Recommendation.BUDGET_FOLLOW_UP),
        ((), "2900.00", Recommendation.BUDGET_FOLLOW_UP),
        (
            (a_debt("TAX OFFICE", "5000.00", "8.00", "100.00", DebtKind.TAX),),
            "3000.00",
            Recommendation.BANKRUPTCY_REFERRAL,
        ),
        (
            (a_debt("TAX OFFICE", "5000.00", "8.00", "100.00", DebtKind.TAX),),
            "3450.00",
            Recommendation.SELF_MANAGE,
        ),
        ((a_debt("PAID UP", "0.00", "8.00", "0.00"),), "3450.00", Recommendation.SELF_MANAGE),
    ],
)
def test_no_eligible_debts_is_an_outcome(
    debts: tuple[Debt, ...], income: str, expected: Recommendation
) -> None:
    """Where there is nothing for a plan to take, the outcome is never a plan."""
    found = an_analysis(an_application(debts=debts, incomes=(an_income(income),)))
    assert found.recommendation is expected
    assert found.eligible_balance == 0
    codes = {reason.code for reason in found.reasons}
    assert codes & {"NO_ELIGIBLE_DEBTS", "NO_DEBTS", "NOTHING_AVAILABLE"}


@pytest.mark.parametrize("kind", DebtKind)
def test_a_debt_is_counted_once(kind: DebtKind) -> None:
    """Its payment is an expense where no plan takes it, and a minimum where one does."""
    debt = a_debt("X", "1000.00", "5.00", "50.00", kind)
    found = an_analysis(an_application(debts=(debt,)))
    counted_as_expense = found.monthly_expenses == Decimal("2950.00")
    counted_as_minimum = found.contractual_minimums == Decimal("50.00")
    assert counted_as_expense is not counted_as_minimum
    assert counted_as_minimum is debt.eligible_for_plan


def not_expected(*creditors: str) -> tuple[CreditorPolicy, ...]:
    """Return policies of the worked example, by which these creditors take no part."""
    return tuple(
        replace(one, participation=Participation.NOT_EXPECTED) if one.creditor in creditors else one
        for one in POLICIES
    )


def test_who_is_not_expected_to_take_part_is_an_expense_beside_the_plan() -> None:
    """Its minimum of 261 is an expense; fee, minimums and balance are those of the other three."""
    found = an_analysis(creditor_policies=not_expected("CARD_A"))
    assert found.monthly_expenses == Decimal("3161.00")
    assert found.available == Decimal("289.00")
    assert found.disposable == Decimal("164.00")
    assert found.monthly_fee == Decimal("30.00")
    assert found.contractual_minimums == Decimal("272.00")
    assert found.eligible_balance == Decimal("8050.00")
    assert found.recommendation is Recommendation.BUDGET_FOLLOW_UP
    assert found.debt_to_income == an_analysis().debt_to_income
    first = found.reasons[0]
    assert first.code == "NOT_EXPECTED_TO_TAKE_PART"
    assert "$8,450.00" in first.text
    assert "$261.00" in first.text
    assert "CARD_A" not in first.text


@pytest.mark.parametrize(
    ("income", "expected"),
    [("3558.00", Recommendation.SELF_MANAGE), ("3557.99", Recommendation.BUDGET_FOLLOW_UP)],
)
def test_where_nobody_takes_part_no_plan_is_recommended(
    income: str, expected: Recommendation
) -> None:
    """2,900 of expenses, 533 of minimums and a cushion of 125: the outcome is never a plan."""
    nobody = not_expected(*(one.creditor for one in DEBTS))
    found = an_analysis(an_application(incomes=(an_income(income),)), creditor_policies=nobody)
    assert found.recommendation is expected
    assert found.eligible_balance == 0
    assert found.monthly_fee == 0
    codes = [reason.code for reason in found.reasons]
    assert codes[0] == "NOT_EXPECTED_TO_TAKE_PART"
    assert "NO_CREDITOR_TAKES_PART" in codes
    assert "NO_ELIGIBLE_DEBTS" not in codes


def test_a_payment_that_is_an_expense_too_is_pointed_out() -> None:
    """An expense that equals a debt's payment is left in the sum, and named as a doubt."""
    mortgage = a_debt("HOME LOANS", "90000.00", "6.00", "2900.00", DebtKind.MORTGAGE)
    application = an_application(debts=(*DEBTS, mortgage))
    found = an_analysis(application)
    assert found.monthly_expenses == Decimal("5800.00")
    assert [reason.code for reason in doubts(application, settings())] == ["MAYBE_COUNTED_TWICE"]
    assert "HOME LOANS" not in " ".join(reason.text for reason in found.reasons)


def test_savings_beside_the_cushion_are_pointed_out() -> None:
    """Both are left in the figures, and the counselor is told."""
    saving = an_application(
        expenses=(an_expense("100.00", ExpenseCategory.SAVINGS), an_expense("2800.00", number=2))
    )
    codes = [reason.code for reason in an_analysis(saving).reasons]
    assert codes[-1] == "SAVINGS_BESIDE_CUSHION"


def test_net_income_stands_in_where_no_gross_is_given() -> None:
    """Line by line: of two alike one by its gross and one by its net; a reason counts the latter.

    533 of 150 gross is 355.33 %, of 150 and a net 100 it is 213.2 %, of net alone 266.5 %.
    """
    known = an_income("100.00", "150.00")
    net = replace(known, gross=None)
    assert debt_to_income((known,), DEBTS) == (Decimal("355.33"), ())
    ratio, said = debt_to_income((known, net), DEBTS)
    assert ratio == Decimal("213.20")
    assert [reason.code for reason in said] == ["NET_FOR_GROSS"]
    assert "1 line of income" in said[0].text
    ratio, said = debt_to_income((net, net), DEBTS)
    assert ratio == Decimal("266.50")
    assert "2 lines of income" in said[0].text


def test_a_line_stands_with_a_month_s_amount_by_either_measure() -> None:
    """A biweekly gross and a weekly net are each a month's before they are added."""
    gross = replace(an_income("0.00", "1200.00"), frequency=Frequency.BIWEEKLY)
    net = replace(an_income("300.00"), frequency=Frequency.WEEKLY, monthly=Decimal("1300.00"))
    assert debt_to_income((gross, net), DEBTS)[0] == Decimal("13.67")


def test_there_is_no_ratio_only_without_income() -> None:
    """No line, and lines of nothing: null, and why; a tiny income makes more than can be said."""
    for lines in ((), (an_income("0.00"),), (an_income("0.00", "0.00"),)):
        ratio, why = debt_to_income(lines, DEBTS)
        assert ratio is None
        assert [reason.code for reason in why] == ["NO_INCOME_TO_COMPARE"]
    ratio, why = debt_to_income((an_income("0.01", "0.01"),), DEBTS)
    assert ratio is None
    assert [reason.code for reason in why] == ["RATIO_TOO_LARGE"]


AMOUNTS = st.decimals(0, Decimal("99999999.99"), places=2)


@hypothesis_settings(deadline=None)
@given(income=AMOUNTS, expense=AMOUNTS, balance=AMOUNTS, minimum=AMOUNTS)
def test_every_budget_has_an_outcome(
    income: Decimal, expense: Decimal, balance: Decimal, minimum: Decimal
) -> None:
    """Whatever is entered, there is a recommendation, and its figures add up."""
    debt = replace(DEBTS[0], balance=balance, minimum_payment=minimum)
    found = an_analysis(
        an_application(
            incomes=(an_income(f"{income:.2f}", f"{income:.2f}"),),
            expenses=(an_expense(f"{expense:.2f}"),),
            debts=(debt,),
        )
    )
    assert found.available == found.net_monthly_income - found.monthly_expenses
    assert found.disposable == found.available - found.cushion
    assert found.for_creditors == found.disposable - found.monthly_fee
    assert found.reasons
    is_plan = found.recommendation in (Recommendation.PLAN_STANDARD, Recommendation.PLAN_HARDSHIP)
    if is_plan:
        assert found.for_creditors < found.contractual_minimums
        assert found.for_creditors >= (balance * Decimal("1.75") / 100).quantize(
            Decimal("0.01")
        ) - (Decimal("0.01"))
