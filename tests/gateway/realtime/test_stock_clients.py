"""graphql-ws and graphql-sse, as they are, against a running gateway."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domain.access import Scope
from tests.gateway.realtime.house import EVERYTHING, PATIENCE, House, headers_of, open_house
from tests.node.packages import NODE_MODULES, node_or_skip

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = Path(__file__).parent.parent.parent / "node" / "live_clients.mjs"
SCOPES = (Scope.APPLICATIONS_READ, Scope.APPLICATIONS_WRITE)
NO_TOKEN = "not.a.token"


@dataclass(slots=True)
class StockClient:
    """A client in a process of its own; `heard` keeps what it said before it was asked for."""

    process: asyncio.subprocess.Process
    heard: list[dict[str, Any]]

    async def say(self, command: str, *arguments: object) -> None:
        """Give a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([command, *arguments]).encode() + b"\n")
        await self.process.stdin.drain()

    async def subscribe(self, credential: str, document: str = EVERYTHING) -> None:
        """Subscribe with a token or an API key."""
        await self.say("credential", headers_of(credential))
        await self.say("subscribe", document)

    async def until(self, kind: str, patience: float = PATIENCE) -> Any:
        """Return what came with the next line of a kind; raises TimeoutError."""
        assert self.process.stdout is not None
        async with asyncio.timeout(patience):
            while True:
                said = json.loads(await self.process.stdout.readline())
                self.heard.append(said)
                if kind in said:
                    return said[kind]


@asynccontextmanager
async def stock_client(house: House, protocol: str) -> AsyncIterator[StockClient]:
    """Start a client; skips where there is no Node, or its packages are not."""
    process = await asyncio.create_subprocess_exec(
        node_or_skip(),
        str(SCRIPT),
        protocol,
        f"{house.url}/graphql",
        env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield StockClient(process, [])
    finally:
        process.kill()
        await process.communicate()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Give one gateway to all the tests here: each has keys of its own where it ends one."""
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(params=["ws", "sse"])
def protocol(request: pytest.FixtureRequest) -> str:
    """Give one client after the other."""
    found: str = request.param
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def client(house: House, protocol: str) -> AsyncIterator[StockClient]:
    """Give a running client."""
    async with stock_client(house, protocol) as started:
        yield started


async def told(house: House, client: StockClient, application: str) -> dict[str, Any]:
    """Change an application until the client is told of it, and return the event.

    graphql-ws has no word for "subscribed", so a change may have come before.
    """
    key = house.keys["harbor"]
    async with asyncio.timeout(PATIENCE):
        for number in count():
            await house.change(key, application, f"Change {number}.")
            try:
                result = await client.until("next", patience=1)
            except TimeoutError:
                continue
            event: dict[str, Any] = result["data"]["onApplicationUpdated"]
            return event
    raise AssertionError


async def test_events_come_until_the_client_has_enough(house: House, client: StockClient) -> None:
    """It subscribes, is told, and completes; the gateway has done with it then."""
    application = await house.start(house.keys["harbor"])
    await client.subscribe(house.keys["harbor"])
    event = await told(house, client, application)
    assert event["id"] == application

    await client.say("stop")
    await client.until("complete")
    hub = house.app.live._hub  # type: ignore[union-attr]
    async with asyncio.timeout(PATIENCE):
        while hub.metrics.subscriptions.now:  # noqa: ASYNC110 -- told by nobody
            await asyncio.sleep(0.02)


async def test_a_line_that_is_cut_is_taken_up_again(house: House, client: StockClient) -> None:
    """The client comes back by itself, and is told of what happens from then on."""
    application = await house.start(house.keys["harbor"])
    await client.subscribe(house.keys["harbor"])
    await told(house, client, application)

    await client.say("cut")
    assert await client.until("connected") == 2
    assert (await told(house, client, application))["id"] == application
    assert not any("error" in said for said in client.heard)


async def test_a_token_that_is_none_is_refused(
    house: House, client: StockClient, protocol: str
) -> None:
    """By 4401, which graphql-ws never tries again, or by 401, which graphql-sse does five times."""
    await client.subscribe(NO_TOKEN)
    error = await client.until("error")

    attempts = [said["connecting"] for said in client.heard if "connecting" in said]
    assert (error["code"], len(attempts)) == {"ws": (4401, 1), "sse": (401, 6)}[protocol]


async def test_a_credential_that_ends_is_followed_by_the_next(house: House) -> None:
    """graphql-ws is closed by 4403, asks for its credential anew, and goes on."""
    old, new = [await house.add_key("harbor", *SCOPES) for _ in range(2)]
    application = await house.start(house.keys["harbor"])
    async with stock_client(house, "ws") as client:
        await client.subscribe(old)
        await told(house, client, application)

        await client.say("credential", headers_of(new))
        await house.revoke(old)
        assert await client.until("closed") == 4403
        assert await client.until("connected") == 2
        assert (await told(house, client, application))["id"] == application


async def test_a_stream_ends_with_its_credential(house: House) -> None:
    """graphql-sse is told why, and that it is over."""
    key = await house.add_key("harbor", *SCOPES)
    application = await house.start(house.keys["harbor"])
    async with stock_client(house, "sse") as client:
        await client.subscribe(key)
        await told(house, client, application)

        await house.revoke(key)
        last = await client.until("next")
        assert [error["errorType"] for error in last["errors"]] == ["UnauthorizedException"]
        assert await client.until("complete") == 1
