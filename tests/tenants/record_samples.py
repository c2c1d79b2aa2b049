"""One fixed record of each kind with every attribute set, and strategies that make any record."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from domain.access import AccessGrant, Scope
from domain.actors import Actor, PrincipalKind
from domain.analysis import FinancialAnalysis, Recommendation
from domain.applications import (
    Application,
    ApplicationStatus,
    ApplicationTotals,
    Assignment,
    Debt,
    DebtKind,
    Expense,
    ExpenseCategory,
    Income,
    IncomeSource,
    Note,
    Source,
)
from domain.audit import AuditLine
from domain.bank_connections import (
    BankAccount,
    BankConnection,
    BankFindings,
    BankMonth,
    BankSync,
    BankTransaction,
    Lease,
    MonthRef,
)
from domain.banking import BankConnectionStatus, LiabilityFacts, StreamFacts, StreamFrequency
from domain.consents import Consent, ConsentPurpose
from domain.consumers import Address, Consumer, PersonName
from domain.contractual import Payoff
from domain.credit import (
    BlobRef,
    CreditFile,
    CreditInquiry,
    CreditReport,
    CreditScore,
    CreditSummary,
    FileHit,
    PortfolioSummary,
    PortfolioType,
    PublicRecord,
    PullKind,
    ScoreFactor,
    Tradeline,
)
from domain.documents import Document, DocumentKind, DocumentStatus
from domain.events import Event, EventName
from domain.ids import new_ulid
from domain.invitations import Invitation
from domain.media import DocumentRejection
from domain.money import Frequency
from domain.payoff import PayoffStrategy
from domain.plans import (
    Acceptance,
    Agreement,
    Fee,
    FeeTiming,
    Plan,
    PlanCreditor,
    PlanStatus,
)
from domain.reasons import Reason
from domain.retention import LegalHold
from domain.settings import SETTINGS_ROOT, AgencySettings, CreditorPolicy, Participation
from tenants.records.kinds import Record

T = TypeVar("T")
AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
CONSUMER = f"con_{new_ulid(AT, randomness=1)}"
APPLICATION_ULID = new_ulid(AT, randomness=10**6)
SETTINGS = f"set_{SETTINGS_ROOT}_{new_ulid(AT, randomness=3)}"
APPLICATION = f"app_{APPLICATION_ULID}"
COUNSELOR = Actor(id="sub-1", kind=PrincipalKind.COUNSELOR, display_name="Cora Counselor")


def child(prefix: str, number: int) -> str:
    """Return the global id of something under the sample application."""
    return f"{prefix}_{APPLICATION_ULID}_{new_ulid(AT, randomness=number)}"


def a_consumer(**changes: Any) -> Consumer:
    """Return the sample consumer with changes."""
    values: dict[str, Any] = {
        "id": CONSUMER,
        "version": 1,
        "created_at": AT,
        "updated_at": AT + timedelta(microseconds=250),
        "subject": "sub-9",
        "name": PersonName(given="Robert", middle="E", family="Uphold", suffix="SR"),
        "email": "Robert@Example.test",
        "phone": "(586) 555-0100",
        "date_of_birth": date(1961, 2, 3),
        "address": Address(
            line1="27366 Perry St",
            line2="Apt 2",
            city="Roseville",
            state="MI",
            postal_code="48066",
        ),
        "ssn": "666484418",
    }
    return Consumer(**values | changes)


def an_application(**changes: Any) -> Application:
    """Return the sample application with changes."""
    values: dict[str, Any] = {
        "id": APPLICATION,
        "version": 1,
        "consumer_id": CONSUMER,
        "status": ApplicationStatus.IN_REVIEW,
        "state": "MI",
        "household_size": 3,
        "hardship_reason": "Reduced hours – “temporary”",
        "created_at": AT,
        "updated_at": AT,
        "submitted_at": AT + timedelta(days=1),
        "assignment": Assignment(
            counselor=COUNSELOR, grant_id=child("grant", 9), expires_at=AT + timedelta(days=30)
        ),
        "incomes": (an_income(1),),
        "expenses": (an_expense(1),),
        "debts": (a_debt(1),),
        "totals": ApplicationTotals(
            monthly_income=Decimal("2166.67"),
            monthly_expenses=Decimal("900.00"),
            monthly_debt_payments=Decimal("35.00"),
            unsecured_balance=Decimal("1250.10"),
        ),
        "status_reason": "As agreed",
    }
    return Application(**values | changes)


def an_income(number: int) -> Income:
    """Return a line of income."""
    return Income(
        id=child("inc", number),
        source=IncomeSource.WAGES,
        description="Acme",
        gross=Decimal("1250.00"),
        net=Decimal("1000.00"),
        frequency=Frequency.BIWEEKLY,
        monthly=Decimal("2166.67"),
        verified_by=Source.DOCUMENT,
    )


def an_expense(number: int) -> Expense:
    """Return a line of expense."""
    return Expense(
        id=child("exp", number),
        category=ExpenseCategory.HOUSING,
        description="Rent",
        amount=Decimal("900.00"),
        frequency=Frequency.MONTHLY,
        monthly=Decimal("900.00"),
        verified_by=Source.BANK,
    )


def a_debt(number: int) -> Debt:
    """Return a debt."""
    return Debt(
        id=child("debt", number),
        creditor="First Bank",
        kind=DebtKind.CREDIT_CARD,
        account_last4="1234",
        balance=Decimal("1250.10"),
        apr=Decimal("24.99"),
        minimum_payment=Decimal("35.00"),
        past_due=Decimal("5.00"),
        source=Source.CREDIT_REPORT,
        eligible_for_plan=True,
        source_key="tl-1",
    )


def a_note(number: int = 1) -> Note:
    """Return a note on the sample application."""
    return Note(
        id=child("note", number),
        version=1,
        application_id=APPLICATION,
        text="Called back.",
        author=COUNSELOR,
        created_at=AT,
    )


def a_consent() -> Consent:
    """Return a consent under the sample application."""
    return Consent(
        id=child("cons", 1),
        version=1,
        application_id=APPLICATION,
        purpose=ConsentPurpose.SOFT_CREDIT_PULL,
        text_version="2026-01",
        text_sha256="ab" * 32,
        given_by=COUNSELOR,
        given_at=AT,
        expires_at=AT + timedelta(days=30),
        used_at=AT + timedelta(hours=1),
        source_ip="203.0.113.7",
        ssn_index="cd" * 16,
    )


def a_tradeline() -> Tradeline:
    """Return an account of a credit file."""
    return Tradeline(
        creditor="FIRST BANK",
        portfolio=PortfolioType.REVOLVING,
        account_type="CC",
        account_last4="1234",
        ecoa="individual",
        opened_on=date(2019, 5, 1),
        closed_on=date(2025, 5, 1),
        paid_out_on=date(2025, 5, 2),
        reported_on=date(2026, 1, 1),
        balance=Decimal(1250),
        high_credit=Decimal(2000),
        credit_limit=Decimal(2500),
        past_due=Decimal(0),
        monthly_payment=Decimal(35),
        rating="01",
        late30=1,
        late60=0,
        late90=0,
        months_reviewed=48,
        payment_pattern="1X12",
        remarks=("CLO",),
        industry_code="B",
        source_key="tl-1",
    )


def a_portfolio() -> PortfolioSummary:
    """Return the sums of a portfolio."""
    return PortfolioSummary(
        high_credit=Decimal(2000),
        credit_limit=Decimal(2500),
        balance=Decimal(1250),
        past_due=Decimal(0),
        monthly_payment=Decimal(35),
        percent_available=Decimal("50.00"),
    )


def a_credit_report() -> CreditReport:
    """Return a credit report under the sample application."""
    return CreditReport(
        id=child("rep", 1),
        version=1,
        application_id=APPLICATION,
        bureau="TransUnion",
        kind=PullKind.SOFT,
        pulled_at=AT,
        consent_id=child("cons", 1),
        file=CreditFile(
            hit=FileHit.HIT,
            summary=CreditSummary(
                tradeline_count=1,
                open_tradeline_count=1,
                inquiry_count=1,
                collection_count=1,
                public_record_count=1,
                revolving=a_portfolio(),
                installment=a_portfolio(),
                mortgage=a_portfolio(),
                total=a_portfolio(),
            ),
            score=CreditScore(
                model="VANTAGE4", value=612, factors=(ScoreFactor(rank=1, code="12"),)
            ),
            tradelines=(a_tradeline(),),
            collections=(a_tradeline(),),
            inquiries=(CreditInquiry(subscriber="ACME", date=date(2026, 1, 2)),),
            public_records=(
                PublicRecord(
                    kind="7X", filed_on=date(2020, 1, 1), docket="99", liabilities=Decimal(10)
                ),
            ),
            alerts=("DISPUTE",),
        ),
        raw=BlobRef(
            id=new_ulid(AT, randomness=77), sha256="ef" * 32, bytes=14, media_type="text/xml"
        ),
    )


def a_grant(**changes: Any) -> AccessGrant:
    """Return the sample grant with changes."""
    values: dict[str, Any] = {
        "id": child("grant", 9),
        "version": 1,
        "grantee": COUNSELOR,
        "scope": Scope.APPLICATIONS_WRITE,
        "subject": APPLICATION,
        "reason": "Claimed",
        "requested_at": AT,
        "minutes": 30 * 24 * 60,
        "renewable_until": AT + timedelta(days=180),
        "expires_at": AT + timedelta(days=30),
        "revoked_at": AT + timedelta(days=2),
    }
    return AccessGrant(**values | changes)


def a_hold() -> LegalHold:
    """Return a legal hold on the sample application."""
    return LegalHold(
        id=f"hold_{APPLICATION_ULID}",
        version=1,
        application_id=APPLICATION,
        reason="Subpoena",
        placed_by=COUNSELOR,
        placed_at=AT,
    )


def a_document() -> Document:
    """Return a document under the sample application."""
    return Document(
        id=child("doc", 1),
        version=1,
        application_id=APPLICATION,
        kind=DocumentKind.PAY_STUB,
        file_name="Pay stub of May.pdf",
        media_type="application/pdf",
        bytes_announced=14,
        status=DocumentStatus.AVAILABLE,
        created_at=AT,
        uploaded_at=AT + timedelta(minutes=1),
        file=BlobRef(
            id=new_ulid(AT, randomness=78),
            sha256="ab" * 32,
            bytes=14,
            media_type="application/pdf",
        ),
        rejection=DocumentRejection.DAMAGED,
    )


def a_bank_account() -> BankAccount:
    """Return an account of the sample link."""
    return BankAccount(
        id=child("acct", 21),
        connection_id=child("bank", 20),
        source_id="acc-1",
        name="Everyday Checking",
        official_name="Platypus Everyday Checking",
        mask="0000",
        type="depository",
        subtype="checking",
        current=Decimal("1250.10"),
        available=Decimal("1200.00"),
        limit=Decimal("500.00"),
        currency="USD",
    )


def a_bank_connection(**changes: Any) -> BankConnection:
    """Return the sample link with changes."""
    values: dict[str, Any] = {
        "id": child("bank", 20),
        "version": 1,
        "application_id": APPLICATION,
        "consumer_id": CONSUMER,
        "consent_id": child("cons", 1),
        "vendor": "Plaid",
        "item_id": "item-1",
        "institution_id": "ins_109508",
        "institution": "First Platypus Bank",
        "status": BankConnectionStatus.HEALTHY,
        "status_at": AT,
        "connected_at": AT,
        "last_synced_at": AT,
        "sync_progress": 500,
        "has_new_accounts": True,
        "ends_at": AT + timedelta(days=90),
        "access_token": "access-sandbox-1",
        "accounts": (a_bank_account(),),
    }
    return BankConnection(**values | changes)


def a_bank_sync(**changes: Any) -> BankSync:
    """Return where the syncs of the sample link stand, with changes."""
    values: dict[str, Any] = {
        "id": child("bsync", 20),
        "version": 1,
        "application_id": APPLICATION,
        "connection_id": child("bank", 20),
        "generation": 1,
        "cursor": "cursor-1",
        "complete": True,
        "months": (
            MonthRef(
                account_id=child("acct", 21),
                month="2026-01",
                part=0,
                month_id=child("bmonth", 22),
            ),
        ),
        "loose": (child("bmonth", 23),),
        "lease": Lease(holder=new_ulid(AT, randomness=24), until=AT + timedelta(minutes=2)),
        "wanted_at": AT,
        "failures": 1,
    }
    return BankSync(**values | changes)


def a_bank_transaction() -> BankTransaction:
    """Return a transaction of the sample account."""
    return BankTransaction(
        id=child("txn", 25),
        source_id="tx-1",
        posted_on=date(2026, 1, 10),
        authorized_on=date(2026, 1, 9),
        name="GROCER 0042",
        merchant="Grocer",
        amount=Decimal("89.40"),
        currency="USD",
        category="FOOD_AND_DRINK",
        detail="FOOD_AND_DRINK_GROCERIES",
        pending=True,
        pending_id="tx-0",
    )


def a_bank_month(**changes: Any) -> BankMonth:
    """Return a month of the sample account, with changes."""
    values: dict[str, Any] = {
        "id": child("bmonth", 22),
        "version": 1,
        "application_id": APPLICATION,
        "connection_id": child("bank", 20),
        "account_id": child("acct", 21),
        "month": "2026-01",
        "part": 0,
        "generation": 1,
        "transactions": (a_bank_transaction(),),
    }
    return BankMonth(**values | changes)


def a_bank_findings() -> BankFindings:
    """Return what the vendor makes of the sample link's accounts."""
    return BankFindings(
        id=child("bfind", 20),
        version=1,
        application_id=APPLICATION,
        connection_id=child("bank", 20),
        found_at=AT,
        streams=(
            StreamFacts(
                source_id="stream-1",
                account_id="acc-1",
                inflow=True,
                description="ACME PAYROLL",
                merchant="Acme",
                category="INCOME",
                detail="INCOME_WAGES",
                first_on=date(2025, 6, 1),
                last_on=date(2026, 1, 9),
                frequency=StreamFrequency.BIWEEKLY,
                average=Decimal("-1000.00"),
                last=Decimal("-1010.00"),
                active=True,
                mature=True,
                transaction_ids=("tx-2",),
            ),
        ),
        liabilities=(
            LiabilityFacts(
                account_id="acc-2",
                kind="credit",
                apr=Decimal("24.99"),
                minimum_payment=Decimal("35.00"),
                statement_balance=Decimal("1250.10"),
                last_payment=Decimal("40.00"),
                past_due=Decimal("5.00"),
                overdue=True,
                next_due_on=date(2026, 2, 1),
            ),
        ),
    )


