"""Credit reports: what a bureau's file says, whose answer it was, and what its lines add up to.

A bureau adapter returns a CreditFile; a resolver keeps it as a CreditReport under its application.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Protocol

from domain.consumers import Address, PersonName
from domain.money import ZERO, total


class PullKind(StrEnum):
    """SOFT leaves no mark that others see; HARD does."""

    SOFT = "SOFT"
    HARD = "HARD"


class FileHit(StrEnum):
    """Whether the bureau had a file, and showed it."""

    HIT = "HIT"
    NO_HIT = "NO_HIT"
    FROZEN = "FROZEN"


class PortfolioType(StrEnum):
    """The bureau's kind of account."""

    REVOLVING = "REVOLVING"
    INSTALLMENT = "INSTALLMENT"
    MORTGAGE = "MORTGAGE"
    OPEN = "OPEN"
    LINE_OF_CREDIT = "LINE_OF_CREDIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditSubject:
    """Whose report is asked for. ssn: nine digits."""

    name: PersonName
    ssn: str = field(repr=False)
    date_of_birth: date
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFactor:
    """Why a score is not higher, in the bureau's codes; rank 1 weighs most."""

    rank: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditScore:
    """A score; value is None where the bureau delivered the model without a score."""

    model: str
    value: int | None
    factors: tuple[ScoreFactor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeline:
    """One account, trade or collection, as the bureau reports it. Amounts in whole dollars.

    ecoa: the bureau's word for the consumer's relation to the account. payment_pattern: newest
    month first, 1 current, 2-5 thirty to 120+ days late, X unknown. source_key: identifies the
    account within the file's life, to match it again; never shown. original_creditor: of a
    collection, to whom it was owed first.
    """

    creditor: str
    original_creditor: str | None = None
    portfolio: PortfolioType
    account_type: str | None = None
    account_last4: str | None = None
    ecoa: str
    opened_on: date | None = None
    closed_on: date | None = None
    paid_out_on: date | None = None
    reported_on: date | None = None
    balance: Decimal | None = None
    high_credit: Decimal | None = None
    credit_limit: Decimal | None = None
    past_due: Decimal | None = None
    monthly_payment: Decimal | None = None
    rating: str | None = None
    late30: int | None = None
    late60: int | None = None
    late90: int | None = None
    months_reviewed: int | None = None
    payment_pattern: str | None = None
    remarks: tuple[str, ...] = ()
    industry_code: str | None = None
    source_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditInquiry:
    """Somebody who asked for the file."""

    subscriber: str
    date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicRecord:
    """A bankruptcy, lien or judgment."""

    kind: str
    filed_on: date | None = None
    docket: str | None = None
    liabilities: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioSummary:
    """What the open accounts of a portfolio add up to.

    percent_available: unused share of the credit limits in whole percent, None without a limit.
    """

    high_credit: Decimal
    credit_limit: Decimal
    balance: Decimal
    past_due: Decimal
    monthly_payment: Decimal
    percent_available: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditFile:
    """A bureau's whole answer. summary and score are None unless hit is HIT and they apply.

    alerts: what a reader must not miss (`FREEZE`, `DISPUTE`, `MINOR`, `SUPPRESSED`,
    `CONSUMER_STATEMENT`, `ADDRESS_MISMATCH`, and `MULTIPLE_FILES` where the bureau found more than
    one file and the first is shown).
    """

    hit: FileHit
    summary: CreditSummary | None = None
    score: CreditScore | None = None
    tradelines: tuple[Tradeline, ...] = ()
    collections: tuple[Tradeline, ...] = ()
    inquiries: tuple[CreditInquiry, ...] = ()
    public_records: tuple[PublicRecord, ...] = ()
    alerts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledFile:
    """What a pull brings: the file as it was understood, and the vendor's answer as it came."""

    file: CreditFile
    raw: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRef:
    """Where a vendor's answer is kept; sha256 is of its bytes, in lower-case hex."""

    id: str
    sha256: str
    bytes: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditReport:
    """A file as it was pulled for an application.

    raw: the bureau's answer itself; None where it could not be kept, or before any was.
    """

    id: str
    version: int = 0
    application_id: str
    bureau: str
    kind: PullKind
    pulled_at: datetime
    consent_id: str
    file: CreditFile
    raw: BlobRef | None = None


class CreditBureau(Protocol):
    """Port: a credit bureau, bound to one agency's subscription."""

    name: str

    async def pull(self, subject: CreditSubject, kind: PullKind, *, reference: str) -> PulledFile:
        """Ask for the subject's file and return it; NO_HIT and FROZEN are answers, not errors.

        Raises UpstreamTimeout, UpstreamUnavailable or UpstreamInvalid. Where `may_have_acted` is
        False the bureau certainly did no inquiry and may be asked again.
        """
        ...


def summarize(
    tradelines: Iterable[Tradeline],
    *,
    inquiry_count: int,
    collection_count: int,
    public_record_count: int,
) -> CreditSummary:
    """Add up a file's lines as TransUnion's own creditSummary does.

    Amounts are over trades without a closing date; a monthly payment counts only where there is a
    balance; the available share is (limit - balance) / limit of the revolving portfolio.
    """
    trades = tuple(tradelines)
    open_trades = tuple(trade for trade in trades if trade.closed_on is None)
    revolving, installment, mortgage = (
        _add_up(
            (trade for trade in open_trades if trade.portfolio in kinds),
            with_percent=PortfolioType.REVOLVING in kinds,
        )
        for kinds in _PORTFOLIOS
    )
    return CreditSummary(
        tradeline_count=len(trades),
        open_tradeline_count=len(open_trades),
        inquiry_count=inquiry_count,
        collection_count=collection_count,
        public_record_count=public_record_count,
        revolving=revolving,
        installment=installment,
        mortgage=mortgage,
        total=_add_up(open_trades, with_percent=False),
    )


_PORTFOLIOS = (
    frozenset({PortfolioType.REVOLVING}),
    frozenset({PortfolioType.INSTALLMENT}),
    frozenset({PortfolioType.MORTGAGE}),
)


def _add_up(trades: Iterable[Tradeline], *, with_percent: bool) -> PortfolioSummary:
    rows = tuple(trades)
    limit = total(row.credit_limit or ZERO for row in rows)
    balance = total(row.balance or ZERO for row in rows)
    percent = None
    if with_percent and limit > 0:
        share = (limit - balance) * 100 / limit
        percent = share.quantize(Decimal(1), rounding=ROUND_HALF_UP).quantize(Decimal("0.01"))
    return PortfolioSummary(
        high_credit=total(row.high_credit or ZERO for row in rows),
        credit_limit=limit,
        balance=balance,
        past_due=total(row.past_due or ZERO for row in rows),
        monthly_payment=total(
            row.monthly_payment or ZERO for row in rows if (row.balance or ZERO) > 0
        ),
        percent_available=percent,
    )
