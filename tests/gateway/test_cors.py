"""Which web pages may call, and what they may read of an answer."""

import httpx
import pytest

from gateway.cors import CorsPolicy
from tests.gateway.small_gateway import World, client_of, small_app, small_config

APP = "https://app.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-amz-user-agent",
}


async def answers(world: World, origin: str, command: str = "serve") -> list[httpx.Response]:
    config = small_config(command, cors_origins=(APP,))
    async with client_of(small_app(world, config)) as client:
        client.headers["Origin"] = origin
        return [
            await client.options("/graphql", headers=PREFLIGHT),
            await client.post("/graphql", json={"query": "{ hello }"}),
            await client.post("/graphql", json={}),
            await client.post("/graphql", json={"query": "{a}"}, headers={"Authorization": "x"}),
        ]


async def test_a_configured_origin_may_call_and_read_the_errors_name(world: World) -> None:
    """Answers and refusals alike expose the headers that Amplify reads; no cookie is asked for."""
    preflight, *others = await answers(world, APP)

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-methods"] == "GET, POST"
    assert (
        preflight.headers["access-control-allow-headers"]
        == PREFLIGHT["Access-Control-Request-Headers"]
    )
    assert [answer.status_code for answer in others] == [200, 400, 401]
    for answer in [preflight, *others]:
        assert answer.headers["access-control-allow-origin"] == APP
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"].startswith("Origin")
    for answer in others:
        exposed = answer.headers["access-control-expose-headers"].lower()
        assert {"x-amzn-requestid", "x-amzn-errortype"} <= set(exposed.split(", "))


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "https://app.example.evil.example", "http://app.example"],
)
async def test_other_origins_are_allowed_nothing(world: World, origin: str) -> None:
    """A foreign page gets no permission, on preflight or answer."""
    for answer in await answers(world, origin):
        assert "access-control-allow-origin" not in answer.headers


async def test_development_allows_pages_of_this_machine(world: World) -> None:
    """Under `dev`, and there alone, every loopback origin may call."""
    for answer in await answers(world, "http://localhost:3000", command="dev"):
        assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    for answer in await answers(world, "http://localhost:3000"):
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("https://harbor.localhost:8443", True),
        ("http://127.0.0.1:5173", True),
        ("http://[::1]:5173", True),
        ("http://localhost.evil.example", False),
        ("ftp://localhost", False),
        ("http://[", False),
        ("null", False),
    ],
)
def test_loopback_origins_are_told_by_their_spelling(origin: str, *, allowed: bool) -> None:
    """A name that merely begins like localhost is somebody else's."""
    assert CorsPolicy(loopback=True).allows(origin) is allowed
