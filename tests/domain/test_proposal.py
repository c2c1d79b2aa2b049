"""Making a plan: terms, deposits, fees and dates; and every way in which there is none."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from domain.applications import DebtKind
from domain.errors import PlanNotPossible
from domain.money import ZERO
from domain.payoff import PayoffStrategy
from domain.plans import FeeTiming, schedule
from domain.proposal import Terms, terms_of
from domain.settings import Participation
from tests.domain.plan_samples import (
    DEBTS,
    POLICIES,
    a_debt,
    a_plan,
    a_policy,
    a_proposal,
    settings,
)


def codes(call: Callable[[], object]) -> dict[str, str]:
    """Return the reasons, by their codes, for which a plan is refused."""
    with pytest.raises(PlanNotPossible) as refused:
        call()
    assert refused.value.details() == {
        "reasons": [{"code": one.code, "text": one.text} for one in refused.value.reasons]
    }
    return {reason.code: reason.text for reason in refused.value.reasons}


def only(*policies: object, apr: str | None = "24.99", **changes: object) -> Terms:
    """Return the terms of one debt of 2,150 under these policies."""
    debt = a_debt("CARD_C", "2150.00", apr, "65.00")
    (terms,) = terms_of((debt,), settings(creditor_policies=policies), hardship=bool(changes))
    return terms


def test_a_concession_holds_and_never_raises_an_apr() -> None:
    """The policy's APR where it is lower or the contractual one is not known, else the latter."""
    policy = a_policy("Card C", "8.00")
    assert only(policy).apr == Decimal("8.00")
    assert only(policy, apr=None).apr == Decimal("8.00")
    assert only(policy, apr="5.00").apr == Decimal("5.00")
    assert only(policy).participation is Participation.WITH_CONCESSIONS


@pytest.mark.parametrize(
    ("rate", "floor", "expected"),
    [("2.00", "0.00", "44.00"), ("2.50", "0.00", "54.00"), ("2.00", "75.50", "75.50")],
)
def test_a_creditor_gets_the_most_of_three(rate: str, floor: str, expected: str) -> None:
    """Its share of the balance, what pays off in 60 months, or its floor; 43 would take 61."""
    assert only(a_policy("CARD_C", "8.00", rate=rate, floor=floor)).payment == Decimal(expected)


def test_hardship_takes_the_lower_rate_and_no_less_than_sixty_months() -> None:
    """1.75 % of 2,150 is 38 at 1 % a year; at 8 % the 44 that sixty months take."""
    gentle = a_policy("CARD_C", "1.00", rate="2.50")
    assert only(gentle).payment == Decimal("54.00")
    assert only(gentle, hardship=True).payment == Decimal("38.00")
    assert only(a_policy("CARD_C", "8.00", rate="2.50"), hardship=True).payment == Decimal("44.00")


def test_without_concessions_interest_stays_as_it_is() -> None:
    """The contractual APR holds; the policy's only where the contractual one is not known."""
    policy = a_policy("CARD_C", "18.00", participation=Participation.WITHOUT_CONCESSIONS)
    assert only(policy).apr == Decimal("24.99")
    assert only(policy, apr=None).apr == Decimal("18.00")


def test_without_concessions_no_less_is_paid_than_the_contract_asks_for() -> None:
    """Its minimum of 65 where rate, floor and sixty months ask for less; a concession may do so."""
    refusing = a_policy("CARD_C", "8.00", participation=Participation.WITHOUT_CONCESSIONS)
    assert only(refusing, apr="8.00").payment == Decimal("65.00")
    assert only(a_policy("CARD_C", "8.00"), apr="8.00").payment == Decimal("44.00")
    more = a_policy(
        "CARD_C", "8.00", participation=Participation.WITHOUT_CONCESSIONS, floor="70.00"
    )
    assert only(more, apr="8.00").payment == Decimal("70.00")


def test_a_creditor_without_a_policy_concedes_nothing() -> None:
    """It is paid by its contract: its APR, and at least its minimum."""
    terms = only(apr="0.00")
    assert terms.participation is Participation.WITHOUT_CONCESSIONS
    assert (terms.apr, terms.payment) == (ZERO, Decimal("65.00"))


def test_who_takes_no_part_is_listed_and_not_paid() -> None:
    """It stays in the plan's list without payments, and costs no fee."""
    policies = (
        *POLICIES[1:],
        a_policy("CARD_A", "0.00", participation=Participation.NOT_EXPECTED),
    )
    chosen = settings(creditor_policies=policies)
    plan = a_proposal(deposit="250.00", chosen=chosen)
    (outside,) = (one for one in plan.creditors if one.debt.creditor == "CARD_A")
    assert outside.participation is Participation.NOT_EXPECTED
    assert (outside.payment, outside.months) == (ZERO, 0)
    assert not outside.payments
    assert plan.monthly_fees[0] == Decimal("30.00")
    assert plan.without_plan.months == 249
    assert len(plan.creditors) == 4