def an_invitation() -> Invitation:
    """Return an invitation of the sample consumer, as it was used."""
    return Invitation(
        id=f"inv_{CONSUMER.removeprefix('con_')}_{new_ulid(AT, randomness=4)}",
        version=1,
        consumer_id=CONSUMER,
        code_index="ab" * 16,
        made_by=COUNSELOR,
        made_at=AT,
        expires_at=AT + timedelta(days=3),
        failures=1,
        used_at=AT + timedelta(days=1),
        ended_at=AT + timedelta(days=2),
    )


def some_settings() -> AgencySettings:
    """Return a version of an agency's settings."""
    return AgencySettings(
        id=SETTINGS,
        version=1,
        number=1,
        effective_from=AT.date(),
        cushion=Decimal("100.00"),
        standard_payment_rate=Decimal("2.25"),
        hardship_payment_rate=Decimal("1.80"),
        setup_fee=Decimal("25.00"),
        monthly_fee_per_creditor=Decimal("8.00"),
        monthly_fee_max=Decimal("40.00"),
        grant_days=30,
        retention_years=8,
        creditor_policies=(
            CreditorPolicy(
                creditor="First Bank",
                participation=Participation.WITH_CONCESSIONS,
                apr=Decimal("8.00"),
                payment_rate=Decimal("2.50"),
                payment_floor=Decimal("15.00"),
            ),
        ),
    )


