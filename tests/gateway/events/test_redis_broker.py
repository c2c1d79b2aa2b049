"""A Redis that is killed, restarted, frozen or made anew in the midst of deliveries."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domain.agencies import Agency
from domain.events import Event
from gateway.events.port import Delivered, Missed, MissedCause
from gateway.events.redis_broker import RedisBroker, open_redis_broker
from gateway.events.redis_streams import PREFIX
from gateway.redis_client import redis_client
from gateway.settings import CannotStart
from tenants.outbox.relay import SinkAway
from tests.gateway.budgets.waiting import until
from tests.gateway.events.event_samples import (
    Counted,
    nothing_comes,
    publish,
    some_agency,
    some_event,
    some_events,
    take,
    take_events,
)
from tests.redis_server import RedisServer, running_redis


@asynccontextmanager
async def opened(
    server: RedisServer, *, counted: Counted | None = None, seconds: int = 300
) -> AsyncIterator[RedisBroker]:
    async with open_redis_broker(
        lambda: server.url, seconds=seconds, bytes_max=1_000_000, observer=counted
    ) as broker:
        yield broker


async def publish_at_last(broker: RedisBroker, agency: Agency, *events: Event) -> None:
    """Hand events on as a relay does, until they are taken."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await publish(broker, agency, *events)
            except SinkAway:
                await asyncio.sleep(0.05)


async def test_processes_share_what_is_published(redis: RedisServer) -> None:
    """What one process relays reaches the subscribers of another, which resume in either."""
    agency, events = some_agency(), some_events(6)
    async with opened(redis) as one, opened(redis) as other:
        async with other.listen(agency) as deliveries:
            await publish(one, agency, *events[:4])
            await publish(other, agency, *events[2:5])
            taken = await take(deliveries, 5)
        assert [delivery.event for delivery in taken if isinstance(delivery, Delivered)] == events[
            :5
        ]
        cursor = taken[1]
        assert isinstance(cursor, Delivered)
        async with one.listen(agency, after=cursor.cursor) as deliveries:
            await publish(other, agency, events[5])
            assert await take_events(deliveries, 4) == events[2:]


async def test_two_relays_at_the_same_time_bring_each_event_once(redis: RedisServer) -> None:
    """However two processes bring the same events, they stand in the stream once, in order."""
    agency, events = some_agency(), some_events(100)
    async with opened(redis) as one, opened(redis) as other, one.listen(agency) as deliveries:

        async def bring(broker: RedisBroker, step: int) -> None:
            for start in range(0, 100, step):
                await publish(broker, agency, *events[start : start + step])

        await asyncio.gather(bring(one, 3), bring(other, 7))
        assert await take_events(deliveries, 100) == events
        assert await nothing_comes(deliveries)


async def test_a_redis_that_is_killed_and_comes_back_keeps_its_subscribers() -> None:
    """Relays are told to wait, subscribers stay and are told, and all goes on by itself."""
    counted = Counted()
    agency, events = some_agency(), some_events(5)
    with running_redis() as server:
        async with opened(server, counted=counted) as broker, broker.listen(agency) as deliveries:
            await publish(broker, agency, *events[:2])
            assert await take_events(deliveries, 2) == events[:2]
            server.stop()
            with pytest.raises(SinkAway):
                await publish(broker, agency, *events[2:])
            await until(lambda: counted.failures > 0)
            async with broker.listen(agency) as late:
                server.start()
                await publish_at_last(broker, agency, *events[2:])

                assert await take(deliveries, 1) == [Missed(MissedCause.RESTARTED)]
                assert await take_events(deliveries, 3) == events[2:]
                assert await take(late, 1) == [Missed(MissedCause.RESTARTED)]
                assert await take_events(late, 3) == events[2:]
                await publish(broker, agency, event := some_event())
                assert await take_events(deliveries, 1) == [event]
                assert await take_events(late, 1) == [event]
    assert counted.causes == [MissedCause.RESTARTED] * 2


async def test_a_redis_that_hangs_loses_nothing() -> None:
    """Frozen for a while, it goes on where it was: nothing is missed, nothing comes twice."""
    counted = Counted()
    agency, events = some_agency(), some_events(6)
    with running_redis() as server:
        async with opened(server, counted=counted) as broker, broker.listen(agency) as deliveries:
            await publish(broker, agency, *events[:2])
            assert await take_events(deliveries, 2) == events[:2]
            server.freeze()
            with pytest.raises(SinkAway):
                await publish(broker, agency, *events[2:4])
            await until(lambda: counted.failures > 0)
            server.thaw()
            await publish_at_last(broker, agency, *events[2:])
            assert await take_events(deliveries, 4) == events[2:]
            assert await nothing_comes(deliveries)
    assert counted.causes == []


