"""Input types, as the contract spells them, and their way into the resolvers' plain inputs."""

from dataclasses import fields
from typing import Any

import strawberry
from strawberry import UNSET

from domain.applications import ApplicationStatus, DebtKind, ExpenseCategory, IncomeSource
from domain.consents import ConsentPurpose
from domain.credit import PullKind
from domain.money import Frequency
from resolvers import inputs
from resolvers.inputs import ABSENT
from schema.scalars import AWSDate, AWSEmail, AWSPhone, Money, Percent


@strawberry.input
class PersonNameInput:
    given: str
    middle: str | None = UNSET
    family: str
    suffix: str | None = UNSET


@strawberry.input
class AddressInput:
    line1: str
    line2: str | None = UNSET
    city: str
    state: str
    postal_code: str


@strawberry.input(description="What a consumer is looked up by: at least one, and all must match.")
class ConsumerMatch:
    email: AWSEmail | None = UNSET
    phone: AWSPhone | None = UNSET
    ssn: str | None = UNSET


@strawberry.input(description="Which applications to list: all that is given must match.")
class ApplicationFilter:
    statuses: list[ApplicationStatus] | None = UNSET
    submitted_from: AWSDate | None = UNSET
    submitted_to: AWSDate | None = UNSET
    consumer_id: strawberry.ID | None = UNSET


@strawberry.input
class StartApplicationInput:
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


@strawberry.input(description="What is left out stays; what is null is cleared.")
class UpdateApplicationInput:
    id: strawberry.ID
    expected_version: int | None = UNSET
    household_size: int | None = UNSET
    hardship_reason: str | None = UNSET


@strawberry.input(description="What is left out stays; what is null is cleared, names excepted.")
class UpdateConsumerInput:
    id: strawberry.ID
    expected_version: int | None = UNSET
    name: PersonNameInput | None = UNSET
    email: AWSEmail | None = UNSET
    phone: AWSPhone | None = UNSET
    date_of_birth: AWSDate | None = UNSET
    ssn: str | None = UNSET
    address: AddressInput | None = UNSET


@strawberry.input
class IncomeInput:
    id: strawberry.ID | None = UNSET
    source: IncomeSource
    description: str | None = UNSET
    gross: Money | None = UNSET
    net: Money
    frequency: Frequency


@strawberry.input
class ExpenseInput:
    id: strawberry.ID | None = UNSET
    category: ExpenseCategory
    description: str | None = UNSET
    amount: Money
    frequency: Frequency


@strawberry.input
class DebtInput:
    id: strawberry.ID | None = UNSET
    creditor: str
    kind: DebtKind
    account_last4: str | None = UNSET
    balance: Money
    apr: Percent | None = UNSET
    minimum_payment: Money
    past_due: Money | None = UNSET


@strawberry.input(
    description="Lines with an id change that line; lines without one are added; ids under remove "
    "go. At most 100 lines of a kind."
)
class SaveBudgetInput:
    application_id: strawberry.ID
    expected_version: int | None = UNSET
    incomes: list[IncomeInput] | None = UNSET
    expenses: list[ExpenseInput] | None = UNSET
    debts: list[DebtInput] | None = UNSET
    remove: list[strawberry.ID] | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(description="Version and hash are those that consentText answered.")
class RecordConsentInput:
    application_id: strawberry.ID
    purpose: ConsentPurpose
    text_version: str
    text_sha256: str


@strawberry.input
class PullCreditReportInput:
    application_id: strawberry.ID
    consent_id: strawberry.ID
    kind: PullKind = PullKind.SOFT
    idempotency_key: str


@strawberry.input
class CreateApiKeyInput:
    name: str
    scopes: list[str]
    expires_in_days: int = 90
    idempotency_key: str | None = UNSET


_PLAIN: dict[type, type] = {
    PersonNameInput: inputs.PersonNameInput,
    AddressInput: inputs.AddressInput,
    ConsumerMatch: inputs.ConsumerMatch,
    ApplicationFilter: inputs.ApplicationFilter,
    StartApplicationInput: inputs.StartApplicationInput,
    UpdateApplicationInput: inputs.UpdateApplicationInput,
    UpdateConsumerInput: inputs.UpdateConsumerInput,
    IncomeInput: inputs.IncomeInput,
    ExpenseInput: inputs.ExpenseInput,
    DebtInput: inputs.DebtInput,
    SaveBudgetInput: inputs.SaveBudgetInput,
    RecordConsentInput: inputs.RecordConsentInput,
    PullCreditReportInput: inputs.PullCreditReportInput,
    CreateApiKeyInput: inputs.CreateApiKeyInput,
}


def plain(value: object) -> Any:
    """Return what the resolvers take: plain inputs, tuples, and ABSENT for what was not given."""
    if value is UNSET:
        return ABSENT
    if isinstance(value, list):
        return tuple(plain(inner) for inner in value)
    plain_type = _PLAIN.get(type(value))
    if plain_type is None:
        return value
    return plain_type(
        **{item.name: plain(getattr(value, item.name)) for item in fields(plain_type)}
    )
