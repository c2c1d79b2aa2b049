"""A credential that does not hold fails the same way over HTTP and in each realtime form."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from domain.access import Scope
from gateway.provisioning import cli_audit
from gateway.workspace import open_workspace
from tenants.directory.port import Revocation
from tests.gateway.realtime.house import EVERYTHING, House, headers_of, open_house
from tests.gateway.realtime.wires import (
    WIRES,
    Refused,
    Subscribe,
    appsync_connection,
    start_frame,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Give one gateway to all the tests here: each makes credentials of its own."""
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


async def _expired(house: House) -> str:
    now = int(time.time())
    return house.token("sub-ada", "consumers", exp=now - 60, iat=now - 3600, auth_time=now - 3600)


async def _forged(house: House) -> str:
    head, payload, signature = house.token("sub-ada", "consumers").split(".")
    return (
        f"{head}.{payload}.{signature[:20]}{'A' if signature[20] != 'A' else 'B'}{signature[21:]}"
    )


async def _of_a_foreign_pool(house: House) -> str:
    stranger = replace(house.signers["harbor"], issuer="https://pools.test/us-east-1_Nobody01")
    now = int(time.time())
    return stranger.token(auth_time=now, iat=now, exp=now + 3600)


async def _signed_by_another_pool(house: House) -> str:
    other = replace(house.signers["summit"], issuer=house.signers["harbor"].issuer)
    now = int(time.time())
    return other.token(auth_time=now, iat=now, exp=now + 3600)


async def _revoked(house: House) -> str:
    token = house.token("sub-revoked", "consumers")
    async with open_workspace(house.home) as workspace:
        audit, now = cli_audit("token-revoke", subject=None, reason="test"), datetime.now(UTC)
        revocation = Revocation(
            kind="sub", value="sub-revoked", at=now, expires_at=now + timedelta(days=2)
        )
        await workspace.directory.revoke(house.agencies["harbor"].id, revocation, audit)
    return token


async def _revoked_key(house: House) -> str:
    secret = await house.add_key("harbor", *Scope)
    await house.revoke(secret)
    return secret


async def _unknown_key(_house: House) -> str:
    return "da2-" + "a" * 26


BAD: dict[str, Callable[[House], Awaitable[str]]] = {
    "expired": _expired,
    "forged": _forged,
    "of a foreign pool": _of_a_foreign_pool,
    "signed by another pool": _signed_by_another_pool,
    "revoked": _revoked,
    "a revoked key": _revoked_key,
    "an unknown key": _unknown_key,
}


@pytest.mark.parametrize("name", BAD)
async def test_it_is_refused_over_http(house: House, name: str) -> None:
    """As AppSync does: 401, with the name in the header."""
    credential = await BAD[name](house)
    answer = await house.client.post(
        f"{house.url}/graphql", json={"query": "{ me { kind } }"}, headers=headers_of(credential)
    )
    assert answer.status_code == 401
    assert answer.headers["x-amzn-errortype"] == "UnauthorizedException"
    assert answer.json()["errors"][0]["errorInfo"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", BAD)
async def test_it_is_refused_in_each_realtime_form(house: House, name: str, wire: str) -> None:
    """The same code, whatever is wrong with it and whatever is spoken."""
    subscribe: Subscribe = WIRES[wire]
    with pytest.raises(Refused) as refused:
        async with subscribe(house, await BAD[name](house), EVERYTHING):
            pass
    (error,) = refused.value.errors
    assert error["errorInfo"]["code"] == "UNAUTHENTICATED"
    if wire == "graphql-ws":
        assert (error["close"], error["message"]) == (4401, "Unauthorized")
    else:
        assert error["errorType"] == "UnauthorizedException"


@pytest.mark.parametrize("name", BAD)
async def test_it_is_refused_at_a_start_too(house: House, name: str) -> None:
    """Beneath a connection that was let in, a bad credential ends nothing but its own start."""
    key = house.keys["harbor"]
    async with appsync_connection(house, key) as live:
        await live.say(**start_frame(await BAD[name](house), EVERYTHING))
        frame = await live.hear()
        await live.say(**start_frame(key, EVERYTHING, id="2"))
        good = await live.hear()
    (error,) = frame["payload"]["errors"]
    assert (frame["type"], frame["id"]) == ("error", "1")
    assert (error["errorType"], error["errorCode"]) == ("UnauthorizedException", 401)
    assert good == {"type": "start_ack", "id": "2"}
