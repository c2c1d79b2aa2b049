"""Drawing up a plan: an analysis, the agency's settings and a strategy become one to sign.

What is proposed to a consumer is made here and nowhere else: its figures, its warnings and the
agreement with both in it belong together.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from domain.actors import Actor
from domain.agreement import Parties, agreement_of
from domain.agreement_words import warnings_of
from domain.analysis import FinancialAnalysis, Recommendation
from domain.applications import Application
from domain.fees import fee_terms
from domain.money import ZERO
from domain.payoff import PayoffStrategy
from domain.plans import Agreement, Plan
from domain.proposal import Proposal, beside_plan, propose, terms_of
from domain.settings import AgencySettings

_NOT_YET = Agreement(html="", sha256="")
_FEES_WAIVED = frozenset(
    {
        Recommendation.PLAN_HARDSHIP,
        Recommendation.BUDGET_FOLLOW_UP,
        Recommendation.BANKRUPTCY_REFERRAL,
    }
)
"""26 USC 501(q): nobody is kept from the service, and fees are waived for who cannot pay them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a plan rests on. settings: those in force on the day that it is proposed."""

    application: Application
    analysis: FinancialAnalysis
    settings: AgencySettings
    parties: Parties


def draw_up(
    basis: Basis,
    *,
    id: str,
    strategy: PayoffStrategy,
    deposit: Decimal | None,
    proposed_by: Actor,
    at: datetime,
) -> Plan:
    """Return the plan as it is proposed at that moment, its agreement included.

    Without a deposit all that the budget leaves goes into it. Raises PlanNotPossible with its
    reasons.
    """
    proposal = _proposal(basis, strategy, deposit, at)
    plan = Plan(
        id=id,
        application_id=basis.application.id,
        analysis_id=basis.analysis.id,
        settings_id=basis.settings.id,
        created_at=at,
        proposed_by=proposed_by,
        state=basis.application.state,
        strategy=strategy,
        warnings=warnings_of(proposal, basis.analysis),
        agreement=_NOT_YET,
        **{name: getattr(proposal, name) for name in proposal.__slots__},
    )
    return replace(plan, agreement=agreement_of(plan, basis.parties))


def _proposal(
    basis: Basis, strategy: PayoffStrategy, deposit: Decimal | None, at: datetime
) -> Proposal:
    application, analysis, settings = basis.application, basis.analysis, basis.settings
    hardship = analysis.recommendation is Recommendation.PLAN_HARDSHIP
    waived = analysis.recommendation in _FEES_WAIVED
    terms = terms_of(application.debts, settings, hardship=hardship)
    if deposit is None:
        deposit = max(analysis.disposable - beside_plan(terms), ZERO)
    return propose(
        terms,
        fee_terms(settings, application.state, at.date(), waived=waived),
        strategy=strategy,
        deposit=deposit,
        proposed_on=at.date(),
    )
