"""The recommendation beside an oracle, a cent on either side of each of its bounds."""

from collections.abc import Callable
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.analysis import analyze
from domain.applications import DebtKind
from domain.fees import fee_terms
from domain.settings import AgencySettings, Participation
from tests.domain import plan_oracle as oracle
from tests.domain.plan_samples import (
    AT,
    ON,
    a_debt,
    a_policy,
    an_application,
    an_expense,
    an_income,
)
from tests.domain.plan_samples import settings as agency_settings

NAMES = ("Bank A", "BANK-A", "Bank B", "Card Co", "Clinic", "Store", "Union")
KINDS = (DebtKind.CREDIT_CARD, DebtKind.MEDICAL, DebtKind.COLLECTION, DebtKind.AUTO)
EXPENSES = Decimal("1000.00")
INCOME_MAX = 200_000_00


def money(cents: int) -> Decimal:
    """Return cents as dollars."""
    return (Decimal(cents) / 100).quantize(Decimal("0.01"))


DEBTS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.integers(0, 99_999_99),
        st.integers(0, 1_000_00),
        st.sampled_from(KINDS),
    ),
    max_size=12,
)
AGENCIES = st.builds(
    agency_settings,
    cushion=st.integers(0, 200_00).map(money),
    standard_payment_rate=st.integers(175, 300).map(money),
    hardship_payment_rate=st.integers(100, 175).map(money),
    monthly_fee_per_creditor=st.integers(0, 50_00).map(money),
    monthly_fee_max=st.integers(0, 100_00).map(money),
    creditor_policies=st.lists(
        st.builds(
            a_policy,
            st.sampled_from(NAMES),
            st.just("5.00"),
            participation=st.sampled_from((*Participation, Participation.NOT_EXPECTED)),
        ),
        max_size=4,
    ).map(tuple),
)


@settings(max_examples=80, deadline=None)
@given(
    owed=DEBTS,
    agency=AGENCIES,
    state=st.sampled_from((None, "MI", *oracle.STATE_CAPS)),
    waived=st.booleans(),
)
def test_a_cent_on_either_side_of_every_bound(
    owed: list[tuple[str, int, int, DebtKind]],
    agency: AgencySettings,
    state: str | None,
    *,
    waived: bool,
) -> None:
    """Wherever one cent of income changes the outcome, it does so here at the same cent."""
    debts = tuple(
        a_debt(name, str(money(balance)), "10.00", str(money(minimum)), kind, number)
        for number, (name, balance, minimum, kind) in enumerate(owed)
    )

    def expected(income: int) -> tuple[str, Decimal]:
        return oracle.recommended(
            money(income), EXPENSES, debts, agency, state=state, waived=waived
        )

    def found(income: int) -> tuple[str, Decimal]:
        analysis = analyze(
            an_application(
                debts=debts,
                incomes=(an_income(str(money(income))),),
                expenses=(an_expense(str(EXPENSES)),),
                state=state,
            ),
            agency,
            fee_terms(agency, state, ON, waived=waived),
            id="analysis",
            at=AT,
        )
        return analysis.recommendation.value, analysis.for_creditors

    edges = {0, INCOME_MAX}
    for goal in ("BUDGET_FOLLOW_UP", "PLAN_HARDSHIP", "PLAN_STANDARD", "SELF_MANAGE"):
        edges.add(_first(expected, goal))
    for edge in edges:
        for income in (max(edge - 1, 0), edge, edge + 1):
            assert found(income) == expected(income)


RANKS = (
    *("BANKRUPTCY_REFERRAL", "BUDGET_FOLLOW_UP", "PLAN_HARDSHIP", "PLAN_STANDARD"),
    "SELF_MANAGE",
)


def _first(expected: Callable[[int], tuple[str, Decimal]], goal: str) -> int:
    """Return the least income in cents of which the outcome is that, or a better one."""
    low, high = 0, INCOME_MAX
    while low < high:
        middle = (low + high) // 2
        if RANKS.index(expected(middle)[0]) >= RANKS.index(goal):
            high = middle
        else:
            low = middle + 1
    return low
