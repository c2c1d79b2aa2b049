"""Debts of three sources: the same account once, what is not to be counted, what differs."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from domain.applications import Debt, DebtKind, Source
from domain.bank_connections import BankAccount
from domain.banking import LiabilityFacts
from domain.credit import PortfolioType, Tradeline
from domain.reconciling import (
    Account,
    Exclusion,
    account_of_bank,
    account_of_line,
    creditor_key,
    reconcile,
)

STATED = Debt(
    id="debt_01ARZ3NDEKTSV4RRFFQ69G5FAV_01ARZ3NDEKTSV4RRFFQ69G5FAW",
    creditor="Big Bank",
    kind=DebtKind.CREDIT_CARD,
    account_last4="1234",
    balance=Decimal("1500.00"),
    apr=Decimal("24.99"),
    minimum_payment=Decimal("35.00"),
    eligible_for_plan=True,
)
LINE = Tradeline(
    creditor="BIG BANK NA",
    portfolio=PortfolioType.REVOLVING,
    account_last4="X234",
    ecoa="individual",
    balance=Decimal(1545),
    monthly_payment=Decimal(36),
    source_key="k1",
)
CARD = BankAccount(
    id="acct_1",
    connection_id="bank_1",
    source_id="card",
    name="Card",
    mask="1234",
    type="credit",
    subtype="credit card",
    current=Decimal("1540.00"),
)
OWED = LiabilityFacts(
    account_id="card", kind="credit", apr=Decimal("24.99"), minimum_payment=Decimal("35.00")
)


def line(**changes: object) -> Account:
    """Return the bureau's line with changes, as an account."""
    return account_of_line(replace(LINE, **changes), DebtKind.CREDIT_CARD)  # type: ignore[arg-type]  # its own attributes


def bank(owed: LiabilityFacts | None = OWED, **changes: object) -> Account:
    """Return the bank's account with changes, as an account."""
    found = account_of_bank(replace(CARD, **changes), "Big Bank", owed)  # type: ignore[arg-type]  # its own attributes
    assert found is not None
    return found


def test_one_account_of_three_sources_is_one_debt() -> None:
    """The bank's figures come first, what it does not tell is the bureau's; nothing differs."""
    (one,) = reconcile([STATED], [bank(), line(past_due=Decimal(20))])
    assert one.stated is STATED
    assert [account.source for account in one.accounts] == [Source.BANK, Source.CREDIT_REPORT]
    assert (one.figure("balance"), one.figure("payment")) == (Decimal("1540.00"), Decimal("35.00"))
    assert one.figure("past_due") == Decimal("20.00")
    assert (one.conflicts, one.excluded) == ((), None)


def test_what_differs_is_shown_with_both_sources() -> None:
    """Beyond the tolerance: balances, payments and rates, of any two of the three."""
    owed = replace(OWED, apr=Decimal("29.99"), minimum_payment=Decimal("60.00"))
    (one,) = reconcile([STATED], [bank(owed, current=Decimal("2500.00")), line()])
    found = {(each.field, each.source, each.other) for each in one.conflicts}
    own, of_bank, of_bureau = Source.SELF_REPORTED, Source.BANK, Source.CREDIT_REPORT
    assert found == {
        ("balance", own, of_bank),
        ("balance", of_bank, of_bureau),
        ("payment", own, of_bank),
        ("payment", of_bank, of_bureau),
        ("apr", own, of_bank),
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ecoa": "authorizedUser"}, Exclusion.AUTHORIZED_USER),
        ({"ecoa": "terminated"}, Exclusion.TERMINATED),
        ({"ecoa": "deceased"}, Exclusion.DECEASED),
        ({"closed_on": date(2025, 1, 1)}, Exclusion.CLOSED),
        ({"paid_out_on": date(2025, 1, 1)}, Exclusion.CLOSED),
        ({"balance": Decimal(0)}, Exclusion.NO_BALANCE),
        ({"balance": None}, Exclusion.NO_BALANCE),
        ({"remarks": ("AID",)}, Exclusion.DISPUTED),
        ({"remarks": ("MCC",)}, None),
        ({"ecoa": "jointContractLiability"}, None),
    ],
)
def test_what_is_not_to_be_counted_says_why(
    changes: dict[str, object], expected: Exclusion | None
) -> None:
    """By itself the line is excluded; where the bank counts the account, it is counted."""
    (alone,) = reconcile([], [line(**changes)])
    assert alone.excluded is expected
    (both,) = reconcile([], [bank(), line(**changes)])
    assert both.excluded is None


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"account_last4": "9234"}, False),
        ({"account_last4": None}, False),
        ({"creditor": "OTHER BANK"}, False),
        ({"creditor": "Big Bank Card Services"}, True),
    ],
)
def test_bank_and_bureau_are_one_only_by_creditor_and_number(
    changes: dict[str, object], *, same: bool
) -> None:
    """A number that is not known joins nothing: two cards of one bank are two debts."""
    assert len(reconcile([], [bank(), line(**changes)])) == (1 if same else 2)


@pytest.mark.parametrize(
    ("changes", "debts"),
    [
        ({"account_last4": "1234"}, 1),
        ({"account_last4": "X234"}, 2),  # the bureau hides a digit
        ({"account_last4": "1235"}, 2),
        ({"account_last4": "1234", "balance": Decimal(2400)}, 2),
        ({"account_last4": "1234", "balance": None}, 2),
    ],
)
def test_another_name_is_one_account_by_whole_number_and_balance(
    changes: dict[str, object], debts: int
) -> None:
    """A bank's card under the issuer's name at the bureau is not owed twice."""
    elsewhere = line(creditor="CASCADE CARD SVC", **changes)

    assert len(reconcile((), (bank(), elsewhere))) == debts
    stated = replace(STATED, creditor="My blue card", balance=Decimal("1520.00"))
    (first, *_) = reconcile((stated,), (bank(),))
    assert first.stated == stated


def test_each_account_takes_one_debt_and_each_debt_one_account() -> None:
    """Two cards of one creditor, typed without numbers, are matched one to one."""
    unknown = replace(STATED, account_last4=None)
    second = replace(unknown, id=f"{STATED.id[:-1]}Z")
    found = reconcile(
        [unknown, second], [bank(), bank(id="acct_2", mask="9999"), line(account_last4="5555")]
    )
    stated = [one.stated for one in found]
    assert stated == [unknown, second, None]


def test_accounts_that_nothing_is_owed_on_are_no_debts() -> None:
    """A checking account is none at all; a card that is paid off is excluded."""
    assert account_of_bank(replace(CARD, type="depository"), "Big Bank", None) is None
    assert bank(current=Decimal("-5.00")).excluded is Exclusion.NO_BALANCE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AMEX", "American Express"),
        ("JPMCB CARD SERVICES", "Chase"),
        ("Capital One, N.A.", "CAPITAL ONE"),
    ],
)
def test_spellings_of_one_creditor_are_one(one: str, other: str) -> None:
    """Legal forms and what bureaus abbreviate make no other creditor."""
    assert creditor_key(one) == creditor_key(other)


def test_a_name_of_nothing_but_a_form_is_kept() -> None:
    """Two of them are not one for having no name left."""
    assert creditor_key("The Company") != creditor_key("USA Services")
