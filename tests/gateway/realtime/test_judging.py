"""When it is judged who may go on: also in between, also without the store, and in fair turns."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domain.clock import utc_now
from gateway.realtime.channel import OFFERED_AT_ONCE
from gateway.realtime.measuring import Outcome
from tests.gateway.budgets.waiting import until
from tests.gateway.realtime.house import EVERYTHING, UPDATED, House
from tests.gateway.realtime.wires import Refused, appsync, appsync_connection, start_frame

REPLAYED = 60
SUBSCRIBERS = 180


async def test_a_key_revoked_while_it_subscribes_ends_all_the_same(house: House) -> None:
    """Also between its being judged and its being registered, when nobody looks at it."""
    key, other = house.keys["harbor"], house.token("sub-ada", "consumers")
    hub: Any = house.app.live._hub  # type: ignore[union-attr]
    async with appsync(house, other, EVERYTHING), appsync_connection(house, key) as live:
        (channel,) = hub._channels.values()
        async with hub._opening:
            await live.say(**start_frame(key, EVERYTHING))
            await until(lambda: bool(hub._opening._waiters))
            await house.revoke(key)
            await channel.look(utc_now())  # what has changed by now is no news any more
        frames = [await live.hear(), await live.hear()]
    assert [frame["type"] for frame in frames] == ["start_ack", "error"]
    assert frames[1]["payload"]["errors"][0]["errorInfo"]["code"] == "UNAUTHENTICATED"


async def test_a_token_expires_though_the_store_cannot_be_had(house: House) -> None:
    """Whose credential has ended is told so; whose holds goes on once the store is back."""
    ends = int(time.time()) + 3
    token, key = house.token("sub-ada", "consumers", exp=ends), house.keys["harbor"]
    application = await house.start(token)
    stores: Any = house.app.state.parts.stores
    async with appsync(house, token, EVERYTHING) as told, appsync(house, key, EVERYTHING) as others:
        stores._closed = True
        with pytest.raises(Refused) as ended:
            await told.next()
        stores._closed = False
        await house.change(key, application, "It is back.")
        result = await others.next()
    assert ended.value.code == "UNAUTHENTICATED"
    assert result["data"]["onApplicationUpdated"]["hardshipReason"] == "It is back."


@asynccontextmanager
async def watched(house: House) -> AsyncIterator[list[int]]:
    """Give how many events were told in each turn of the event loop inside."""
    count = house.app.live._hub.metrics.events[Outcome.TOLD]  # type: ignore[union-attr]
    turns: list[int] = []

    async def watch() -> None:
        before = count.count
        while True:
            await asyncio.sleep(0)
            turns.append(max(0, count.count - before))  # counts are handed on, and begin anew
            before = count.count

    watching = asyncio.create_task(watch())
    try:
        yield turns
    finally:
        watching.cancel()


async def test_a_long_replay_lets_others_have_their_turn(house: House) -> None:
    """One event a turn, however many there are and however fast the store."""
    key = house.keys["harbor"]
    application = await house.start(key)
    for number in range(REPLAYED):
        await house.change(key, application, f"{number}")
    old = "0123456789abcdef.1700000000000.7"
    async with (
        watched(house) as turns,
        appsync(house, key, UPDATED, {"id": application}, cursor=old) as told,
    ):
        await told.next()  # that something is missed
        for _ in range(REPLAYED):
            await told.next()
    assert max(turns) == 1


async def test_one_event_for_many_lets_others_have_their_turn(house: House) -> None:
    """So many subscribers a turn, of whatever agency, and then whoever else waits."""
    key = house.keys["harbor"]
    async with appsync_connection(house, key) as one, appsync_connection(house, key) as two:
        for number in range(SUBSCRIBERS // 2):
            for live in (one, two):
                await live.say(**start_frame(key, EVERYTHING, id=str(number)))
                await live.hear()
        async with watched(house) as turns:
            await house.start(key)
            for _ in range(SUBSCRIBERS // 2):
                await one.hear()
                await two.hear()
    assert 0 < max(turns) <= 2 * OFFERED_AT_ONCE
