"""AppSync's answers, row by row: status, body and headers, by both ways that a request may take.

Where a row is known from, its fact under conformance/facts/ says. What no source tells is a choice
of ours, and docs/http.md says which.
"""

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import httpx
import pytest

from domain.access import Principal
from gateway.identity.credentials import Credential, Occasion
from gateway.listening import bind
from gateway.server import gateway_server
from tests.gateway.small_gateway import (
    COUNSELOR,
    FakeAuthenticator,
    World,
    small_app,
    small_config,
)

ORIGIN = "https://app.example"
BROKEN = "breaks.the.gateway"
MEMBERS = {"path", "data", "errorType", "errorInfo", "locations", "message", "extensions"}
PLACE = {"line": 1, "column": 3, "sourceName": None}
UNPARSABLE = "Unable to parse GraphQL query."
REFUSED = "You are not authorized to make this call."


@dataclass(frozen=True, kw_only=True)
class Row:
    """A request and what AppSync answers; `error` is what its one error has, `data` what it had.

    whole: the error is the whole answer, so that its type stands in a header and beside it, too.
    """

    query: str | None = None
    content: str | None = None
    method: str = "POST"
    path: str = "/graphql"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    data: object = None
    error: Mapping[str, object] | None = None
    whole: bool = False


ROWS = {
    "POST": Row(query="{ hello }", data={"hello": "hello world"}),
    "GET": Row(method="GET", query="{ hello }", data={"hello": "hello world"}),
    "a token after Bearer": Row(
        query="{ hello }",
        headers={"Authorization": f"Bearer {COUNSELOR}"},
        data={"hello": "hello world"},
    ),
    "an empty body": Row(
        content="",
        status=400,
        error={"message": "Request body is empty.", "errorType": "MalformedHttpRequestException"},
        whole=True,
    ),
    **{
        f"the body {content}": Row(
            content=content,
            status=400,
            error={"message": UNPARSABLE, "errorType": "MalformedHttpRequestException"},
            whole=True,
        )
        for content in ("meow", "{}", "[]")
    },
    "several operations": Row(
        query="query A { hello } query B { hello }",
        status=400,
        error={"message": "Missing operation name.", "errorType": "BadRequestException"},
        whole=True,
    ),
    "a syntax error": Row(
        query="{ hello",
        error={"path": None, "errorType": "ValidationError"},
    ),
    "a field that is not there": Row(
        query="{ badField }",
        error={"path": None, "errorType": "ValidationError", "locations": [PLACE]},
    ),
    "a missing variable": Row(
        query="query ($n: Int!) { add(input: {lines: [{amount: $n}]}) }",
        error={"path": None, "errorType": "BadRequest"},
    ),
    "a subscription over HTTP": Row(
        query="subscription { ticks }", error={"errorType": "OperationNotSupported"}
    ),
    "no credential": Row(
        query="{ hello }",
        headers={"Authorization": ""},
        status=401,
        error={"message": REFUSED, "errorType": "UnauthorizedException"},
        whole=True,
    ),
    "a credential that does not hold": Row(
        query="{ hello }",
        headers={"Authorization": "a.b.c"},
        status=401,
        error={"message": REFUSED, "errorType": "UnauthorizedException"},
        whole=True,
    ),
    "a refused field": Row(
        query="{ node { forbidden } }",
        data={"node": {"forbidden": None}},
        error={"path": ["node", "forbidden"], "data": None, "errorType": "Unauthorized"},
    ),
    "a field that failed": Row(
        query="{ vendor }",
        data={"vendor": None},
        error={"path": ["vendor"], "errorType": "UpstreamException", "locations": [PLACE]},
    ),
    "no such API": Row(
        query="{ hello }",
        path="/other",
        status=404,
        error={"errorType": "UnknownOperation"},
        whole=True,
    ),
    "an internal failure": Row(
        query="{ hello }",
        headers={"Authorization": BROKEN},
        status=500,
        error={"errorType": "InternalFailure"},
        whole=True,
    ),
    "throttled": Row(
        query="{ tooFast }",
        status=429,
        data={"tooFast": None},
        error={"errorType": "LimitExceededError"},
    ),
    "more than a megabyte": Row(
        content="x" * 1_048_577,
        status=413,
        error={"errorType": "MalformedHttpRequestException"},
        whole=True,
    ),
}


class BreakableAuthenticator(FakeAuthenticator):
    """Fails on one credential, as no authenticator should."""

    async def authenticate(self, credential: Credential, occasion: Occasion) -> Principal:
        """Return whose token it is."""
        if credential.value == BROKEN:
            raise ValueError(credential.value)
        return await super().authenticate(credential, occasion)


@pytest.fixture(params=["asgi", "direct"])
async def client(request: pytest.FixtureRequest, world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a gateway that listens, by one of the two ways."""
    config = small_config(http_protocol=request.param, linger_ms=0, cors_origins=[ORIGIN])
    app = small_app(world, config, authenticator=BreakableAuthenticator())
    headers = {"Authorization": COUNSELOR, "Origin": ORIGIN, "Accept": "*/*"}
    async with (
        gateway_server(app, bind("127.0.0.1", 0), config) as server,
        httpx.AsyncClient(base_url=server.url, headers=headers) as given,
    ):
        yield given


async def asked(client: httpx.AsyncClient, row: Row) -> httpx.Response:
    """Return what is answered to the request of a row."""
    if row.method == "GET":
        return await client.get(row.path, params={"query": row.query or ""})
    content = json.dumps({"query": row.query}) if row.content is None else row.content
    headers = {"Content-Type": "application/json", **row.headers}
    return await client.post(row.path, content=content, headers=headers)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_an_answer_is_appsyncs(client: httpx.AsyncClient, row: Row) -> None:
    """Status, data, members of the error and headers are AppSync's, and a page can read them."""
    response = await asked(client, row)

    if row.path == "/graphql":
        exposed = response.headers["access-control-expose-headers"].split(", ")
        assert {"x-amzn-RequestId", "x-amzn-ErrorType"} <= set(exposed)
        assert response.headers["access-control-allow-origin"] == ORIGIN
    assert uuid.UUID(response.headers["x-amzn-requestid"]).version == 4
    body = response.json()
    assert response.status_code == row.status
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert body.get("data") == row.data
    if row.error is None:
        assert body.keys() == {"data"}
        return
    (error,) = body["errors"]
    assert error.keys() == MEMBERS
    assert {name: error[name] for name in row.error} == row.error
    assert error["errorInfo"]["code"] == error["extensions"]["code"]
    assert error["extensions"]["errorType"] == error["errorType"]
    if row.whole:
        assert body.keys() == {"errors", "message", "__type"}
        assert (body["message"], body["__type"]) == (error["message"], error["errorType"])
        assert "data" not in body
    else:
        assert body.keys() == {"data", "errors"}
    if row.status != 200:
        assert response.headers["x-amzn-errortype"] == error["errorType"]


async def test_a_preflight_lets_clients_send_what_they_send(client: httpx.AsyncClient) -> None:
    """The headers of Amplify, the AppSync links and Apollo may be sent by a page."""
    wanted = "authorization,x-api-key,x-amz-user-agent,x-amz-date,x-amz-security-token,content-type"
    headers = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": wanted,
    }

    response = await client.options("/graphql", headers=headers)

    assert response.status_code == 204
    assert response.headers["access-control-allow-headers"] == wanted
    assert response.headers["access-control-allow-origin"] == ORIGIN
