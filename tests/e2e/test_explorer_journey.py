"""The explorer's operations, one after the other, against a running platform: the whole journey."""

import re
import time
from typing import Any

import httpx
import pytest

from gateway.local.explorer.operations import OfferedOperation, offered_operations
from schema.build import create_schema
from tests.e2e.platform_process import Running, data_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

OFFERED = {operation.name: operation for operation in offered_operations(create_schema())}
SYNC_SECONDS_MAX = 60


def below(answer: Any, names: list[str], above: dict[str, str]) -> dict[str, str] | None:
    """Return the first values of these names on one path, as the explorer's page finds them."""
    if isinstance(answer, list):
        parts, found = answer, dict(above)
    elif isinstance(answer, dict):
        if answer.get("not"):
            return None
        if any(key.startswith("is_") and value != key[3:] for key, value in answer.items()):
            return None
        parts = list(answer.values())
        found = above | {key: answer[key] for key in names if isinstance(answer.get(key), str)}
    else:
        return None
    if set(names) <= set(found):
        return found
    return next((got for part in parts if (got := below(part, names, found)) is not None), None)


def values_for(running: Running, operation: OfferedOperation, token: str) -> dict[str, str]:
    """Return values for an operation's variables out of its lookups."""
    for lookup in operation.lookups:
        answer = data_of(running.ask(lookup, token=token))
        together = below(answer, operation.variables, {})
        if together is not None:
            return together
        each = [below(answer, [name], {}) for name in operation.variables]
        if None not in each:
            return {name: value for one in each if one for name, value in one.items()}
    raise AssertionError(f"nothing was found to fill in for {operation.name}")


def tried(running: Running, name: str, token: str, **typed: str) -> Any:
    """Return the answer to an operation of the explorer. typed: what a person puts in."""
    operation = OFFERED[name]
    values = values_for(running, operation, token) if operation.variables else {}
    (answer,) = data_of(running.ask(operation.document, values | typed, token=token)).values()
    return answer


def public_token(dev: Running, link_token: str) -> str:
    """Return what the simulated vendor's page shows in the end."""
    page = f"http://127.0.0.1:{dev.environment['ALMONER_PLAID_PORT']}/link"
    shown = httpx.get(page, params={"token": link_token})
    assert shown.status_code == httpx.codes.OK
    chosen = {"token": link_token, "user": "user_good", "institution": "ins_109508"}
    done = httpx.post(page, data=chosen | {"password": "pass_good"})
    found = re.search(r"id='public-token'>([^<]+)<", done.text)
    assert found is not None, done.text
    return found[1]


def test_a_bank_is_linked_and_what_it_says_is_taken_over(dev: Running) -> None:
    """Consent, link page, public token, transactions, proposals: each from the one before."""
    consumer = dev.token("consumer@summit.test")
    tried(dev, "RecordBankConsent", consumer)
    opened = tried(dev, "OpenBankLink", consumer)
    linked = tried(dev, "LinkBank", consumer, publicToken=public_token(dev, opened["token"]))
    assert linked["institution"] == "First Platypus Bank"

    end = time.monotonic() + SYNC_SECONDS_MAX
    while (bank := tried(dev, "BankConnection", consumer))["lastSyncedAt"] is None:
        assert time.monotonic() < end, bank
        tried(dev, "SyncBank", consumer)
    assert any(account["transactions"]["edges"] for account in bank["accounts"])

    before = tried(dev, "Proposals", consumer)
    assert {one["source"] for one in before["proposals"]} == {"BANK"}
    after = tried(dev, "AcceptProposals", consumer)
    assert after["version"] > before["version"]
    assert tried(dev, "DisconnectBank", consumer)["status"] == "REMOVED"


def test_from_the_figures_to_a_plan(dev: Running) -> None:
    """A counselor analyzes an application, proposes a plan and shows it with its agreement."""
    counselor = dev.token("counselor@summit.test")
    assert tried(dev, "Analyze", counselor)["reasons"]
    proposed = tried(dev, "ProposePlan", counselor)
    shown = tried(dev, "Plan", counselor)
    assert (shown["id"], shown["status"]) == (proposed["id"], "PROPOSED")
    assert "<h1>Agreement on a debt management plan</h1>" in shown["agreement"]["html"]
    assert shown["schedule"]["edges"]
    declined = tried(dev, "DeclinePlan", counselor)
    assert (declined["status"], declined["application"]["status"]) == ("DECLINED", "ANALYZED")


def test_the_worked_examples_consumer_signs(dev: Running) -> None:
    """The plan that waits is the one shown, 49 months of it, and is signed by its hash."""
    consumer = dev.token("consumer3@summit.test")
    shown = tried(dev, "Plan", consumer)
    assert (shown["months"], shown["totalInterest"]) == (49, "2607.17")

    signed = tried(dev, "SignPlan", consumer)

    assert signed["id"] == shown["id"]
    assert (signed["status"], signed["application"]["status"]) == ("ACCEPTED", "ENROLLED")
    assert tried(dev, "Plan", consumer)["acceptedAt"] is not None
