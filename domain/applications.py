"""Intake applications: lines, status and totals. Lines are part of the application's body."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.actors import Actor
from domain.errors import InvalidTransition
from domain.money import ZERO, Frequency, total

LINES_PER_KIND_MAX = 100


class ApplicationStatus(StrEnum):
    """Where an application stands."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    IN_REVIEW = "IN_REVIEW"
    RETURNED = "RETURNED"
    ANALYZED = "ANALYZED"
    PLAN_PROPOSED = "PLAN_PROPOSED"
    ENROLLED = "ENROLLED"
    CLOSED = "CLOSED"
    WITHDRAWN = "WITHDRAWN"


class IncomeSource(StrEnum):
    """Where income comes from."""

    WAGES = "WAGES"
    SELF_EMPLOYMENT = "SELF_EMPLOYMENT"
    UNEMPLOYMENT = "UNEMPLOYMENT"
    SOCIAL_SECURITY = "SOCIAL_SECURITY"
    DISABILITY = "DISABILITY"
    PENSION = "PENSION"
    CHILD_SUPPORT = "CHILD_SUPPORT"
    ALIMONY = "ALIMONY"
    RENTAL = "RENTAL"
    BENEFITS = "BENEFITS"
    OTHER = "OTHER"


class ExpenseCategory(StrEnum):
    """What money goes to; HOUSING and TRANSPORTATION hold what is not a loan payment."""

    HOUSING = "HOUSING"
    UTILITIES = "UTILITIES"
    FOOD = "FOOD"
    TRANSPORTATION = "TRANSPORTATION"
    INSURANCE = "INSURANCE"
    MEDICAL = "MEDICAL"
    CHILDCARE = "CHILDCARE"
    SUPPORT = "SUPPORT"
    EDUCATION = "EDUCATION"
    PERSONAL = "PERSONAL"
    HOUSEHOLD = "HOUSEHOLD"
    SAVINGS = "SAVINGS"
    OTHER = "OTHER"


class DebtKind(StrEnum):
    """What kind of debt it is."""

    CREDIT_CARD = "CREDIT_CARD"
    RETAIL_CARD = "RETAIL_CARD"
    PERSONAL_LOAN = "PERSONAL_LOAN"
    MEDICAL = "MEDICAL"
    COLLECTION = "COLLECTION"
    PAYDAY = "PAYDAY"
    STUDENT_LOAN = "STUDENT_LOAN"
    AUTO = "AUTO"
    MORTGAGE = "MORTGAGE"
    TAX = "TAX"
    UTILITY = "UTILITY"
    OTHER = "OTHER"


class Source(StrEnum):
    """What a figure rests on."""

    SELF_REPORTED = "SELF_REPORTED"
    CREDIT_REPORT = "CREDIT_REPORT"
    BANK = "BANK"
    DOCUMENT = "DOCUMENT"


PLAN_KINDS = frozenset(
    {
        DebtKind.CREDIT_CARD,
        DebtKind.RETAIL_CARD,
        DebtKind.PERSONAL_LOAN,
        DebtKind.MEDICAL,
        DebtKind.COLLECTION,
    }
)
"""Unsecured kinds that creditors accept into a plan; the same and no others are added up as
unsecured balance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Income:
    """One line of income; `monthly` is net a month, computed once when the line is written."""

    id: str
    source: IncomeSource
    description: str | None = None
    gross: Decimal | None = None
    net: Decimal
    frequency: Frequency
    monthly: Decimal
    verified_by: Source = Source.SELF_REPORTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Expense:
    """One line of expense; `monthly` is computed once when the line is written."""

    id: str
    category: ExpenseCategory
    description: str | None = None
    amount: Decimal
    frequency: Frequency
    monthly: Decimal
    verified_by: Source = Source.SELF_REPORTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """One debt; `source_key` tells which tradeline it was imported from, to match it again."""

    id: str
    creditor: str
    kind: DebtKind
    account_last4: str | None = None
    balance: Decimal
    apr: Decimal | None = None
    minimum_payment: Decimal
    past_due: Decimal = ZERO
    source: Source = Source.SELF_REPORTED
    eligible_for_plan: bool
    source_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationTotals:
    """What the lines come to; all amounts but `unsecured_balance` are a month's."""

    monthly_income: Decimal
    monthly_expenses: Decimal
    monthly_debt_payments: Decimal
    unsecured_balance: Decimal


