"""What people type: rows of the campaign's own, whose inputs are personal and unique.

The rows of operations.py name objects; these give names, addresses, reasons and notes, so that a
log line, a metric or an error that repeats an input is seen to do it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.consents import ConsentPurpose, current_text
from tests.isolation.operations import APPLICATION, CONSUMER, Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What one agency's people type during one turn.

    application, consents: what they share, by its ids.
    """

    text: str
    note: str
    email: str
    agency_name: str
    application: str
    consents: tuple[str, ...]
    turn: int


Fill = Callable[[Ids, Typed], dict[str, Any]]


def _input(make: Fill) -> Fill:
    return lambda ids, typed: {"input": make(ids, typed)}


def _wording(ids: Ids, typed: Typed) -> dict[str, Any]:
    text = current_text(ConsentPurpose.SOFT_CREDIT_PULL, typed.agency_name)
    return {
        "applicationId": ids.application,
        "purpose": text.purpose.value,
        "textVersion": text.version,
        "textSha256": text.sha256,
    }


CONSENTS = 6
"""How many consents each turn's shared application has: one is good for one pull."""

_REASONED = """mutation ($id: ID!, $reason: String!) {{
  {name}(id: $id, reason: $reason) {{ id hardshipReason }} }}"""


def _reasoned(name: str) -> tuple[str, Fill]:
    return _REASONED.format(name=name), lambda ids, typed: {
        "id": ids.application,
        "reason": typed.text,
    }


def _matched(match: dict[str, str]) -> tuple[str, Fill]:
    document = """query ($match: ConsumerMatch!) { consumers(match: $match) {
      edges { node { id name { family } phone } } } }"""
    return document, lambda _ids, _typed: {"match": match}


def _pulled(number: int) -> tuple[str, Fill]:
    document = """mutation ($input: PullCreditReportInput!) {
      pullCreditReport(input: $input) { id tradelines { creditor } } }"""
    return document, _input(
        lambda _ids, typed: {
            "applicationId": typed.application,
            "consentId": typed.consents[number],
            "idempotencyKey": f"pull-{number}-{typed.turn}",
        }
    )


ROWS: dict[str, list[tuple[str, Fill]]] = {
    "consumers": [
        _matched({"email": "canary@mail.test"}),
        _matched({"phone": "303-555-0177"}),
        _matched({"ssn": "900771234"}),
    ],
    "startApplication": [
        (
            """mutation ($input: StartApplicationInput!) {
              startApplication(input: $input) { id consumer { id name { family } } } }""",
            _input(
                lambda ids, typed: {
                    "name": {"given": typed.text, "family": typed.text},
                    "email": typed.email,
                    "phone": "+1 303 555 0198",
                    "hardshipReason": typed.text,
                    "address": {
                        "line1": typed.text,
                        "city": typed.text,
                        "state": "MI",
                        "postalCode": "48066",
                    },
                }
            ),
        )
    ],
    "updateApplication": [
        (
            f"""mutation ($input: UpdateApplicationInput!) {{
              updateApplication(input: $input) {{ {APPLICATION} }} }}""",
            _input(lambda ids, typed: {"id": ids.application, "hardshipReason": typed.text}),
        )
    ],
    "updateConsumer": [
        (
            f"""mutation ($input: UpdateConsumerInput!) {{
              updateConsumer(input: $input) {{ {CONSUMER} }} }}""",
            _input(lambda ids, typed: {"id": ids.consumer, "email": typed.email}),
        ),
        (
            """mutation ($input: UpdateConsumerInput!) {
              updateConsumer(input: $input) { id } }""",
            _input(lambda ids, typed: {"id": ids.consumer, "ssn": typed.text, "phone": "+1 303"}),
        ),
    ],
    "saveBudget": [
        (
            """mutation ($input: SaveBudgetInput!) { saveBudget(input: $input) {
              id incomes { description } debts { creditor } } }""",
            _input(
                lambda ids, typed: {
                    "applicationId": ids.application,
                    "incomes": [
                        {
                            "source": "WAGES",
                            "description": typed.text,
                            "net": "1.00",
                            "frequency": "WEEKLY",
                        }
                    ],
                    "debts": [
                        {
                            "creditor": typed.text,
                            "kind": "MEDICAL",
                            "balance": "1.00",
                            "minimumPayment": "1.00",
                        }
                    ],
                }
            ),
        )
    ],
    "addNote": [
        (
            """mutation ($id: ID!, $text: String!) {
              addNote(applicationId: $id, text: $text) { id text } }""",
            lambda ids, typed: {"id": ids.application, "text": typed.note},
        )
    ],
    "recordConsent": [
        (
            """mutation ($input: RecordConsentInput!) { recordConsent(input: $input) { id } }""",
            _input(_wording),
        )
    ],
    "pullCreditReport": [_pulled(number) for number in range(CONSENTS)],
    "updateSettings": [
        (
            """mutation ($input: UpdateSettingsInput!) {
              updateSettings(input: $input) { id creditorPolicies { creditor } } }""",
            _input(
                lambda ids, typed: {
                    "effectiveFrom": datetime.now(UTC).date().isoformat(),
                    "cushion": f"{100 + typed.turn % 100}.00",
                }
            ),
        )
    ],
    "withdrawApplication": [_reasoned("withdrawApplication")],
    "returnApplication": [_reasoned("returnApplication")],
    "closeApplication": [_reasoned("closeApplication")],
}
