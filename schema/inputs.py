"""Input types, as the contract spells them, and their way into the resolvers' plain inputs."""

from dataclasses import fields
from typing import Any

import strawberry
from strawberry import UNSET

from domain.applications import ApplicationStatus, DebtKind, ExpenseCategory, IncomeSource
from domain.consents import ConsentPurpose
from domain.credit import PullKind
from domain.documents import DocumentKind
from domain.money import Frequency
from domain.payoff import PayoffStrategy
from domain.settings import Participation
from resolvers import inputs
from resolvers.inputs import ABSENT
from schema.declare import input_type
from schema.scalars import AWSDate, AWSEmail, AWSPhone, Money, Percent


@input_type(inputs.PersonNameInput)
class PersonNameInput:
    """A person's name."""

    given: str
    middle: str | None = UNSET
    family: str
    suffix: str | None = UNSET


@input_type(inputs.AddressInput)
class AddressInput:
    """A postal address in the United States; state is a USPS code."""

    line1: str
    line2: str | None = UNSET
    city: str
    state: str
    postal_code: str


@input_type(inputs.ConsumerMatch)
class ConsumerMatch:
    """What a consumer is looked up by: at least one, and all that is given must match."""

    email: AWSEmail | None = UNSET
    phone: AWSPhone | None = UNSET
    ssn: str | None = UNSET


@input_type(inputs.ApplicationFilter)
class ApplicationFilter:
    """Which applications to list: all that is given must match. Both dates are included."""

    statuses: list[ApplicationStatus] | None = UNSET
    submitted_from: AWSDate | None = UNSET
    submitted_to: AWSDate | None = UNSET
    consumer_id: strawberry.ID | None = UNSET


@input_type(inputs.StartApplicationInput)
class StartApplicationInput:
    """Whose application it is (left out by consumers, who start their own), and what is known."""

    consumer_id: strawberry.ID | None = UNSET
    name: PersonNameInput | None = UNSET
    email: AWSEmail | None = UNSET
    phone: AWSPhone | None = UNSET
    date_of_birth: AWSDate | None = UNSET
    ssn: str | None = UNSET
    address: AddressInput | None = UNSET
    household_size: int | None = UNSET
    hardship_reason: str | None = UNSET
    idempotency_key: str | None = UNSET


@input_type(inputs.UpdateApplicationInput)
class UpdateApplicationInput:
    """What is left out stays, what is null is cleared."""

    id: strawberry.ID
    expected_version: int | None = UNSET
    household_size: int | None = UNSET
    hardship_reason: str | None = UNSET


@input_type(inputs.UpdateConsumerInput)
class UpdateConsumerInput:
    """What is left out stays, what is null is cleared; a name is only changed."""

    id: strawberry.ID
    expected_version: int | None = UNSET
    name: PersonNameInput | None = UNSET
    email: AWSEmail | None = UNSET
    phone: AWSPhone | None = UNSET
    date_of_birth: AWSDate | None = UNSET
    ssn: str | None = UNSET
    address: AddressInput | None = UNSET


@input_type(inputs.IncomeInput)
class IncomeInput:
    """One line of income."""

    id: strawberry.ID | None = UNSET
    source: IncomeSource
    description: str | None = UNSET
    gross: Money | None = UNSET
    net: Money
    frequency: Frequency


@input_type(inputs.ExpenseInput)
class ExpenseInput:
    """One line of expense."""

    id: strawberry.ID | None = UNSET
    category: ExpenseCategory
    description: str | None = UNSET
    amount: Money
    frequency: Frequency


@input_type(inputs.DebtInput)
class DebtInput:
    """One debt."""

    id: strawberry.ID | None = UNSET
    creditor: str
    kind: DebtKind
    account_last4: str | None = UNSET
    balance: Money
    apr: Percent | None = UNSET
    minimum_payment: Money
    past_due: Money | None = UNSET


@input_type(inputs.SaveBudgetInput)
class SaveBudgetInput:
    """Lines with an id change that line; lines without one are added; ids under remove go.

    At most 100 lines of a kind.
    """

    application_id: strawberry.ID
    expected_version: int | None = UNSET
    incomes: list[IncomeInput] | None = UNSET
    expenses: list[ExpenseInput] | None = UNSET
    debts: list[DebtInput] | None = UNSET
    remove: list[strawberry.ID] | None = UNSET
    idempotency_key: str | None = UNSET


