"""Nothing is lost once a subscription is acknowledged, nothing doubled; who was away catches up."""

import asyncio
import json
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from tests.gateway.realtime.house import EVERYTHING, UPDATED, House, Live, headers_of, open_house
from tests.gateway.realtime.wires import (
    WIRES,
    Refused,
    Subscribe,
    appsync,
    appsync_connection,
    sse,
    start_frame,
)

CHANGES = 40
SUBSCRIBERS = 12


@pytest.fixture(params=list(WIRES))
def subscribe(request: pytest.FixtureRequest) -> Subscribe:
    """Give one protocol after the other."""
    return WIRES[request.param]


async def test_no_event_after_the_acknowledgement_is_lost_or_doubled(
    house: House, subscribe: Subscribe
) -> None:
    """Subscribers that come and stay while changes are made hear each later change once, in order.

    A change that was begun after the acknowledgement must be told; one that ran beside it may be.
    """
    key = house.keys["harbor"]
    application = await house.start(key)
    done = [1]
    rounds = [asyncio.Event() for _ in range(SUBSCRIBERS)]

    async def change() -> None:
        for number in range(CHANGES):
            done.append(await house.change(key, application, f"reason {number}"))
            for turn in rounds[: number * SUBSCRIBERS // CHANGES + 1]:
                turn.set()

    async def listen(turn: asyncio.Event) -> None:
        await turn.wait()
        heard: list[dict[str, Any]] = []
        async with subscribe(house, key, UPDATED, {"id": application}) as told:
            certain = done[-1] + 2  # the next one may have been read already; those after it not
            while not heard or number_of(heard[-1]) < CHANGES + 1:
                heard.append(await told.next())
        numbers = [number_of(one) for one in heard]
        versions = [one["data"]["onApplicationUpdated"]["version"] for one in heard]
        assert numbers == list(range(numbers[0], CHANGES + 2)), "none is lost, none is doubled"
        assert numbers[0] <= certain
        assert versions == sorted(versions)
        # Each is told as the record is when it is read: as the event left it, or later.
        assert all(version >= number for version, number in zip(versions, numbers, strict=True))

    await asyncio.gather(change(), *map(listen, rounds))
    assert done[-1] == CHANGES + 1


def number_of(result: dict[str, Any]) -> int:
    """Return the number of an event in a new gateway, where one application is all there is.

    It is the application's version: each change is one event.
    """
    return int(result["extensions"]["cursor"].rpartition(".")[2])


async def test_as_many_events_are_told_as_happened(house: House, subscribe: Subscribe) -> None:
    """Each event is told once, though several are about one record that has moved on."""
    key = house.keys["harbor"]
    application = await house.start(key)
    async with subscribe(house, key, UPDATED, {"id": application}) as told:
        versions = await asyncio.gather(
            *(_changed(house, key, application, number) for number in range(CHANGES))
        )
        results = [await told.next() for _ in versions]
        last = await house.change(key, application, "The last one.")
        end = await told.next()
    cursors = [one["extensions"]["cursor"] for one in (*results, end)]
    assert len(set(cursors)) == len(cursors)
    assert end["data"]["onApplicationUpdated"]["version"] == last
    assert max(one["data"]["onApplicationUpdated"]["version"] for one in results) == max(versions)


async def _changed(house: House, key: str, application: str, number: int) -> int:
    while True:  # changes at the same time conflict, and are made again
        try:
            return await house.change(key, application, f"reason {number}")
        except AssertionError as error:
            if "VERSION_CONFLICT" not in str(error):
                raise


async def test_who_was_away_is_told_what_was_missed(house: House, subscribe: Subscribe) -> None:
    """With the cursor of the last event, just what came after it is told, and then what comes."""
    key = house.keys["harbor"]
    application = await house.start(key)
    async with subscribe(house, key, UPDATED, {"id": application}) as told:
        await house.change(key, application, "one")
        cursor = (await told.next())["extensions"]["cursor"]
    missed = [await house.change(key, application, f"away {number}") for number in range(3)]
    async with subscribe(house, key, UPDATED, {"id": application}, cursor=cursor) as told:
        results = [await told.next() for _ in missed]
        after = await house.change(key, application, "back")
        live = await told.next()
    cursors = {one["extensions"]["cursor"] for one in (*results, live)}
    assert len(cursors) == len(missed) + 1
    assert cursor not in cursors
    assert live["data"]["onApplicationUpdated"]["version"] == after


async def test_an_event_stream_goes_on_by_last_event_id(house: House) -> None:
    """As browsers' EventSource and graphql-sse come back."""
    key = house.keys["harbor"]
    application = await house.start(key)
    async with sse(house, key, UPDATED, {"id": application}) as told:
        await house.change(key, application, "one")
        cursor = (await told.next())["extensions"]["cursor"]
    version = await house.change(key, application, "away")
    async with sse(house, key, UPDATED, {"id": application}, last_event_id=cursor) as told:
        result = await told.next()
    assert result["data"]["onApplicationUpdated"]["version"] == version


async def test_who_was_away_for_too_long_is_told_so(house: House, subscribe: Subscribe) -> None:
    """A cursor of before a restart is answered by what is missing, then by what there is."""
    key = house.keys["harbor"]
    application = await house.start(key)
    old = "0123456789abcdef.1700000000000.7"
    async with subscribe(house, key, UPDATED, {"id": application}, cursor=old) as told:
        first = await told.next()
        while "missed" in first["extensions"]:
            assert first["data"] is None
            assert first["extensions"]["missed"]["cause"] in ("restarted", "expired")
            await house.change(key, application, "now")
            first = await told.next()
            if first["data"] is not None:
                break
    assert first["data"]["onApplicationUpdated"]["id"] == application


@pytest.mark.parametrize("cursor", ["nonsense", 7, "x" * 500])
async def test_a_cursor_that_is_none_is_refused(
    house: House, subscribe: Subscribe, cursor: Any
) -> None:
    """It is not passed over: its client would believe that nothing happened."""
    with pytest.raises(Refused) as refused:
        async with subscribe(house, house.keys["harbor"], EVERYTHING, cursor=cursor):
            pass
    assert refused.value.code == "INVALID_INPUT"


async def test_a_client_that_does_not_read_is_dropped(tmp_path: Any) -> None:
    """It costs bounded memory, is told why where it still listens, and harms nobody else."""
    async with open_house(tmp_path, realtime__waiting_bytes=65_536) as house:
        key = house.keys["harbor"]
        application = await house.start(key)
        large = "x" * 1_000
        await house.change(key, application, large)
        reader, writer = await asyncio.open_connection(
            *house.url.removeprefix("http://").split(":")
        )
        try:
            await _deaf(writer, reader, key, 60)
            async with appsync(house, key, UPDATED, {"id": application}) as told:
                for number in range(60):
                    await house.change(key, application, f"{number} {large}"[:1_000])
                    await told.next()
            hub = house.app.live._hub  # type: ignore[union-attr]
            for _ in range(500):
                if hub.metrics.subscriptions.now == 0:
                    break
                await asyncio.sleep(0.02)
            assert hub.metrics.subscriptions.now == 0
        finally:
            writer.transport.abort()


async def _deaf(writer: Any, reader: Any, key: str, count: int) -> None:
    """Subscribe `count` times over a raw connection, of which nothing is read any more."""
    head = (
        "GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: graphql-ws\r\nx-api-key: {key}\r\n\r\n"
    )
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    frames: list[dict[str, Any]] = [{"type": "connection_init"}]
    frames += [start_frame(None, EVERYTHING, id=str(number)) for number in range(count)]
    for frame in frames:
        sent = Frame(Opcode.TEXT, json.dumps(frame).encode())
        writer.write(sent.serialize(mask=True))
    for _ in range(count):
        await reader.readuntil(b"start_ack")
    writer.transport.pause_reading()


LIMITS = {
    "connection_subscriptions": 2,
    "caller_subscriptions": 2,
    "agency_subscriptions": 2,
}


@pytest.mark.parametrize("limit", LIMITS)
async def test_there_are_as_many_subscriptions_as_may_be(tmp_path: Any, limit: str) -> None:
    """One more is refused, with the name that clients know; and goes through once another ended."""
    async with open_house(tmp_path, **{f"realtime__{limit}": LIMITS[limit]}) as house:
        key = house.keys["harbor"]
        async with appsync_connection(house, key) as live:
            for number in range(2):
                await live.say(**start_frame(key, EVERYTHING, id=str(number)))
                assert (await live.hear())["type"] == "start_ack"
            await live.say(**start_frame(key, EVERYTHING, id="third"))
            refused = await live.hear()
            await live.say(type="stop", id="0")
            await live.hear()
            await live.say(**start_frame(key, EVERYTHING, id="third"))
            accepted = await live.hear()
    (error,) = refused["payload"]["errors"]
    assert error["errorType"] == "MaxSubscriptionsReachedError"
    assert error["message"].startswith("Max number of 2 subscriptions reached")
    assert accepted["type"] == "start_ack"


@pytest.mark.parametrize("limit", ["connections", "agency_connections", "caller_connections"])
async def test_there_are_as_many_connections_as_may_be(tmp_path: Any, limit: str) -> None:
    """One more is refused in each protocol, and goes through once another has ended."""
    async with open_house(tmp_path, **{f"realtime__{limit}": 1}) as house:
        key = house.keys["harbor"]
        async with appsync_connection(house, key):
            with pytest.raises(Refused) as refused:
                async with appsync_connection(house, key):
                    pass
            assert refused.value.code == "SUBSCRIPTION_LIMIT"
            with pytest.raises(Refused) as refused:
                async with sse(house, key, EVERYTHING):
                    pass
            assert refused.value.code == "SUBSCRIPTION_LIMIT"
            live = await Live.open(house, "graphql-transport-ws", path="/graphql")
            await live.say(type="connection_init", payload=headers_of(key))
            assert (await live.closed())[0] == 1013
        async with appsync_connection(house, key):
            pass


async def test_what_is_too_large_to_be_told_ends_the_subscription(tmp_path: Any) -> None:
    """The client learns that it selects too much, instead of waiting for what never comes."""
    async with open_house(tmp_path, realtime__payload_bytes=1024) as house:
        key = house.keys["harbor"]
        application = await house.start(key)
        async with appsync(house, key, UPDATED, {"id": application}) as told:
            await house.change(key, application, "x" * 1_000)
            with pytest.raises(Refused) as ended:
                await told.next()
    assert ended.value.code == "TOO_LARGE"
