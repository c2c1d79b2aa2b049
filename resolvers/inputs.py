"""What mutations are given, as plain values; the schema's input types are turned into these.

ABSENT is a field that was not given, None one that was given as null: an update leaves the first
as it is and clears the second.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Final, TypeAlias, TypeVar

from domain.applications import ApplicationStatus, DebtKind, ExpenseCategory, IncomeSource
from domain.consents import ConsentPurpose
from domain.credit import PullKind
from domain.documents import DocumentKind
from domain.money import Frequency
from domain.payoff import PayoffStrategy
from domain.settings import Participation
from domain.validation import Faults, clean_purpose

T = TypeVar("T")


class Absent(Enum):
    """The type of ABSENT."""

    ABSENT = "ABSENT"


ABSENT: Final = Absent.ABSENT
Maybe: TypeAlias = T | Absent | None


def given(value: Maybe[T]) -> T | None:
    """Return the value; None where it was not given or given as null."""
    return None if value is ABSENT else value


def stated_purpose(purpose: str) -> str:
    """Return the purpose that a field demands; raises InvalidInput for one that says nothing."""
    faults = Faults()
    clean = clean_purpose(faults, "purpose", purpose)
    faults.raise_any()
    return clean


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonNameInput:
    """A person's name as typed."""

    given: str
    middle: Maybe[str] = ABSENT
    family: str
    suffix: Maybe[str] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressInput:
    """A postal address as typed."""

    line1: str
    line2: Maybe[str] = ABSENT
    city: str
    state: str
    postal_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonInput:
    """What is said about a consumer; the part that starting and updating have in common."""

    name: Maybe[PersonNameInput] = ABSENT
    email: Maybe[str] = ABSENT
    phone: Maybe[str] = ABSENT
    date_of_birth: Maybe[date] = ABSENT
    ssn: Maybe[str] = field(default=ABSENT, repr=False)
    address: Maybe[AddressInput] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class StartApplicationInput(PersonInput):
    """What an application is started with."""

    consumer_id: Maybe[str] = ABSENT
    household_size: Maybe[int] = ABSENT
    hardship_reason: Maybe[str] = ABSENT
    idempotency_key: Maybe[str] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateApplicationInput:
    """What is changed about an application itself."""

    id: str
    expected_version: Maybe[int] = ABSENT
    household_size: Maybe[int] = ABSENT
    hardship_reason: Maybe[str] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateConsumerInput(PersonInput):
    """What is changed about a consumer."""

    id: str
    expected_version: Maybe[int] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomeInput:
    """One line of income; with an id it replaces that line."""

    id: Maybe[str] = ABSENT
    source: IncomeSource
    description: Maybe[str] = ABSENT
    gross: Maybe[Decimal] = ABSENT
    net: Decimal
    frequency: Frequency


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpenseInput:
    """One line of expense; with an id it replaces that line."""

    id: Maybe[str] = ABSENT
    category: ExpenseCategory
    description: Maybe[str] = ABSENT
    amount: Decimal
    frequency: Frequency


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtInput:
    """One debt; with an id it replaces that debt."""

    id: Maybe[str] = ABSENT
    creditor: str
    kind: DebtKind
    account_last4: Maybe[str] = ABSENT
    balance: Decimal
    apr: Maybe[Decimal] = ABSENT
    minimum_payment: Decimal
    past_due: Maybe[Decimal] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveBudgetInput:
    """Lines to add, change and remove, all or nothing."""

    application_id: str
    expected_version: Maybe[int] = ABSENT
    incomes: Maybe[tuple[IncomeInput, ...]] = ABSENT
    expenses: Maybe[tuple[ExpenseInput, ...]] = ABSENT
    debts: Maybe[tuple[DebtInput, ...]] = ABSENT
    remove: Maybe[tuple[str, ...]] = ABSENT
    idempotency_key: Maybe[str] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordConsentInput:
    """Which wording the consumer agreed to."""

    application_id: str
    purpose: ConsentPurpose
    text_version: str
    text_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullCreditReportInput:
    """Which report to pull, under which consent."""

    application_id: str
    consent_id: str
    kind: PullKind
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectBankInput:
    """Which bank to link, by what the vendor's Link gave, under which consent."""

    application_id: str
    consent_id: str
    public_token: str = field(repr=False)
    idempotency_key: Maybe[str] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposePlanInput:
    """How a plan is to be made; without a deposit it takes all that the budget leaves."""

    application_id: str
    strategy: PayoffStrategy
    monthly_deposit: Maybe[Decimal] = ABSENT
    idempotency_key: Maybe[str] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptProposalsInput:
    """Which proposals to take over."""

    application_id: str
    expected_version: Maybe[int] = ABSENT
    ids: tuple[str, ...]
    idempotency_key: Maybe[str] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptPlanInput:
    """Which text a consumer signs, and the name that they typed."""

    id: str
    agreement_sha256: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAccessInput:
    """A scope over a subject that somebody asks for, why, and for how long."""

    scope: str
    subject: Maybe[str] = ABSENT
    reason: str
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKeyInput:
    """What a key is made with."""

    name: str
    scopes: tuple[str, ...]
    expires_in_days: int
    idempotency_key: Maybe[str] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerMatch:
    """What a consumer is looked up by; all that is given must match exactly."""

    email: Maybe[str] = ABSENT
    phone: Maybe[str] = ABSENT
    ssn: Maybe[str] = field(default=ABSENT, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationFilter:
    """Which applications to list; all that is given must match. Both dates are included."""

    statuses: Maybe[tuple[ApplicationStatus, ...]] = ABSENT
    submitted_from: Maybe[date] = ABSENT
    submitted_to: Maybe[date] = ABSENT
    consumer_id: Maybe[str] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditorPolicyInput:
    """What one creditor gives to the agency's plans."""

    creditor: str
    participation: Participation
    apr: Decimal
    payment_rate: Decimal
    payment_floor: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSettingsInput:
    """What of the settings becomes another from a day on."""

    expected_version: Maybe[int] = ABSENT
    effective_from: date
    cushion: Maybe[Decimal] = ABSENT
    standard_payment_rate: Maybe[Decimal] = ABSENT
    hardship_payment_rate: Maybe[Decimal] = ABSENT
    setup_fee: Maybe[Decimal] = ABSENT
    monthly_fee_per_creditor: Maybe[Decimal] = ABSENT
    monthly_fee_max: Maybe[Decimal] = ABSENT
    grant_days: Maybe[int] = ABSENT
    retention_years: Maybe[int] = ABSENT
    creditor_policies: Maybe[tuple[CreditorPolicyInput, ...]] = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDocumentUploadInput:
    """What file is to come."""

    application_id: str
    kind: DocumentKind
    file_name: str
    media_type: str
    bytes: int
