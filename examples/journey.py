"""Walks the whole way: from the edge's redirect to a signed debt management plan.

Run it beside `make run`:  python examples/journey.py
A stranger is sent to an agency, signs up, fills in an application, links a bank, lets their credit
be read and hands in; a counselor analyzes and proposes; the consumer signs. It uses nothing but the
public APIs: of the edge, the identity provider, the gateway, and the page that stands for a bank's.
"""

import base64
import hashlib
import http.client
import json
import os
import re
import secrets
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
EDGE = f"http://{HOST}:{os.environ.get('ALMONER_EDGE_PORT', '8080')}"
GATEWAY = f"http://{HOST}:{os.environ.get('ALMONER_PORT', '8000')}"
ISSUER = f"http://{HOST}:{os.environ.get('ALMONER_ISSUER_PORT', '8001')}"
BANK = f"http://{HOST}:{os.environ.get('ALMONER_PLAID_PORT', '8092')}"
# Where each of the demo's agencies signs its people in; an agency's site knows its own.
POOLS = {"harbor": "us-east-1_Harbor01", "summit": "us-east-1_Summit01"}
CLIENT = "almonerweb"
RATES = {"CREDIT_CARD": "24.99", "RETAIL_CARD": "27.99", "STUDENT_LOAN": "5.50"}
PASSWORD = "Almoner-Demo-1"  # noqa: S105 -- the demo's, printed at every start
AGREEMENT = Path("agreement.html")
ADDRESS = {"line1": "214 Elm St", "city": "Lansing", "state": "MI", "postalCode": "48912"}
_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)
PAY_STUB = base64.b64decode(_PIXEL)


def said(step: str, *what: object) -> None:
    """Print a step."""
    print(f"{step:<12}", *what)


def send(url: str, body: Any, headers: dict[str, str], method: str = "POST") -> Any:
    """Return the JSON of an answer; ends the program with what went wrong."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            text = response.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{url}: {error.code} {error.read().decode()[:500]}")
    except urllib.error.URLError as error:
        sys.exit(f"{url} does not answer ({error}). Is `make run` running in another terminal?")
    return json.loads(text) if text else None


def redirected(url: str) -> str:
    """Return where an address redirects to."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().headers["Location"] or sys.exit(f"{url} leads nowhere.")
    except OSError as error:
        sys.exit(f"{url} does not answer ({error}). Is `make run` running in another terminal?")


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    token: str

    def ask(self, document: str, **variables: Any) -> Any:
        """Return the only field of an answer; ends the program with the message of an error."""
        headers = {"Authorization": self.token, "Content-Type": "application/json"}
        answer = send(f"{GATEWAY}/graphql", {"query": document, "variables": variables}, headers)
        if "errors" in answer:
            first = answer["errors"][0]
            sys.exit(f"{first['errorType']}: {first['message']} {first.get('errorInfo') or ''}")
        (value,) = answer["data"].values()
        return value


def cognito(pool: str, operation: str, *, administrator: bool = False, **body: Any) -> Any:
    """Call an operation of the identity provider."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
    }
    if administrator:  # stands for the code that would come by e-mail
        headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=demo, Signature=demo"
    return send(f"{ISSUER}/{pool}", body, headers)


def sign_in(pool: str, email: str) -> Person:
    """Return who signs in by name and password."""
    done = cognito(
        pool,
        "InitiateAuth",
        ClientId=CLIENT,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": PASSWORD},
    )
    return Person(done["AuthenticationResult"]["AccessToken"])


def arrive(state: str) -> str:
    """Come to the edge as a visitor from a state, and return the agency that it leads to."""
    site = redirected(f"{EDGE}/apply?state={state}&utm_source=radio")
    agency = (urllib.parse.urlsplit(site).hostname or "").partition(".")[0]
    if agency not in POOLS:
        sys.exit(f"{EDGE} leads to {site}, which is no agency of the demo's.")
    said("edge", f"a visitor from {state} is sent to {site}")
    return agency


def sign_up(pool: str) -> tuple[Person, str]:
    """Make an account nobody had, and return who is signed in by it, and their address."""
    email = f"jordan.{secrets.token_hex(4)}@mail.test"
    cognito(pool, "SignUp", ClientId=CLIENT, Username=email, Password=PASSWORD)
    cognito(pool, "AdminConfirmSignUp", administrator=True, UserPoolId=pool, Username=email)
    said("sign-up", email)
    return sign_in(pool, email), email


def apply(consumer: Person, email: str) -> str:
    """Fill in an application, and return its id."""
    started = consumer.ask(
        """mutation ($input: StartApplicationInput!) {
             startApplication(input: $input) { id status } }""",
        input={
            "name": {"given": "Jordan", "family": "Ames"},
            "email": email,
            "dateOfBirth": "1988-04-30",
            "ssn": "900100009",
            "address": ADDRESS,
            "hardshipReason": "Fewer hours at work since the spring.",
        },
    )
    spent = {
        "HOUSING": "1180.00",
        "UTILITIES": "260.00",
        "FOOD": "560.00",
        "TRANSPORTATION": "230.00",
        "INSURANCE": "140.00",
        "PERSONAL": "116.00",
    }
    saved = consumer.ask(
        """mutation ($input: SaveBudgetInput!) {
             saveBudget(input: $input) { totals { monthlyIncome monthlyExpenses } } }""",
        input={
            "applicationId": started["id"],
            "incomes": [{"source": "WAGES", "net": "1400.00", "frequency": "BIWEEKLY"}],
            "expenses": [
                {"category": category, "amount": amount, "frequency": "MONTHLY"}
                for category, amount in spent.items()
            ],
            "debts": [
                {
                    "creditor": "Cascade Bank NA",
                    "kind": "CREDIT_CARD",
                    "accountLast4": "7129",
                    "balance": "4200.00",
                    "apr": "24.99",
                    "minimumPayment": "129.00",
                }
            ],
        },
    )
    said("application", ", ".join(f"{name} {amount}" for name, amount in saved["totals"].items()))
    return str(started["id"])


def consent(consumer: Person, application: str, purpose: str) -> str:
    """Agree to the wording in force, and return the consent's id."""
    text = consumer.ask(
        "query ($p: ConsentPurpose!) { consentText(purpose: $p) { version sha256 } }", p=purpose
    )
    given = consumer.ask(
        "mutation ($input: RecordConsentInput!) { recordConsent(input: $input) { id } }",
        input={
            "applicationId": application,
            "purpose": purpose,
            "textVersion": text["version"],
            "textSha256": text["sha256"],
        },
    )
    said("consent", purpose)
    return str(given["id"])


