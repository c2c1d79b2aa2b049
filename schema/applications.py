"""Applications, their lines, notes and the queue, as the API shows them."""

from collections.abc import Sequence

import strawberry

from domain.actors import Actor as ActorRecord
from domain.analysis import FinancialAnalysis as AnalysisRecord
from domain.applications import Application as ApplicationRecord
from domain.applications import (
    ApplicationStatus,
    DebtKind,
    ExpenseCategory,
    IncomeSource,
    Source,
)
from domain.applications import Debt as DebtRecord
from domain.applications import Expense as ExpenseRecord
from domain.applications import Income as IncomeRecord
from domain.applications import Note as NoteRecord
from domain.consents import Consent as ConsentRecord
from domain.consumers import Consumer as ConsumerRecord
from domain.credit import CreditReport as CreditReportRecord
from domain.documents import Document as DocumentRecord
from domain.money import Frequency
from domain.plans import Plan as PlanRecord
from domain.proposals import Proposal as ProposalRecord
from resolvers import analysis, applications, documents, plans, proposals
from resolvers.queue import QueueItem as QueueItemRecord
from schema.access import Actor
from schema.connections import Node, PageInfo, edges, page_info
from schema.consents import Consent
from schema.consumers import Consumer
from schema.credit import CreditReport
from schema.declare import Info, batched, field, object_type
from schema.documents import Document
from schema.gates import of_application, of_its_application, of_its_root
from schema.plans import FinancialAnalysis, Plan
from schema.proposals import Proposal
from schema.rules import (
    APPLICATION_IDENTITY,
    APPLICATION_READERS,
    BANK_READERS,
    CONSUMER_READERS,
    COUNSELORS,
    COUNT_READERS,
    CREDIT_READERS,
    DOCUMENT_READERS,
    PLAN_READERS,
)
from schema.scalars import AWSDateTime, Money, Percent


@object_type(rule=APPLICATION_READERS, record=IncomeRecord, about=of_its_root)
class Income(Node):
    """monthly is net a month."""

    source: IncomeSource
    description: str | None
    gross: Money | None
    net: Money
    frequency: Frequency
    monthly: Money
    verified_by: Source


@object_type(rule=APPLICATION_READERS, record=ExpenseRecord, about=of_its_root)
class Expense(Node):
    """HOUSING and TRANSPORTATION hold what is not a loan payment; loans are debts."""

    category: ExpenseCategory
    description: str | None
    amount: Money
    frequency: Frequency
    monthly: Money
    verified_by: Source


@object_type(rule=APPLICATION_READERS, record=DebtRecord, about=of_its_root)
class Debt(Node):
    """What is owed to one creditor."""

    creditor: str
    kind: DebtKind
    account_last4: str | None
    balance: Money
    apr: Percent | None
    minimum_payment: Money
    past_due: Money
    source: Source
    eligible_for_plan: bool = field(
        description="Unsecured and of a kind that creditors accept into a plan."
    )


@object_type(rule=COUNSELORS, record=NoteRecord, about=of_its_application)
class Note(Node):
    """What a counselor wrote about an application."""

    text: str
    author: Actor
    created_at: AWSDateTime


@object_type(rule=APPLICATION_READERS)
class ApplicationTotals:
    """What the lines come to; all but unsecuredBalance are a month's."""

    monthly_income: Money
    monthly_expenses: Money
    monthly_debt_payments: Money
    unsecured_balance: Money


Applications = Sequence[ApplicationRecord]


async def _consumers(parents: Applications, info: Info) -> list[ConsumerRecord | None]:
    return await applications.consumers_of(info.context, parents)


def _counselor(root: ApplicationRecord, info: Info) -> ActorRecord | None:
    return root.counselor_at(info.context.request.at)


async def _consents(parents: Applications, info: Info) -> list[list[ConsentRecord]]:
    return await applications.consents_of(info.context, parents)


async def _credit_reports(
    parents: Applications, info: Info
) -> list[list[CreditReportRecord] | None]:
    return await applications.credit_reports_of(info.context, parents)


