"""The worked example: four debts of 16,500, a deposit of 425, and what its plans come to."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from domain.actors import Actor, PrincipalKind
from domain.agreement import Parties, agreement_of
from domain.agreement_words import warnings_of
from domain.analysis import FinancialAnalysis, analyze
from domain.applications import (
    PLAN_KINDS,
    Application,
    Debt,
    DebtKind,
    Expense,
    ExpenseCategory,
    Income,
    IncomeSource,
)
from domain.fees import FeeTerms, fee_terms
from domain.ids import new_ulid
from domain.money import Frequency
from domain.payoff import PayoffStrategy
from domain.plans import Agreement, Plan
from domain.proposal import Proposal, propose, terms_of
from domain.settings import AgencySettings, CreditorPolicy, Participation

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
ON = AT.date()
ROOT = new_ulid(AT, randomness=10**6)
APPLICATION = f"app_{ROOT}"
COUNSELOR = Actor(id="sub-1", kind=PrincipalKind.COUNSELOR, display_name="Cora Counselor")
PARTIES = Parties(agency="Harbor Light", website="https://harbor.example", consumer="Robert Uphold")


def under(prefix: str, number: int) -> str:
    """Return the global id of something under the sample application."""
    return f"{prefix}_{ROOT}_{new_ulid(AT, randomness=number)}"


def a_debt(
    creditor: str,
    balance: str,
    apr: str | None,
    minimum: str,
    kind: DebtKind = DebtKind.CREDIT_CARD,
    number: int = 1,
) -> Debt:
    """Return a debt; eligible where its kind is."""
    return Debt(
        id=under("debt", number),
        creditor=creditor,
        kind=kind,
        balance=Decimal(balance),
        apr=None if apr is None else Decimal(apr),
        minimum_payment=Decimal(minimum),
        eligible_for_plan=kind in PLAN_KINDS,
    )


DEBTS = (
    a_debt("CARD_A", "8450.00", "24.99", "261.00", number=1),
    a_debt("CARD_B", "5200.00", "29.99", "182.00", number=2),
    a_debt("CARD_C", "2150.00", "22.49", "65.00", number=3),
    a_debt("MEDICAL", "700.00", "0.00", "25.00", DebtKind.MEDICAL, number=4),
)
"""Their minimums come to 533."""


def a_policy(
    creditor: str,
    apr: str,
    *,
    participation: Participation = Participation.WITH_CONCESSIONS,
    rate: str = "2.00",
    floor: str = "0.00",
) -> CreditorPolicy:
    """Return what a creditor gives."""
    return CreditorPolicy(
        creditor=creditor,
        participation=participation,
        apr=Decimal(apr),
        payment_rate=Decimal(rate),
        payment_floor=Decimal(floor),
    )


POLICIES = (
    a_policy("CARD_A", "6.00"),
    a_policy("CARD_B", "9.90"),
    a_policy("CARD_C", "8.00"),
    a_policy("MEDICAL", "0.00", floor="25.00"),
)


def settings(**changes: Any) -> AgencySettings:
    """Return the settings of the worked example, which has no set-up fee."""
    values: dict[str, Any] = {
        "id": "set_01",
        "effective_from": date(2026, 1, 1),
        "setup_fee": Decimal("0.00"),
        "creditor_policies": POLICIES,
    }
    return AgencySettings(**values | changes)


def an_income(net: str, gross: str | None = None) -> Income:
    """Return a month's wages."""
    return Income(
        id=under("inc", 1),
        source=IncomeSource.WAGES,
        gross=None if gross is None else Decimal(gross),
        net=Decimal(net),
        frequency=Frequency.MONTHLY,
        monthly=Decimal(net),
    )


def an_expense(
    amount: str, category: ExpenseCategory = ExpenseCategory.HOUSING, number: int = 1
) -> Expense:
    """Return a month's expense."""
    return Expense(
        id=under("exp", number),
        category=category,
        amount=Decimal(amount),
        frequency=Frequency.MONTHLY,
        monthly=Decimal(amount),
    )


def an_application(**changes: Any) -> Application:
    """Return the worked example's application: 3,450 of income and 2,900 of expenses."""
    values: dict[str, Any] = {
        "id": APPLICATION,
        "version": 4,
        "consumer_id": f"con_{new_ulid(AT, randomness=1)}",
        "state": "MI",
        "created_at": AT,
        "updated_at": AT,
        "incomes": (an_income("3450.00", "4312.50"),),
        "expenses": (an_expense("2900.00"),),
        "debts": DEBTS,
    }
    return Application(**values | changes)


def fees(state: str | None = "MI", *, waived: bool = False, **changes: Any) -> FeeTerms:
    """Return the fees of the worked example in a state."""
    return fee_terms(settings(**changes), state, ON, waived=waived)


def an_analysis(application: Application | None = None, **changes: Any) -> FinancialAnalysis:
    """Return the analysis of the worked example, or of another application."""
    analyzed = application or an_application()
    chosen = settings(**changes)
    terms = fee_terms(chosen, analyzed.state, ON)
    return analyze(analyzed, chosen, terms, id=under("ana", 1), at=AT)


def a_proposal(
    strategy: PayoffStrategy = PayoffStrategy.AVALANCHE,
    *,
    deposit: str = "425.00",
    debts: tuple[Debt, ...] = DEBTS,
    chosen: AgencySettings | None = None,
    state: str = "MI",
    waived: bool = False,
    on: date = ON,
) -> Proposal:
    """Return the worked example's plan by a strategy."""
    current = chosen or settings()
    return propose(
        terms_of(debts, current, hardship=waived),
        fee_terms(current, state, on, waived=waived),
        strategy=strategy,
        deposit=Decimal(deposit),
        proposed_on=on,
    )


NO_AGREEMENT = Agreement(html="", sha256="")


def a_plan(
    proposal: Proposal | None = None,
    *,
    strategy: PayoffStrategy = PayoffStrategy.AVALANCHE,
    **changes: Any,
) -> Plan:
    """Return the plan of a proposal, with its agreement."""
    made = proposal or a_proposal(strategy)
    analysis = an_analysis()
    values: dict[str, Any] = {
        **{name: getattr(made, name) for name in made.__slots__},
        "id": under("plan", 1),
        "application_id": APPLICATION,
        "analysis_id": analysis.id,
        "settings_id": "set_01",
        "created_at": AT,
        "proposed_by": COUNSELOR,
        "state": "MI",
        "strategy": strategy,
        "warnings": warnings_of(made, analysis.recommendation, analysis.disposable),
        "agreement": NO_AGREEMENT,
    }
    plan = Plan(**values | changes)
    if plan.agreement != NO_AGREEMENT:
        return plan
    return Plan(**values | changes | {"agreement": agreement_of(plan, PARTIES)})