def bank_of_jordan() -> str:
    """Return what the simulated bank knows, in Plaid's own words for made-up accounts."""
    today = date.today()  # noqa: DTZ011 -- the bank's day, wherever it is
    paid = [today - timedelta(days=3 + 14 * number) for number in range(12)]
    checking = {
        "type": "depository",
        "subtype": "checking",
        "starting_balance": 640.12,
        "meta": {"name": "Checking", "mask": "0417"},
        "transactions": [
            {
                "date_transacted": day.isoformat(),
                "date_posted": day.isoformat(),
                "amount": -1300,
                "description": "GINGHAM MFG PAYROLL",
                "currency": "USD",
            }
            for day in paid
        ],
    }
    card = {
        "type": "credit",
        "subtype": "credit card",
        "starting_balance": 4294,
        "meta": {"name": "Cascade Bank NA", "mask": "7129", "limit": 5000},
    }
    return json.dumps({"override_accounts": [checking, card]})


def link_bank(consumer: Person, application: str) -> None:
    """Link a bank by the page that stands for Plaid's Link, and take over what it proposes."""
    agreed = consent(consumer, application, "BANK_DATA")
    link = consumer.ask(
        "mutation ($id: ID!) { createBankLinkToken(applicationId: $id) { token expiresAt } }",
        id=application,
    )
    chosen = {
        "token": link["token"],
        "institution": "ins_109508",
        "user": "user_custom",
        "password": bank_of_jordan(),
    }
    with urllib.request.urlopen(  # noqa: S310
        f"{BANK}/link", urllib.parse.urlencode(chosen).encode()
    ) as page:
        found = re.search(r"id='public-token'>([^<]+)<", page.read().decode())
    if found is None:
        sys.exit("The bank's page gave no public token.")
    connection = consumer.ask(
        """mutation ($input: ConnectBankInput!) {
             connectBank(input: $input) { id institution } }""",
        input={
            "applicationId": application,
            "consentId": agreed,
            "publicToken": found[1],
            "idempotencyKey": secrets.token_hex(8),
        },
    )
    synced = consumer.ask(
        """mutation ($id: ID!) { syncBank(id: $id) {
             status accounts { name mask current transactions(first: 3) {
               edges { node { date name amount } } } } } }""",
        id=connection["id"],
    )
    said("bank", f"{connection['institution']} is {synced['status']}")
    for one in synced["accounts"]:
        said("", f"{one['name']} …{one['mask']}: {one['current']}")


def take_over(person: Person, application: str) -> None:
    """Show what bank and bureau propose beside what was said, and take it over."""
    proposed = person.ask(
        """query ($id: ID!) { application(id: $id) { version proposals {
             id kind state source label amount statedAmount monthly } } }""",
        id=application,
    )
    wanted = [one for one in proposed["proposals"] if one["state"] in {"NEW", "CONFLICTS"}]
    for one in proposed["proposals"]:
        stated = f", stated {one['statedAmount']}" if one["statedAmount"] else ""
        said("proposal", f"{one['kind']} {one['label']}: {one['amount']}{stated} ({one['state']})")
    if wanted:
        person.ask(
            """mutation ($input: AcceptProposalsInput!) {
                 acceptProposals(input: $input) { version } }""",
            input={
                "applicationId": application,
                "expectedVersion": proposed["version"],
                "ids": [one["id"] for one in wanted],
            },
        )


