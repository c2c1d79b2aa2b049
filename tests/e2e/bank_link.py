"""Links a bank of the running platform's simulator, as a consumer does by the page for Link."""

import re
import time
from typing import Any

import httpx

from tests.e2e.platform_process import Running, data_of

CONSENT_TEXT = "{ consentText(purpose: BANK_DATA) { version sha256 } }"
CONSENT = "mutation ($i: RecordConsentInput!) { recordConsent(input: $i) { id } }"
LINK = "mutation ($id: ID!) { createBankLinkToken(applicationId: $id) { token } }"
CONNECT = "mutation ($i: ConnectBankInput!) { connectBank(input: $i) { id } }"
SYNC = "mutation ($id: ID!) { syncBank(id: $id) { id } }"
READ = """query ($id: ID!) { bankConnection(id: $id) { accounts {
  id transactions(first: 1) { edges { node { id } } } } } }"""
SECONDS_MAX = 60


def linked_bank(dev: Running, application: str, consumer: str) -> dict[str, str]:
    """Return the ids of a bank link, an account of it and a transaction of that."""

    def run(document: str, variables: dict[str, Any] | None = None) -> Any:
        (value,) = data_of(dev.ask(document, variables, token=consumer)).values()
        return value

    text = run(CONSENT_TEXT)
    agreed = {"textVersion": text["version"], "textSha256": text["sha256"]}
    consent = run(CONSENT, {"i": {"applicationId": application, "purpose": "BANK_DATA", **agreed}})
    chosen = {
        "token": run(LINK, {"id": application})["token"],
        "institution": "ins_109508",
        "user": "user_good",
        "password": "pass_good",
    }
    port = dev.environment["ALMONER_PLAID_PORT"]
    page = httpx.post(f"http://127.0.0.1:{port}/link", data=chosen, timeout=10)
    found = re.search(r"id='public-token'>([^<]+)<", page.text)
    assert found is not None, page.text
    asked = {"applicationId": application, "consentId": consent["id"], "publicToken": found[1]}
    bank = run(CONNECT, {"i": asked})["id"]
    run(SYNC, {"id": bank})  # where one is under way already, it comes to its end by itself
    ends = time.monotonic() + SECONDS_MAX
    paid: list[Any] = []
    while not paid:
        assert time.monotonic() < ends, "the link was never synced"
        accounts = run(READ, {"id": bank})["accounts"]
        paid = [one for one in accounts if one["transactions"]["edges"]]
    account = paid[0]
    (edge,) = account["transactions"]["edges"]
    return {"bank": bank, "account": account["id"], "transaction": edge["node"]["id"]}
