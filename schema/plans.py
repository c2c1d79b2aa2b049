"""Analyses and plans, as the API shows them."""

from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry import UNSET

from domain.analysis import FinancialAnalysis as FinancialAnalysisRecord
from domain.analysis import Recommendation
from domain.applications import Application as ApplicationRecord
from domain.payoff import PayoffStrategy
from domain.plans import Plan as PlanRecord
from domain.plans import PlanStatus
from domain.plans import ScheduledPayment as ScheduledPaymentValue
from domain.settings import Participation
from resolvers import plans
from resolvers.pages import Listing
from schema.connections import Node, PageInfo, edges, page_info
from schema.declare import Info, field, object_type
from schema.gates import of_its_application
from schema.inputs import plain
from schema.rules import APPLICATION_READERS, PLAN_IDENTITY, PLAN_READERS
from schema.scalars import AWSDate, AWSDateTime, Money, Percent

if TYPE_CHECKING:  # they show plans themselves
    from schema.applications import Application, Debt

_Application = Annotated["Application", strawberry.lazy("schema.applications")]
_Debt = Annotated["Debt", strawberry.lazy("schema.applications")]


@object_type(rule=PLAN_READERS)
class Reason:
    """One thing that decided, with the figures that it compared."""

    code: str
    text: str


@object_type(rule=PLAN_READERS, record=FinancialAnalysisRecord, about=of_its_application)
class FinancialAnalysis(Node):
    """What an application's figures come to. It proposes; the counselor decides."""

    id: strawberry.ID = field(rule=PLAN_IDENTITY)
    at: AWSDateTime
    net_monthly_income: Money
    monthly_expenses: Money = field(
        description="Living expenses, and the payments of debts that no plan takes."
    )
    available: Money = field(description="Income less expenses.")
    cushion: Money
    disposable: Money = field(description="What is available, less the cushion.")
    contractual_minimums: Money
    eligible_balance: Money
    debt_to_income: Percent | None = field(
        description="Of gross income, of net where no gross is given; null without income."
    )
    recommendation: Recommendation
    reasons: list[Reason] = field(
        description="Each rule that decided, in order, with the figures it compared."
    )


@object_type(rule=PLAN_READERS)
class Payoff:
    """months is null where the contractual payment never pays the debt off."""

    months: int | None
    total_interest: Money | None


@object_type(rule=PLAN_READERS)
class Fee:
    """A fee as itemised; a monthly one's amount is the first month's."""

    name: str
    amount: Money
    timing: str = field(description="SETUP or MONTHLY")
    waived: bool


@object_type(rule=PLAN_READERS)
class Agreement:
    """The whole text to sign, as accessible HTML, and the hash that acceptPlan must repeat."""

    html: str
    sha256: str


@object_type(rule=PLAN_READERS)
class PlanCreditor:
    """A debt under the plan, as it was when the plan was proposed.

    payment is the least that it gets a month. One that is not expected to take part is not paid
    through the plan.
    """

    debt: _Debt
    participation: Participation
    plan_apr: Percent
    payment: Money
    months: int
    total_interest: Money


@object_type(rule=PLAN_READERS)
class ScheduledPayment:
    """One month's payment to one creditor; balance is what is owed after it."""

    month: int
    due_on: AWSDate
    creditor: str
    payment: Money
    interest: Money
    principal: Money
    balance: Money


@object_type(rule=PLAN_READERS)
class ScheduleEdge:
    """A payment in a schedule."""

    cursor: str
    node: ScheduledPayment


@object_type(rule=PLAN_READERS)
class ScheduleConnection:
    """A page of a schedule."""

    edges: list[ScheduleEdge] = edges(ScheduleEdge)
    page_info: PageInfo = page_info()


async def _application(root: PlanRecord, info: Info) -> ApplicationRecord | None:
    return await info.context.guard.application(root.application_id)


def _schedule(
    root: PlanRecord, info: Info, first: int | None = 60, after: str | None = UNSET
) -> Listing[ScheduledPaymentValue]:
    return plans.schedule_of(info.context, root, first=first, after=plain(after))


@object_type(rule=PLAN_READERS, record=PlanRecord, about=of_its_application)
class Plan(Node):
    """A debt management plan. What was proposed is never changed; another supersedes it."""

    id: strawberry.ID = field(rule=PLAN_IDENTITY)
    application_id: strawberry.ID = field(rule=PLAN_IDENTITY, personal=False)
    version: int = field(rule=PLAN_IDENTITY, personal=False)
    status: PlanStatus = field(rule=PLAN_IDENTITY, personal=False)
    created_at: AWSDateTime
    application: _Application | None = field(
        _application, _Application | None, rule=APPLICATION_READERS
    )
    strategy: PayoffStrategy
    monthly_deposit: Money
    months: int
    total_interest: Money
    total_fees: Money
    total_paid: Money
    debt_free_on: AWSDate
    without_plan: Payoff = field(description="The same debts paid at their contractual terms.")
    fees: list[Fee]
    warnings: list[str]
    creditors: list[PlanCreditor]
    schedule: ScheduleConnection = field(
        _schedule,
        ScheduleConnection,
        description="One row per month and creditor, in order.",
    )
    agreement: Agreement
    accepted_at: AWSDateTime | None
