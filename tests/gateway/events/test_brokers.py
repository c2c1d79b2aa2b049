"""What every broker promises, in the process and in Redis."""

import asyncio
from dataclasses import replace

import pytest

from gateway.events.port import Broker, Cursor, Delivered, Missed, MissedCause, TooLargeEvent
from tests.gateway.events.conftest import OpenBroker
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


async def test_what_is_published_is_delivered_in_its_order(broker: Broker) -> None:
    """Whoever listens gets every event from then on, as it was, in the order handed on."""
    agency, events = some_agency(), some_events(250)
    await publish(broker, agency, some_event())
    async with broker.listen(agency) as deliveries:
        for start in range(0, 250, 100):
            await publish(broker, agency, *events[start : start + 100])

        assert await take_events(deliveries, 250) == events
        assert await nothing_comes(deliveries)


async def test_every_subscriber_gets_everything(broker: Broker) -> None:
    """Subscribers of one agency take nothing from each other."""
    agency, events = some_agency(), some_events(5)
    async with broker.listen(agency) as one, broker.listen(agency) as other:
        await publish(broker, agency, *events)

        assert await take_events(one, 5) == await take_events(other, 5) == events


async def test_an_agency_s_events_reach_its_own_subscribers_alone(broker: Broker) -> None:
    """A subscriber of one agency gets nothing of another's, nor does its cursor show it any."""
    mine, theirs = some_agency(), some_agency()
    async with broker.listen(mine) as own, broker.listen(theirs) as foreign:
        await publish(broker, theirs, *some_events(3))
        taken = await take(foreign, 3)
        assert await nothing_comes(own)
        (last,) = taken[-1:]
    assert isinstance(last, Delivered)
    event = some_event()
    await publish(broker, mine, event)
    async with broker.listen(mine, after=last.cursor) as own:
        assert await take(own, 1) == [Missed(MissedCause.RESTARTED)]
        assert await take_events(own, 1) == [event]


async def test_an_event_that_is_brought_again_is_delivered_once(broker: Broker) -> None:
    """Relays bring events again, several at a time, later too: subscribers see each one once."""
    agency, events = some_agency(), some_events(4)
    async with broker.listen(agency) as deliveries:
        await publish(broker, agency, *events[:2])
        await publish(broker, agency, *events[:3])
        await publish(broker, agency, events[0])
        await publish(broker, agency, *events)

        assert await take_events(deliveries, 4) == events
        assert await nothing_comes(deliveries)


async def test_what_was_brought_again_is_not_delivered_to_who_comes_back(broker: Broker) -> None:
    """Brought again behind a subscriber's cursor, an event is still not delivered twice."""
    agency, events = some_agency(), some_events(2)
    async with broker.listen(agency) as deliveries:
        await publish(broker, agency, *events)
        last = (await take(deliveries, 2))[-1]
    await publish(broker, agency, *events)
    assert isinstance(last, Delivered)
    async with broker.listen(agency, after=last.cursor) as deliveries:
        assert await nothing_comes(deliveries)


async def test_a_subscriber_resumes_after_its_cursor(broker: Broker) -> None:
    """Who comes back with the cursor of a delivery gets what came after it, and nothing before."""
    agency, events = some_agency(), some_events(6)
    async with broker.listen(agency) as deliveries:
        await publish(broker, agency, *events[:4])
        taken = await take(deliveries, 4)
    await publish(broker, agency, *events[4:])

    for number, one in enumerate(taken, start=1):
        assert isinstance(one, Delivered)
        async with broker.listen(agency, after=one.cursor) as again:
            assert await take_events(again, 6 - number) == events[number:]
            assert await nothing_comes(again, 0.05)


@pytest.mark.parametrize("cursor", ["", "x", "x.1.1", "a.b.c", "..", "é.1.1", f"l.{'9' * 30}.1"])
async def test_a_cursor_that_is_not_known_says_that_something_was_missed(
    broker: Broker, cursor: str
) -> None:
    """Whatever a client sends for a cursor, it learns that it must read anew, and is not left.

    It is delivered all that is kept, and what comes.
    """
    agency, before, after = some_agency(), some_event(), some_event()
    await publish(broker, agency, before)
    async with broker.listen(agency, after=Cursor(cursor)) as deliveries:
        assert await take(deliveries, 1) == [Missed(MissedCause.RESTARTED)]
        await publish(broker, agency, after)
        assert await take_events(deliveries, 2) == [before, after]


async def test_what_is_too_much_is_let_go_and_told(open_broker: OpenBroker) -> None:
    """A subscriber that is far behind learns how many it missed, and gets all that is kept."""
    counted = Counted()
    agency, events = some_agency(), some_events(400)
    async with open_broker(bytes_max=65_536, observer=counted) as broker:
        async with broker.listen(agency) as slow, broker.listen(agency) as quick:
            for event in events:
                await publish(broker, agency, event)
                assert await take_events(quick, 1) == [event]
            (missed,) = await take(slow, 1)
            assert isinstance(missed, Missed)
            assert missed.cause is MissedCause.EXPIRED
            assert missed.count is not None
            assert await take_events(slow, 400 - missed.count) == events[missed.count :]
            assert 0 < missed.count < 400
        assert counted.causes == [MissedCause.EXPIRED]


async def test_what_is_too_old_is_let_go_and_told(open_broker: OpenBroker) -> None:
    """After the span that events are kept, a cursor says how many were missed since."""
    agency, events = some_agency(), some_events(4)
    async with open_broker(seconds=1) as broker:
        async with broker.listen(agency) as deliveries:
            await publish(broker, agency, events[0])
            (first,) = await take(deliveries, 1)
        assert isinstance(first, Delivered)
        await publish(broker, agency, *events[1:3])
        await asyncio.sleep(1.3)
        await publish(broker, agency, events[3])
        async with broker.listen(agency, after=first.cursor) as deliveries:
            missed, last = await take(deliveries, 2)
    assert missed == Missed(MissedCause.EXPIRED, 2)
    assert isinstance(last, Delivered)
    assert last.event == events[3]


async def test_an_event_that_is_too_large_is_refused_with_its_batch(broker: Broker) -> None:
    """No event can push out all others; what comes with it is taken when it is brought alone."""
    agency, event = some_agency(), some_event()
    large = replace(some_event(), data={"applicationId": "x" * 20_000})
    async with broker.listen(agency) as deliveries:
        with pytest.raises(TooLargeEvent):
            await publish(broker, agency, event, large)
        assert await nothing_comes(deliveries, 0.2)
        await publish(broker, agency, event)
        assert await take_events(deliveries, 1) == [event]


async def test_many_subscribers_come_and_go(broker: Broker) -> None:
    """Subscribers that join and leave at any moment change nothing for those that stay."""
    agency, events = some_agency(), some_events(60)

    async def visit() -> None:
        for _ in range(10):
            async with broker.listen(agency) as deliveries:
                await nothing_comes(deliveries, 0.01)

    async with broker.listen(agency) as steady:
        visitors = [asyncio.create_task(visit()) for _ in range(5)]
        for event in events:
            await publish(broker, agency, event)
        assert await take_events(steady, 60) == events
        await asyncio.gather(*visitors)
