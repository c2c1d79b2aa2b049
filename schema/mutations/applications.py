"""Mutations of applications: intake, budget, counseling, consents."""

import strawberry
from strawberry import UNSET

from domain.applications import Application as ApplicationRecord
from domain.applications import Note as NoteRecord
from domain.consents import Consent as ConsentRecord
from domain.consumers import Consumer as ConsumerRecord
from resolvers import (
    budget,
    consents,
    consumers,
    counseling,
    intake,
)
from schema.applications import Application, Note
from schema.consents import Consent
from schema.consumers import Consumer
from schema.declare import Info, field
from schema.inputs import (
    RecordConsentInput,
    SaveBudgetInput,
    StartApplicationInput,
    UpdateApplicationInput,
    UpdateConsumerInput,
    plain,
)
from schema.rules import (
    APPLICATION_WRITERS,
    CONSUMER_WRITERS,
    CONSUMERS,
    COUNSELORS,
)


async def _start_application(info: Info, input: StartApplicationInput) -> ApplicationRecord:
    return await intake.start_application(info.context, plain(input))


start_application = field(
    _start_application,
    Application | None,
    rule=APPLICATION_WRITERS,
    description="Consumers for themselves; counselors and keys for a consumer they name or "
    "create [applications:write].",
)


async def _update_application(info: Info, input: UpdateApplicationInput) -> ApplicationRecord:
    return await intake.update_application(info.context, plain(input))


update_application = field(
    _update_application,
    Application | None,
    rule=APPLICATION_WRITERS,
    description="Consumers (own, while DRAFT or RETURNED), counselors (by grant, while "
    "IN_REVIEW or ANALYZED) [applications:write].",
)


async def _update_consumer(info: Info, input: UpdateConsumerInput) -> ConsumerRecord:
    return await consumers.update_consumer(info.context, plain(input))


update_consumer = field(
    _update_consumer,
    Consumer | None,
    rule=CONSUMER_WRITERS,
    description="Consumers (self), counselors (by grant) [consumers:write].",
)


async def _save_budget(info: Info, input: SaveBudgetInput) -> ApplicationRecord:
    return await budget.save_budget(info.context, plain(input))


save_budget = field(
    _save_budget,
    Application | None,
    rule=APPLICATION_WRITERS,
    description="Adds, changes and removes incomes, expenses and debts, all or nothing "
    "[applications:write].",
)


async def _submit_application(
    info: Info, id: strawberry.ID, expected_version: int | None = UNSET
) -> ApplicationRecord:
    return await intake.submit_application(info.context, id, plain(expected_version))


submit_application = field(
    _submit_application,
    Application | None,
    rule=APPLICATION_WRITERS,
    description="Hands it in; it waits in the queue, or stays with its counselor. Asks for no "
    "more than a name, a state and a way to reach the consumer [applications:write].",
)


async def _withdraw_application(
    info: Info, id: strawberry.ID, reason: str | None = UNSET
) -> ApplicationRecord:
    return await intake.withdraw_application(info.context, id, plain(reason))


withdraw_application = field(
    _withdraw_application,
    Application | None,
    rule=CONSUMERS,
    description="The consumer takes it back.",
)


async def _claim_application(info: Info, id: strawberry.ID) -> ApplicationRecord:
    return await counseling.claim_application(info.context, id)


claim_application = field(
    _claim_application,
    Application | None,
    rule=COUNSELORS,
    description="Counselors: take from the queue (writes a time-boxed grant).",
)


async def _release_application(info: Info, id: strawberry.ID) -> bool:
    return await counseling.release_application(info.context, id)


release_application = field(
    _release_application,
    bool | None,
    rule=COUNSELORS,
    description="Counselors: give back; the grant ends at once.",
)


async def _reassign_application(info: Info, id: strawberry.ID, to: strawberry.ID) -> bool:
    return await counseling.reassign_application(info.context, id, to)


reassign_application = field(
    _reassign_application,
    bool | None,
    rule=COUNSELORS,
    description="Counselors: hand over to another counselor, named by their staff id.",
)


async def _return_application(info: Info, id: strawberry.ID, reason: str) -> ApplicationRecord:
    return await counseling.return_application(info.context, id, reason)


return_application = field(
    _return_application,
    Application | None,
    rule=COUNSELORS,
    description="Counselors: send back to the consumer.",
)


async def _close_application(info: Info, id: strawberry.ID, reason: str) -> ApplicationRecord:
    return await counseling.close_application(info.context, id, reason)


close_application = field(
    _close_application, Application | None, rule=COUNSELORS, description="Counselors: close."
)


async def _add_note(info: Info, application_id: strawberry.ID, text: str) -> NoteRecord:
    return await counseling.add_note(info.context, application_id, text)


add_note = field(
    _add_note,
    Note | None,
    rule=COUNSELORS,
    description="Counselors: write down what consumers never see.",
)


async def _record_consent(info: Info, input: RecordConsentInput) -> ConsentRecord:
    return await consents.record_consent(info.context, plain(input))


record_consent = field(
    _record_consent,
    Consent | None,
    rule=CONSUMERS,
    description="A consumer's written instructions (15 USC 1681b(a)(2)) or another recorded "
    "purpose: what a credit pull or a bank link needs. Consumers.",
)