NO_TOTALS = ApplicationTotals(
    monthly_income=ZERO, monthly_expenses=ZERO, monthly_debt_payments=ZERO, unsecured_balance=ZERO
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Which counselor works on an application, under which grant, until when."""

    counselor: Actor
    grant_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An intake application; `state` is the consumer's state of residence when it was written.

    id, consumer_id: global ids. assignment: the latest; whether it is live depends on the moment.
    """

    id: str
    version: int = 0
    consumer_id: str
    status: ApplicationStatus = ApplicationStatus.DRAFT
    state: str | None = None
    household_size: int | None = None
    hardship_reason: str | None = None
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None = None
    assignment: Assignment | None = None
    incomes: tuple[Income, ...] = ()
    expenses: tuple[Expense, ...] = ()
    debts: tuple[Debt, ...] = ()
    totals: ApplicationTotals = NO_TOTALS
    status_reason: str | None = None

    def counselor_at(self, at: datetime) -> Actor | None:
        """Return the counselor whose claim is live at that moment."""
        if self.assignment is None or at >= self.assignment.expires_at:
            return None
        return self.assignment.counselor


# What a counselor's work may find an application in. Without a live grant it is in the queue.
IN_COUNSELING = frozenset(
    {
        ApplicationStatus.SUBMITTED,
        ApplicationStatus.IN_REVIEW,
        ApplicationStatus.ANALYZED,
        ApplicationStatus.PLAN_PROPOSED,
    }
)
EDITED_BY_CONSUMER = frozenset({ApplicationStatus.DRAFT, ApplicationStatus.RETURNED})
EDITED_BY_COUNSELOR = frozenset({ApplicationStatus.IN_REVIEW, ApplicationStatus.ANALYZED})
ENDED = frozenset({ApplicationStatus.CLOSED, ApplicationStatus.WITHDRAWN})


class Step(StrEnum):
    """What moves an application from one status to another."""

    SUBMIT = "submit"
    CLAIM = "claim"
    RETURN = "return"
    WITHDRAW = "withdraw"
    CLOSE = "close"
    EDIT = "edit"
    ANALYZE = "analyze"
    PROPOSE = "propose a plan"
    ACCEPT = "accept a plan"
    DECLINE = "decline a plan"


_S = ApplicationStatus
_BEFORE_ENROLLED = (
    _S.DRAFT,
    _S.SUBMITTED,
    _S.IN_REVIEW,
    _S.RETURNED,
    _S.ANALYZED,
    _S.PLAN_PROPOSED,
)
TRANSITIONS: dict[Step, dict[ApplicationStatus, ApplicationStatus]] = {
    Step.SUBMIT: {_S.DRAFT: _S.SUBMITTED, _S.RETURNED: _S.SUBMITTED},
    Step.CLAIM: {
        _S.SUBMITTED: _S.IN_REVIEW,
        _S.IN_REVIEW: _S.IN_REVIEW,
        _S.ANALYZED: _S.ANALYZED,
        _S.PLAN_PROPOSED: _S.PLAN_PROPOSED,
    },
    Step.RETURN: {
        _S.IN_REVIEW: _S.RETURNED,
        _S.ANALYZED: _S.RETURNED,
        _S.PLAN_PROPOSED: _S.RETURNED,
    },
    Step.WITHDRAW: dict.fromkeys(_BEFORE_ENROLLED, _S.WITHDRAWN),
    Step.CLOSE: dict.fromkeys((*_BEFORE_ENROLLED, _S.ENROLLED), _S.CLOSED),
    Step.EDIT: {
        _S.DRAFT: _S.DRAFT,
        _S.RETURNED: _S.RETURNED,
        _S.IN_REVIEW: _S.IN_REVIEW,
        # An edit after the analysis makes the analysis stale.
        _S.ANALYZED: _S.IN_REVIEW,
    },
    Step.ANALYZE: {_S.IN_REVIEW: _S.ANALYZED, _S.ANALYZED: _S.ANALYZED},
    # A plan rests on an analysis of the figures as they are: there is none after an edit.
    Step.PROPOSE: {_S.ANALYZED: _S.PLAN_PROPOSED, _S.PLAN_PROPOSED: _S.PLAN_PROPOSED},
    Step.ACCEPT: {_S.PLAN_PROPOSED: _S.ENROLLED},
    Step.DECLINE: {_S.PLAN_PROPOSED: _S.ANALYZED},
}


def next_status(status: ApplicationStatus, step: Step) -> ApplicationStatus:
    """Return the status after `step`; raises InvalidTransition where the step is not allowed."""
    try:
        return TRANSITIONS[step][status]
    except KeyError:
        raise InvalidTransition(
            f"An application that is {status} cannot be changed by this step ({step})."
        ) from None


def compute_totals(
    incomes: tuple[Income, ...], expenses: tuple[Expense, ...], debts: tuple[Debt, ...]
) -> ApplicationTotals:
    """Return what the lines come to: lines are rounded to the cent first, then added.

    Debt payments add the minimum payment of every debt, mortgages and cars too; the unsecured
    balance adds debts of PLAN_KINDS alone.
    """
    return ApplicationTotals(
        monthly_income=total(line.monthly for line in incomes),
        monthly_expenses=total(line.monthly for line in expenses),
        monthly_debt_payments=total(debt.minimum_payment for debt in debts),
        unsecured_balance=total(debt.balance for debt in debts if debt.kind in PLAN_KINDS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a counselor wrote about an application; consumers never see it."""

    id: str
    version: int = 0
    application_id: str
    text: str
    author: Actor
    created_at: datetime