def an_analysis() -> FinancialAnalysis:
    """Return an analysis of the sample application."""
    return FinancialAnalysis(
        id=child("ana", 1),
        version=1,
        application_id=APPLICATION,
        application_version=3,
        settings_id=SETTINGS,
        at=AT,
        net_monthly_income=Decimal("2166.67"),
        monthly_expenses=Decimal("2015.00"),
        available=Decimal("151.67"),
        cushion=Decimal("125.00"),
        disposable=Decimal("26.67"),
        monthly_fee=Decimal("1.00"),
        for_creditors=Decimal("25.67"),
        contractual_minimums=Decimal("35.00"),
        eligible_balance=Decimal("1250.10"),
        debt_to_income=Decimal("1.29"),
        recommendation=Recommendation.PLAN_STANDARD,
        reasons=(Reason(code="AVAILABLE", text="$2,166.67 less $2,015.00 leaves $151.67."),),
    )


def a_plan(**changes: Any) -> Plan:
    """Return a plan under the sample application, with every attribute set."""
    values: dict[str, Any] = {
        "id": child("plan", 1),
        "version": 2,
        "application_id": APPLICATION,
        "analysis_id": child("ana", 1),
        "settings_id": SETTINGS,
        "status": PlanStatus.ACCEPTED,
        "created_at": AT,
        "proposed_by": COUNSELOR,
        "state": "MI",
        "strategy": PayoffStrategy.AVALANCHE,
        "monthly_deposit": Decimal("700.00"),
        "months": 2,
        "first_due_on": date(2026, 2, 15),
        "debt_free_on": date(2026, 3, 15),
        "total_interest": Decimal("12.13"),
        "total_fees": Decimal("20.00"),
        "total_paid": Decimal("1282.23"),
        "without_plan": Payoff(months=78, total_interest=Decimal("1302.11")),
        "fees": (
            Fee(
                name="Monthly fee",
                amount=Decimal("10.00"),
                timing=FeeTiming.MONTHLY,
                waived=False,
            ),
        ),
        "monthly_fees": (Decimal("10.00"), Decimal("10.00")),
        "warnings": ("A plan is not right for everybody.",),
        "creditors": (
            PlanCreditor(
                debt=a_debt(1),
                participation=Participation.WITH_CONCESSIONS,
                plan_apr=Decimal("8.00"),
                payment=Decimal("26.00"),
                months=2,
                total_interest=Decimal("12.13"),
                payments=(Decimal("690.00"), Decimal("572.23")),
            ),
        ),
        "agreement": Agreement(html="<!DOCTYPE html>\n<p>Sign here.</p>", sha256="12" * 32),
        "acceptance": Acceptance(
            signature="Robert Uphold",
            signed_by=Actor(id="sub-9", kind=PrincipalKind.CONSUMER, display_name="Robert Uphold"),
            at=AT + timedelta(days=1),
            source_ip="203.0.113.7",
            agreement_sha256="12" * 32,
            consent_id=child("cons", 1),
        ),
        "decline_reason": "Not yet",
    }
    return Plan(**values | changes)


