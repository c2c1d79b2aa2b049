"""Cuts from Plaid's OpenAPI document what the tests of its simulator want, as JSON Schema.

    python scripts/plaid_extract.py path/to/2020-09-14.yml

Of each endpoint that is used: the schemas of request and answer and the documented example. Texts
for people are left out; `nullable`, which JSON Schema does not know, becomes a type of its own.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parent.parent / "tests" / "integrations" / "plaid" / "plaid_openapi.json"
ENDPOINTS = (
    "/accounts/balance/get",
    "/accounts/get",
    "/identity/get",
    "/item/get",
    "/item/public_token/exchange",
    "/item/remove",
    "/liabilities/get",
    "/link/token/create",
    "/sandbox/item/fire_webhook",
    "/sandbox/item/reset_login",
    "/sandbox/public_token/create",
    "/sandbox/transactions/create",
    "/transactions/recurring/get",
    "/transactions/sync",
    "/webhook_verification_key/get",
)
ERROR = "PlaidError"
WEBHOOKS = (
    "SyncUpdatesAvailableWebhook",
    "RecurringTransactionsUpdateWebhook",
    "ItemErrorWebhook",
    "ItemLoginRepairedWebhook",
    "PendingDisconnectWebhook",
    "UserPermissionRevokedWebhook",
    "UserAccountRevokedWebhook",
    "NewAccountsAvailableWebhook",
    "DefaultUpdateWebhook",
)
SOURCE = (
    "Cut by scripts/plaid_extract.py from Plaid's OpenAPI document (github.com/plaid/plaid-openapi)"
    ", which its client libraries are generated from. LICENSE-plaid is the license of those."
)
_FOR_PEOPLE = frozenset(
    {"description", "example", "examples", "title", "externalDocs", "deprecated", "summary"}
)
_REF = "#/components/schemas/"


def main() -> int:
    """Write the extract; return 2 where no document is named."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and the document
        print(__doc__)
        return 2
    document = yaml.load(Path(sys.argv[1]).read_text("utf-8"), Loader=yaml.CSafeLoader)
    TARGET.write_text(json.dumps(extract(document), indent=1, default=str) + "\n", "utf-8")
    return 0


def extract(document: dict[str, Any]) -> dict[str, Any]:
    """Return endpoints, examples, and all schemas that they come to."""
    schemas = document["components"]["schemas"]
    endpoints = {}
    for path in ENDPOINTS:
        post = document["paths"][path]["post"]
        request = post["requestBody"]["content"]["application/json"]["schema"]
        answer = post["responses"]["200"]["content"]["application/json"]
        examples = answer.get("examples", {})
        endpoints[path] = {
            "request": _plain(request),
            "answer": _plain(answer["schema"]),
            "examples": [example["value"] for example in examples.values()],
        }
    webhooks = {
        name: next(iter(schemas[name]["x-examples"].values()))
        for name in WEBHOOKS
        if schemas.get(name, {}).get("x-examples")
    }
    wanted = [ERROR]
    for endpoint in endpoints.values():
        wanted += [*_refs(endpoint["request"]), *_refs(endpoint["answer"])]
    found: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = _plain(schemas[name])
            wanted += _refs(found[name])
    return {
        "source": SOURCE,
        "version": document["info"]["version"],
        "endpoints": endpoints,
        "webhooks": webhooks,
        "components": {"schemas": dict(sorted(found.items()))},
    }


def _plain(schema: Any) -> Any:
    """Return a schema as JSON Schema has it, without what is for people."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    plain = {
        name: {key: _plain(value) for key, value in part.items()}
        if name == "properties"
        else _plain(part)
        for name, part in schema.items()
        if name not in _FOR_PEOPLE and not name.startswith("x-") and name != "nullable"
    }
    if not schema.get("nullable"):
        return plain
    return {"anyOf": [plain, {"type": "null"}]}


def _refs(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [ref for one in schema for ref in _refs(one)]
    if not isinstance(schema, dict):
        return []
    if "$ref" in schema:
        return [str(schema["$ref"]).removeprefix(_REF)]
    return [ref for part in schema.values() for ref in _refs(part)]


if __name__ == "__main__":
    sys.exit(main())