async def _analyses(parents: Applications, info: Info) -> list[AnalysisRecord | None]:
    return await analysis.analyses_of(info.context, parents)


async def _plans(parents: Applications, info: Info) -> list[list[PlanRecord] | None]:
    return await plans.plans_of(info.context, parents)


async def _documents(parents: Applications, info: Info) -> list[list[DocumentRecord] | None]:
    return await documents.documents_of(info.context, parents)


async def _notes(parents: Applications, info: Info) -> list[list[NoteRecord]]:
    return await applications.notes_of(info.context, parents)


async def _proposals(root: ApplicationRecord, info: Info) -> list[ProposalRecord] | None:
    return await proposals.proposals_of(info.context, root)


@object_type(rule=APPLICATION_READERS, record=ApplicationRecord, about=of_application)
class Application(Node):
    """A consumer's application for counseling."""

    id: strawberry.ID = field(rule=APPLICATION_IDENTITY)
    version: int = field(
        rule=APPLICATION_IDENTITY,
        personal=False,
        description="Rises by one with every change to the application or its lines; what "
        "expectedVersion is compared with.",
    )
    status: ApplicationStatus = field(rule=APPLICATION_IDENTITY, personal=False)
    state: str | None
    household_size: int | None
    hardship_reason: str | None
    created_at: AWSDateTime
    updated_at: AWSDateTime
    submitted_at: AWSDateTime | None
    consumer: Consumer | None = batched(_consumers, Consumer | None, rule=CONSUMER_READERS)
    counselor: Actor | None = field(
        _counselor, Actor | None, description="Whose claim is live now."
    )
    incomes: list[Income]
    expenses: list[Expense]
    debts: list[Debt]
    totals: ApplicationTotals
    consents: list[Consent] = batched(_consents, list[Consent])
    credit_reports: list[CreditReport] | None = batched(
        _credit_reports, list[CreditReport] | None, rule=CREDIT_READERS
    )
    documents: list[Document] | None = batched(
        _documents, list[Document] | None, rule=DOCUMENT_READERS
    )
    analysis: FinancialAnalysis | None = batched(
        _analyses,
        FinancialAnalysis | None,
        rule=PLAN_READERS,
        description="Of the figures as they are; null before an analysis and after an edit.",
    )
    plans: list[Plan] | None = batched(
        _plans, list[Plan] | None, rule=PLAN_READERS, description="Oldest first."
    )
    notes: list[Note] | None = batched(
        _notes, list[Note] | None, rule=COUNSELORS, description="Counselors only."
    )
    proposals = field(
        _proposals,
        list[Proposal] | None,
        rule=BANK_READERS,
        description="What bank data, and credit reports for whoever reads them, say beside the "
        "application's lines; acceptProposals takes some over.",
    )


@object_type(rule=APPLICATION_READERS)
class ApplicationEdge:
    """An application in a listing."""

    cursor: str
    node: Application


@object_type(rule=APPLICATION_READERS)
class ApplicationConnection:
    """A page of applications."""

    edges: list[ApplicationEdge] = edges(ApplicationEdge)
    page_info: PageInfo = page_info()


@object_type(rule=COUNT_READERS)
class StatusCount:
    """How many applications are of a status."""

    status: ApplicationStatus
    count: int


@object_type(rule=COUNSELORS, record=QueueItemRecord, about=of_its_application)
class QueueItem(Node):
    """An application that waits for a counselor, without personal data."""

    application_id: strawberry.ID
    submitted_at: AWSDateTime
    state: str | None
    household_size: int | None
    unsecured_balance: Money


@object_type(rule=COUNSELORS)
class QueueEdge:
    """An item of the queue in a listing."""

    cursor: str
    node: QueueItem


@object_type(rule=COUNSELORS)
class QueueConnection:
    """A page of the queue."""

    edges: list[QueueEdge] = edges(QueueEdge)
    page_info: PageInfo = page_info()
