"""From a report's tradelines to debts: what is owed, what kind it is, and which debt it is."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.applications import PLAN_KINDS, Debt, DebtKind, Source
from domain.credit import CreditFile, FileHit, PortfolioType, Tradeline
from domain.money import ZERO
from resolvers.tradelines import import_debts

APPLICATION = "app_01ARZ3NDEKTSV4RRFFQ69G5FAV"
LINE = Tradeline(
    creditor="BIG BANK",
    portfolio=PortfolioType.REVOLVING,
    account_type="CC",
    account_last4="1234",
    ecoa="individual",
    balance=Decimal(1545),
    past_due=Decimal(20),
    monthly_payment=Decimal(35),
    industry_code="B",
    source_key="k1",
)
TYPED = Debt(
    id="debt_01ARZ3NDEKTSV4RRFFQ69G5FAV_01ARZ3NDEKTSV4RRFFQ69G5FAW",
    creditor="Big Bank",
    kind=DebtKind.PERSONAL_LOAN,
    account_last4="1234",
    balance=Decimal("1000.00"),
    apr=Decimal("24.99"),
    minimum_payment=Decimal("30.00"),
    eligible_for_plan=True,
)


def _import(
    *lines: Tradeline, debts: tuple[Debt, ...] = (), collections: tuple[Tradeline, ...] = ()
) -> tuple[Debt, ...]:
    file = CreditFile(hit=FileHit.HIT, tradelines=lines, collections=collections)
    return import_debts(debts, file, APPLICATION)


def test_an_open_account_becomes_a_debt() -> None:
    """Creditor, figures and the account's key are the bureau's; the id is the application's."""
    (debt,) = _import(LINE)
    assert debt.id.startswith(APPLICATION.replace("app_", "debt_"))
    assert (debt.creditor, debt.balance, debt.minimum_payment, debt.past_due) == (
        "BIG BANK",
        Decimal(1545),
        Decimal(35),
        Decimal(20),
    )
    assert (debt.kind, debt.source, debt.source_key) == (
        DebtKind.CREDIT_CARD,
        Source.CREDIT_REPORT,
        "k1",
    )
    assert debt.eligible_for_plan


@pytest.mark.parametrize(
    "line",
    [
        replace(LINE, closed_on=date(2020, 1, 1)),
        replace(LINE, paid_out_on=date(2020, 1, 1)),
        replace(LINE, balance=ZERO),
        replace(LINE, balance=None),
        replace(LINE, ecoa="authorizedUser"),
        replace(LINE, ecoa="terminated"),
        replace(LINE, ecoa="deceased"),
    ],
)
def test_what_the_consumer_does_not_owe_is_no_debt(line: Tradeline) -> None:
    """Closed, paid, empty and other people's accounts are left out."""
    assert _import(line) == ()


@pytest.mark.parametrize(
    ("portfolio", "account_type", "industry", "kind"),
    [
        (PortfolioType.REVOLVING, "CC", "B", DebtKind.CREDIT_CARD),
        (PortfolioType.REVOLVING, "CC", "D", DebtKind.RETAIL_CARD),
        (PortfolioType.REVOLVING, "CH", "B", DebtKind.RETAIL_CARD),
        (PortfolioType.REVOLVING, None, "C", DebtKind.RETAIL_CARD),
        (PortfolioType.REVOLVING, "FX", "B", DebtKind.CREDIT_CARD),
        (PortfolioType.REVOLVING, None, None, DebtKind.CREDIT_CARD),
        (PortfolioType.INSTALLMENT, "AU", "B", DebtKind.AUTO),
        (PortfolioType.INSTALLMENT, "AL", "F", DebtKind.AUTO),
        (PortfolioType.INSTALLMENT, "ST", "E", DebtKind.STUDENT_LOAN),
        (PortfolioType.INSTALLMENT, "HE", "B", DebtKind.MORTGAGE),
        (PortfolioType.INSTALLMENT, "UN", "F", DebtKind.PERSONAL_LOAN),
        (PortfolioType.INSTALLMENT, None, "F", DebtKind.PERSONAL_LOAN),
        (PortfolioType.LINE_OF_CREDIT, None, "B", DebtKind.PERSONAL_LOAN),
        (PortfolioType.MORTGAGE, "CV", "B", DebtKind.MORTGAGE),
        (PortfolioType.MORTGAGE, None, "B", DebtKind.MORTGAGE),
        (PortfolioType.OPEN, None, "M", DebtKind.MEDICAL),
        (PortfolioType.OPEN, None, "U", DebtKind.UTILITY),
        (PortfolioType.OPEN, None, "B", DebtKind.OTHER),
    ],
)
def test_the_kind_follows_account_and_business(
    portfolio: PortfolioType, account_type: str | None, industry: str | None, kind: DebtKind
) -> None:
    """The account's type tells most, then the business, then the portfolio."""
    line = replace(LINE, portfolio=portfolio, account_type=account_type, industry_code=industry)
    (debt,) = _import(line)
    assert (debt.kind, debt.eligible_for_plan) == (kind, kind in PLAN_KINDS)


