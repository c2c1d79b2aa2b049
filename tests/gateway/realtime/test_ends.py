"""When a subscription ends by itself: credential, key, grant and agency, each within a second."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from websockets.exceptions import ConnectionClosed

from domain.access import AccessGrant, Scope
from domain.actors import Actor, PrincipalKind
from domain.ids import new_ulid
from tenants.change import Change
from tests.gateway.realtime.house import CLAIM, EVERYTHING, UPDATED, House
from tests.gateway.realtime.wires import WIRES, Refused, Subscribe

WITHIN_SECONDS = 1.0
SLACK_SECONDS = 4.0
"""What a busy machine may add before a test calls it late; the promise itself is in the bench."""


@pytest.fixture(params=list(WIRES))
def subscribe(request: pytest.FixtureRequest) -> Subscribe:
    """Give one protocol after the other."""
    return WIRES[request.param]


async def test_an_expired_token_ends_its_subscription(house: House, subscribe: Subscribe) -> None:
    """It ends when the token does, though nothing happens."""
    ends = int(time.time()) + 3
    token = house.token("sub-ada", "consumers", exp=ends)
    await house.start(token)
    async with subscribe(house, token, EVERYTHING) as told:
        with pytest.raises(Exception) as ended:  # noqa: PT011 -- a close or an error, by protocol
            await told.next()
        late = time.time() - ends
    assert_unauthenticated(ended.value)
    assert -0.1 <= late < WITHIN_SECONDS + SLACK_SECONDS


async def test_a_revoked_key_ends_its_subscription(house: House, subscribe: Subscribe) -> None:
    """Revoked by another process, and this one ends it."""
    async with subscribe(house, house.keys["harbor"], EVERYTHING) as told:
        await house.revoke(house.keys["harbor"])
        with pytest.raises(Exception) as ended:  # noqa: PT011 -- as above
            await told.next()
    assert_unauthenticated(ended.value)


async def test_a_suspended_agency_ends_its_subscriptions(
    house: House, subscribe: Subscribe
) -> None:
    """Whoever is of it is turned away."""
    token = house.token("sub-ada", "consumers")
    await house.start(token)
    async with subscribe(house, token, EVERYTHING) as told:
        await house.suspend("harbor")
        with pytest.raises(Exception) as ended:  # noqa: PT011 -- as above
            await told.next()
    assert_unauthenticated(ended.value)


async def test_a_claim_given_back_ends_what_is_narrowed_to_it(
    house: House, subscribe: Subscribe
) -> None:
    """A counselor is told that it is over, and nothing more of the application."""
    consumer, counselor = house.token("sub-ada", "consumers"), house.token("sub-nora", "counselors")
    application = await house.submitted(consumer)
    await house.ask(CLAIM, counselor, {"id": application})
    async with subscribe(house, counselor, UPDATED, {"id": application}) as told:
        await house.ask(RELEASE, counselor, {"id": application})
        with pytest.raises(Refused) as ended:
            await told.next()
    assert ended.value.code == "NOT_FOUND"


async def test_a_claim_that_runs_out_ends_it_too(house: House, subscribe: Subscribe) -> None:
    """A grant ends by time, and nothing has to happen for it."""
    consumer, counselor = house.token("sub-ada", "consumers"), house.token("sub-nora", "counselors")
    application = await house.submitted(consumer)
    now = datetime.now(UTC)
    grant = AccessGrant(
        id=f"grant_{application.split('_')[1]}_{new_ulid()}",
        grantee=Actor(id="sub-nora", kind=PrincipalKind.COUNSELOR, display_name="Nora"),
        scope=Scope.APPLICATIONS_WRITE,
        subject=application,
        reason="test",
        requested_at=now,
        minutes=1,
        renewable_until=now + timedelta(days=1),
        expires_at=now + timedelta(seconds=3),
    )
    async with house.app.state.parts.stores.lease(house.agencies["harbor"]) as store:
        await store.commit(Change(put=(grant,)))
    async with subscribe(house, counselor, UPDATED, {"id": application}) as told:
        with pytest.raises(Refused) as ended:
            await told.next()
        late = (datetime.now(UTC) - grant.expires_at).total_seconds()
    assert ended.value.code == "NOT_FOUND"
    assert -0.1 <= late < WITHIN_SECONDS + SLACK_SECONDS


async def test_elsewhere_others_go_on(house: House, subscribe: Subscribe) -> None:
    """One caller's end is nobody else's."""
    token = house.token("sub-ada", "consumers")
    application = await house.start(token)
    async with subscribe(house, token, EVERYTHING) as told:
        await house.revoke(house.keys["harbor"])
        await house.change(token, application, "Going on.")
        result = await told.next()
    assert result["data"]["onApplicationUpdated"]["hardshipReason"] == "Going on."


RELEASE = "mutation ($id: ID!) { releaseApplication(id: $id) }"


def assert_unauthenticated(error: BaseException) -> None:
    """Assert that the client was told of its credential, in its protocol's own way."""
    if isinstance(error, Refused):
        assert error.code in ("UNAUTHENTICATED", "AGENCY_SUSPENDED")
    else:
        assert isinstance(error, ConnectionClosed)
        assert error.rcvd is not None
        assert error.rcvd.code == 4403
