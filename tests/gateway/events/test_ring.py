"""The ring that subscribers read: bounds, gaps, repetition, and what is read further behind it."""

import asyncio
from collections.abc import Sequence

from domain.events import Event
from gateway.events.port import (
    Cursor,
    Delivered,
    Missed,
    MissedCause,
    Place,
    Sent,
    read_cursor,
    spell_cursor,
)
from gateway.events.ring import ENTRY_BYTES, Ring, RingReader
from tests.gateway.events.event_samples import nothing_comes, some_events, take, take_events
from tests.tenants.outbox.outbox_world import Clock


def a_ring(clock: Clock | None = None, *, entries: int = 100, line: str = "one") -> Ring:
    return Ring(line, seconds=300, bytes_max=entries * ENTRY_BYTES, clock=clock or Clock())


def sent(number: int, event: Event | None) -> Sent:
    return Sent(Place(1_000 + number, number), event, 0, unreadable=event is None)


def fill(ring: Ring, events: Sequence[Event], first: int = 1) -> None:
    for number, event in enumerate(events, start=first):
        ring.add(sent(number, event))


async def test_an_id_that_comes_again_under_another_number_is_passed_over() -> None:
    """Whatever the broker lets through twice, a subscriber is delivered once."""
    ring, events = a_ring(), some_events(2)
    reader = RingReader(ring, None)
    fill(ring, [*events, events[0], events[1], events[0]])
    assert await take_events(reader, 2) == events
    assert await nothing_comes(reader, 0.01)


async def test_a_number_that_is_read_twice_is_taken_once() -> None:
    """Reading a stretch of the stream again changes nothing."""
    ring, events = a_ring(), some_events(3)
    reader = RingReader(ring, None)
    fill(ring, events)
    fill(ring, events[1:], first=2)
    assert await take_events(reader, 3) == events
    assert await nothing_comes(reader, 0.01)


async def test_a_gap_in_the_numbers_is_told() -> None:
    """What never came here is counted, and what came after it delivered."""
    ring, events = a_ring(), some_events(4)
    reader = RingReader(ring, None)
    fill(ring, events[:1])
    assert await take_events(reader, 1) == events[:1]
    fill(ring, events[3:], first=4)
    assert await take(reader, 1) == [Missed(MissedCause.EXPIRED, 2)]
    assert await take_events(reader, 1) == events[3:]


async def test_what_cannot_be_read_is_told_in_its_place() -> None:
    """Between what can, and without stopping it."""
    ring, events = a_ring(), some_events(2)
    reader = RingReader(ring, None)
    fill(ring, [events[0]])
    ring.add(sent(2, None))
    fill(ring, [events[1]], first=3)
    first, missed, last = await take(reader, 3)
    assert isinstance(first, Delivered)
    assert missed == Missed(MissedCause.UNREADABLE, 1)
    assert isinstance(last, Delivered)


async def test_the_bounds_hold_and_the_newest_stays() -> None:
    """By age and by size; a subscriber behind them reads on where the broker still has it."""
    clock = Clock()
    ring, events = a_ring(clock, entries=10), some_events(30)
    fill(ring, events[:20])
    assert (ring.floor, ring.next) == (11, 21)
    clock.now += 301
    fill(ring, events[20:21], first=21)
    assert (ring.floor, ring.next) == (21, 22)
    tiny = a_ring(entries=0)
    fill(tiny, events[:3])
    assert tiny.floor == 3

    async def older(place: Place) -> Sequence[Sent]:
        return [sent(number, events[number - 1]) for number in range(max(6, place.number + 1), 16)]

    reader = RingReader(ring, spell_cursor("one", Place(0, 2)), older=older)
    assert await take(reader, 1) == [Missed(MissedCause.EXPIRED, 3)]
    assert await take_events(reader, 10) == events[5:15]


async def test_a_subscriber_that_is_cancelled_while_it_waits_loses_nothing() -> None:
    """The next one to ask gets what came."""
    ring, events = a_ring(), some_events(2)
    reader = RingReader(ring, None)
    waiting = asyncio.create_task(anext(reader))
    await asyncio.sleep(0)
    fill(ring, events)
    waiting.cancel()
    await asyncio.wait([waiting])
    taken = [] if waiting.cancelled() else [waiting.result()]
    taken += await take(reader, 2 - len(taken))
    assert [one.event for one in taken if isinstance(one, Delivered)] == events


async def test_a_ring_that_begins_anew_is_told_to_each_reader() -> None:
    """Who was in another line gets all of this one; who was in none begins with what comes."""
    ring, events = a_ring(line=""), some_events(3)
    waits = RingReader(ring, None)
    back = RingReader(ring, Cursor("old.5.5"))
    ring.begin("new", Place(0, 0))
    fill(ring, events)
    assert await take(back, 1) == await take(waits, 1) == [Missed(MissedCause.RESTARTED)]
    assert await take_events(back, 3) == events


def test_cursors_are_read_as_they_are_spelled() -> None:
    """And nothing else is taken for one."""
    assert read_cursor(spell_cursor("abc", Place(12, 3))) == ("abc", Place(12, 3))
    for text in ("", "a", "a.1", "a.1.", "a..1", "a.-1.1", "a.1.1.1", "a.1.x", "a.²."):
        assert read_cursor(Cursor(text)) is None
