"""Nothing of one agency can be reached from the other, whatever is asked and whoever asks."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.access import Scope
from domain.ids import new_ulid
from schema.build import create_schema
from tests.e2e.bank_link import linked_bank
from tests.e2e.platform_process import Running, data_of
from tests.isolation.operations import MUTATIONS, QUERIES, Ids, Operation
from tests.isolation.operators import AGENCY_SCOPES

pytestmark = pytest.mark.slow

KINDS = (
    "consumer",
    "counselor",
    "admin",
    "analyst",
    "operator",
    "operator+hint",
    "operator+grant",
    "key",
)
ALL_SCOPES = [part for scope in Scope for part in ("--scope", scope.value)]
REQUEST = """mutation ($scope: String!) {
  requestAccess(input: { scope: $scope, reason: "isolation" }) { id } }"""
APPROVE = "mutation ($id: ID!) { approveAccess(id: $id) { id } }"


@dataclass(frozen=True)
class Planted:
    """What of the other agency must never be seen: its objects' ids and its canaries."""

    ids: Ids
    canaries: tuple[str, ...]


@pytest.fixture(scope="module")
def planted(dev: Running) -> Planted:
    """Plant a canary in every record kind of the agency "summit"."""
    canary = f"Canary{secrets.token_hex(4)}"
    counselor = dev.token("counselor@summit.test")
    consumer = dev.token("consumer@summit.test")
    admin = dev.token("admin@summit.test")

    def run(document: str, variables: dict[str, Any] | None, token: str) -> dict[str, Any]:
        return data_of(dev.ask(document, variables, token=token))

    application = run(
        """mutation ($input: StartApplicationInput!) { startApplication(input: $input) {
             id consumer { id } } }""",
        {
            "input": {
                "name": {"given": canary, "family": canary},
                "email": "canary@mail.test",
                "phone": "+1 303 555 0177",
                "ssn": "900-77-1234",
                "dateOfBirth": "1977-07-07",
                "hardshipReason": canary,
                "address": {
                    "line1": canary,
                    "city": canary,
                    "state": "CO",
                    "postalCode": "80203",
                },
            }
        },
        consumer,
    )["startApplication"]
    identifier = application["id"]
    budget = run(
        """mutation ($input: SaveBudgetInput!) { saveBudget(input: $input) { debts { id } } }""",
        {
            "input": {
                "applicationId": identifier,
                "debts": [
                    {
                        "creditor": canary,
                        "kind": "MEDICAL",
                        "balance": "1.00",
                        "apr": "0.00",
                        "minimumPayment": "1.00",
                    }
                ],
            }
        },
        consumer,
    )["saveBudget"]
    run("mutation ($id: ID!) { submitApplication(id: $id) { id } }", {"id": identifier}, consumer)
    run("mutation ($id: ID!) { claimApplication(id: $id) { id } }", {"id": identifier}, counselor)
    note = run(
        "mutation ($id: ID!, $t: String!) { addNote(applicationId: $id, text: $t) { id } }",
        {"id": identifier, "t": canary},
        counselor,
    )["addNote"]
    text = run("{ consentText(purpose: SOFT_CREDIT_PULL) { version sha256 } }", None, consumer)[
        "consentText"
    ]
    consent = run(
        "mutation ($input: RecordConsentInput!) { recordConsent(input: $input) { id } }",
        {
            "input": {
                "applicationId": identifier,
                "purpose": "SOFT_CREDIT_PULL",
                "textVersion": text["version"],
                "textSha256": text["sha256"],
            }
        },
        consumer,
    )["recordConsent"]
    report = run(
        """mutation ($input: PullCreditReportInput!) { pullCreditReport(input: $input) { id } }""",
        {
            "input": {
                "applicationId": identifier,
                "consentId": consent["id"],
                "idempotencyKey": "isolation",
            }
        },
        counselor,
    )["pullCreditReport"]
    document = run(
        """mutation ($input: CreateDocumentUploadInput!) {
          createDocumentUpload(input: $input) { document { id } } }""",
        {
            "input": {
                "applicationId": identifier,
                "kind": "OTHER",
                "fileName": f"{canary}.pdf",
                "mediaType": "application/pdf",
                "bytes": 100,
            }
        },
        consumer,
    )["createDocumentUpload"]
    key = run(
        """mutation ($n: String!) { createApiKey(input: {
             name: $n, scopes: ["agency:read"], expiresInDays: 1 }) { apiKey { id } secret } }""",
        {"n": canary},
        admin,
    )["createApiKey"]
    requested = dev.ask(
        """mutation ($r: String!) { requestAccess(input: {
             scope: "agency:read", reason: $r }) { id } }""",
        {"r": canary},
        token=dev.token("operator@almoner.test"),
        headers={"x-agency": "summit"},
    )
    settings = run(
        """mutation ($input: UpdateSettingsInput!) { updateSettings(input: $input) { id } }""",
        {
            "input": {
                "effectiveFrom": datetime.now(UTC).date().isoformat(),
                "creditorPolicies": [
                    {
                        "creditor": canary,
                        "participation": "WITH_CONCESSIONS",
                        "apr": "0.00",
                        "paymentRate": "0.00",
                        "paymentFloor": "0.00",
                    }
                ],
            }
        },
        admin,
    )["updateSettings"]
    analysis = run(
        "mutation ($id: ID!) { analyzeApplication(id: $id) { id } }", {"id": identifier}, counselor
    )["analyzeApplication"]
    plan = run(
        "mutation ($input: ProposePlanInput!) { proposePlan(input: $input) { id } }",
        {"input": {"applicationId": identifier, "monthlyDeposit": "9000.00"}},
        counselor,
    )["proposePlan"]
    staff = run("{ staff { id displayName email } }", None, admin)["staff"]
    me = run("{ me { grants { id subject } agency { id name } } }", None, counselor)["me"]
    grant = next(item for item in me["grants"] if item["subject"] == identifier)
    ids = Ids(
        **linked_bank(dev, identifier, consumer),
        agency=me["agency"]["id"],
        application=identifier,
        consumer=application["consumer"]["id"],
        analysis=analysis["id"],
        consent=consent["id"],
        debt=budget["debts"][0]["id"],
        document=document["document"]["id"],
        grant=grant["id"],
        key=key["apiKey"]["id"],
        note=note["id"],
        plan=plan["id"],
        queue=identifier.replace("app_", "queue_"),
        report=report["id"],
        request=data_of(requested)["requestAccess"]["id"],
        settings=settings["id"],
        staff=staff[0]["id"],
    )
    people = [name for person in staff for name in (person["displayName"], person["email"])]
    canaries = (canary, key["secret"], me["agency"]["name"], "900771234", *people)
    return Planted(ids=ids, canaries=canaries)