def test_a_deposit_to_the_cent() -> None:
    """389 is enough in each strategy; a cent less is refused with the figure that would do."""
    for strategy in PayoffStrategy:
        assert a_proposal(strategy, deposit="389.00").months <= 60
        refused = codes(lambda strategy=strategy: a_proposal(strategy, deposit="388.99"))  # type: ignore[misc]  # the lambda's default is its type
        assert list(refused) == ["DEPOSIT_TOO_SMALL"]
        for figure in ("$388.99", "$349.00", "$40.00", "$389.00", "60 months"):
            assert figure in refused["DEPOSIT_TOO_SMALL"]


def test_negative_amortization_is_refused_with_its_figures() -> None:
    """Where the deposit does not even cover the interest, that is said as well."""
    refused = codes(lambda: a_proposal(deposit="139.00"))
    assert list(refused) == ["DEPOSIT_TOO_SMALL", "NEGATIVE_AMORTIZATION"]
    assert "$99.48" in refused["NEGATIVE_AMORTIZATION"]
    assert list(codes(lambda: a_proposal(deposit="139.49"))) == ["DEPOSIT_TOO_SMALL"]
    assert "NEGATIVE_AMORTIZATION" in codes(lambda: a_proposal(deposit="0.00"))


def test_without_roll_over_nothing_is_asked_for_that_nobody_gets() -> None:
    """The deposit is what creditors and the fee need, whatever was offered."""
    assert a_proposal(PayoffStrategy.NO_ROLLOVER).monthly_deposit == Decimal("389.00")
    assert a_proposal(PayoffStrategy.SNOWBALL).monthly_deposit == Decimal("425.00")


def test_no_eligible_debt_is_refused() -> None:
    """Nothing owed, or nothing of an eligible kind: the refusal says what is missing."""
    loan = a_debt("CARS", "9000.00", "7.00", "200.00", DebtKind.AUTO)
    paid = a_debt("CARD_A", "0.00", "24.99", "0.00")
    for debts in ((), (loan,), (paid,), (loan, paid)):
        assert list(codes(lambda debts=debts: a_proposal(debts=debts))) == ["NO_ELIGIBLE_DEBTS"]  # type: ignore[misc]  # as above


def test_nobody_who_takes_part_is_refused() -> None:
    """A plan that pays nobody is none."""
    policies = tuple(replace(one, participation=Participation.NOT_EXPECTED) for one in POLICIES)
    refused = codes(lambda: a_proposal(chosen=settings(creditor_policies=policies)))
    assert list(refused) == ["NO_CREDITOR_TAKES_PART"]


def test_an_unknown_apr_is_asked_for_by_the_debt_s_id() -> None:
    """All debts of which it is not known are named at once, by id and not by creditor."""
    debts = tuple(replace(one, apr=None) for one in DEBTS[:2])
    chosen = settings(creditor_policies=())
    with pytest.raises(PlanNotPossible) as refused:
        terms_of(debts, chosen, hardship=False)
    texts = [reason.text for reason in refused.value.reasons]
    assert [reason.code for reason in refused.value.reasons] == ["APR_UNKNOWN"] * 2
    assert all(debt.id in text for debt, text in zip(debts, texts, strict=True))
    assert "CARD" not in refused.value.message


def test_one_cent_of_debt() -> None:
    """It is paid in the first month, and its fee with it."""
    plan = a_proposal(debts=(a_debt("CARD_C", "0.01", "24.99", "0.01"),))
    assert (plan.months, plan.total_interest) == (1, ZERO)
    assert plan.creditors[0].payments == (Decimal("0.01"),)
    assert plan.total_paid == Decimal("10.01")


def test_an_apr_of_a_thousand_percent() -> None:
    """It is computed as any other; a deposit that suffices is accepted, one below refused."""
    debt = a_debt("LENDER", "1000.00", "1000.00", "834.00")
    bare = settings(creditor_policies=())
    assert a_proposal(debts=(debt,), deposit="844.00", chosen=bare).months <= 60
    refused = codes(lambda: a_proposal(debts=(debt,), deposit="843.00", chosen=bare))
    assert "$844.00" in refused["DEPOSIT_TOO_SMALL"]
    assert "$833.33" in refused["NEGATIVE_AMORTIZATION"]


