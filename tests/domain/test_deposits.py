"""Income from deposits: who pays, how often, how much; and what is no income at all."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.applications import IncomeSource
from domain.bank_connections import BankTransaction, transaction_of
from domain.banking import StreamFacts, StreamFrequency, TransactionFacts
from domain.deposits import frequency_of, incomes_from, own_transfers
from domain.money import Frequency, monthly

BANK = "bank_01ARZ3NDEKTSV4RRFFQ69G5FAV_01ARZ3NDEKTSV4RRFFQ69G5FAW"
CHECKING, SAVINGS = "checking", "savings"
ON = date(2026, 3, 1)
DEPOSITORY = frozenset({CHECKING, SAVINGS})


def came(
    on: date, amount: str = "1000.00", account: str = CHECKING, **more: object
) -> tuple[str, BankTransaction]:
    """Return a deposit of wages."""
    values: dict[str, object] = {"category": "INCOME", "detail": "INCOME_WAGES"}
    values |= {"name": "ACME PAYROLL 123", **more}
    facts = TransactionFacts(
        source_id=f"{account} {on} {amount} {values['name']}",
        account_id=account,
        posted_on=on,
        amount=-Decimal(amount),
        **values,  # type: ignore[arg-type]  # texts and flags of the transaction
    )
    return account, transaction_of(BANK, facts)


def each(days: Iterable[date], **more: object) -> list[tuple[str, BankTransaction]]:
    """Return a deposit for each day."""
    return [came(day, **more) for day in days]  # type: ignore[arg-type]  # as came


def month_ends(year: int, months: Iterable[int]) -> list[date]:
    """Return the last days of months."""
    firsts = [date(year + month // 12, month % 12 + 1, 1) for month in months]
    return [first - timedelta(days=1) for first in firsts]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([date(2026, 1, 2) + timedelta(days=7 * n) for n in range(8)], Frequency.WEEKLY),
        ([date(2025, 11, 7) + timedelta(days=14 * n) for n in range(8)], Frequency.BIWEEKLY),
        # A holiday: the day before.
        (
            [date(2025, 11, 28), date(2025, 12, 12), date(2025, 12, 24), date(2026, 1, 9)],
            Frequency.BIWEEKLY,
        ),
        ([date(2026, m, d) for m in (1, 2, 3, 4) for d in (1, 16)], Frequency.SEMIMONTHLY),
        # The 15th and the last, early where that is a weekend: 15 and 29 February 2024.
        (
            [
                *(date(2024, 1, 12), date(2024, 1, 31), date(2024, 2, 15), date(2024, 2, 29)),
                *(date(2024, 3, 15), date(2024, 3, 29), date(2024, 4, 15), date(2024, 4, 30)),
            ],
            Frequency.SEMIMONTHLY,
        ),
        (month_ends(2024, range(1, 13)), Frequency.MONTHLY),
        (month_ends(2023, range(1, 13)), Frequency.MONTHLY),
        ([date(2025, 1, 15), date(2025, 4, 15), date(2025, 7, 15)], Frequency.QUARTERLY),
        ([date(2024, 2, 29), date(2025, 2, 28)], Frequency.ANNUALLY),
        ([date(2026, 1, 1), date(2026, 1, 3), date(2026, 2, 20), date(2026, 2, 21)], None),
        ([date(2026, 1, 1)], None),
    ],
)
def test_the_days_tell_how_often_something_comes(
    days: Sequence[date], expected: Frequency | None
) -> None:
    """Weekly to yearly, month ends and leap days among them; nothing where there is no rhythm."""
    assert frequency_of(days) is expected


@given(
    start=st.dates(date(2020, 1, 1), date(2025, 1, 1)),
    step=st.sampled_from(
        [(7, Frequency.WEEKLY), (14, Frequency.BIWEEKLY), (30, Frequency.MONTHLY)]
    ),
    count=st.integers(7, 20),
)
def test_a_strict_rhythm_is_always_found(
    start: date, step: tuple[int, Frequency], count: int
) -> None:
    """Wherever it begins, and however long it goes on."""
    days = [start + timedelta(days=step[0] * number) for number in range(count)]
    assert frequency_of(days) is step[1]


def test_wages_are_an_income_with_what_a_month_of_them_is() -> None:
    """The latest deposits are averaged; a month of every two weeks is 26 of them in 12."""
    days = [date(2025, 9, 5) + timedelta(days=14 * n) for n in range(13)]
    (income,) = incomes_from(
        each(days[:-1]) + each(days[-1:], amount="1060.00"), DEPOSITORY, (), ON
    )
    assert (income.source, income.frequency) == (IncomeSource.WAGES, Frequency.BIWEEKLY)
    assert income.net == Decimal("1010.00")
    assert income.monthly == monthly(Decimal("1010.00"), Frequency.BIWEEKLY)
    assert (income.deposits, income.last_on, income.irregular) == (13, days[-1], False)


def test_what_is_no_income_is_left_out() -> None:
    """Transfers, refunds, loans, tax refunds, what is pending, and what has ended."""
    days = [date(2025, 12, 5) + timedelta(days=14 * n) for n in range(6)]
    nothing = [
        *each(days, category="TRANSFER_IN", detail="TRANSFER_IN_ACCOUNT_TRANSFER"),
        *each(days, category="TRANSFER_IN", detail="TRANSFER_IN_CASH_ADVANCES_AND_LOANS"),
        *each(days, category="GENERAL_MERCHANDISE", detail="GENERAL_MERCHANDISE_SUPERSTORES"),
        *each(days, detail="INCOME_TAX_REFUND"),
        *each(days, pending=True),
        *each(days, account="card"),
        *each(day - timedelta(days=200) for day in days),
    ]
    assert incomes_from(nothing, DEPOSITORY, (), ON) == ()


def test_two_payers_are_two_incomes_and_each_has_its_source() -> None:
    """Social Security is told by the deposit's name; numbers in a name make no other payer."""
    wages = [
        came(date(2026, 1, 2) + timedelta(days=14 * n), name=f"ACME PAYROLL {n}") for n in range(5)
    ]
    benefit = each(
        [date(2025, 12, 3), date(2026, 1, 2), date(2026, 2, 3)],
        name="SSA TREAS 310 XXSOC SEC",
        detail="INCOME_OTHER_INCOME",
        amount="900.00",
    )
    found = incomes_from([*wages, *benefit], DEPOSITORY, (), ON)
    assert [(one.source, one.frequency) for one in found] == [
        (IncomeSource.WAGES, Frequency.BIWEEKLY),
        (IncomeSource.SOCIAL_SECURITY, Frequency.MONTHLY),
    ]