@pytest.fixture(scope="module")
def credentials(dev: Running) -> dict[str, dict[str, Any]]:
    """Return how each kind of principal of the agency "harbor" signs its requests.

    An operator with grants has to read all of that agency, by its admin's approval.
    """
    key = dev.command_output("key", "create", "harbor", *ALL_SCOPES, "--reason", "isolation")
    people: dict[str, dict[str, Any]] = {
        kind: {"token": dev.token(f"{kind}@harbor.test")}
        for kind in ("consumer", "counselor", "admin", "analyst")
    }
    operator = dev.token("operator@almoner.test")
    granted: dict[str, Any] = {"token": operator, "headers": {"x-agency": "harbor"}}
    for scope in sorted(AGENCY_SCOPES):
        request = data_of(dev.ask(REQUEST, {"scope": scope.value}, **granted))["requestAccess"]
        data_of(dev.ask(APPROVE, {"id": request["id"]}, **people["admin"]))
    return {
        **people,
        "operator": {"token": operator},
        "operator+hint": {"token": operator, "headers": {"x-agency": "summit"}},
        "operator+grant": granted,
        "key": {"key": key},
    }


def of_nobody() -> Ids:
    """Return ids, spelled as real ones are, of objects that never existed."""
    root = new_ulid()
    children = (
        *("account", "analysis", "bank", "consent", "debt", "document", "grant", "note", "plan"),
        *("report", "settings", "transaction"),
    )
    prefixes = {
        "account": "acct",
        "agency": "agency",
        "analysis": "ana",
        "application": "app",
        "bank": "bank",
        "consumer": "con",
        "consent": "cons",
        "debt": "debt",
        "document": "doc",
        "grant": "grant",
        "key": "key",
        "note": "note",
        "plan": "plan",
        "queue": "queue",
        "report": "rep",
        "request": "grant",
        "settings": "set",
        "staff": "staff",
        "transaction": "txn",
    }
    return Ids(
        **{
            name: f"{prefix}_{root}_{new_ulid()}" if name in children else f"{prefix}_{new_ulid()}"
            for name, prefix in prefixes.items()
        }
    )


