"""Plans beside an oracle that was written from the rules alone: equal to the cent, or refused."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from domain.applications import Debt, DebtKind
from domain.errors import PlanNotPossible
from domain.fees import fee_terms
from domain.payoff import PayoffStrategy
from domain.plans import Plan, deposits, schedule
from domain.proposal import Proposal, propose, terms_of
from domain.settings import AgencySettings, CreditorPolicy, Participation
from tests.domain import plan_oracle as oracle
from tests.domain.plan_samples import DEBTS, ON, a_plan, under
from tests.domain.plan_samples import settings as agency_settings

NAMES = ("Bank A", "BANK-A", "Bank B", "Card Co", "Clinic", "Lender 1", "Store", "Union", "Ninth")
STATES = (None, "MI", *oracle.STATE_CAPS)
# Two accounts alike, whole dollars, halves of a cent after interest, a cent, and the largest.
AMOUNTS = st.one_of(
    st.integers(1, 99_999_999),
    st.integers(1, 30_000),
    st.sampled_from((1, 2, 99, 100, 101, 60_00, 60_01, 2_150_00, 999_999_99)),
)
SMALL = st.one_of(st.integers(1, 3_000_00), st.sampled_from((500_00, 500_00, 1_000_00)))
RATES = st.one_of(
    st.integers(0, 4_000),
    st.integers(0, 100_000),
    st.sampled_from((0, 1, 600, 990, 2_499, 100_000)),
)
ODD_DAYS = tuple(map(date.fromisoformat, ("2026-01-31", "2027-01-30", "2028-01-29", "2028-02-29")))


def money(cents: int) -> Decimal:
    """Return cents as dollars."""
    return Decimal(cents) / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a plan is asked for with. beyond: cents beside the least deposit."""

    debts: tuple[Debt, ...]
    agency: AgencySettings
    state: str | None
    strategy: PayoffStrategy
    waived: bool
    beyond: int
    on: date = ON


@st.composite
def debts(draw: st.DrawFn, number: int, *, alike: bool) -> Debt:
    """Return a debt of one of a few creditors. alike: a small one, of few APRs."""
    kind = draw(st.sampled_from((*([DebtKind.CREDIT_CARD] * 8), DebtKind.MEDICAL, DebtKind.AUTO)))
    amounts, rates = (SMALL, st.sampled_from((0, 600, 2_499))) if alike else (AMOUNTS, RATES)
    return Debt(
        id=under("debt", number),
        creditor=draw(st.sampled_from(NAMES)),
        kind=kind,
        balance=money(draw(st.one_of(amounts, st.just(0)) if number % 7 == 6 else amounts)),
        apr=money(draw(rates)) if draw(st.integers(0, 200)) != 77 else None,
        minimum_payment=money(draw(st.integers(0, 50_000))),
        eligible_for_plan=kind is not DebtKind.AUTO,
    )