@pytest.mark.parametrize(
    ("on", "first", "last"),
    [
        ("2026-01-31", "2026-02-28", "2030-02-28"),
        ("2027-01-31", "2027-02-28", "2031-02-28"),
        ("2024-01-31", "2024-02-29", "2028-02-29"),
        ("2026-01-15", "2026-02-15", "2030-02-15"),
    ],
)
def test_payments_are_due_on_the_day_of_the_proposal(on: str, first: str, last: str) -> None:
    """A month after it, and each month from then; a month's last day where it is shorter."""
    plan = a_proposal(on=date.fromisoformat(on))
    assert (plan.first_due_on.isoformat(), plan.debt_free_on.isoformat()) == (first, last)


@pytest.mark.parametrize("on", ["2026-01-29", "2026-01-30", "2026-01-31", "2028-02-29"])
@pytest.mark.parametrize("deposit", ["425.00", "440.00", "460.00", "520.00"])
def test_the_last_day_is_that_of_the_last_payment(on: str, deposit: str) -> None:
    """The day that is promised is the schedule's own last, whatever day it began on."""
    plan = a_plan(a_proposal(on=date.fromisoformat(on), deposit=deposit))
    assert schedule(plan)[-1].due_on == plan.debt_free_on


def test_nobody_is_paid_more_than_is_owed() -> None:
    """A floor of 25 on 10 dollars asks for 10, and so does a minimum that was entered too high."""
    small = a_debt("CLINIC", "10.00", "0.00", "90.00", DebtKind.MEDICAL)
    for policies in ((), (a_policy("CLINIC", "0.00", floor="25.00"),)):
        chosen = settings(creditor_policies=policies)
        plan = a_proposal(debts=(small,), deposit="20.00", chosen=chosen)
        assert plan.creditors[0].payment == Decimal("10.00")
        refused = codes(
            lambda chosen=chosen: a_proposal(debts=(small,), deposit="19.99", chosen=chosen)  # type: ignore[misc]  # the lambda's default is its type
        )
        assert "$20.00 would do" in refused["DEPOSIT_TOO_SMALL"]


@pytest.mark.parametrize("strategy", PayoffStrategy)
def test_a_deposit_of_more_than_is_owed_is_not_asked_for(strategy: PayoffStrategy) -> None:
    """What one month pays off is that month's payment, whatever was offered."""
    plan = a_proposal(strategy, deposit="50000.00", debts=(a_debt("CARD_C", "0.40", "0.00", "0"),))
    assert (plan.months, plan.monthly_deposit) == (1, Decimal("10.40"))


def test_a_waived_fee_is_shown_within_its_cap() -> None:
    """In Virginia it would have been 15 % of 349 dollars, rounded down."""
    dear = settings(monthly_fee_per_creditor=Decimal("50.00"), monthly_fee_max=Decimal("99.00"))
    plan = a_proposal(deposit="349.00", chosen=dear, state="VA", waived=True)
    assert plan.fees[1].amount == Decimal("52.35")
    assert plan.total_fees == 0


def test_the_set_up_fee_is_on_top() -> None:
    """It adds to what is paid, and takes nothing from what creditors get."""
    plan = a_proposal(chosen=settings(setup_fee=Decimal("50.00")))
    assert plan.total_fees == Decimal("1650.00")
    assert plan.total_interest == Decimal("2607.17")
    setup, monthly = plan.fees
    assert (setup.timing, setup.amount) == (FeeTiming.SETUP, Decimal("50.00"))
    assert not setup.waived
    assert (monthly.timing, monthly.amount) == (FeeTiming.MONTHLY, Decimal("40.00"))
    assert "$10.00 for each creditor" in monthly.name
    assert "at most $50.00" in monthly.name


def test_waived_fees_are_shown_and_not_charged() -> None:
    """In hardship both fees are itemised, waived, and all of the deposit goes to creditors."""
    plan = a_proposal(chosen=settings(setup_fee=Decimal("50.00")), waived=True)
    assert [fee.waived for fee in plan.fees] == [True, True]
    assert [fee.amount for fee in plan.fees] == [50, 40]
    assert plan.total_fees == 0
    assert plan.creditors[1].payments[0] == Decimal("192.00")


def test_a_share_as_a_cap_is_itemised() -> None:
    """In Virginia the fee is at most 15 % of what is paid to creditors, and says so."""
    dear = settings(monthly_fee_per_creditor=Decimal("50.00"), monthly_fee_max=Decimal("99.00"))
    plan = a_proposal(chosen=dear, state="VA")
    assert "at most $60.00 and 15% of what is paid to creditors" in plan.fees[1].name
    paid = [
        sum(one.payments[month] for one in plan.creditors if month < len(one.payments))
        for month in range(plan.months)
    ]
    assert all(
        fee * 100 <= disbursed * 15 for fee, disbursed in zip(plan.monthly_fees, paid, strict=True)
    )
