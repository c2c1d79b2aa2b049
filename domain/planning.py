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
from domain.analysis import FinancialAnalysis, Recommendation, figures_of
from domain.applications import Application
from domain.fees import fee_terms
from domain.money import ZERO
from domain.payoff import PayoffStrategy
from domain.plans import Agreement, Plan
from domain.proposal import propose, terms_of
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
    application, analysis, settings = basis.application, basis.analysis, basis.settings
    waived = analysis.recommendation in _FEES_WAIVED
    fees = fee_terms(settings, application.state, at.date(), waived=waived)
    # By the settings of today, as all of the plan: the analysis may have known other creditors.
    disposable = figures_of(application, settings, fees).disposable
    hardship = analysis.recommendation is Recommendation.PLAN_HARDSHIP
    proposal = propose(
        terms_of(application.debts, settings, hardship=hardship),
        fees,
        strategy=strategy,
        deposit=max(disposable, ZERO) if deposit is None else deposit,
        proposed_on=at.date(),
    )
    plan = Plan(
        id=id,
        application_id=application.id,
        analysis_id=analysis.id,
        settings_id=settings.id,
        created_at=at,
        proposed_by=proposed_by,
        state=application.state,
        strategy=strategy,
        warnings=warnings_of(proposal, analysis.recommendation, disposable),
        agreement=_NOT_YET,
        **{name: getattr(proposal, name) for name in proposal.__slots__},
    )
    return replace(plan, agreement=agreement_of(plan, basis.parties))
