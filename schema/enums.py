"""The domain's enumerations, as the schema shows them: names, values and wording are the domain's.

Strawberry notes its definition on the class it is given; the domain knows nothing of it.
"""

from enum import Enum

import strawberry

from domain.access import GrantStatus
from domain.actors import PrincipalKind
from domain.analysis import Recommendation
from domain.applications import (
    ApplicationStatus,
    DebtKind,
    ExpenseCategory,
    IncomeSource,
    Source,
)
from domain.audit import AuditOutcome
from domain.banking import BankConnectionStatus
from domain.consents import ConsentPurpose
from domain.credit import FileHit, PortfolioType, PullKind
from domain.documents import DocumentKind, DocumentStatus
from domain.media import DocumentRejection
from domain.money import Frequency
from domain.payoff import PayoffStrategy
from domain.plans import PlanStatus
from domain.proposals import ProposalKind, ProposalState
from domain.settings import Participation

ENUMS: tuple[type[Enum], ...] = tuple(
    strawberry.enum(shown, description=(shown.__doc__ or "").strip())
    for shown in (
        ApplicationStatus,
        AuditOutcome,
        BankConnectionStatus,
        ConsentPurpose,
        DebtKind,
        DocumentKind,
        DocumentStatus,
        ExpenseCategory,
        FileHit,
        Frequency,
        GrantStatus,
        IncomeSource,
        Participation,
        PayoffStrategy,
        PlanStatus,
        PortfolioType,
        PrincipalKind,
        ProposalKind,
        ProposalState,
        PullKind,
        DocumentRejection,
        Recommendation,
        Source,
    )
)
