"""The whole way of a request, over HTTP, against `almoner dev` and `almoner serve --workers 2`."""

import secrets
import time
from typing import Any

import httpx
import pytest

from tests.e2e.platform_process import Running, code_of, data_of

pytestmark = pytest.mark.slow

PAGE = "{ applications(first: 5) { edges { node { id status totals { monthlyIncome } } } } }"
ONE = "query ($id: ID!) { application(id: $id) { id } node(id: $id) { id } }"
PULL = """mutation ($input: PullCreditReportInput!) { pullCreditReport(input: $input) {
  id hit score { value model } tradelines { creditor }
  summary { tradelineCount inquiryCount revolving { balance creditLimit percentAvailable }
            total { balance } } } }"""
PERSONA = "UPHOLD"


def consented_application(gateway: Running, family: str) -> tuple[str, str, str]:
    """Return a demo application of that family name: its id, a usable consent, a token."""
    token = gateway.token("counselor@harbor.test")
    document = """{ applications(first: 100) { edges { node { id status
      consumer { name { family } } consents { id purpose usedAt } } } } }"""
    edges = data_of(gateway.ask(document, token=token))["applications"]["edges"]
    found = next(
        edge["node"] for edge in edges if edge["node"]["consumer"]["name"]["family"] == family
    )
    usable = [item["id"] for item in found["consents"] if item["usedAt"] is None]
    return found["id"], usable[0] if usable else "", token


def new_consent(gateway: Running, application: str, consumer_token: str) -> str:
    """Return a consent that the consumer gives now."""
    text = data_of(
        gateway.ask(
            "{ consentText(purpose: SOFT_CREDIT_PULL) { version sha256 } }", token=consumer_token
        )
    )["consentText"]
    consent = data_of(
        gateway.ask(
            "mutation ($input: RecordConsentInput!) { recordConsent(input: $input) { id } }",
            {
                "input": {
                    "applicationId": application,
                    "purpose": "SOFT_CREDIT_PULL",
                    "textVersion": text["version"],
                    "textSha256": text["sha256"],
                }
            },
            token=consumer_token,
        )
    )["recordConsent"]
    identifier: str = consent["id"]
    return identifier


def test_a_counselor_reads_a_page_that_the_other_agency_cannot(gateway: Running) -> None:
    """A page for the agency's counselor; the same id is null for the other agency's."""
    harbor = gateway.token("counselor@harbor.test")
    summit = gateway.token("counselor@summit.test")

    edges = data_of(gateway.ask(PAGE, token=harbor))["applications"]["edges"]
    identifier = edges[0]["node"]["id"]

    assert len(edges) == 5
    own = data_of(gateway.ask(ONE, {"id": identifier}, token=harbor))
    assert own == {"application": {"id": identifier}, "node": {"id": identifier}}
    others = data_of(gateway.ask(ONE, {"id": identifier}, token=summit))
    assert others == {"application": None, "node": None}


def test_a_key_does_what_its_scope_allows(gateway: Running) -> None:
    """A key with applications:read reads applications, not their consumers, and writes nothing."""
    key = gateway.command_output("key", "create", "harbor", "--scope", "applications:read")

    document = "{ applications(first: 1) { edges { node { id consumer { id } } } } }"
    answer = gateway.ask(document, key=key)

    (edge,) = answer["data"]["applications"]["edges"]
    assert edge["node"]["consumer"] is None
    assert code_of(answer) == "FORBIDDEN"
    write = gateway.ask(
        "mutation ($id: ID!) { submitApplication(id: $id) { id } }",
        {"id": edge["node"]["id"]},
        key=key,
    )
    assert write["data"] == {"submitApplication": None}
    assert code_of(write) == "FORBIDDEN"


def test_the_persona_s_report_has_the_sample_s_figures(gateway: Running) -> None:
    """A pull for the sample's persona gives the figures of TransUnion's own summary."""
    application, consent, counselor = consented_application(gateway, "Uphold")
    if not consent:
        consent = new_consent(gateway, application, gateway.token("consumer2@harbor.test"))
    wanted = {
        "applicationId": application,
        "consentId": consent,
        "kind": "SOFT",
        "idempotencyKey": secrets.token_hex(8),
    }

    report = data_of(gateway.ask(PULL, {"input": wanted}, token=counselor))["pullCreditReport"]

    assert report["hit"] == "HIT"
    assert report["score"]["value"] == 667
    assert len(report["tradelines"]) == report["summary"]["tradelineCount"] == 32
    assert report["summary"]["revolving"] == {
        "balance": "6840.00",
        "creditLimit": "62200.00",
        "percentAvailable": "89.00",
    }
    assert report["summary"]["total"]["balance"] == "122422.00"
    again = data_of(gateway.ask(PULL, {"input": wanted}, token=counselor))["pullCreditReport"]
    assert again == report