def test_without_a_rhythm_the_last_three_months_are_averaged() -> None:
    """And it says that it is irregular."""
    days = [date(2025, 12, 5), date(2025, 12, 8), date(2026, 1, 29), date(2026, 2, 20)]
    (income,) = incomes_from(
        each(days, amount="300.00", detail="INCOME_GIG_ECONOMY"), DEPOSITORY, (), ON
    )
    assert income.irregular
    assert (income.source, income.net) == (IncomeSource.SELF_EMPLOYMENT, Decimal("400.00"))
    assert income.monthly == income.net


def test_of_two_deposits_the_vendors_stream_tells_the_rhythm() -> None:
    """Sixteen days apart may be either; the vendor knows more than two."""
    deposits = each([date(2026, 2, 1), date(2026, 2, 16)])
    stream = StreamFacts(
        source_id="s",
        account_id=CHECKING,
        inflow=True,
        description="ACME",
        first_on=date(2025, 1, 1),
        last_on=date(2026, 2, 16),
        frequency=StreamFrequency.SEMI_MONTHLY,
        average=Decimal(-1000),
        last=Decimal(-1000),
        active=True,
        mature=True,
        transaction_ids=(deposits[0][1].source_id,),
    )
    (income,) = incomes_from(deposits, DEPOSITORY, (stream,), ON)
    assert income.frequency is Frequency.SEMIMONTHLY


def test_what_moves_between_own_accounts_is_paired_once() -> None:
    """The same amount out of one and into another within three days, whatever it is called."""
    out = came(date(2026, 1, 5), "-500.00", category=None, detail=None)
    back = came(date(2026, 1, 7), "500.00", SAVINGS, category="TRANSFER_IN", detail=None)
    second = came(date(2026, 1, 8), "500.00", SAVINGS, name="other", category=None, detail=None)
    late = came(date(2026, 1, 20), "500.00", SAVINGS, category=None, detail=None)
    assert own_transfers([out, back, second, late]) == {out[1].id, back[1].id}
