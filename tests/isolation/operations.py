"""Every query and mutation field, each with an operation that names another agency's objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """One object of each kind, of the other agency or of nobody."""

    account: str
    agency: str
    analysis: str
    application: str
    bank: str
    consumer: str
    consent: str
    debt: str
    document: str
    grant: str
    key: str
    note: str
    plan: str
    queue: str
    report: str
    request: str
    settings: str
    staff: str
    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A document, and its variables once it is known whose ids to name."""

    document: str
    variables: Callable[[Ids], dict[str, Any]] = lambda _: {}


def _input(make: Callable[[Ids], dict[str, Any]]) -> Callable[[Ids], dict[str, Any]]:
    return lambda ids: {"input": make(ids)}


APPLICATION = """id version status state hardshipReason consumer { id name { given family } }
  counselor { id displayName } incomes { id } expenses { id } debts { id creditor }
  consents { id } creditReports { id } documents { id fileName } notes { id text }
  analysis { id reasons { text } } plans { id warnings }"""
PLAN = """id applicationId status monthlyDeposit warnings acceptedAt fees { name }
  creditors { debt { id creditor accountLast4 } payment } agreement { html sha256 }
  schedule(first: 10) { edges { cursor node { creditor payment } } }"""
CONSUMER = """id name { given family } email phone dateOfBirth ssnLast4 address { line1 city }
  ssn(purpose: "isolation test") applications { edges { node { id } } }"""

_NODES = (
    (
        "agency",
        "application",
        "consumer",
        "consent",
        "debt",
        "grant",
        "key",
        "note",
        "queue",
        "report",
    ),
    (
        "staff",
        "request",
        "bank",
        "account",
        "transaction",
        "settings",
        "document",
        "analysis",
        "plan",
    ),
)
"""What is asked for by its id, in as many operations as the limit of aliases takes."""


def _nodes(*names: str) -> Operation:
    declared = ", ".join(f"${name}: ID!" for name in names)
    asked = " ".join(f"{name}: node(id: ${name}) {{ id }}" for name in names)
    return Operation(
        document=f"query ({declared}) {{ {asked} }}",
        variables=lambda ids: {name: getattr(ids, name) for name in names},
    )


QUERIES: dict[str, list[Operation]] = {
    "me": [
        Operation(document="{ me { subject displayName agency { slug name } grants { id } } }"),
    ],
    "agency": [Operation(document="{ agency { id slug name states website } }")],
    "node": [
        *(_nodes(*some) for some in _NODES),
        Operation(
            document="""query ($id: ID!) { node(id: $id) {
              ... on FinancialAnalysis { reasons { code text } } } }""",
            variables=lambda ids: {"id": ids.analysis},
        ),
    ],
    "consumer": [
        Operation(
            document=f"query ($id: ID!) {{ consumer(id: $id) {{ {CONSUMER} }} }}",
            variables=lambda ids: {"id": ids.consumer},
        ),
        Operation(
            document="query ($id: ID!) { consumer(id: $id) { id } }",
            variables=lambda ids: {"id": ids.application},
        ),
    ],
    "consumers": [
        Operation(
            document="""{ consumers(match: {email: "canary@mail.test"}) {
              edges { cursor node { id name { family } } } } }"""
        ),
        Operation(
            document="""{ consumers(match: {ssn: "900-77-1234"}) { edges { node { id } } } }"""
        ),
    ],
    "application": [
        Operation(
            document=f"query ($id: ID!) {{ application(id: $id) {{ {APPLICATION} }} }}",
            variables=lambda ids: {"id": ids.application},
        )
    ],
    "applications": [
        Operation(
            document="""{ applications(first: 100) {
              edges { cursor node { id hardshipReason state } } } }"""
        ),
        Operation(
            document="""query ($id: ID!) { applications(first: 10, filter: {consumerId: $id}) {
              edges { node { id } } } }""",
            variables=lambda ids: {"id": ids.consumer},
        ),
    ],
    "queue": [Operation(document="{ queue(first: 100) { edges { node { id applicationId } } } }")],
    "applicationCounts": [Operation(document="{ applicationCounts { status count } }")],
    "consentText": [
        Operation(document="{ consentText(purpose: SOFT_CREDIT_PULL) { version text sha256 } }")
    ],
    "creditReport": [
        Operation(
            document="""query ($id: ID!) { creditReport(id: $id) { id tradelines { creditor }
              raw(purpose: "isolation test") } }""",
            variables=lambda ids: {"id": ids.report},
        )
    ],
    "bankConnection": [
        Operation(
            document="""query ($id: ID!) { bankConnection(id: $id) { id institution accounts {
              id name mask transactions { edges { node { id name amount } } } } } }""",
            variables=lambda ids: {"id": ids.bank},
        )
    ],
    "staff": [Operation(document="{ staff { id displayName email groups active } }")],
    "apiKeys": [Operation(document="{ apiKeys { id name prefix scopes } }")],
    "accessGrants": [
        Operation(
            document="""{ accessGrants(first: 100) {
              edges { node { id grantee { id displayName } reason scope subject } } } }"""
        ),
        Operation(document="{ accessGrants(live: true) { edges { node { id subject } } } }"),
    ],
    "auditEvents": [
        Operation(
            document="""query ($id: ID!) { auditEvents(first: 100, subject: $id) { edges { node {
              id action subject consumers purpose fields actor { id displayName } } } } }""",
            variables=lambda ids: {"id": ids.consumer},
        ),
    ],
    "plan": [
        Operation(
            document=f"query ($id: ID!) {{ plan(id: $id) {{ {PLAN} }} }}",
            variables=lambda ids: {"id": ids.plan},
        )
    ],
    "settings": [
        Operation(
            document="""{ settings { id version cushion creditorPolicies { creditor }
              upcoming { id creditorPolicies { creditor } } } }"""
        ),
    ],
}