def answer_to(
    dev: Running, operation: Operation, ids: Ids, credential: dict[str, Any]
) -> tuple[int, str, str]:
    """Return status, headers and body, with what differs between any two requests taken out."""
    response = dev.post(operation.document, operation.variables(ids), **credential)
    body = response.text
    for name, value in asdict(ids).items():
        body = body.replace(value, f"<{name}>")
    body = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<request>", body)
    return response.status_code, headers_of(response), body


def headers_of(response: httpx.Response) -> str:
    """Return the headers, without those that tell time, number requests or count down."""
    moving = {
        "date", "x-amzn-requestid", "server-timing", "content-length", "traceparent", "ratelimit",
    }  # fmt: skip
    return "\n".join(
        f"{name}: {value}" for name, value in response.headers.items() if name not in moving
    )


def test_every_field_has_its_row() -> None:
    """The table of operations names every query and mutation field that is served."""
    served = create_schema()._schema

    assert served.query_type is not None
    assert served.mutation_type is not None
    assert set(served.query_type.fields) == set(QUERIES)
    assert set(served.mutation_type.fields) == set(MUTATIONS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", [*QUERIES, *MUTATIONS])
def test_another_agency_s_objects_are_as_if_they_had_never_been(
    dev: Running,
    planted: Planted,
    credentials: dict[str, dict[str, Any]],
    field: str,
    kind: str,
) -> None:
    """Ids of the other agency answer exactly as ids of nobody, and no canary is in the answer."""
    for operation in {**QUERIES, **MUTATIONS}[field]:
        theirs = answer_to(dev, operation, planted.ids, credentials[kind])
        nobody = answer_to(dev, operation, of_nobody(), credentials[kind])

        assert theirs[0] != httpx.codes.BAD_REQUEST, "nothing ran"
        assert stable(theirs) == stable(nobody)
        for canary in planted.canaries:
            assert canary not in "".join(str(part) for part in theirs)


@pytest.mark.parametrize("field", ["application", "consumer", "creditReport", "node"])
def test_the_agency_s_own_counselor_sees_what_others_do_not(
    dev: Running, planted: Planted, field: str
) -> None:
    """The same operations, asked by the agency's own counselor, do answer: the test can fail."""
    operation = QUERIES[field][0]
    credential = {"token": dev.token("counselor@summit.test")}

    own = answer_to(dev, operation, planted.ids, credential)
    nobody = answer_to(dev, operation, of_nobody(), credential)

    assert stable(own) != stable(nobody)
    if field in ("application", "consumer"):
        assert planted.canaries[0] in own[2]


def stable(answer: tuple[int, str, str]) -> tuple[int, str, str]:
    """Return an answer without the ids and moments of what the operation itself made."""
    status, headers, body = answer
    body = re.sub(r'"(createdAt|updatedAt|expiresAt|lastUsedAt)":"[^"]*"', "", body)
    return status, headers, re.sub(r"[0-9A-HJKMNP-TV-Z]{26}", "<ulid>", body)


def log_texts(dev: Running) -> Iterator[tuple[str, str]]:
    yield "log", dev.log.read_text()
    yield "metrics", httpx.get(dev.operations_url + "/metrics").text


def test_no_log_line_and_no_metric_carries_a_canary(dev: Running, planted: Planted) -> None:
    """After all of that, no log line and no metric holds a canary, an id or a secret."""
    for where, text in log_texts(dev):
        assert text, where
        for canary in (*planted.canaries[:2], "900771234", planted.ids.consumer):
            assert canary not in text, f"{where} holds {canary}"


def test_the_home_s_owner_alone_can_read_it(dev: Running) -> None:
    """Every file under the home folder is its owner's alone."""
    home = Path(dev.environment["ALMONER_HOME"])
    open_to_others = [
        path.name for path in (home, *home.rglob("*")) if path.lstat().st_mode & 0o077
    ]
    assert open_to_others == []