@st.composite
def policies(draw: st.DrawFn) -> tuple[CreditorPolicy, ...]:
    """Return the policies of some creditors, one of them perhaps twice."""
    return tuple(
        CreditorPolicy(
            creditor=name,
            participation=draw(st.sampled_from((*Participation, *Participation)[:5])),
            apr=money(draw(st.integers(0, 10_000))),
            payment_rate=money(draw(st.integers(0, 1_000))),
            payment_floor=money(draw(st.sampled_from((0, 0, 1, 2_500, 100_000)))),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=8))
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return what a plan is asked for with."""
    alike = draw(st.booleans())
    count = draw(st.integers(1, 5 if alike else 30))
    dear = draw(st.booleans())
    return Case(
        debts=tuple(draw(debts(number, alike=alike)) for number in range(count)),
        agency=agency_settings(
            setup_fee=money(draw(st.integers(0, 50_000))),
            monthly_fee_per_creditor=money(draw(st.integers(0, 5_000 if dear else 1_000))),
            monthly_fee_max=money(draw(st.integers(0, 50_000 if dear else 5_000))),
            creditor_policies=() if alike else draw(policies()),
        ),
        state=draw(st.sampled_from((*STATES, "VA", "VA"))),
        strategy=draw(st.sampled_from(PayoffStrategy)),
        waived=draw(st.booleans()),
        beyond=draw(st.one_of(st.sampled_from((-1, 0, 1, 10**10)), st.integers(-5_000, 500_000))),
        on=draw(st.one_of(st.sampled_from(ODD_DAYS), st.dates(ON, date(2099, 12, 31)))),
    )


def told_of(case: Case) -> tuple[oracle.Told | str, Decimal]:
    """Return what the oracle says, and the deposit that was asked for."""
    found = oracle.told(
        case.debts, case.agency, state=case.state, strategy=case.strategy, waived=case.waived
    )
    if isinstance(found, str):
        return found, Decimal("100.00")
    lines, least = found
    deposit = max(least + money(case.beyond), Decimal("0.00"))
    strategy = case.strategy.value
    asked = least if strategy == "NO_ROLLOVER" and deposit > least else deposit
    answer = oracle.plan(
        lines,
        least,
        case.agency,
        state=case.state,
        strategy=strategy,
        waived=case.waived,
        deposit=asked,
    )
    return answer, deposit


def proposed(case: Case, deposit: Decimal) -> Proposal | list[str]:
    """Return what the domain says: a proposal, or the codes of its refusal."""
    try:
        return propose(
            terms_of(case.debts, case.agency, hardship=case.waived),
            fee_terms(case.agency, case.state, case.on, waived=case.waived),
            strategy=case.strategy,
            deposit=deposit,
            proposed_on=case.on,
        )
    except PlanNotPossible as refused:
        return [reason.code for reason in refused.reasons]


SLOW = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


DEAR = Case(
    debts=DEBTS,
    agency=agency_settings(
        monthly_fee_per_creditor=Decimal("50.00"), monthly_fee_max=Decimal("500.00")
    ),
    state="VA",
    strategy=PayoffStrategy.AVALANCHE,
    waived=False,
    beyond=20_00,
)
"""A share of what is disbursed as the cap, and a little more than the least deposit."""


@SLOW
@example(case=DEAR)
@example(case=replace(DEAR, strategy=PayoffStrategy.NO_ROLLOVER))
@given(case=cases())
def test_every_payment_interest_and_fee_is_the_oracle_s(case: Case) -> None:
    """Month by month and debt by debt to the cent, all sums with them; or the same refusal."""
    expected, deposit = told_of(case)
    found = proposed(case, deposit)
    if isinstance(expected, str):
        event(expected)
        assert isinstance(found, list)
        assert expected in found
        return
    assert isinstance(found, Proposal)
    event("a plan")
    plan = a_plan(found, strategy=case.strategy)
    lines = [line for line in expected.lines if line is not None]
    assert [(one.plan_apr, one.payment) for one in plan.creditors if one.payments] == [
        (line.apr, line.asked) for line in lines
    ]
    rows = [(one.month, one.interest, one.payment, one.balance) for one in schedule(plan)]
    assert rows == sorted((row for line in lines for row in line.rows), key=lambda row: row[0])
    assert list(plan.monthly_fees) == expected.fees
    assert plan.months == len(expected.fees)
    assert plan.total_interest == sum(row[1] for row in rows)
    assert plan.total_fees == sum(expected.fees) + expected.setup
    assert plan.total_paid == sum(row[2] for row in rows) + plan.total_fees
    assert plan.total_paid - plan.total_fees - plan.total_interest == sum(
        one.debt.balance for one in plan.creditors if one.payments
    )


@SLOW
@given(case=cases())
def test_what_a_plan_promises(case: Case) -> None:
    """No payment above the deposit, no fee above a cap, no creditor above what it asks or is owed.

    The deposit that is named is the first month's to the cent, and the last day is the schedule's.
    """
    _, deposit = told_of(case)
    found = proposed(case, deposit)
    if isinstance(found, list):
        return
    plan = a_plan(found, strategy=case.strategy)
    assert plan.months <= 60
    assert plan.monthly_deposit <= deposit
    made = deposits(plan)
    assert made[0].to_creditors + made[0].monthly_fee == plan.monthly_deposit
    assert made[-1].due_on == plan.debt_free_on
    for one in made:
        assert one.to_creditors + one.monthly_fee <= plan.monthly_deposit
        paying = {
            name.casefold().replace("-", " ")
            for name, count in ((c.debt.creditor, len(c.payments)) for c in plan.creditors)
            if count >= one.month
        }
        _check_caps(plan, case.state, one.monthly_fee, one.to_creditors, len(paying))
        if case.waived:
            assert one.monthly_fee == 0
    assert sum(one.total for one in made) == plan.total_paid
    for creditor in plan.creditors:
        assert all(payment > 0 for payment in creditor.payments)
        if case.strategy is PayoffStrategy.NO_ROLLOVER:
            assert all(payment <= creditor.payment for payment in creditor.payments)
        elif creditor.payments:
            assert all(payment >= creditor.payment for payment in creditor.payments[:-1])
    if case.state in oracle.STATE_CAPS and not case.waived:
        assert plan.fees[0].amount <= Decimal(oracle.STATE_CAPS[case.state][0])


def _check_caps(
    plan: Plan, state: str | None, fee: Decimal, disbursed: Decimal, creditors: int
) -> None:
    assert fee >= 0
    if state not in oracle.STATE_CAPS:
        return
    _, month, each, percent = oracle.STATE_CAPS[state]
    assert fee <= Decimal(month)
    if each is not None:
        assert fee <= Decimal(each) * creditors
    if percent is not None:
        assert fee * 100 <= disbursed * Decimal(percent)
        # What is itemised is bound by the same share, waived or not.
        assert plan.fees[1].amount * 100 <= deposits(plan)[0].to_creditors * Decimal(percent)


@pytest.mark.parametrize("strategy", PayoffStrategy)
def test_the_oracle_itself_gives_the_published_example(strategy: PayoffStrategy) -> None:
    """Months and sums of the worked example, so that the oracle is none of its own making."""
    plan = a_plan(strategy=strategy)
    case = Case(
        debts=tuple(one.debt for one in plan.creditors),
        agency=agency_settings(),
        state="MI",
        strategy=strategy,
        waived=False,
        beyond=36_00,
    )
    told, deposit = told_of(case)
    assert deposit == Decimal("425.00")
    assert isinstance(told, oracle.Told)
    interest = sum(row[1] for line in told.lines if line is not None for row in line.rows)
    assert (len(told.fees), interest, sum(told.fees)) == {
        PayoffStrategy.AVALANCHE: (49, Decimal("2607.17"), 1_600),
        PayoffStrategy.SNOWBALL: (49, Decimal("2661.51"), 1_320),
        PayoffStrategy.NO_ROLLOVER: (60, Decimal("3158.60"), 2_060),
    }[strategy]
