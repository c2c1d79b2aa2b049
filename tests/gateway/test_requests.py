"""What is answered to which request, by status and body: GraphQL over HTTP in AppSync's dialect."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from domain.access import Principal
from gateway.config import CannotStart
from gateway.identity.credentials import Credential, Occasion
from tests.gateway.small_gateway import (
    BROKEN_STORE,
    OPERATOR,
    STRANGER,
    SUSPENDED,
    FakeAuthenticator,
    World,
    client_of,
    small_app,
    small_config,
)

GRAPHQL = "application/graphql-response+json"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def dev_client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(small_app(world, small_config("dev"))) as given:
        yield given


async def ask(client: httpx.AsyncClient, query: str, **more: Any) -> httpx.Response:
    accept = more.pop("accept", "*/*")
    return await client.post("/graphql", json={"query": query, **more}, headers={"Accept": accept})


def only_error(response: httpx.Response) -> dict[str, Any]:
    errors = response.json()["errors"]
    assert len(errors) == 1
    error: dict[str, Any] = errors[0]
    return error


@pytest.mark.parametrize(
    ("query", "json_status", "graphql_status", "code"),
    [
        ("{ hello }", 200, 200, None),
        ("{ hello boom }", 200, 200, "INTERNAL"),
        ("{ boom }", 200, 200, "INTERNAL"),
        ("{ neverNull }", 200, 200, "INTERNAL"),
        ("{ hello storeDown }", 200, 200, "STORE_UNAVAILABLE"),
        ("{ storeDown }", 503, 503, "STORE_UNAVAILABLE"),
        ("mutation { storeDown }", 200, 200, "STORE_UNAVAILABLE"),
        ("{ tooFast }", 429, 429, "RATE_LIMITED"),
        ("{ vendor }", 200, 200, "UPSTREAM_TIMEOUT"),
        ("{ hello", 200, 400, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", 200, 400, "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: Int!) { add(input: {lines: [{amount: $n}]}) }", 200, 400, "INVALID_INPUT"),
        ("subscription { ticks }", 200, 400, "MALFORMED_REQUEST"),
        ("query A { hello } query B { hello }", 400, 400, "MALFORMED_REQUEST"),
        ("fragment A on Query { hello }", 200, 400, "GRAPHQL_VALIDATION_FAILED"),
        ("{" + "node{child{" * 8 + "name" + "}}" * 8 + "}", 400, 400, "DOCUMENT_TOO_COMPLEX"),
        ("{" + "hello " * 2000 + "}", 400, 400, "DOCUMENT_TOO_COMPLEX"),
        ("{ hello #" + "x" * 40_000 + "\n}", 400, 400, "DOCUMENT_TOO_COMPLEX"),
    ],
)
async def test_statuses_follow_the_media_type(
    client: httpx.AsyncClient, query: str, json_status: int, graphql_status: int, code: str | None
) -> None:
    """Plain JSON has AppSync's statuses, the newer media type those of GraphQL over HTTP."""
    plain, newer = await ask(client, query), await ask(client, query, accept=GRAPHQL)

    assert (plain.status_code, newer.status_code) == (json_status, graphql_status)
    assert plain.headers["content-type"] == "application/json; charset=utf-8"
    assert newer.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    for response in (plain, newer):
        if code is None:
            assert response.json() == {"data": {"hello": "hello world"}}
            continue
        error = response.json()["errors"][-1]
        assert error["errorInfo"]["code"] == error["extensions"]["code"] == code
        assert {"message", "locations", "path", "errorType"} <= error.keys()
        if response.status_code != 200:
            assert response.headers["x-amzn-errortype"] == error["errorType"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        (b"", JSON, 400, "Request body is empty."),
        (b" \n", JSON, 400, "Request body is empty."),
        (b"meow", JSON, 400, "Unable to parse GraphQL query."),
        (b"{}", JSON, 400, "Unable to parse GraphQL query."),
        (b"[]", JSON, 400, "Unable to parse GraphQL query."),
        (b"null", JSON, 400, "Unable to parse GraphQL query."),
        (b"1", JSON, 400, "Unable to parse GraphQL query."),
        (b'"x"', JSON, 400, "Unable to parse GraphQL query."),
        (b'{"query": 1}', JSON, 400, "Unable to parse GraphQL query."),
        (b'{"query": null}', JSON, 400, "Unable to parse GraphQL query."),
        (b'{"query": ""}', JSON, 400, "Unable to parse GraphQL query."),
        (b'{"query": "{hello}"', JSON, 400, "Unable to parse GraphQL query."),
        (b'{"query": "{hello}"} x', JSON, 400, "Unable to parse GraphQL query."),
        (b'\xef\xbb\xbf{"query": "{hello}"}', JSON, 400, "Unable to parse GraphQL query."),
        ('{"query": "{hello}"}'.encode("utf-16"), JSON, 400, "Unable to parse GraphQL query."),
        (b'{"query": "{hello}\xff"}', JSON, 400, "Unable to parse GraphQL query."),
        (b'{"query": "{hello}\\ud800"}', JSON, 400, "Unable to parse GraphQL query."),
        (b'{"query": "{hello}", "variables": {"n": NaN}}', JSON, 400, "Unable to parse"),
        (b'{"query": "{hello}", "variables": {"n": 1' + b"0" * 5000 + b"}}", JSON, 400, "Unable"),
        (b'{"query":"{hello}","variables":' + b'{"a":' * 5000 + b"1", JSON, 400, "Unable"),
        (
            b'{"query":"{hello}","variables":{"a":' + b"[" * 70 + b"]" * 70 + b"}}",
            JSON,
            400,
            "nested deeper than 64",
        ),
        (b'{"query":"{hello}","query":"{boom}"}', JSON, 400, "named twice"),
        (b'{"query":"{hello}","qu\\u0065ry":"{boom}"}', JSON, 400, "named twice"),
        (b'[{"query":"{hello}"}]', JSON, 400, "lists of operations are not supported"),
        (b'{"query":"{hello}","variables":[]}', JSON, 400, "variables is an object or null."),
        (b'{"query":"{hello}","variables":"{}"}', JSON, 400, "variables is an object or null."),
        (b'{"query":"{hello}","extensions":[]}', JSON, 400, "extensions is an object or null."),
        (b'{"query":"{hello}","operationName":1}', JSON, 400, "operationName is a text or null."),
        (b'{"query":"{hello}","operationName":"X"}', JSON, 400, "no operation of that name"),
        (b'{"query":"{hello}"}', {}, 415, "Content-Type"),
        (b'{"query":"{hello}"}', {"Content-Type": "text/plain"}, 415, "Content-Type"),
        (b'{"query":"{hello}"}', JSON | {"Content-Encoding": "gzip"}, 415, "uncompressed"),
        (b'{"query":"{hello}"}', JSON | {"Accept": "text/html"}, 406, "Accept names none of"),
        (b'{"query":"{hello}"}', JSON | {"Idempotency-Key": "k" * 256}, 400, "255 characters"),
        (b'{"query":"{hello}"}', JSON | {"Idempotency-Key": ""}, 400, "Idempotency-Key is one"),
        (b"x" * 1_048_577, JSON, 413, "larger than 1048576 bytes"),
        (b'{"query":"{hello}"}', JSON | {"X-Long": "x" * 70_000}, 431, "At most 100 header lines"),
        (b"", {f"X-{i}": "1" for i in range(120)}, 431, "At most 100 header lines"),
    ],
)
async def test_a_malformed_request_is_refused_with_its_reason(
    client: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    """Each refusal has its status, AppSync's body, and what Amplify reads of it."""
    response = await client.post("/graphql", content=body, headers=headers)

    assert response.status_code == status
    error = only_error(response)
    assert message in error["message"]
    assert error["errorInfo"]["code"] == "MALFORMED_REQUEST"
    assert response.json()["message"] == error["message"]
    assert response.json()["__type"] == error["errorType"] == response.headers["x-amzn-errortype"]


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{hello}", "operationName": None, "variables": None, "extensions": None},
        {"query": "{hello}", "operationName": "", "variables": {}, "extensions": {"a": {"b": 1}}},
        {"query": "{hello}", "somethingElse": [1], "id": "x"},
        {"query": "query A {hello} query B {boom}", "operationName": "A"},
        {"query": "{hello}", "variables": {"query": "query", "unused": "variables"}},
        {"query": "{hello}", "variables": {"big": 10**30}},
    ],
)
async def test_what_clients_add_is_tolerated(
    client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    """Null members, Apollo's extensions and unknown members change nothing."""
    response = await client.post("/graphql", json=body)

    assert (response.status_code, response.json()) == (200, {"data": {"hello": "hello world"}})


async def test_get_is_for_queries(client: httpx.AsyncClient) -> None:
    """GET answers queries with variables, and refuses everything else."""
    query = "query Q($name: String!) { hello(name: $name) }"
    given = {"query": query, "variables": '{"name": "é"}', "operationName": "Q", "extensions": ""}

    answer = await client.get("/graphql", params=given)
    mutation = await client.get("/graphql", params={"query": "mutation { change }"})

    assert answer.json() == {"data": {"hello": "hello é"}}
    assert answer.headers["cache-control"] == "no-store"
    assert (mutation.status_code, mutation.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("query_string", "status"),
    [
        ("", 400),
        ("query=", 400),
        ("query={hello}&query={boom}", 400),
        ("query={hello}&variables=[]", 400),
        ("query={hello}&variables={", 400),
        ("query={hello}&variables=" + "[" * 100 + "]" * 100, 400),
        ("query=%ff", 400),
        ("query={hello}&" + "&".join(f"a{i}=1" for i in range(30)), 400),
        ("query={hello}&x=" + "y" * 20_000, 414),
        ("query={hello}&unknown=1", 200),
    ],
)
async def test_a_query_string_is_read_strictly(
    client: httpx.AsyncClient, query_string: str, status: int
) -> None:
    """Repeated, oversized and unreadable parameters are refused."""
    response = await client.get(f"/graphql?{query_string}")

    assert response.status_code == status


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "TRACE"])
async def test_other_methods_are_not_allowed(client: httpx.AsyncClient, method: str) -> None:
    """Any other method is 405 and is told which ones there are."""
    response = await client.request(method, "/graphql")

    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST, OPTIONS")
    assert (await client.options("/graphql")).status_code == 204


