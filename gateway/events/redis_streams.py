"""How events lie in Redis: a bounded stream for each agency, and the script that adds to it.

An event is added once, whichever relay brings it and however often, and numbered without gaps. All
keys name the server's run: what a server that was restarted, or took another one's place, still
holds of before is not gone on from, for nobody knows what it has lost.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from gateway.events.port import (
    START,
    ForeignEvent,
    Place,
    Sent,
    decode_sent,
    line_of,
)
from gateway.redis_client import close_client
from tenants.outbox.relay import SinkAway

T = TypeVar("T")
ANSWER_SECONDS_MAX = 2.0
RETRY_EACH_SECONDS = 0.5
RANGE_MAX = 200
PREFIX = "almoner:events:"
ABOUT_KEPT_MS = 7 * 24 * 60 * 60 * 1000  # the numbers of an agency in which nothing happens
_RUN_CHARACTERS = 16

# KEYS: stream, about, ids. ARGV: how long and how much to keep, how long the numbers, the name of a
# new line of them; then id and text of each event. The ids are kept twice as long as the events.
SCRIPT = """
local stream, about, ids = KEYS[1], KEYS[2], KEYS[3]
local keep, bytes_max = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSETNX', about, 'born', ARGV[4])
local held = redis.call('HMGET', about, 'number', 'at', 'bytes')
local number, at = tonumber(held[1] or 0), math.max(now, tonumber(held[2] or 0))
local bytes = redis.call('EXISTS', stream) == 1 and tonumber(held[3] or 0) or 0
redis.call('ZREMRANGEBYSCORE', ids, '-inf', string.format('%.0f', now - 2 * keep))
for i = 5, #ARGV, 2 do
  if redis.call('ZADD', ids, 'NX', string.format('%.0f', now), ARGV[i]) == 1 then
    number = number + 1
    redis.call('XADD', stream, string.format('%.0f-%.0f', at, number), 'event', ARGV[i + 1])
    bytes = bytes + #ARGV[i + 1]
  end
end
for _ = 1, 1000 do
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 2)
  if #oldest < 2 then break end
  local came = tonumber(string.match(oldest[1][1], '^%d+'))
  if came > now - keep and bytes <= bytes_max then break end
  redis.call('XDEL', stream, oldest[1][1])
  bytes = bytes - #oldest[1][2][2]
end
redis.call('HSET', about, 'number', string.format('%.0f', number),
  'at', string.format('%.0f', at), 'bytes', string.format('%.0f', bytes))
redis.call('PEXPIRE', stream, keep)
redis.call('PEXPIRE', ids, 2 * keep)
redis.call('PEXPIRE', about, ARGV[3])
return number
"""


def keys_of(agency_id: str, run: str) -> tuple[str, str, str]:
    """Return the keys of an agency's stream, of what is kept about it, and of its events' ids."""
    stem = f"{PREFIX}{{{agency_id}}}:{run}:"
    return stem + "stream", stem + "about", stem + "ids"


def entry_id(place: Place) -> str:
    """Return the id that an event at a place has in the stream."""
    return f"{place.milliseconds}-{place.number}"


def sent_in(agency_id: str, entry: Any) -> Sent:
    """Return what an entry of an agency's stream holds; one that cannot be read says so."""
    spelled, fields = entry
    milliseconds, _, number = spelled.partition("-")
    place = Place(int(milliseconds), int(number))
    body = fields.get("event", "").encode()
    try:
        return Sent(place, decode_sent(agency_id, body), len(body))
    except ForeignEvent:
        return Sent(place, None, 0, unreadable=True)


async def run_of(client: Any) -> str:
    """Return what names the run of the server that a client is connected to."""
    found = await client.info("server")
    return str(found["run_id"])[:_RUN_CHARACTERS]


async def whereabouts(client: Any, agency_id: str, run: str) -> tuple[str, Place]:
    """Return an agency's line of numbers, begun here if there is none, and the last of them."""
    _, about, _ = keys_of(agency_id, run)
    await client.hsetnx(about, "born", secrets.token_hex(8))
    await client.pexpire(about, ABOUT_KEPT_MS)
    born, number, at = await client.hmget(about, "born", "number", "at")
    last = START if number is None else Place(int(at), int(number))
    return line_of(agency_id, f"{run} {born}"), last


class Connection:
    """One connection, made when it is first needed, and anew after each failure."""

    def __init__(self, client_of: Callable[[], Any]) -> None:
        self._client_of = client_of
        self._lock = asyncio.Lock()
        self._client: Any = None
        self._away_until = 0.0
        self._run = ""
        self._script = ""

    async def add(
        self, agency_id: str, events: Sequence[tuple[str, bytes]], *, keep_ms: int, bytes_max: int
    ) -> None:
        """Add events (id and text) to an agency's stream; raises SinkAway."""

        async def work(client: Any) -> None:
            flat = [part for event in events for part in event]
            limits = (keep_ms, bytes_max, ABOUT_KEPT_MS, secrets.token_hex(8))
            keys = keys_of(agency_id, self._run)
            await client.evalsha(self._script, len(keys), *keys, *limits, *flat)

        await self._ask(work)

    async def after(self, agency_id: str, line: str, place: Place) -> Sequence[Sent]:
        """Return what an agency's stream holds after a place of a line, in order, or part of it.

        Raises SinkAway.
        """

        async def work(client: Any) -> Sequence[Sent]:
            current, _ = await whereabouts(client, agency_id, self._run)
            if current != line:
                return ()
            stream, _, _ = keys_of(agency_id, self._run)
            first = entry_id(Place(place.milliseconds, place.number + 1))
            found = await client.xrange(stream, first, "+", count=RANGE_MAX)
            return [sent_in(agency_id, entry) for entry in found]

        return await self._ask(work)

    async def aclose(self) -> None:
        """Close it; it may be used again."""
        client, self._client = self._client, None
        if client is not None:
            await close_client(client)

    async def _ask(self, work: Callable[[Any], Awaitable[T]]) -> T:
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if clock() < self._away_until:
                raise SinkAway("Redis is away")
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    if self._client is None:
                        self._client = self._client_of()
                        self._run = await run_of(self._client)
                        self._script = await self._client.script_load(SCRIPT)
                    return await work(self._client)
            except BaseException as error:
                # An answer may still be on its way: the connection is of no more use.
                await self.aclose()
                if not isinstance(error, Exception):
                    raise
                self._away_until = clock() + RETRY_EACH_SECONDS
                raise SinkAway(type(error).__name__) from error
