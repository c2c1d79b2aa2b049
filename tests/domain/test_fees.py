"""Fees within the caps of the states."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from domain.amortization import amount_of
from domain.fees import FEE_CAPS, FeeCap, cap_of, fee_rule, fee_terms, monthly_fee
from tests.domain.plan_samples import ON, settings

DEAR = settings(
    setup_fee=Decimal("500.00"),
    monthly_fee_per_creditor=Decimal("100.00"),
    monthly_fee_max=Decimal("500.00"),
)


@pytest.mark.parametrize(
    ("state", "setup", "creditors", "deposit", "expected"),
    [
        ("UT", "50.00", 4, "1000.00", "40.00"),
        ("UT", "50.00", 5, "1000.00", "50.00"),
        ("RI", "50.00", 6, "1000.00", "50.00"),
        ("CO", "50.00", 1, "1000.00", "10.00"),
        ("VA", "75.00", 9, "460.00", "60.00"),
        ("VA", "75.00", 9, "459.99", "59.99"),
        ("VA", "75.00", 9, "115.00", "15.00"),
        ("MS", "75.00", 1, "1000.00", "30.00"),
        ("MD", "50.00", 4, "1000.00", "32.00"),
        ("MD", "50.00", 6, "1000.00", "40.00"),
        ("MI", "500.00", 4, "1000.00", "400.00"),
        (None, "500.00", 6, "1000.00", "500.00"),
    ],
)
def test_no_fee_is_above_the_cap_of_the_state(
    state: str | None, setup: str, creditors: int, deposit: str, expected: str
) -> None:
    """An agency that would charge more charges the cap; where there is none, its own fee."""
    terms = fee_terms(DEAR, state, ON)
    assert terms.setup == Decimal(setup)
    assert monthly_fee(terms, creditors, Decimal(deposit)) == Decimal(expected)


def test_an_agency_that_is_cheaper_stays_so() -> None:
    """A cap raises nothing."""
    cheap = settings(
        setup_fee=Decimal("0.00"),
        monthly_fee_per_creditor=Decimal("1.00"),
        monthly_fee_max=Decimal("3.00"),
    )
    for state in (None, *FEE_CAPS):
        terms = fee_terms(cheap, state, ON)
        assert terms.setup == 0
        assert terms.per_creditor == 1
        assert terms.monthly_max == 3


def test_a_waived_fee_is_not_charged() -> None:
    """Waived terms keep what would have been charged, and charge nothing."""
    terms = fee_terms(DEAR, "UT", ON, waived=True)
    assert terms.setup == Decimal("50.00")
    assert monthly_fee(terms, 5, Decimal(1000)) == 0


def test_without_creditors_or_a_deposit_there_is_no_fee() -> None:
    """Nobody to pay, or nothing to pay with, is no service."""
    terms = fee_terms(DEAR, "MI", ON)
    assert monthly_fee(terms, 0, Decimal(1000)) == 0
    assert monthly_fee(terms, 3, Decimal("-0.01")) == 0
    assert monthly_fee(terms, 3, Decimal("0.00")) == 300


def test_the_cap_in_force_is_the_latest_begun() -> None:
    """On its first day a new cap holds, and the day before the old one; before any, none."""
    old = FeeCap(effective_from=date(2020, 1, 1), setup=Decimal(1), monthly=Decimal(1), source="")
    new = FeeCap(effective_from=date(2026, 1, 1), setup=Decimal(2), monthly=Decimal(2), source="")
    caps = {"UT": (new, old)}
    assert cap_of("UT", date(2019, 12, 31), caps) is None
    assert cap_of("UT", date(2025, 12, 31), caps) == old
    assert cap_of("UT", date(2026, 1, 1), caps) == new
    assert cap_of("OH", date(2026, 1, 1), caps) is None


@hypothesis_settings(deadline=None)
@given(
    deposit=st.integers(0, 1_000_000),
    creditors=st.integers(1, 30),
    state=st.sampled_from([None, *FEE_CAPS]),
)
def test_the_fee_leaves_the_share_that_creditors_must_get(
    deposit: int, creditors: int, state: str | None
) -> None:
    """Where a cap is a share of what is disbursed, the fee is within it to the cent."""
    rule = fee_rule(fee_terms(DEAR, state, ON))
    fee = rule.out_of(deposit, creditors)
    if rule.share is None:
        assert fee == min(rule.per_creditor * creditors, rule.maximum)
        return
    assert fee * 10_000 <= (deposit - fee) * rule.share
    one_more = fee + 1
    assert one_more > min(rule.per_creditor * creditors, rule.maximum) or (
        one_more * 10_000 > (deposit - one_more) * rule.share
    )
    assert amount_of(fee) <= amount_of(deposit)


def test_every_cap_names_its_source() -> None:
    """No figure without a source, and no state without a first day."""
    for caps in FEE_CAPS.values():
        assert all(cap.source and cap.effective_from <= ON for cap in caps)