def test_collections_are_debts_of_their_own_kind() -> None:
    """What went to a collector is a COLLECTION, whoever it was owed to."""
    (debt,) = _import(collections=(replace(LINE, account_type="CC", monthly_payment=None),))
    assert (debt.kind, debt.minimum_payment) == (DebtKind.COLLECTION, ZERO)


def test_a_typed_debt_takes_the_bureaus_figures_and_keeps_the_rest() -> None:
    """Creditor, kind and rate stay as typed; balance, payment and source are the report's."""
    (debt,) = _import(LINE, debts=(TYPED,))
    assert debt == replace(
        TYPED,
        balance=Decimal(1545),
        minimum_payment=Decimal(35),
        past_due=Decimal(20),
        source=Source.CREDIT_REPORT,
        source_key="k1",
    )


@pytest.mark.parametrize(
    ("typed", "line", "same"),
    [
        ({"creditor": "BIG-BANK."}, {}, True),
        ({"account_last4": None}, {}, True),
        ({}, {"account_last4": None}, True),
        ({}, {"account_last4": "X2X4"}, True),
        ({}, {"account_last4": "X9X4"}, False),
        ({"account_last4": "9999"}, {}, False),
        ({"creditor": "Big Bank NA"}, {}, False),
        ({"source_key": "k1", "creditor": "Something else", "account_last4": "0000"}, {}, True),
        ({"source_key": "k2"}, {}, False),
        ({"source_key": "k2"}, {"source_key": None}, True),
    ],
)
def test_a_debt_is_matched_on_sure_ground(
    typed: dict[str, str | None], line: dict[str, str | None], *, same: bool
) -> None:
    """By the account's key, else by creditor and number, of which one may be missing."""
    before = replace(TYPED, **typed)  # type: ignore[arg-type]  # names of text fields
    after = _import(replace(LINE, **line), debts=(before,))  # type: ignore[arg-type]  # as above
    assert len(after) == (1 if same else 2)


def test_the_surer_match_wins() -> None:
    """Of two debts with the same creditor, the one with the account's number is the account."""
    unnumbered = replace(TYPED, account_last4=None, id=TYPED.id[:-1] + "X")
    first, second = _import(LINE, debts=(unnumbered, TYPED))
    assert (first.source, second.source) == (Source.SELF_REPORTED, Source.CREDIT_REPORT)


def test_two_accounts_with_one_creditor_stay_two() -> None:
    """One debt is one account: the second account of the same bank is another debt."""
    other = replace(LINE, account_last4="5678", source_key="k2", balance=Decimal(7))
    after = _import(LINE, other, debts=(TYPED,))
    assert [debt.balance for debt in after] == [Decimal(1545), Decimal(7)]
    assert _import(LINE, LINE, debts=(TYPED,)) == _import(LINE, debts=(TYPED,))


LINES = st.builds(
    Tradeline,
    creditor=st.sampled_from(["A", "B", "a"]),
    portfolio=st.sampled_from(PortfolioType),
    account_last4=st.sampled_from([None, "1234", "X2X4", "99"]),
    ecoa=st.sampled_from(["individual", "authorizedUser"]),
    balance=st.sampled_from([None, Decimal(0), Decimal(5), Decimal(9)]),
    source_key=st.sampled_from([None, "k1", "k2", "k3"]),
)


@given(
    lines=st.lists(LINES, max_size=6),
    typed=st.lists(st.sampled_from([TYPED, replace(TYPED, account_last4=None)]), max_size=2),
)
def test_importing_twice_changes_nothing_more(lines: list[Tradeline], typed: list[Debt]) -> None:
    """Whatever a report holds, the second import of it adds and changes nothing."""
    debts = tuple(replace(debt, id=f"{number}") for number, debt in enumerate(typed))
    once = _import(*lines, debts=debts)
    twice = _import(*lines, debts=once)
    assert sorted(twice, key=str) == sorted(once, key=str)