@input_type(inputs.RecordConsentInput)
class RecordConsentInput:
    """Version and hash are those that consentText answered."""

    application_id: strawberry.ID
    purpose: ConsentPurpose
    text_version: str
    text_sha256: str


@input_type(inputs.PullCreditReportInput)
class PullCreditReportInput:
    """Which report to pull, under which consent. A key never pulls twice."""

    application_id: strawberry.ID
    consent_id: strawberry.ID
    kind: PullKind = PullKind.SOFT
    idempotency_key: str


@input_type(inputs.ProposePlanInput)
class ProposePlanInput:
    """Without a deposit, all that the budget leaves after the cushion goes into the plan."""

    application_id: strawberry.ID
    strategy: PayoffStrategy = PayoffStrategy.AVALANCHE
    monthly_deposit: Money | None = UNSET
    idempotency_key: str | None = UNSET


@input_type(inputs.AcceptPlanInput)
class AcceptPlanInput:
    """agreementSha256 repeats that of the agreement shown; signature is the full name, typed."""

    id: strawberry.ID
    agreement_sha256: str
    signature: str


@input_type(inputs.CreateApiKeyInput)
class CreateApiKeyInput:
    """What the key may do, and for how many days: 1 to 365."""

    name: str
    scopes: list[str]
    expires_in_days: int = 90
    idempotency_key: str | None = UNSET


@input_type(inputs.ConnectBankInput)
class ConnectBankInput:
    """What Link gave, and the consent under which the bank is linked. A key never links twice."""

    application_id: strawberry.ID
    consent_id: strawberry.ID
    public_token: str
    idempotency_key: str | None = UNSET


@input_type(inputs.AcceptProposalsInput)
class AcceptProposalsInput:
    """Which of an application's proposals to take over, all or nothing."""

    application_id: strawberry.ID
    expected_version: int | None = UNSET
    ids: list[strawberry.ID]
    idempotency_key: str | None = UNSET


@input_type(inputs.RequestAccessInput)
class RequestAccessInput:
    """What access is asked for, over what, why, and for how long once it is approved.

    Operators: a scope to read, over the whole agency or the application or consumer named, for at
    most 60 minutes. Counselors: applications:read or applications:write, over an application or a
    consumer, for at most 43200 minutes (30 days).
    """

    scope: str
    subject: strawberry.ID | None = UNSET
    reason: str
    minutes: int = 60


@input_type(inputs.CreditorPolicyInput)
class CreditorPolicyInput:
    """What one creditor gives to the agency's plans."""

    creditor: str
    participation: Participation
    apr: Percent
    payment_rate: Percent
    payment_floor: Money


@input_type(inputs.UpdateSettingsInput)
class UpdateSettingsInput:
    """What becomes another from effectiveFrom on: today, in UTC, or a day of the next two years.

    What is left out stays as it is on that day; creditorPolicies are replaced as a whole, at most
    500, each creditor once. expectedVersion is the version that holds on that day.
    """

    expected_version: int | None = UNSET
    effective_from: AWSDate
    cushion: Money | None = UNSET
    standard_payment_rate: Percent | None = UNSET
    hardship_payment_rate: Percent | None = UNSET
    setup_fee: Money | None = UNSET
    monthly_fee_per_creditor: Money | None = UNSET
    monthly_fee_max: Money | None = UNSET
    grant_days: int | None = UNSET
    retention_years: int | None = UNSET
    creditor_policies: list[CreditorPolicyInput] | None = UNSET


@input_type(inputs.CreateDocumentUploadInput)
class CreateDocumentUploadInput:
    """What file is to come: a PDF, PNG, JPEG, TIFF or HEIC, and exactly how many bytes it has."""

    application_id: strawberry.ID
    kind: DocumentKind
    file_name: str
    media_type: str
    bytes: int


def plain(value: object) -> Any:
    """Return what the resolvers take: plain inputs, tuples, and ABSENT for what was not given."""
    if value is UNSET:
        return ABSENT
    if isinstance(value, list):
        return tuple(plain(inner) for inner in value)
    plain_type = getattr(type(value), "plain_type", None)
    if plain_type is None:
        return value
    return plain_type(
        **{item.name: plain(getattr(value, item.name)) for item in fields(plain_type)}
    )
