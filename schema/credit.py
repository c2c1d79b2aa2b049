"""Credit reports, as the API shows them."""

import strawberry

from domain.credit import CreditReport as CreditReportRecord
from domain.credit import FileHit, PortfolioType, PullKind
from resolvers import credit
from schema.connections import Node
from schema.declare import Info, field, object_type, reads
from schema.gates import of_its_application
from schema.rules import CREDIT_IDENTITY, CREDIT_READERS, SSN_READERS
from schema.scalars import AWSDate, AWSDateTime, Money, Percent


@object_type(rule=CREDIT_READERS)
class ScoreFactor:
    """Why a score is not higher; rank 1 weighs most."""

    rank: int
    code: str


@object_type(rule=CREDIT_READERS)
class CreditScore:
    """A score; value is null where the bureau gave the model without one."""

    model: str
    value: int | None
    factors: list[ScoreFactor]


@object_type(rule=CREDIT_READERS)
class PortfolioSummary:
    """What the open accounts of a portfolio add up to."""

    high_credit: Money
    credit_limit: Money
    balance: Money
    past_due: Money
    monthly_payment: Money
    percent_available: Percent | None


@object_type(rule=CREDIT_READERS)
class CreditSummary:
    """What the file's lines add up to; counts are of all lines, amounts of the open ones."""

    tradeline_count: int
    open_tradeline_count: int
    inquiry_count: int
    collection_count: int
    public_record_count: int
    revolving: PortfolioSummary
    installment: PortfolioSummary
    mortgage: PortfolioSummary
    total: PortfolioSummary


@object_type(rule=CREDIT_READERS)
class Tradeline:
    """One account as the bureau reports it."""

    creditor: str
    portfolio: PortfolioType
    account_type: str | None
    account_last4: str | None
    ecoa: str
    opened_on: AWSDate | None
    closed_on: AWSDate | None
    paid_out_on: AWSDate | None
    reported_on: AWSDate | None
    balance: Money | None
    high_credit: Money | None
    credit_limit: Money | None
    past_due: Money | None
    monthly_payment: Money | None
    rating: str | None
    late30: int | None
    late60: int | None
    late90: int | None
    months_reviewed: int | None
    payment_pattern: str | None = field(
        description="Newest month first: 1 current, 2-5 thirty to 120+ days late, X unknown."
    )
    remarks: list[str]


@object_type(rule=CREDIT_READERS)
class CreditInquiry:
    """Somebody who asked for the file."""

    subscriber: str
    date: AWSDate


@object_type(rule=CREDIT_READERS)
class PublicRecord:
    """A bankruptcy, lien or judgment."""

    kind: str
    filed_on: AWSDate | None
    docket: str | None
    liabilities: Money | None


async def _raw(root: CreditReportRecord, info: Info, purpose: str) -> str | None:
    return await credit.read_raw(info.context, root, purpose)


@object_type(rule=CREDIT_READERS, record=CreditReportRecord, about=of_its_application, durable=True)
class CreditReport(Node):
    """A bureau's file, as it was pulled for an application."""

    id: strawberry.ID = field(rule=CREDIT_IDENTITY)
    application_id: strawberry.ID = field(rule=CREDIT_IDENTITY, personal=False)
    bureau: str
    kind: PullKind
    hit: FileHit = reads("file.hit", FileHit)
    pulled_at: AWSDateTime
    summary: CreditSummary | None = reads(
        "file.summary",
        CreditSummary | None,
        description="Null unless hit is HIT: no file is not a file without debts.",
    )
    score: CreditScore | None = reads("file.score", CreditScore | None)
    tradelines: list[Tradeline] = reads("file.tradelines", list[Tradeline])
    collections: list[Tradeline] = reads("file.collections", list[Tradeline])
    inquiries: list[CreditInquiry] = reads("file.inquiries", list[CreditInquiry])
    public_records: list[PublicRecord] = reads("file.public_records", list[PublicRecord])
    alerts: list[str] = reads(
        "file.alerts",
        list[str],
        description="What the file carries that a reader must not miss: freeze, dispute, minor, "
        "suppressed, consumer statement, address mismatch.",
    )
    raw: str | None = field(
        _raw,
        str | None,
        rule=SSN_READERS,
        description="The bureau's answer as it came; null where it was not kept. "
        "Counselors, with a sign-in no older than 15 minutes; every read is audited with its "
        "purpose.",
    )