SAMPLES: Mapping[str, Record] = {
    "consumer": a_consumer(),
    "application": an_application(),
    "note": a_note(),
    "consent": a_consent(),
    "credit_report": a_credit_report(),
    "access_grant": a_grant(),
    "legal_hold": a_hold(),
    "bank_connection": a_bank_connection(),
    "bank_sync": a_bank_sync(),
    "bank_month": a_bank_month(),
    "bank_findings": a_bank_findings(),
    "settings": some_settings(),
    "analysis": an_analysis(),
    "plan": a_plan(),
    "document": a_document(),
    "invitation": an_invitation(),
}
"""A record of each kind, by the kind's name."""


def an_event(number: int = 1) -> Event:
    """Return an event about the sample application."""
    return Event(
        id=new_ulid(AT, randomness=number),
        name=EventName.APPLICATION_STARTED,
        at=AT,
        subject=APPLICATION,
        version=1,
        data={"consumerId": CONSUMER},
    )


def an_audit_line(number: int = 1) -> AuditLine:
    """Return an audit line about the sample consumer."""
    return AuditLine(
        id=new_ulid(AT, randomness=number),
        at=AT,
        actor=COUNSELOR,
        action="ssn",
        subject=CONSUMER,
        purpose="Credit pull",
        fields=("ssn",),
        request_id="req-1",
        source_ip="203.0.113.7",
    )


_LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(codec="utf-8"), max_size=20),
    int: st.integers(0, 2**31),
    bool: st.booleans(),
    Decimal: st.decimals("-99999999.99", "99999999.99", places=2),
    date: st.dates(date(1900, 1, 1)),
    datetime: st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- the zone is given beside it
}


def any_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy that makes any value of a record's type, with any text in any place."""
    if hint in _LEAVES:
        return _LEAVES[hint]
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        parts = {field.name: any_of(hints[field.name]) for field in fields(hint)}
        return st.builds(hint, **parts)  # type: ignore[arg-type]  # a hint is a class here
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return st.one_of(
            *(st.none() if part is types.NoneType else any_of(part) for part in arguments)
        )
    if origin is tuple:
        return st.lists(any_of(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(any_of(arguments[0]), any_of(arguments[1]), max_size=3)
    raise TypeError(hint)
