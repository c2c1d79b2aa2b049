"""Expenses by category: what is spent a month, and what is no expense."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.applications import ExpenseCategory
from domain.bank_connections import BankTransaction, transaction_of
from domain.banking import TransactionFacts
from domain.money import total
from domain.spending import UNCATEGORIZED, category_of, spending_from

BANK = "bank_01ARZ3NDEKTSV4RRFFQ69G5FAV_01ARZ3NDEKTSV4RRFFQ69G5FAW"
ON = date(2026, 4, 10)
FROM = frozenset({"checking", "card"})
FIRST = date(2026, 1, 1)
_C = ExpenseCategory


def spent(
    on: date,
    amount: str,
    category: str | None,
    detail: str | None = None,
    account: str = "checking",
    *,
    pending: bool = False,
) -> tuple[str, BankTransaction]:
    """Return a payment."""
    facts = TransactionFacts(
        source_id=f"{on} {amount} {category} {account} {detail}",
        account_id=account,
        posted_on=on,
        name="A SHOP",
        amount=Decimal(amount),
        category=category,
        detail=detail,
        pending=pending,
    )
    return account, transaction_of(BANK, facts)


@pytest.mark.parametrize(
    ("category", "detail", "expected"),
    [
        ("FOOD_AND_DRINK", "FOOD_AND_DRINK_GROCERIES", _C.FOOD),
        ("RENT_AND_UTILITIES", "RENT_AND_UTILITIES_RENT", _C.HOUSING),
        ("RENT_AND_UTILITIES", "RENT_AND_UTILITIES_WATER", _C.UTILITIES),
        ("GENERAL_SERVICES", "GENERAL_SERVICES_INSURANCE", _C.INSURANCE),
        ("GENERAL_SERVICES", "GENERAL_SERVICES_CHILDCARE", _C.CHILDCARE),
        ("GENERAL_SERVICES", "GENERAL_SERVICES_EDUCATION", _C.EDUCATION),
        ("TRANSPORTATION", "TRANSPORTATION_GAS", _C.TRANSPORTATION),
        ("MEDICAL", "MEDICAL_DENTAL_CARE", _C.MEDICAL),
        ("TRANSFER_OUT", "TRANSFER_OUT_SAVINGS", _C.SAVINGS),
        ("LOAN_PAYMENTS", "LOAN_PAYMENTS_CAR_PAYMENT", None),
        ("LOAN_PAYMENTS", "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", None),
        ("TRANSFER_OUT", "TRANSFER_OUT_ACCOUNT_TRANSFER", None),
        ("INCOME", "INCOME_WAGES", None),
    ],
)
def test_each_category_has_its_place(
    category: str, detail: str, expected: ExpenseCategory | None
) -> None:
    """By the detailed category where that goes elsewhere, else by the primary."""
    one = spent(FIRST, "1.00", category, detail)[1]
    assert category_of(one) == (expected, True)


def test_months_are_averaged_whole_and_refunds_taken_off() -> None:
    """The month that goes on is left out, and so is what is pending."""
    found = spending_from(
        [
            spent(FIRST, "300.00", "FOOD_AND_DRINK"),
            spent(date(2026, 2, 3), "100.00", "FOOD_AND_DRINK", account="card"),
            spent(date(2026, 3, 3), "-40.01", "FOOD_AND_DRINK"),
            spent(date(2026, 3, 4), "999.00", "FOOD_AND_DRINK", pending=True),
            spent(date(2026, 4, 2), "999.00", "FOOD_AND_DRINK"),
            spent(date(2026, 2, 3), "999.00", "FOOD_AND_DRINK", account="elsewhere"),
            spent(date(2026, 2, 3), "999.00", "LOAN_PAYMENTS"),
        ],
        FROM,
        ON,
    )
    (food,) = found
    assert (food.category, food.monthly) == (_C.FOOD, Decimal("120.00"))
    assert (food.months, food.payments) == (3, 3)


def test_a_first_month_that_is_known_in_part_is_left_out() -> None:
    """And without any whole month nothing is said at all."""
    part = [
        spent(date(2026, 1, 12), "50.00", "MEDICAL"),
        spent(date(2026, 3, 2), "60.00", "MEDICAL"),
    ]
    (medical,) = spending_from(part, FROM, ON)
    assert (medical.monthly, medical.months) == (Decimal("30.00"), 2)
    assert spending_from(part[1:], FROM, ON) == ()
    assert spending_from([], FROM, ON) == ()


def test_an_unknown_category_is_other_and_is_said_so() -> None:
    """Money in without a category is taken off nothing."""
    found = spending_from(
        [
            spent(FIRST, "90.00", "SPACE_TRAVEL"),
            spent(date(2026, 1, 2), "30.00", None),
            spent(date(2026, 1, 3), "-500.00", None),
        ],
        FROM,
        ON,
    )
    (other,) = found
    assert (other.category, other.monthly) == (_C.OTHER, Decimal("40.00"))
    assert other.unknown == (UNCATEGORIZED, "SPACE_TRAVEL")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 120),
            st.integers(1, 100_000),
            st.sampled_from(["FOOD_AND_DRINK", "MEDICAL", "TRAVEL", "ENTERTAINMENT"]),
        ),
        max_size=30,
    )
)
def test_what_is_added_up_is_what_was_paid(paid: list[tuple[int, int, str]]) -> None:
    """All categories together are the whole months' payments, to a cent for each category."""
    transactions = [
        spent(FIRST, "1.00", "MEDICAL"),
        *(
            spent(FIRST + timedelta(days=day), f"{Decimal(cents) / 100:.2f}", category, str(number))
            for number, (day, cents, category) in enumerate(paid)
        ),
    ]
    found = spending_from(transactions, FROM, ON)
    whole = total(one.amount for _, one in transactions if one.posted_on < date(2026, 4, 1))
    apart = abs(total(one.monthly for one in found) * 3 - whole)
    assert apart <= Decimal("0.015") * len(found)