async def test_what_was_trimmed_while_nobody_could_read_is_told(redis: RedisServer) -> None:
    """A process that was cut off for longer than events are kept tells how many it has missed."""
    agency, events = some_agency(), some_events(4)
    async with (
        opened(redis, seconds=1) as broker,
        opened(redis, seconds=1) as other,
        broker.listen(agency) as deliveries,
    ):
        await publish(other, agency, events[0])
        assert await take_events(deliveries, 1) == events[:1]
        feed = broker._feeds[agency.id]
        del broker._feeds[agency.id]
        await until(lambda: not broker._wanted.is_set())  # nothing is read now
        await publish(other, agency, *events[1:3])
        await asyncio.sleep(1.3)
        feed.placed_by = None
        broker._feeds[agency.id] = feed
        broker._wanted.set()
        assert await take(deliveries, 1) == [Missed(MissedCause.EXPIRED, 2)]
        await publish(other, agency, events[3])
        assert await take_events(deliveries, 1) == events[3:]


async def test_an_agency_nobody_listens_to_is_not_read(redis: RedisServer) -> None:
    """Without subscribers no stream is read; with some, those of their agencies alone."""
    agency, quiet = some_agency(), some_agency()
    client = redis_client(lambda: redis.url, setting="events.redis_url")

    async def reads() -> int:
        stats = await client.info("commandstats")
        return int(stats.get("cmdstat_xread", {"calls": 0})["calls"])

    try:
        async with opened(redis) as broker:
            async with broker.listen(agency):
                await publish(broker, quiet, *some_events(3))
                assert set(broker._feeds) == {agency.id}
            await until(lambda: not broker._wanted.is_set())
            before = await reads()
            await publish(broker, agency, *some_events(3))
            await asyncio.sleep(0.4)
            assert await reads() == before
    finally:
        await client.aclose()


async def test_what_lies_in_redis_ends_by_itself(redis: RedisServer) -> None:
    """Every key of an agency has an end, the events' within the span that they are kept."""
    agency = some_agency()
    client = redis_client(lambda: redis.url, setting="events.redis_url")
    try:
        async with opened(redis, seconds=60) as broker:
            await publish(broker, agency, *some_events(3))
            keys = [key async for key in client.scan_iter(f"{PREFIX}*{agency.id}*")]
            ends = {key.rpartition(":")[2]: await client.pttl(key) for key in keys}
    finally:
        await client.aclose()
    assert ends.keys() == {"stream", "about", "ids"}
    assert 0 < ends["stream"] <= 60_000
    assert 0 < ends["ids"] <= 120_000
    assert ends["about"] > 120_000


async def test_another_agency_s_event_under_this_one_s_key_is_not_delivered(
    redis: RedisServer,
) -> None:
    """Whoever mixes up the keys delivers nothing: each event names its agency again."""
    mine, theirs = some_agency(), some_agency()
    client = redis_client(lambda: redis.url, setting="events.redis_url")
    try:
        async with opened(redis) as broker, broker.listen(mine) as deliveries:
            await publish(broker, mine, first := some_event())
            await publish(broker, theirs, some_event())
            assert await take_events(deliveries, 1) == [first]
            run = broker._adding._run
            (entry,) = await client.xrange(f"{PREFIX}{{{theirs.id}}}:{run}:stream")
            number = f"{time.time_ns() // 1_000_000 + 1}-2"
            await client.xadd(f"{PREFIX}{{{mine.id}}}:{run}:stream", entry[1], id=number)

            assert await take(deliveries, 1) == [Missed(MissedCause.UNREADABLE, 1)]
    finally:
        await client.aclose()


@pytest.mark.parametrize("url", ["http://:secret@host", "redis://:secret@redis.example:6379/0"])
async def test_an_address_that_will_not_do_keeps_the_gateway_from_starting(url: str) -> None:
    """None at all, or in plain beyond this machine: told by its setting, without the password."""
    with pytest.raises(CannotStart, match="ALMONER_EVENTS_REDIS_URL") as refused:
        async with open_redis_broker(lambda: url, seconds=300, bytes_max=1_000_000):
            pass
    assert "secret" not in str(refused.value)
