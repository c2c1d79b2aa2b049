"""What clients leave behind that come and go: nothing, however they went."""

import asyncio
import gc
from typing import Any

from gateway.realtime.live import Subscription
from gateway.realtime.socket import Socket
from gateway.realtime.sse import EventStream
from tests.gateway.budgets.waiting import until
from tests.gateway.realtime.house import EVERYTHING, UPDATED, House
from tests.gateway.realtime.raw import let_in, said
from tests.gateway.realtime.wires import appsync_connection, sse, start_frame

ROUNDS, AT_ONCE = 20, 20


async def test_nothing_is_left_of_those_who_have_gone(house: House) -> None:
    """No object, task, timer or count of connections that were cut, closed or stopped."""
    key = house.keys["harbor"]
    application = await house.start(key)
    hub: Any = house.app.live._hub  # type: ignore[union-attr]

    async def come_and_go(number: int) -> None:
        if number % 4 == 0:
            async with sse(house, key, EVERYTHING):
                return
        async with let_in(house, key) as raw:
            start = start_frame(key, UPDATED, {"id": application})
            raw.writer.write(said(start) + said(start | {"id": "2"}))
            if number % 4 == 1:
                return  # in the middle of a start
            await raw.until(b"start_ack")
            if number % 4 == 2:
                raw.writer.write(said({"type": "stop", "id": "1"}))
                await raw.until(b"complete")

    async def a_round() -> None:
        await asyncio.gather(*map(come_and_go, range(AT_ONCE)))
        await house.change(key, application, "Some are told of it, some have gone.")

    await a_round()  # what stays for good is there then: pools, caches, the agency's channel
    for _ in range(ROUNDS - 1):
        await a_round()
    await until(lambda: not hub._counts and not hub._channels)
    assert hub.metrics.subscriptions.now == 0
    assert not hub._streams
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
    assert [name for name in names if "realtime" in name or "Subscription" in name] == []
    await until(lambda: not live_objects(Subscription, Socket, EventStream))


def live_objects(*kinds: type) -> list[Any]:
    """Return the objects of these kinds that something still holds."""
    gc.collect()
    return [one for one in gc.get_objects() if issubclass(type(one), kinds)]  # proxies may be dead


async def test_a_channel_that_ended_is_replaced_and_closed(house: House) -> None:
    """Where events cannot be read any more its subscribers are told, and can subscribe again."""
    key = house.keys["harbor"]
    hub: Any = house.app.live._hub  # type: ignore[union-attr]
    async with appsync_connection(house, key) as live:
        await live.say(**start_frame(key, EVERYTHING))
        assert (await live.hear())["type"] == "start_ack"
        (broken,) = hub._channels.values()
        broken._deliveries._ring = None
        await house.start(key)
        told = await live.hear()
        await live.say(**start_frame(key, EVERYTHING))
        assert (await live.hear())["type"] == "start_ack"
        application = await house.start(key)
        again = await live.hear()
        judging = [one for one in asyncio.all_tasks() if one.get_name() == "subscriptions judged"]
    assert told["payload"]["errors"][0]["errorInfo"]["code"] == "STORE_UNAVAILABLE"
    assert again["payload"]["data"]["onApplicationUpdated"]["id"] == application
    assert len(judging) == 1