@pytest.mark.parametrize(
    ("token", "headers", "status", "code"),
    [
        (None, {}, 401, "UNAUTHENTICATED"),
        ("who.is.this", {}, 401, "UNAUTHENTICATED"),
        ("Basic dXNlcjpwYXNz", {}, 401, "UNAUTHENTICATED"),
        (STRANGER, {}, 401, "UNAUTHENTICATED"),
        (SUSPENDED, {}, 401, "AGENCY_SUSPENDED"),
        (BROKEN_STORE, {}, 503, "STORE_UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("accept", ["*/*", GRAPHQL])
async def test_a_refused_caller_learns_it_in_the_way_amplify_reads(
    client: httpx.AsyncClient,
    token: str | None,
    headers: dict[str, str],
    status: int,
    code: str,
    accept: str,
) -> None:
    """401 has the header and the body that AppSync's clients look for."""
    client.headers.pop("Authorization")
    sent = headers | {"Accept": accept} | ({"Authorization": token} if token else {})

    response = await client.post("/graphql", json={"query": "{ hello }"}, headers=sent)

    assert response.status_code == status
    error = only_error(response)
    assert error["errorInfo"]["code"] == code
    assert response.headers["x-amzn-errortype"] == error["errorType"]
    assert response.json()["message"] == error["message"]
    if status == 401:
        assert error["errorType"] == response.json()["__type"] == "UnauthorizedException"
        assert "data" not in response.json()
    else:
        assert response.headers["retry-after"] == "5"


async def test_a_credential_is_asked_for_before_the_document_is_read(
    client: httpx.AsyncClient,
) -> None:
    """Who is not signed in learns nothing of schema or limits, and costs no parsing."""
    client.headers.pop("Authorization")

    for query in ("{ nothing }", "{ hello", "{" + "a " * 3000 + "}", "mutation { change }"):
        response = await ask(client, query)
        assert response.status_code == 401
    assert (await client.get("/graphql", params={"query": "mutation{a}"})).status_code == 401


async def test_every_answer_has_a_request_id_of_its_own(client: httpx.AsyncClient) -> None:
    """Answers, refusals, health and unknown paths all carry x-amzn-RequestId."""
    answers = [
        await ask(client, "{ hello }"),
        await ask(client, "{ hello"),
        await client.post("/graphql"),
        await client.get("/health/live"),
        await client.get("/nowhere"),
        await client.options("/graphql", headers={"Origin": "https://a.example"}),
    ]

    ids = {str(uuid.UUID(answer.headers["x-amzn-requestid"])) for answer in answers}
    assert len(ids) == len(answers)


async def test_unknown_paths_are_answered_in_the_same_shape(client: httpx.AsyncClient) -> None:
    """404 and a wrong method elsewhere are JSON like every other refusal; no path has two names."""
    unknown, wrong = await client.get("/nowhere"), await client.post("/health/live")

    assert unknown.status_code == 404
    assert only_error(unknown)["errorType"] == "UnknownOperation"
    assert (wrong.status_code, only_error(wrong)["message"]) == (
        405,
        "This address does not take that method.",
    )
    assert (await client.post("/graphql/", json={})).status_code == 404


async def test_two_hosts_are_refused(client: httpx.AsyncClient) -> None:
    """A second Host header is read differently by others, so the request is refused."""
    headers = [("Host", "a.example"), ("Host", "b.example"), ("Content-Type", "application/json")]

    response = await client.post("/graphql", headers=headers, json={"query": "{hello}"})

    assert (response.status_code, only_error(response)["message"]) == (400, "One Host header.")


async def test_unknown_errors_are_masked(client: httpx.AsyncClient) -> None:
    """What nobody raised on purpose is told by request id alone."""
    response = await ask(client, "{ boom raisedByCore }")

    request_id = response.headers["x-amzn-requestid"]
    messages = {error["message"] for error in response.json()["errors"]}
    assert messages == {f"An internal error occurred. Request {request_id}."}
    assert "48-4418" not in response.text


async def test_field_errors_carry_what_a_client_can_act_on(client: httpx.AsyncClient) -> None:
    """Details stand at the top level and in extensions, the three members always there."""
    response = await ask(client, "{ conflict faults storeDown vendor node { forbidden } }")

    found = {tuple(error["path"]): error for error in response.json()["errors"]}
    assert found["conflict",]["errorInfo"] == {
        "code": "VERSION_CONFLICT",
        "fields": None,
        "retryAfter": None,
        "currentVersion": 9,
    }
    assert found["faults",]["errorInfo"]["fields"] == [
        {"path": "input.a", "code": "REQUIRED", "message": "Needed."}
    ]
    assert found["storeDown",]["extensions"]["retryAfter"] == 7
    assert found["vendor",]["errorInfo"]["vendor"] == "transunion"
    forbidden = found["node", "forbidden"]
    assert (forbidden["data"], forbidden["errorType"]) == (None, "Unauthorized")
    assert forbidden["locations"] == [{"line": 1, "column": 43, "sourceName": None}]
    for error in found.values():
        assert error["extensions"] == error["errorInfo"] | {"errorType": error["errorType"]}


async def test_faults_of_variables_are_reported_at_once_and_without_values(
    client: httpx.AsyncClient,
) -> None:
    """Every fault has its path and no value that was refused."""
    query = "query ($input: BudgetInput!, $other: Int!) { add(input: $input) }".replace(
        "$other: Int!", "$other: Int! = 1"
    ).replace("}", " b: add(input: {lines: [{amount: $other}]}) }")
    lines = [{"amount": "666-48-4418"}, {"note": 5}, {"amount": 1, "nope": 2}, 7, None]

    response = await ask(client, query, variables={"input": {"lines": lines}})

    error = only_error(response)
    assert (error["errorType"], error["errorInfo"]["code"]) == ("BadRequest", "INVALID_INPUT")
    assert [(f["path"], f["code"]) for f in error["errorInfo"]["fields"]] == [
        ("input.lines.0.amount", "INVALID"),
        ("input.lines.1.amount", "REQUIRED"),
        ("input.lines.1.note", "INVALID"),
        ("input.lines.2.nope", "UNKNOWN"),
        ("input.lines.3", "INVALID"),
        ("input.lines.4", "REQUIRED"),
    ]
    assert "48-4418" not in response.text


async def test_suggestions_are_for_development(
    client: httpx.AsyncClient, dev_client: httpx.AsyncClient
) -> None:
    """`Did you mean` would spell out the schema: it is stripped outside development."""
    outside, inside = await ask(client, "{ helo }"), await ask(dev_client, "{ helo }")

    assert "Did you mean" not in outside.text
    assert "Did you mean 'hello'?" in inside.text


async def test_timing_by_stage_is_for_development(
    client: httpx.AsyncClient, dev_client: httpx.AsyncClient
) -> None:
    """Each stage is timed under its own name, in the order of the list."""
    answer = await ask(dev_client, "{ hello }")

    names = [part.split(";")[0].strip() for part in answer.headers["server-timing"].split(",")]
    assert names == [
        "limits", "identity", "agency", "store", "context", "document", "budget", "execute",
        "audit", "response",
    ]  # fmt: skip
    assert "server-timing" not in (await ask(client, "{ hello }")).headers


async def test_an_operator_comes_without_an_agency(client: httpx.AsyncClient) -> None:
    """Naming an agency by x-agency opens none to an operator without a grant."""
    headers = {"Authorization": OPERATOR, "x-agency": "harbor"}

    response = await client.post("/graphql", json={"query": "{ agency }"}, headers=headers)

    assert response.json() == {"data": {"agency": None}}


@pytest.mark.parametrize(("hint", "status"), [("harbor", 200), ("summit", 401), ("Harbor", 401)])
async def test_a_hint_must_agree_with_the_credential(
    client: httpx.AsyncClient, hint: str, status: int
) -> None:
    """x-agency from anybody but an operator names their own agency or refuses the request."""
    response = await client.post(
        "/graphql", json={"query": "{ agency }"}, headers={"x-agency": hint}
    )

    assert response.status_code == status


async def test_a_process_for_one_agency_answers_no_other(world: World) -> None:
    """Started with --agency, the gateway refuses credentials of every other agency."""
    async with client_of(small_app(world, small_config(agency="summit"))) as client:
        assert (await ask(client, "{ hello }")).status_code == 401
    async with client_of(small_app(world, small_config(agency="harbor"))) as client:
        assert (await ask(client, "{ hello }")).status_code == 200


async def test_introspection_can_be_switched_off(world: World) -> None:
    """With introspection off the schema is not told, and __typename still is."""
    async with client_of(small_app(world, small_config(introspection=False))) as client:
        asked = await ask(client, "{ __schema { types { name } } }")
        assert asked.json()["data"] is None
        assert (await ask(client, "{ __typename }")).json() == {"data": {"__typename": "Query"}}


async def test_circular_introspection_is_refused(client: httpx.AsyncClient) -> None:
    """Fields of types of fields, without end, are not valid."""
    nested = "fields { type { fields { type { fields { type { fields { name } } } } } } }"

    response = await ask(client, "{ __schema { types { " + nested + " } } }")

    assert response.json()["data"] is None


async def test_a_lease_ends_with_its_request(client: httpx.AsyncClient, world: World) -> None:
    """The store is given back whatever came of the request."""
    for query in ("{ hello }", "{ boom }", "{ hello", "mutation { change }"):
        await ask(client, query)

    assert world.leased == 0


async def test_answers_with_lone_surrogates_are_masked(client: httpx.AsyncClient) -> None:
    """A literal that no UTF-8 can hold is an error of the document or masked, never a crash."""
    body = json.dumps({"query": '{ hello(name: "\\ud83d") }'}).encode()

    response = await client.post("/graphql", content=body, headers=JSON)

    assert response.status_code in (200, 400)
    assert response.json()["errors"]


async def test_an_error_that_is_for_the_operator_is_not_told_to_callers(world: World) -> None:
    """A stage that raises what is meant for the terminal is masked like any unknown error."""

    class Misplaced(FakeAuthenticator):
        async def authenticate(self, credential: Credential, occasion: Occasion) -> Principal:
            raise CannotStart("the key file is /secret/place")

    async with client_of(small_app(world, authenticator=Misplaced())) as client:
        response = await ask(client, "{ hello }")

    assert response.status_code == 500
    assert only_error(response)["errorType"] == "InternalFailure"
    assert "secret" not in response.text


async def test_more_paths_may_be_served_beside(world: World) -> None:
    """What `almoner dev` adds passes the same outermost layer."""

    async def page(_request: Request) -> Response:
        return PlainTextResponse("explorer")

    async with client_of(small_app(world, routes=[Route("/", page)])) as client:
        response = await client.get("/")

    assert (response.text, "x-amzn-requestid" in response.headers) == ("explorer", True)


async def test_what_fails_outside_the_stages_is_masked_too(world: World) -> None:
    """An error in any other path is a masked 500 with its request id."""

    async def broken(_request: Request) -> Response:
        raise LookupError("secret")

    async with client_of(small_app(world, routes=[Route("/broken", broken)])) as client:
        response = await client.get("/broken")

    assert response.status_code == 500
    assert only_error(response)["message"] == (
        f"An internal error occurred. Request {response.headers['x-amzn-requestid']}."
    )
    assert "secret" not in response.text
