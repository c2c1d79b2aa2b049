"""The root of all mutations."""

import strawberry
from strawberry import UNSET

from domain.access import AccessGrant as AccessGrantRecord
from domain.access import ApiKey as ApiKeyRecord
from domain.analysis import FinancialAnalysis as AnalysisRecord
from domain.applications import Application as ApplicationRecord
from domain.applications import Note as NoteRecord
from domain.bank_connections import BankConnection as BankConnectionRecord
from domain.banking import LinkToken
from domain.consents import Consent as ConsentRecord
from domain.consumers import Consumer as ConsumerRecord
from domain.credit import CreditReport as CreditReportRecord
from domain.documents import Document as DocumentRecord
from domain.plans import Plan as PlanRecord
from domain.settings import AgencySettings as AgencySettingsRecord
from resolvers import (
    analysis,
    bank_links,
    banking,
    budget,
    consents,
    consumers,
    counseling,
    credit,
    documents,
    grants,
    intake,
    invitations,
    keys,
    plans,
    proposals,
    settings,
)
from resolvers.inputs import given
from schema.access import AccessGrant, ApiKey, CreatedApiKey
from schema.applications import Application, Note
from schema.banking import BankConnection, BankLinkToken
from schema.consents import Consent
from schema.consumers import Consumer
from schema.credit import CreditReport
from schema.declare import Info, field, object_type
from schema.documents import Document, DocumentUpload
from schema.inputs import (
    AcceptPlanInput,
    AcceptProposalsInput,
    ConnectBankInput,
    CreateApiKeyInput,
    CreateDocumentUploadInput,
    ProposePlanInput,
    PullCreditReportInput,
    RecordConsentInput,
    RequestAccessInput,
    SaveBudgetInput,
    StartApplicationInput,
    UpdateApplicationInput,
    UpdateConsumerInput,
    UpdateSettingsInput,
    plain,
)
from schema.invitations import CreatedInvitation
from schema.plans import FinancialAnalysis, Plan
from schema.rules import (
    ACCESS_ASKERS,
    ADMINS,
    APPLICATION_WRITERS,
    BANK_WRITERS,
    CONSUMER_WRITERS,
    CONSUMERS,
    COUNSELORS,
    CREDIT_PULLERS,
    DOCUMENT_WRITERS,
    GRANT_READERS,
    PLAN_DECLINERS,
    PLAN_WRITERS,
)
from schema.scalars import AWSDate
from schema.settings import AgencySettings


async def _start_application(info: Info, input: StartApplicationInput) -> ApplicationRecord:
    return await intake.start_application(info.context, plain(input))


async def _update_application(info: Info, input: UpdateApplicationInput) -> ApplicationRecord:
    return await intake.update_application(info.context, plain(input))


async def _update_consumer(info: Info, input: UpdateConsumerInput) -> ConsumerRecord:
    return await consumers.update_consumer(info.context, plain(input))


async def _save_budget(info: Info, input: SaveBudgetInput) -> ApplicationRecord:
    return await budget.save_budget(info.context, plain(input))


async def _submit_application(
    info: Info, id: strawberry.ID, expected_version: int | None = UNSET
) -> ApplicationRecord:
    return await intake.submit_application(info.context, id, plain(expected_version))


async def _withdraw_application(
    info: Info, id: strawberry.ID, reason: str | None = UNSET
) -> ApplicationRecord:
    return await intake.withdraw_application(info.context, id, plain(reason))


async def _claim_application(info: Info, id: strawberry.ID) -> ApplicationRecord:
    return await counseling.claim_application(info.context, id)


async def _release_application(info: Info, id: strawberry.ID) -> bool:
    return await counseling.release_application(info.context, id)


async def _reassign_application(info: Info, id: strawberry.ID, to: strawberry.ID) -> bool:
    return await counseling.reassign_application(info.context, id, to)