def read_credit(consumer: Person, application: str) -> None:
    """Pull a credit report under a consent."""
    report = consumer.ask(
        """mutation ($input: PullCreditReportInput!) { pullCreditReport(input: $input) {
             hit score { value } tradelines { creditor balance } } }""",
        input={
            "applicationId": application,
            "consentId": consent(consumer, application, "SOFT_CREDIT_PULL"),
            "idempotencyKey": secrets.token_hex(8),
        },
    )
    said("credit", f"score {report['score']['value']}, {len(report['tradelines'])} tradelines")


def upload(consumer: Person, application: str) -> None:
    """Send a pay stub by a signed address."""
    place = consumer.ask(
        """mutation ($input: CreateDocumentUploadInput!) {
             createDocumentUpload(input: $input) { document { id } url headers } }""",
        input={
            "applicationId": application,
            "kind": "PAY_STUB",
            "fileName": "May.png",
            "mediaType": "image/png",
            "bytes": len(PAY_STUB),
        },
    )
    kept = send(place["url"], PAY_STUB, json.loads(place["headers"]), method="PUT")
    said("document", f"May.png is {kept['status']}, sha256 {kept['sha256'][:16]}…")


def counsel(counselor: Person, application: str) -> str:
    """Claim, complete the debts, analyze and propose; return the plan's id."""
    claimed = counselor.ask(
        """mutation ($id: ID!) { claimApplication(id: $id) {
             debts { id creditor kind balance apr minimumPayment pastDue } } }""",
        id=application,
    )
    said("counselor", "claimed the application")
    unknown = [debt for debt in claimed["debts"] if debt["apr"] is None]
    if unknown:  # a bureau does not report rates: the counselor reads them off the statements
        counselor.ask(
            "mutation ($input: SaveBudgetInput!) { saveBudget(input: $input) { version } }",
            input={
                "applicationId": application,
                "debts": [{**debt, "apr": RATES[debt["kind"]]} for debt in unknown],
            },
        )
        said("", f"{len(unknown)} rates entered from the statements")
    analysis = counselor.ask(
        """mutation ($id: ID!) { analyzeApplication(id: $id) {
             available disposable contractualMinimums eligibleBalance recommendation
             reasons { code text } } }""",
        id=application,
    )
    said("analysis", analysis["recommendation"])
    for reason in analysis["reasons"]:
        said("", reason["text"])
    plan = counselor.ask(
        """mutation ($input: ProposePlanInput!) { proposePlan(input: $input) {
             id status strategy monthlyDeposit months totalInterest totalFees debtFreeOn
             withoutPlan { months totalInterest }
             creditors { debt { creditor balance } participation planApr payment months } } }""",
        input={"applicationId": application, "strategy": "AVALANCHE"},
    )
    said("plan", f"{plan['monthlyDeposit']} a month for {plan['months']} months")
    said("", f"interest {plan['totalInterest']}, fees {plan['totalFees']}")
    without = plan["withoutPlan"]
    said("", f"without it: {without['months']} months, interest {without['totalInterest']}")
    for one in plan["creditors"]:
        debt = one["debt"]
        said("", f"{debt['creditor']} {debt['balance']} at {one['planApr']} %: {one['payment']}")
    return str(plan["id"])


def sign(consumer: Person, application: str, plan: str) -> None:
    """Read the agreement, keep it, and sign exactly what was read."""
    consent(consumer, application, "ELECTRONIC_RECORDS")
    agreement = consumer.ask(
        "query ($id: ID!) { plan(id: $id) { agreement { html sha256 } } }", id=plan
    )["agreement"]
    if hashlib.sha256(agreement["html"].encode()).hexdigest() != agreement["sha256"]:
        sys.exit("The agreement is not the text that its hash is of.")
    AGREEMENT.write_text(agreement["html"], "utf-8")
    said("agreement", f"{len(agreement['html'])} characters, kept in {AGREEMENT}")
    signed = consumer.ask(
        """mutation ($input: AcceptPlanInput!) {
             acceptPlan(input: $input) { status acceptedAt application { status } } }""",
        input={"id": plan, "agreementSha256": agreement["sha256"], "signature": "Jordan Ames"},
    )
    said("signed", f"the plan is {signed['status']}, {signed['application']['status']}")


def main() -> None:
    """Go all the way."""
    agency = arrive("MI")
    pool = POOLS[agency]
    consumer, email = sign_up(pool)
    application = apply(consumer, email)
    link_bank(consumer, application)
    read_credit(consumer, application)
    take_over(consumer, application)
    upload(consumer, application)
    consumer.ask("mutation ($id: ID!) { submitApplication(id: $id) { status } }", id=application)
    said("submitted", application)
    counselor = sign_in(pool, f"counselor@{agency}.test")
    sign(consumer, application, counsel(counselor, application))


if __name__ == "__main__":
    main()