MUTATIONS: dict[str, list[Operation]] = {
    "startApplication": [
        Operation(
            document="""mutation ($input: StartApplicationInput!) {
              startApplication(input: $input) { id consumer { id } } }""",
            variables=_input(lambda ids: {"consumerId": ids.consumer, "householdSize": 2}),
        )
    ],
    "updateApplication": [
        Operation(
            document="""mutation ($input: UpdateApplicationInput!) {
              updateApplication(input: $input) { id hardshipReason } }""",
            variables=_input(lambda ids: {"id": ids.application, "householdSize": 2}),
        )
    ],
    "updateConsumer": [
        Operation(
            document="""mutation ($input: UpdateConsumerInput!) {
              updateConsumer(input: $input) { id name { family } } }""",
            variables=_input(lambda ids: {"id": ids.consumer, "phone": "+1 303 555 0199"}),
        )
    ],
    "saveBudget": [
        Operation(
            document="""mutation ($input: SaveBudgetInput!) {
              saveBudget(input: $input) { id debts { creditor } } }""",
            variables=_input(
                lambda ids: {
                    "applicationId": ids.application,
                    "incomes": [{"source": "WAGES", "net": "1.00", "frequency": "WEEKLY"}],
                    "remove": [ids.debt],
                }
            ),
        )
    ],
    **{
        name: [
            Operation(
                document=f"mutation ($id: ID!) {{ {name}(id: $id{extra}) {selection} }}",
                variables=lambda ids: {"id": ids.application},
            )
        ]
        for name, extra, selection in (
            ("submitApplication", "", "{ id }"),
            ("withdrawApplication", ', reason: "no"', "{ id }"),
            ("claimApplication", "", "{ id hardshipReason }"),
            ("releaseApplication", "", ""),
            ("returnApplication", ', reason: "no"', "{ id }"),
            ("closeApplication", ', reason: "no"', "{ id }"),
        )
    },
    "reassignApplication": [
        Operation(
            document="mutation ($id: ID!, $to: ID!) { reassignApplication(id: $id, to: $to) }",
            variables=lambda ids: {"id": ids.application, "to": ids.staff},
        )
    ],
    "addNote": [
        Operation(
            document="""mutation ($id: ID!) {
              addNote(applicationId: $id, text: "x") { id text author { displayName } } }""",
            variables=lambda ids: {"id": ids.application},
        )
    ],
    "recordConsent": [
        Operation(
            document="""mutation ($input: RecordConsentInput!) {
              recordConsent(input: $input) { id } }""",
            variables=_input(
                lambda ids: {
                    "applicationId": ids.application,
                    "purpose": "SOFT_CREDIT_PULL",
                    "textVersion": "2026-01",
                    "textSha256": "0" * 64,
                }
            ),
        )
    ],
    "pullCreditReport": [
        Operation(
            document="""mutation ($input: PullCreditReportInput!) {
              pullCreditReport(input: $input) { id tradelines { creditor } } }""",
            variables=_input(
                lambda ids: {
                    "applicationId": ids.application,
                    "consentId": ids.consent,
                    "idempotencyKey": "isolation",
                }
            ),
        )
    ],
    "importDebts": [
        Operation(
            document="mutation ($id: ID!) { importDebts(creditReportId: $id) { id } }",
            variables=lambda ids: {"id": ids.report},
        )
    ],
    "analyzeApplication": [
        Operation(
            document="""mutation ($id: ID!) { analyzeApplication(id: $id) {
              id reasons { text } } }""",
            variables=lambda ids: {"id": ids.application},
        )
    ],
    "proposePlan": [
        Operation(
            document="""mutation ($input: ProposePlanInput!) {
              proposePlan(input: $input) { id warnings agreement { html } } }""",
            variables=_input(lambda ids: {"applicationId": ids.application}),
        )
    ],
    "acceptPlan": [
        Operation(
            document="""mutation ($input: AcceptPlanInput!) {
              acceptPlan(input: $input) { id agreement { html } } }""",
            variables=_input(
                lambda ids: {
                    "id": ids.plan,
                    "agreementSha256": "0" * 64,
                    "signature": "Canary",
                }
            ),
        )
    ],
    "createDocumentUpload": [
        Operation(
            document="""mutation ($input: CreateDocumentUploadInput!) {
              createDocumentUpload(input: $input) { document { id fileName } url expiresAt } }""",
            variables=_input(
                lambda ids: {
                    "applicationId": ids.application,
                    "kind": "OTHER",
                    "fileName": "isolation.pdf",
                    "mediaType": "application/pdf",
                    "bytes": 100,
                }
            ),
        )
    ],
    "createBankLinkToken": [
        Operation(
            document="""mutation ($id: ID!, $bank: ID) {
              createBankLinkToken(applicationId: $id, connectionId: $bank) { token } }""",
            variables=lambda ids: {"id": ids.application, "bank": ids.bank},
        )
    ],
    "connectBank": [
        Operation(
            document="""mutation ($input: ConnectBankInput!) {
              connectBank(input: $input) { id institution accounts { name } } }""",
            variables=_input(
                lambda ids: {
                    "applicationId": ids.application,
                    "consentId": ids.consent,
                    "publicToken": "public-isolation",
                    "idempotencyKey": "isolation",
                }
            ),
        )
    ],
    **{
        name: [
            Operation(
                document=f"mutation ($id: ID!) {{ {name}(id: $id) {{ id institution status }} }}",
                variables=lambda ids: {"id": ids.bank},
            )
        ]
        for name in ("syncBank", "disconnectBank")
    },
    "acceptProposals": [
        Operation(
            document="""mutation ($input: AcceptProposalsInput!) {
              acceptProposals(input: $input) { id hardshipReason } }""",
            variables=_input(lambda ids: {"applicationId": ids.application, "ids": ["prop_0"]}),
        )
    ],
    "completeDocumentUpload": [
        Operation(
            document="""mutation ($id: ID!) {
              completeDocumentUpload(id: $id) { id fileName status } }""",
            variables=lambda ids: {"id": ids.document},
        )
    ],
    "createInvitation": [
        Operation(
            document="""mutation ($id: ID!) {
              createInvitation(consumerId: $id) { consumerId } }""",
            variables=lambda ids: {"id": ids.consumer},
        )
    ],
    "acceptInvitation": [
        Operation(
            document="""mutation { acceptInvitation(code: "22222-22222") {
              id name { family } } }"""
        )
    ],
    "declinePlan": [
        Operation(
            document="mutation ($id: ID!) { declinePlan(id: $id) { id agreement { html } } }",
            variables=lambda ids: {"id": ids.plan},
        )
    ],
    "createApiKey": [
        Operation(
            document="""mutation { createApiKey(input: {
              name: "x", scopes: ["agency:read"], expiresInDays: 1, idempotencyKey: "isolation"
              }) { apiKey { name createdBy { displayName } } } }"""
        )
    ],
    "rotateApiKey": [
        Operation(
            document="mutation ($id: ID!) { rotateApiKey(id: $id) { apiKey { id name } secret } }",
            variables=lambda ids: {"id": ids.key},
        )
    ],
    "requestAccess": [
        Operation(
            document="""mutation ($input: RequestAccessInput!) {
              requestAccess(input: $input) { status scope subject reason } }""",
            variables=_input(
                lambda ids: {
                    "scope": "applications:read",
                    "subject": ids.application,
                    "reason": "isolation",
                    "minutes": 1,
                }
            ),
        )
    ],
    **{
        name: [
            Operation(
                document=f"mutation ($id: ID!) {{ {name}(id: $id) {{ id reason subject }} }}",
                variables=lambda ids: {"id": ids.grant},
            ),
            Operation(
                document=f"mutation ($id: ID!) {{ {name}(id: $id) {{ id reason subject }} }}",
                variables=lambda ids: {"id": ids.request},
            ),
        ]
        for name in ("approveAccess", "revokeAccess")
    },
    "revokeApiKey": [
        Operation(
            document="mutation ($id: ID!) { revokeApiKey(id: $id) { id name } }",
            variables=lambda ids: {"id": ids.key},
        )
    ],
    "updateSettings": [
        Operation(
            document="""mutation ($input: UpdateSettingsInput!) {
              updateSettings(input: $input) { id creditorPolicies { creditor } } }""",
            variables=_input(lambda _: {"effectiveFrom": "2999-01-01", "cushion": "100.00"}),
        ),
    ],
}
