"""The broker that processes and hosts share: a stream for each agency in Redis.

One connection adds what the relays bring, another reads the streams of those agencies that somebody
in this process listens to, all by one command; where nobody listens, nothing is read. Subscribers
keep their deliveries while Redis is away, and are told what they have missed when it is back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from domain.agencies import Agency
from domain.events import Event
from gateway.background import in_background
from gateway.events.port import (
    BrokerObserver,
    Cursor,
    Deliveries,
    Place,
    Sent,
    Unobserved,
    encode_sent,
)
from gateway.events.redis_streams import (
    ANSWER_SECONDS_MAX,
    RETRY_EACH_SECONDS,
    Connection,
    entry_id,
    keys_of,
    run_of,
    sent_in,
    whereabouts,
)
from gateway.events.ring import Ring, RingReader
from gateway.redis_client import close_client, redis_client
from tenants.outbox.relay import Sink, SinkAway

REDIS_URL = "events.redis_url"
BLOCK_MS = 100  # how soon the stream of an agency is read that was not listened to before
READ_MAX = 200

_log = structlog.get_logger("almoner")


@dataclass(eq=False)
class _Feed:
    """One agency's stream as it is read here. placed_by: the connection that found its place."""

    agency_id: str
    ring: Ring
    listeners: int = 0
    placed_by: Any = None
    placed: asyncio.Event = field(default_factory=asyncio.Event)


class RedisBroker:
    """Streams in Redis. Build with `open_redis_broker`."""

    def __init__(
        self,
        client_of: Callable[[], Any],
        *,
        seconds: int,
        bytes_max: int,
        observer: BrokerObserver | None = None,
    ) -> None:
        self._client_of = client_of
        self._seconds = seconds
        self._bytes_max = bytes_max
        self._observer: BrokerObserver = observer or Unobserved()
        self._adding, self._ranging = Connection(client_of), Connection(client_of)
        self._feeds: dict[str, _Feed] = {}
        self._wanted = asyncio.Event()
        self._is_away = False

    def sink_of(self, agency_id: str) -> Sink:
        """Return where the relay of one agency's store hands its events on."""
        add = partial(self._adding.add, keep_ms=self._seconds * 1000, bytes_max=self._bytes_max)
        return _RedisSink(agency_id, add)

    @asynccontextmanager
    async def listen(
        self, agency: Agency, *, after: Cursor | None = None
    ) -> AsyncIterator[Deliveries]:
        """Give what is published from now on, or what comes after a cursor.

        Where Redis is away, this is not waited for: what comes once it is back begins with Missed.
        """
        feed = self._feeds.get(agency.id)
        if feed is None:
            ring = Ring("", seconds=self._seconds, bytes_max=self._bytes_max)
            feed = self._feeds[agency.id] = _Feed(agency.id, ring)
        feed.listeners += 1
        self._wanted.set()
        try:
            if not self._is_away:
                with suppress(TimeoutError):
                    async with asyncio.timeout(ANSWER_SECONDS_MAX):
                        await feed.placed.wait()
            older = partial(self._older, feed)
            yield RingReader(feed.ring, after, older=older, missed=self._observer.missed)
        finally:
            feed.listeners -= 1
            if not feed.listeners:
                del self._feeds[agency.id]

    async def serve(self) -> None:
        """Read what is listened to, until cancelled; connect again where Redis was away."""
        while True:
            await self._wanted.wait()
            client = self._client_of()
            try:
                await self._read(client)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                self._observer.broker_failed()
                if not self._is_away:
                    _log.warning("events are not read", why=type(error).__name__)
                self._is_away = True
                await asyncio.sleep(RETRY_EACH_SECONDS)
            finally:
                await close_client(client)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._adding.aclose()
        await self._ranging.aclose()

    async def _read(self, client: Any) -> None:
        """Read until nobody listens any more; raises what the driver raises."""
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            run = await run_of(client)
        if self._is_away:
            _log.info("events are read again")
        self._is_away = False
        while self._feeds:
            for feed in [one for one in self._feeds.values() if one.placed_by is not client]:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await self._place(client, run, feed)
            streams = {
                keys_of(agency_id, run)[0]: feed
                for agency_id, feed in self._feeds.items()
                if feed.placed_by is client
            }
            if not streams:
                continue
            places = {stream: entry_id(feed.ring.last) for stream, feed in streams.items()}
            async with asyncio.timeout(BLOCK_MS / 1000 + ANSWER_SECONDS_MAX):
                found = await client.xread(places, count=READ_MAX, block=BLOCK_MS)
            for stream, entries in found.items() if isinstance(found, dict) else found or ():
                _take(streams[stream], entries)
            for feed in streams.values():
                feed.ring.expire()
        self._wanted.clear()

    async def _place(self, client: Any, run: str, feed: _Feed) -> None:
        """Find out where an agency's stream is by now, and what can no longer be read of it."""
        line, last = await whereabouts(client, feed.agency_id, run)
        ring = feed.ring
        if ring.line != line:
            ring.begin(line, last)
        elif last.number >= ring.next:
            stream, _, _ = keys_of(feed.agency_id, run)
            first = entry_id(Place(ring.last.milliseconds, ring.next))
            if not await client.xrange(stream, first, "+", count=1):
                ring.skip_after(last)
        feed.placed_by = client
        feed.placed.set()

    async def _older(self, feed: _Feed, place: Place) -> Sequence[Sent]:
        """Return what Redis holds after a place, once it answers."""
        while True:
            line = feed.ring.line
            try:
                return await self._ranging.after(feed.agency_id, line, place)
            except SinkAway:
                self._observer.broker_failed()
                await asyncio.sleep(RETRY_EACH_SECONDS)


class _Renumbered(Exception):
    """The numbers of a stream have begun anew while it was read."""


def _take(feed: _Feed, entries: Sequence[Any]) -> None:
    """Put what was read into the ring; an agency's entry that cannot be read is told of."""
    for entry in entries:
        sent = sent_in(feed.agency_id, entry)
        if sent.place.number < feed.ring.next:
            raise _Renumbered
        if sent.unreadable:
            _log.error("event not readable", agency=feed.agency_id, entry=entry_id(sent.place))
        feed.ring.add(sent)


class _RedisSink:
    """Adds one agency's events to its stream."""

    def __init__(self, agency_id: str, add: Callable[..., Any]) -> None:
        self._agency_id = agency_id
        self._add = add

    async def accept(self, batch: Sequence[Event]) -> None:
        """Take events in their order; raises SinkAway, and TooLargeEvent before any is taken."""
        carried = [(event.id, encode_sent(self._agency_id, event)) for event in batch]
        await self._add(self._agency_id, carried)


@asynccontextmanager
async def open_redis_broker(
    url: Callable[[], str],
    *,
    seconds: int,
    bytes_max: int,
    observer: BrokerObserver | None = None,
) -> AsyncIterator[RedisBroker]:
    """Give a broker in the Redis of that address, which is asked for at each connecting.

    Raises CannotStart where the driver is not installed or the address is none.
    """
    client_of = partial(redis_client, url, setting=REDIS_URL, pinned=True)
    await client_of().aclose()
    broker = RedisBroker(client_of, seconds=seconds, bytes_max=bytes_max, observer=observer)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(broker.aclose)
        await stack.enter_async_context(in_background(broker.serve(), "events of Redis"))
        yield broker