def test_without_a_credential_the_answer_is_appsync_s(gateway: Running) -> None:
    """No credential: 401, in the form that Amplify reads."""
    response = gateway.post("{ me { subject } }")

    assert response.status_code == httpx.codes.UNAUTHORIZED
    assert response.headers["x-amzn-ErrorType"].startswith("UnauthorizedException")
    assert response.headers["x-amzn-RequestId"]
    assert response.json()["errors"][0]["errorType"] == "UnauthorizedException"


def test_a_revoked_key_is_refused_by_every_worker_within_a_second(gateway: Running) -> None:
    """After revocation and one second no request with the key is answered by any worker."""
    key = gateway.command_output("key", "create", "summit", "--scope", "agency:read")
    for _ in range(8):  # every worker has the verdict cached
        assert gateway.post("{ agency { slug } }", key=key).status_code == httpx.codes.OK
    listed = gateway.command_output("key", "list", "summit", "--json")
    assert key not in listed

    prefix = key[:8]
    gateway.command_output("key", "revoke", "summit", prefix, "--reason", "test")
    time.sleep(1)

    statuses = {gateway.post("{ agency { slug } }", key=key).status_code for _ in range(8)}
    assert statuses == {httpx.codes.UNAUTHORIZED}


def test_a_suspended_agency_is_refused_and_comes_back(gateway: Running) -> None:
    """Suspension refuses the agency's tokens within a second, and nobody else's."""
    summit = gateway.token("counselor@summit.test")
    harbor = gateway.token("counselor@harbor.test")
    assert gateway.post("{ me { subject } }", token=summit).status_code == httpx.codes.OK

    gateway.command_output("agency", "suspend", "summit", "--reason", "test")
    try:
        time.sleep(1)
        refused = gateway.post("{ me { subject } }", token=summit)
        assert refused.status_code == httpx.codes.UNAUTHORIZED
        assert code_of(refused.json()) == "AGENCY_SUSPENDED"
        assert gateway.post("{ me { subject } }", token=harbor).status_code == httpx.codes.OK
    finally:
        gateway.command_output("agency", "resume", "summit", "--reason", "test")
    time.sleep(1)
    assert gateway.post("{ me { subject } }", token=summit).status_code == httpx.codes.OK


def test_a_revoked_token_is_refused(gateway: Running) -> None:
    """Revoking a subject's tokens ends those issued before, and not those issued after."""
    token = gateway.token("analyst@summit.test", anew=True)
    subject = data_of(gateway.ask("{ me { subject } }", token=token))["me"]["subject"]

    gateway.command_output(
        "token-revoke", "summit", "--subject", subject, "--reason", "telephone lost"
    )
    time.sleep(1.1)

    refused = gateway.post("{ me { subject } }", token=token)
    assert refused.status_code == httpx.codes.UNAUTHORIZED
    fresh = gateway.token("analyst@summit.test", anew=True)
    assert gateway.post("{ me { subject } }", token=fresh).status_code == httpx.codes.OK


