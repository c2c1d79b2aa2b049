"""Finds the sample persona's application, pulls his credit report, prints what it adds up to.

Run it beside `make run`:  python examples/first_pull.py
It uses nothing but the public API and the `almoner token` command.
"""

import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

URL = f"http://127.0.0.1:{os.environ.get('ALMONER_PORT', '8000')}/graphql"
ALMONER = str(Path(sys.executable).parent / "almoner")

FIND = """{ applications(first: 100) { edges { node {
  id consumer { name { given family } } consents { id purpose usedAt expiresAt } } } } }"""
PULL = """mutation ($input: PullCreditReportInput!) { pullCreditReport(input: $input) {
  hit score { model value }
  tradelines { creditor balance }
  summary { revolving { balance creditLimit percentAvailable } total { balance pastDue } } } }"""


def token(user: str) -> str:
    """Return an access token of the local issuer."""
    done = subprocess.run([ALMONER, "token", user], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(done.stderr.strip())
    return done.stdout.strip()


def ask(credential: str, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the data of an answer; ends the program with the message of an error."""
    body = json.dumps({"query": document, "variables": variables}).encode()
    headers = {"Authorization": credential, "Content-Type": "application/json"}
    request = urllib.request.Request(URL, body, headers)
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
    except urllib.error.URLError as error:
        sys.exit(f"{URL} does not answer ({error}). Is `make run` running in another terminal?")
    if "errors" in answer:
        sys.exit(f"{answer['errors'][0]['errorType']}: {answer['errors'][0]['message']}")
    data: dict[str, Any] = answer["data"]
    return data


def main() -> None:
    """Pull and print."""
    counselor = token("counselor@harbor.test")
    edges = ask(counselor, FIND)["applications"]["edges"]
    persona = next(
        edge["node"] for edge in edges if edge["node"]["consumer"]["name"]["family"] == "Uphold"
    )
    consents = [item["id"] for item in persona["consents"] if item["usedAt"] is None]
    if not consents:
        sys.exit("The demo's consent is used up: each allows one pull. Restart `make run` for one.")
    report = ask(
        counselor,
        PULL,
        {
            "input": {
                "applicationId": persona["id"],
                "consentId": consents[0],
                "kind": "SOFT",
                "idempotencyKey": secrets.token_hex(8),
            }
        },
    )["pullCreditReport"]
    summary = report["summary"]
    print(f"score              {report['score']['value']} ({report['score']['model']})")
    print(f"tradelines         {len(report['tradelines'])}")
    print(f"revolving balance  {summary['revolving']['balance']}")
    print(f"revolving limit    {summary['revolving']['creditLimit']}")
    print(f"total balance      {summary['total']['balance']}")


if __name__ == "__main__":
    main()