async def _return_application(info: Info, id: strawberry.ID, reason: str) -> ApplicationRecord:
    return await counseling.return_application(info.context, id, reason)


async def _close_application(info: Info, id: strawberry.ID, reason: str) -> ApplicationRecord:
    return await counseling.close_application(info.context, id, reason)


async def _add_note(info: Info, application_id: strawberry.ID, text: str) -> NoteRecord:
    return await counseling.add_note(info.context, application_id, text)


async def _record_consent(info: Info, input: RecordConsentInput) -> ConsentRecord:
    return await consents.record_consent(info.context, plain(input))


async def _pull_credit_report(info: Info, input: PullCreditReportInput) -> CreditReportRecord:
    return await credit.pull_credit_report(info.context, plain(input))


async def _import_debts(info: Info, credit_report_id: strawberry.ID) -> ApplicationRecord:
    return await credit.import_debts(info.context, credit_report_id)


async def _analyze_application(info: Info, id: strawberry.ID) -> AnalysisRecord:
    return await analysis.analyze_application(info.context, id)


async def _propose_plan(info: Info, input: ProposePlanInput) -> PlanRecord:
    return await plans.propose_plan(info.context, plain(input))


async def _accept_plan(info: Info, input: AcceptPlanInput) -> PlanRecord:
    return await plans.accept_plan(info.context, plain(input))


async def _decline_plan(info: Info, id: strawberry.ID, reason: str | None = UNSET) -> PlanRecord:
    return await plans.decline_plan(info.context, id, plain(reason))


async def _create_document_upload(
    info: Info, input: CreateDocumentUploadInput
) -> documents.DocumentUpload:
    return await documents.create_document_upload(info.context, plain(input))


async def _create_bank_link_token(
    info: Info, application_id: strawberry.ID, connection_id: strawberry.ID | None = UNSET
) -> LinkToken:
    return await bank_links.create_link_token(
        info.context, application_id, given(plain(connection_id))
    )


async def _connect_bank(info: Info, input: ConnectBankInput) -> BankConnectionRecord:
    return await bank_links.connect_bank(info.context, plain(input))


async def _sync_bank(info: Info, id: strawberry.ID) -> BankConnectionRecord:
    return await banking.sync_bank(info.context, id)


async def _disconnect_bank(info: Info, id: strawberry.ID) -> BankConnectionRecord:
    return await banking.disconnect_bank(info.context, id)


async def _accept_proposals(info: Info, input: AcceptProposalsInput) -> ApplicationRecord:
    return await proposals.accept_proposals(info.context, plain(input))


async def _complete_document_upload(info: Info, id: strawberry.ID) -> DocumentRecord:
    return await documents.complete_document_upload(info.context, id)


async def _create_api_key(info: Info, input: CreateApiKeyInput) -> keys.CreatedApiKey:
    return await keys.create_api_key(info.context, plain(input))


async def _rotate_api_key(
    info: Info, id: strawberry.ID, overlap_hours: int | None = 24
) -> keys.CreatedApiKey:
    return await keys.rotate_api_key(info.context, id, plain(overlap_hours))


async def _revoke_api_key(info: Info, id: strawberry.ID) -> ApiKeyRecord:
    return await keys.revoke_api_key(info.context, id)


async def _request_access(info: Info, input: RequestAccessInput) -> AccessGrantRecord:
    return await grants.request_access(info.context, plain(input))


async def _approve_access(info: Info, id: strawberry.ID) -> AccessGrantRecord:
    return await grants.approve_access(info.context, id)


async def _revoke_access(info: Info, id: strawberry.ID) -> AccessGrantRecord:
    return await grants.revoke_access(info.context, id)


async def _create_invitation(
    info: Info, consumer_id: strawberry.ID
) -> invitations.CreatedInvitation:
    return await invitations.create_invitation(info.context, consumer_id)


async def _accept_invitation(
    info: Info, code: str, date_of_birth: AWSDate | None = UNSET
) -> ConsumerRecord:
    return await invitations.accept_invitation(info.context, code, plain(date_of_birth))