def test_intake_from_the_first_line_to_the_imported_debts(gateway: Running) -> None:
    """A consumer applies, a counselor claims, pulls the report and imports its debts."""
    consumer = gateway.token("consumer2@summit.test")
    counselor = gateway.token("counselor2@summit.test")

    def run(document: str, variables: dict[str, Any], token: str) -> dict[str, Any]:
        return data_of(gateway.ask(document, variables, token=token))

    started = run(
        """mutation ($input: StartApplicationInput!) { startApplication(input: $input) {
             id version status } }""",
        {
            "input": {
                "ssn": "900-55-1235",
                "dateOfBirth": "1980-02-29",
                "phone": "+1 303 555 0123",
                "address": {
                    "line1": "1 Main St",
                    "city": "Denver",
                    "state": "CO",
                    "postalCode": "80203",
                },
                "householdSize": 3,
                "idempotencyKey": secrets.token_hex(8),
            }
        },
        consumer,
    )["startApplication"]
    identifier = started["id"]
    saved = run(
        """mutation ($input: SaveBudgetInput!) { saveBudget(input: $input) { version
             totals { monthlyIncome monthlyExpenses monthlyDebtPayments unsecuredBalance } } }""",
        {
            "input": {
                "applicationId": identifier,
                "expectedVersion": started["version"],
                "incomes": [{"source": "WAGES", "net": "1000.00", "frequency": "BIWEEKLY"}],
                "expenses": [{"category": "FOOD", "amount": "100.00", "frequency": "WEEKLY"}],
                "debts": [
                    {
                        "creditor": "First Meridian",
                        "kind": "CREDIT_CARD",
                        "balance": "5000.00",
                        "minimumPayment": "150.00",
                    },
                    {
                        "creditor": "Home Loans",
                        "kind": "MORTGAGE",
                        "balance": "90000",
                        "minimumPayment": "700.00",
                    },
                ],
            }
        },
        consumer,
    )["saveBudget"]
    assert saved["totals"] == {
        "monthlyIncome": "2166.67",
        "monthlyExpenses": "433.33",
        "monthlyDebtPayments": "850.00",
        "unsecuredBalance": "5000.00",
    }
    run("mutation ($id: ID!) { submitApplication(id: $id) { id } }", {"id": identifier}, consumer)
    consent = new_consent(gateway, identifier, consumer)
    claimed = run(
        "mutation ($id: ID!) { claimApplication(id: $id) { status counselor { displayName } } }",
        {"id": identifier},
        counselor,
    )["claimApplication"]
    assert claimed["status"] == "IN_REVIEW"
    wanted = {
        "applicationId": identifier,
        "consentId": consent,
        "idempotencyKey": secrets.token_hex(8),
    }
    report = run(PULL, {"input": wanted}, counselor)["pullCreditReport"]
    imported = run(
        "mutation ($id: ID!) { importDebts(creditReportId: $id) { debts { creditor source } } }",
        {"id": report["id"]},
        counselor,
    )["importDebts"]
    assert any(debt["source"] == "CREDIT_REPORT" for debt in imported["debts"])
    run(
        """mutation ($id: ID!) { addNote(applicationId: $id, text: "Looks fine.") { id } }""",
        {"id": identifier},
        counselor,
    )
    own = run("query ($id: ID!) { application(id: $id) { id } }", {"id": identifier}, consumer)
    assert own["application"] == {"id": identifier}
    notes = gateway.ask(
        "query ($id: ID!) { application(id: $id) { notes { text } } }",
        {"id": identifier},
        token=consumer,
    )
    assert notes["data"]["application"]["notes"] is None
    assert code_of(notes) == "FORBIDDEN"


@pytest.mark.parametrize(
    ("family", "code"),
    [("Garbage", "UPSTREAM_INVALID"), ("Servererror", "UPSTREAM_UNAVAILABLE")],
)
def test_vendor_trouble_is_a_typed_error_on_its_field(dev: Running, family: str, code: str) -> None:
    """The pull's field is null with a code; what was asked beside it is answered."""
    application, consent, counselor = consented_application(dev, family)
    wanted = {
        "applicationId": application,
        "consentId": consent,
        "idempotencyKey": secrets.token_hex(8),
    }

    answer = dev.ask(PULL, {"input": wanted}, token=counselor)

    assert answer["data"] == {"pullCreditReport": None}
    assert code_of(answer) == code
    assert answer["errors"][0]["errorInfo"]["vendor"]
    again = dev.ask(PULL, {"input": wanted}, token=counselor)
    assert code_of(again) == "OUTCOME_UNKNOWN"


@pytest.mark.parametrize(("family", "hit"), [("Nohit", "NO_HIT"), ("Frozen", "FROZEN")])
def test_no_file_is_an_answer(dev: Running, family: str, hit: str) -> None:
    """No file and a frozen file are reports without a summary, not errors."""
    application, consent, counselor = consented_application(dev, family)
    wanted = {
        "applicationId": application,
        "consentId": consent,
        "idempotencyKey": secrets.token_hex(8),
    }

    report = data_of(dev.ask(PULL, {"input": wanted}, token=counselor))["pullCreditReport"]

    assert report["hit"] == hit
    assert report["summary"] is None
