"""The kit against real gateways over HTTP: it finds nothing there, and finds each deviation."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import strawberry
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from strawberry.schema.config import StrawberryConfig

from conformance.asking import Unreachable, ask
from conformance.facts import SUBJECTS, load_facts
from conformance.servers import Server, realtime_url_of
from conformance.verdicts import Outcome, Verdict
from domain.errors import Forbidden, UpstreamTimeout
from gateway.front import Gateway
from gateway.listening import bind
from schema.scalars import (
    AWSJSON,
    AWSURL,
    SCALARS,
    AWSDate,
    AWSDateTime,
    AWSEmail,
    AWSIPAddress,
    AWSPhone,
    AWSTime,
    AWSTimestamp,
)
from tests.gateway.realtime.house import START, open_house
from tests.gateway.small_gateway import COUNSELOR, World, small_app, small_config

OVER_HTTP = load_facts([subject for subject in SUBJECTS if subject not in ("realtime", "frames")])
ORIGIN = "https://app.example"
# A key is a machine's, and the small gateway's are not spelled as keys are; the rest no client can.
AUDIT = "{ auditEvents { edges { node { id } } } }"
WITHDRAW = 'mutation { withdrawApplication(id: "app_none") { id } }'
NOWHERE_TAKEN = {f"AWS{name}" for name in "Time DateTime Timestamp JSON URL IPAddress".split()}
# docs/conformance.md says why.
KNOWN_TO_DIFFER = {"realtime/start_before_init"}
NOT_ASKED_OF_TOKENS = {
    "answers/internal_failure",
    "answers/no_schema",
    "answers/throttled",
    "authorization/key",
    "authorization/key_and_token",
}


@strawberry.type
class Query:
    """A field that takes every scalar, one that is refused and one that fails."""

    @strawberry.field
    def taken(
        self,
        a: AWSDate | None = None,
        b: AWSTime | None = None,
        c: AWSDateTime | None = None,
        d: AWSTimestamp | None = None,
        e: AWSEmail | None = None,
        f: AWSJSON | None = None,
        g: AWSPhone | None = None,
        h: AWSURL | None = None,
        i: AWSIPAddress | None = None,
    ) -> int:
        """Return a number."""
        return 1

    @strawberry.field
    def refused(self) -> str | None:
        """Refuse everybody."""
        raise Forbidden

    @strawberry.field
    def failing(self) -> str | None:
        """Fail."""
        raise UpstreamTimeout(vendor="vendor", retryable=True)


@strawberry.type
class Subscription:
    """A field that needs no argument."""

    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        """Tick once."""
        yield 1


def app() -> Gateway:
    config = small_config(linger_ms=0, cors_origins=[ORIGIN])
    schema = strawberry.Schema(
        query=Query, subscription=Subscription, config=StrawberryConfig(scalar_map=SCALARS)
    )
    return small_app(World(), config, schema=schema)


@contextlib.asynccontextmanager
async def listening(asgi: ASGIApp, gateway: Gateway) -> AsyncIterator[Server]:
    """Give the server that an application is, as the kit sees it: on a port of this machine."""
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(asgi, lifespan="off", ws="none", log_config=None))
    async with gateway.router.lifespan_context(gateway):
        serving = asyncio.create_task(server.serve([listener]))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
        try:
            yield Server(
                url=url,
                realtime_url=realtime_url_of(url),
                token=COUNSELOR,
                documents={"refused": "{ refused }", "failing": "{ failing }"},
                origin=ORIGIN,
            )
        finally:
            server.should_exit = True
            await serving


def of(verdicts: list[Verdict], outcome: Outcome) -> dict[str, list[str]]:
    return {one.fact.id: list(one.why) for one in verdicts if one.outcome is outcome}


async def test_the_gateway_deviates_from_no_fact() -> None:
    """All that can be asked with a token is asked, every scalar among it, and nothing differs."""
    gateway = app()
    async with listening(gateway, gateway) as server:
        verdicts = await ask(server, OVER_HTTP)
    assert of(verdicts, Outcome.DIFFERS) == {}
    assert set(of(verdicts, Outcome.NOT_ASKED)) == NOT_ASKED_OF_TOKENS
    assert [one.fact for one in verdicts] == OVER_HTTP


@pytest.mark.parametrize("way", ["asgi", "direct"])
async def test_the_whole_gateway_deviates_where_it_is_known_to(tmp_path: Path, way: str) -> None:
    """With a key, a token and a mutation every fact is asked, of HTTP and of the socket alike."""
    facts = load_facts()
    asked = 0

    def count() -> None:
        nonlocal asked
        asked += 1

    async with open_house(tmp_path, http_protocol=way, cors_origins=[ORIGIN]) as house:
        url = f"{house.url}/graphql"
        server = Server(
            url=url,
            realtime_url=realtime_url_of(url),
            api_key=house.keys["harbor"],
            token=house.token("consumer-1", "consumers"),
            documents={"refused": AUDIT, "failing": WITHDRAW, "trigger": START},
            origin=ORIGIN,
        )
        verdicts = await ask(server, facts, asked=count)

    assert set(of(verdicts, Outcome.DIFFERS)) == KNOWN_TO_DIFFER
    assert set(of(verdicts, Outcome.NOT_ASKED)) == {
        fact.id for fact in facts if fact.unaskable or fact.scalar in NOWHERE_TAKEN
    }
    assert "realtime/data" in of(verdicts, Outcome.OK)
    assert asked == len(facts)


Change = Callable[[int, list[tuple[bytes, bytes]], bytes], tuple[int, list[Any], bytes]]


def changed(inner: ASGIApp, change: Change) -> ASGIApp:
    """Return an application that answers otherwise than the one within."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        began: Message = {}

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                began.update(message)
                return
            status, headers, body = change(
                began["status"], began["headers"], message.get("body", b"")
            )
            headers = [line for line in headers if line[0] != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))
            await send({**began, "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body, "more_body": False})

        await inner(scope, receive, send_on)

    return outer


def no_error_type(status: int, headers: list[Any], body: bytes) -> tuple[int, list[Any], bytes]:
    return status, [line for line in headers if line[0] != b"x-amzn-errortype"], body


def no_source_name(status: int, headers: list[Any], body: bytes) -> tuple[int, list[Any], bytes]:
    return status, headers, body.replace(b',"sourceName":null', b"")


def never_200_with_errors(
    status: int, headers: list[Any], body: bytes
) -> tuple[int, list[Any], bytes]:
    return 400 if body.startswith(b'{"data":null,"errors"') else status, headers, body


def other_words(status: int, headers: list[Any], body: bytes) -> tuple[int, list[Any], bytes]:
    return status, headers, body.replace(b"Unable to parse GraphQL query.", b"Bad Request")


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        (
            no_error_type,
            {
                "headers/error_type",
                "authorization/none",
                "authorization/wrong_key",
                "authorization/wrong_token",
                "clients/amplify_refusal",
            },
        ),
        (
            no_source_name,
            {"answers/unknown_field", "answers/refused_field", "answers/failed_field"},
        ),
        (
            never_200_with_errors,
            {
                "answers/unknown_field",
                "answers/syntax_error",
                "answers/missing_variable",
                "answers/subscription",
                "clients/amplify_validation_error",
            },
        ),
        (other_words, {"answers/no_json", "answers/empty_object", "answers/empty_list"}),
    ],
)
async def test_a_server_that_deviates_is_told_of(change: Change, facts: set[str]) -> None:
    """Each deviation of a server is seen in the facts that it is against, and in no other."""
    gateway = app()
    asked = [fact for fact in OVER_HTTP if fact.scalar is None]  # the scalars take the longest
    async with listening(changed(gateway, change), gateway) as server:
        verdicts = await ask(server, asked)
    differing = of(verdicts, Outcome.DIFFERS)
    assert set(differing) == facts
    assert all(differing.values())


async def test_a_server_that_is_no_graphql_deviates_from_nearly_all() -> None:
    """A server that knows nothing of GraphQL is asked all the same."""

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>hello</html>"})

    async with listening(nothing, app()) as server:
        verdicts = await ask(server, OVER_HTTP)
    assert of(verdicts, Outcome.OK) == {}
    assert of(verdicts, Outcome.NOT_ASKED)["scalars/date"] == ["the schema cannot be introspected"]


async def test_nobody_at_the_address_is_told_at_once() -> None:
    """Where nothing listens, no fact is asked."""
    server = Server(url="http://127.0.0.1:1/graphql", realtime_url="", token=COUNSELOR)
    with pytest.raises(Unreachable, match="ConnectError: All connection attempts failed"):
        await ask(server, OVER_HTTP)