async def _update_settings(info: Info, input: UpdateSettingsInput) -> AgencySettingsRecord:
    return await settings.update_settings(info.context, plain(input))


@object_type(rule=None)
class Mutation:
    """All that can be changed. Each is done once for an Idempotency-Key."""

    start_application = field(
        _start_application,
        Application | None,
        rule=APPLICATION_WRITERS,
        description="Consumers for themselves; counselors and keys for a consumer they name or "
        "create [applications:write].",
    )
    update_application = field(
        _update_application,
        Application | None,
        rule=APPLICATION_WRITERS,
        description="Consumers (own, while DRAFT or RETURNED), counselors (by grant, while "
        "IN_REVIEW or ANALYZED) [applications:write].",
    )
    update_consumer = field(
        _update_consumer,
        Consumer | None,
        rule=CONSUMER_WRITERS,
        description="Consumers (self), counselors (by grant) [consumers:write].",
    )
    save_budget = field(
        _save_budget,
        Application | None,
        rule=APPLICATION_WRITERS,
        description="Adds, changes and removes incomes, expenses and debts, all or nothing "
        "[applications:write].",
    )
    submit_application = field(
        _submit_application,
        Application | None,
        rule=APPLICATION_WRITERS,
        description="Hands it in; it waits in the queue, or stays with its counselor. Asks for no "
        "more than a name, a state and a way to reach the consumer [applications:write].",
    )
    withdraw_application = field(
        _withdraw_application,
        Application | None,
        rule=CONSUMERS,
        description="The consumer takes it back.",
    )
    claim_application = field(
        _claim_application,
        Application | None,
        rule=COUNSELORS,
        description="Counselors: take from the queue (writes a time-boxed grant).",
    )
    release_application = field(
        _release_application,
        bool | None,
        rule=COUNSELORS,
        description="Counselors: give back; the grant ends at once.",
    )
    reassign_application = field(
        _reassign_application,
        bool | None,
        rule=COUNSELORS,
        description="Counselors: hand over to another counselor, named by their staff id.",
    )
    return_application = field(
        _return_application,
        Application | None,
        rule=COUNSELORS,
        description="Counselors: send back to the consumer.",
    )
    close_application = field(
        _close_application, Application | None, rule=COUNSELORS, description="Counselors: close."
    )
    add_note = field(
        _add_note,
        Note | None,
        rule=COUNSELORS,
        description="Counselors: write down what consumers never see.",
    )
    record_consent = field(
        _record_consent,
        Consent | None,
        rule=CONSUMERS,
        description="A consumer's written instructions (15 USC 1681b(a)(2)) or another recorded "
        "purpose: what a credit pull or a bank link needs. Consumers.",
    )
    pull_credit_report = field(
        _pull_credit_report,
        CreditReport | None,
        rule=CREDIT_PULLERS,
        description="Counselors and consumers under a live consent [credit:pull]. The same "
        "idempotencyKey never pulls, or bills, twice.",
    )
    import_debts = field(
        _import_debts,
        Application | None,
        rule=APPLICATION_WRITERS,
        description="Turns the report's open tradelines into debts, matched with those already "
        "entered [applications:write, and credit:read].",
    )
    create_bank_link_token = field(
        _create_bank_link_token,
        BankLinkToken | None,
        rule=BANK_WRITERS,
        description="Opens the vendor's Link: for a new link, or to repair the one named by "
        "connectionId, whose status is LOGIN_REQUIRED or PENDING_DISCONNECT. Consumers (own), "
        "counselors (by grant) [banking:write].",
    )
    connect_bank = field(
        _connect_bank,
        BankConnection | None,
        rule=BANK_WRITERS,
        description="Links the bank under a live consent to BANK_DATA; what is linked already is "
        "answered, not doubled [banking:write].",
    )
    sync_bank = field(
        _sync_bank,
        BankConnection | None,
        rule=BANK_WRITERS,
        description="Takes over what the bank says now; where a sync is under way, another "
        "follows it [banking:write].",
    )
    disconnect_bank = field(
        _disconnect_bank,
        BankConnection | None,
        rule=BANK_WRITERS,
        description="Ends the link at the bank and deletes what was read by it [banking:write].",
    )
    accept_proposals = field(
        _accept_proposals,
        Application | None,
        rule=APPLICATION_WRITERS,
        description="Makes lines of the proposals named, or changes those that they stand beside, "
        "all or nothing [applications:write, and banking:read].",
    )
    create_document_upload = field(
        _create_document_upload,
        DocumentUpload | None,
        rule=DOCUMENT_WRITERS,
        description="A sealed place to upload to, and then the document's record. Consumers, "
        "counselors [applications:write or documents:write].",
    )
    complete_document_upload = field(
        _complete_document_upload,
        Document | None,
        rule=DOCUMENT_WRITERS,
        description="After the file was sent to a presigned address: it is judged and kept. What "
        "was sent to the gateway itself is complete already. Consumers, counselors "
        "[applications:write or documents:write].",
    )
    analyze_application = field(
        _analyze_application,
        FinancialAnalysis | None,
        rule=PLAN_WRITERS,
        description="Runs the financial analysis over what the application holds now. It proposes; "
        "the counselor decides. Counselors [plans:write].",
    )
    propose_plan = field(
        _propose_plan,
        Plan | None,
        rule=PLAN_WRITERS,
        description="Makes a plan of the last analysis; one that is still open is superseded. "
        "Counselors [plans:write].",
    )
    accept_plan = field(
        _accept_plan,
        Plan | None,
        rule=CONSUMERS,
        description="The consumer signs exactly the agreement they were shown.",
    )
    decline_plan = field(
        _decline_plan,
        Plan | None,
        rule=PLAN_DECLINERS,
        description="Consumers (own), counselors (by grant): another may be proposed then.",
    )
    create_api_key = field(
        _create_api_key,
        CreatedApiKey | None,
        rule=ADMINS,
        description="Admins. The secret is in this answer only: not stored, not replayed.",
    )
    rotate_api_key = field(
        _rotate_api_key,
        CreatedApiKey | None,
        rule=ADMINS,
        description="A successor with the same powers; the old one ends after the overlap.",
    )
    revoke_api_key = field(
        _revoke_api_key,
        ApiKey | None,
        rule=ADMINS,
        description="Admins. The key ends at once.",
    )
    request_access = field(
        _request_access,
        AccessGrant | None,
        rule=ACCESS_ASKERS,
        description="The one mutation an operator may call without a grant, for the agency named "
        "by x-agency; a counselor for a consumer's file. It lapses where no admin approves it "
        "within a day.",
    )
    approve_access = field(
        _approve_access,
        AccessGrant | None,
        rule=ADMINS,
        description="Admins, never their own. It ends the minutes asked for after this moment.",
    )
    revoke_access = field(
        _revoke_access,
        AccessGrant | None,
        rule=GRANT_READERS,
        description="Ends a grant or a request at once. Admins any, grantees their own.",
    )
    update_settings = field(
        _update_settings,
        AgencySettings | None,
        rule=ADMINS,
        description="Admins. A new version from a day on: what was proposed or signed keeps its "
        "own.",
    )
    create_invitation = field(
        _create_invitation,
        CreatedInvitation | None,
        rule=COUNSELORS,
        description="Counselors (by grant): a code for a consumer who was taken on by telephone. "
        "It is good once, and ends the one before.",
    )
    accept_invitation = field(
        _accept_invitation,
        Consumer | None,
        rule=CONSUMERS,
        description="A consumer without a record binds their sign-in to the one that the code is "
        "for; dateOfBirth has to be given where the record has one.",
    )
