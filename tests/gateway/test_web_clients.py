"""The stock web clients against the gateway: what Apollo, urql and Amplify make of answers."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.served import make_home, served
from tests.node.packages import NODE_MODULES, node_or_skip

SCRIPT = Path(__file__).parent.parent / "node" / "web_clients.mjs"
JSON, GRAPHQL = "application/json", "application/graphql-response+json"
UNKNOWN_FIELD = "Cannot query field 'badField' on type 'Agency'."
REFUSED = "You are not authorized to make this call."

Outcome = dict[str, Any]


@pytest.fixture(scope="module", params=["asgi", "direct"])
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Give what each client was given: by its name, and by what it asked."""
    node, folder = node_or_skip(), tmp_path_factory.mktemp("web_clients")
    key = asyncio.run(make_home(folder / "home"))
    way = {"ALMONER_HTTP_PROTOCOL": request.param}
    with served(folder / "home", folder / "log", **way) as running:
        done = subprocess.run(
            [node, str(SCRIPT), f"{running.url}/graphql", key],
            env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    told: Outcome = json.loads(done.stdout)
    return told


# What each of them asks by, and the status of an invalid document in the media type it asks for.
CLIENTS = [("apollo", "POST", GRAPHQL, 400), ("urql", "GET", GRAPHQL, 400)]
CLIENTS += [("amplify", "POST", JSON, 200)]


@pytest.mark.parametrize(("client", "method", "media_type", "invalid"), CLIENTS)
def test_each_client_asks_in_its_own_way_and_is_understood(
    outcomes: Outcome, client: str, method: str, media_type: str, invalid: int
) -> None:
    """Apollo by POST, urql by GET, Amplify for plain JSON: each has its data, and its statuses."""
    of_client = outcomes[client]

    assert of_client["answered"]["data"]["agency"]["slug"] == "harbor"
    for what, status in (("answered", 200), ("invalid", invalid), ("refused", 401)):
        (seen,) = of_client[what]["seen"]
        assert seen == {
            "method": method,
            "status": status,
            "type": f"{media_type}; charset=utf-8",
        }


@pytest.mark.parametrize("client", [name for name, *_ in CLIENTS])
def test_each_client_keeps_what_an_invalid_document_is_told(outcomes: Outcome, client: str) -> None:
    """Message, place and code of a validation error reach the program that asked."""
    error = outcomes[client]["invalid"]["error"]

    (entry,) = error["errors"]
    assert entry["message"] == UNKNOWN_FIELD
    assert UNKNOWN_FIELD in error["message"]
    assert entry["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert entry["locations"][0]["line"] >= 1


@pytest.mark.parametrize("client", ["apollo", "urql"])
def test_a_refused_caller_keeps_appsyncs_body(outcomes: Outcome, client: str) -> None:
    """Behind a 401 the clients of GraphQL over HTTP still find the error's type and message."""
    error = outcomes[client]["refused"]["error"]

    (entry,) = error["errors"]
    assert (entry["message"], entry["errorType"]) == (REFUSED, "UnauthorizedException")
    assert entry["extensions"]["code"] == "UNAUTHENTICATED"


def test_amplify_knows_a_refusal_for_one(outcomes: Outcome) -> None:
    """Amplify tells its own word for a refusal, not its word for what it does not understand."""
    assert outcomes["amplify"]["refused"]["error"]["message"] == "Unauthorized"
